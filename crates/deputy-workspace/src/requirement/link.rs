//! Links between the requirements of a project: what refines, depends on or verifies what.
//!
//! No link of a kind leads back to where it came from, over however many others: what refines itself
//! says nothing, and what depends on itself can't be begun.

use std::collections::{HashMap, HashSet, VecDeque};

use deputy_store::requirement as store;
use deputy_store::requirement::{LinkEnds, NewLink};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ACTION, Key, Status, held, missing, status};
use crate::change::Begun;
use crate::limits::MAX_LINKS;
use crate::project::Role;
use crate::{Actor, Error, Result, Workspace};

/// What one requirement is to another.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// It says more exactly what the other one says.
    Refines,
    /// It can't be met unless the other one is.
    DependsOn,
    /// It shows that the other one is met.
    Verifies,
}

impl LinkKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Refines, Self::DependsOn, Self::Verifies];

    /// The word in rows and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refines => "refines",
            Self::DependsOn => "depends_on",
            Self::Verifies => "verifies",
        }
    }

    /// The kind of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A link, as it is shown at one of its ends or in a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkView {
    /// The key of the requirement that refines, depends or verifies.
    pub from: String,
    /// What the one is to the other.
    pub kind: LinkKind,
    /// The key of the other one.
    pub to: String,
    /// At a requirement's end: the title of the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// At a requirement's end: where the other one stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

pub(crate) fn kind(row: &store::Link) -> Result<LinkKind> {
    LinkKind::of(&row.kind).ok_or_else(|| {
        Error::Store(deputy_store::Error::Inconsistent {
            table: "requirement_links",
            column: "kind",
            row: row.id.to_string(),
        })
    })
}

/// Links as they are shown at one of their ends, `others` being the requirements at the other. Those of
/// deleted ones are left out.
pub(crate) fn views(
    rows: &[store::Link],
    project: &str,
    others: &[store::Requirement],
) -> Result<Vec<LinkView>> {
    let others: HashMap<i64, &store::Requirement> =
        others.iter().map(|other| (other.number, other)).collect();
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(other) = others.get(&row.from).or_else(|| others.get(&row.to)) else {
            continue;
        };
        if other.deleted_at.is_some() {
            continue;
        }
        views.push(LinkView {
            from: format!("{project}-{}", row.from),
            kind: kind(row)?,
            to: format!("{project}-{}", row.to),
            title: Some(other.title.clone()),
            status: Some(status(&other.status, other.id)?),
        });
    }
    Ok(views)
}

/// The way over links of this kind from one number to another, if there is one.
fn way(links: &[store::Link], kind: LinkKind, from: i64, to: i64) -> Option<Vec<i64>> {
    let mut next: HashMap<i64, Vec<i64>> = HashMap::new();
    for link in links.iter().filter(|link| link.kind == kind.as_str()) {
        next.entry(link.from).or_default().push(link.to);
    }
    let mut seen = HashSet::from([from]);
    let mut came: HashMap<i64, i64> = HashMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        if at == to {
            let mut way = vec![at];
            let mut step = at;
            while let Some(before) = came.get(&step) {
                way.push(*before);
                step = *before;
            }
            way.reverse();
            return Some(way);
        }
        for other in next.get(&at).into_iter().flatten() {
            if seen.insert(*other) {
                came.insert(*other, at);
                queue.push_back(*other);
            }
        }
    }
    None
}

/// Refuses a link that would lead back to where it comes from.
pub(crate) fn no_circle(
    links: &[store::Link],
    kind: LinkKind,
    (from, to): (i64, i64),
    project: &str,
) -> Result<()> {
    let Some(way) = way(links, kind, to, from) else {
        return Ok(());
    };
    let way: Vec<String> = std::iter::once(from)
        .chain(way)
        .map(|number| format!("{project}-{number}"))
        .collect();
    Err(Error::Conflict(if from == to {
        format!("{project}-{from} can't be linked to itself")
    } else {
        format!(
            "that would go round in a circle ({}): {}",
            kind.as_str(),
            way.join(" → ")
        )
    }))
}

/// Two requirements of one project and what the one is to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The key of the requirement that refines, depends or verifies.
    pub from: String,
    /// The key of the other one, in the same project.
    pub to: String,
    /// What the one is to the other.
    pub kind: LinkKind,
    /// The number of the project, where you have two of the same key.
    #[serde(default)]
    pub project: Option<String>,
}

impl Workspace {
    /// Links two requirements, or with `link` false takes the link away. Editors and owners. The link
    /// being there (or not) already is no error.
    pub async fn link_requirements(
        &self,
        actor: &Actor,
        pair: &Pair,
        link: bool,
    ) -> Result<LinkView> {
        let mut change = match self.begin(actor).await? {
            Begun::Before(link) => return Ok(link),
            Begun::Now(change) => change,
        };
        let said = Key {
            key: pair.from.clone(),
            project: pair.project.clone(),
        };
        let (scope, from) = held(&change, &said, Role::Editor).await?;
        let project = scope.membership.project.clone();
        let other = Key::new(pair.to.clone());
        let number = other.number_in(&project.key)?;
        let to = scope.requirement(number).await?;
        let to = to.ok_or_else(|| missing(&pair.to))?;
        if let Some(gone) = [&from, &to]
            .into_iter()
            .find(|end| end.deleted_at.is_some())
            && link
        {
            return Err(Error::Conflict(format!(
                "{}-{} is deleted; restore it first",
                project.key, gone.number
            )));
        }
        let ends = LinkEnds {
            from: &from,
            to: &to,
        };
        let done = if link {
            if scope.count_links().await? >= MAX_LINKS {
                return Err(Error::Limit(format!(
                    "{} has {MAX_LINKS} links",
                    project.key
                )));
            }
            let there = scope.links(MAX_LINKS).await?;
            no_circle(&there, pair.kind, (from.number, to.number), &project.key)?;
            let new = NewLink {
                ends,
                kind: pair.kind.as_str().to_owned(),
                by: change.by(),
                at: change.at,
            };
            scope.insert_link(new).await?
        } else {
            scope
                .end_link(ends, pair.kind.as_str(), change.by(), change.at)
                .await?
        };
        let view = LinkView {
            from: format!("{}-{}", project.key, from.number),
            kind: pair.kind,
            to: format!("{}-{}", project.key, to.number),
            title: Some(to.title.clone()),
            status: Some(status(&to.status, to.id)?),
        };
        if done {
            let what = if link { "linked" } else { "unlinked" };
            let detail = json!({
                "what": what, "project": project.id, "kind": pair.kind, "to": view.to,
            });
            change.note(ACTION, view.from.clone(), detail);
        }
        change.finish(view).await
    }
}

#[cfg(test)]
mod tests;
