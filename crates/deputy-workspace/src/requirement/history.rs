//! What became of a requirement: every version with who made it for whom, and links that came and
//! went.

use deputy_core::UserId;
use deputy_store::requirement as store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::link::{LinkKind, kind};
use super::{Key, Status, status};
use crate::limits::MAX_LINKS;
use crate::{Error, Result, Workspace, page};

/// A page of a requirement's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// The requirement's key.
    pub key: String,
    /// Its versions, newest first.
    pub versions: Vec<VersionView>,
    /// On the first page: links that were made and taken away, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkEvent>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A version of a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionView {
    /// Its number.
    pub version: i64,
    /// What was done: created, edited, deleted, restored or imported.
    pub what: String,
    /// What it said.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Where it stood.
    pub status: Status,
    /// What differs from the version before: title, body, status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Why it was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The person for whom it was made: a sign-in name.
    pub by: String,
    /// Through what: `browser`, `token:NUMBER:NAME` or `client:NUMBER:NAME`.
    pub through: String,
    /// When (RFC 3339).
    pub at: String,
}

/// A link that was made or taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkEvent {
    /// linked or unlinked.
    pub what: String,
    /// The key of the requirement that refines, depends or verifies.
    pub from: String,
    /// What the one is to the other.
    pub kind: LinkKind,
    /// The key of the other one.
    pub to: String,
    /// The person for whom it was done: a sign-in name.
    pub by: String,
    /// Through what: `browser`, `token:NUMBER:NAME` or `client:NUMBER:NAME`.
    pub through: String,
    /// When (RFC 3339).
    pub at: String,
}

fn view(row: store::Version, before: Option<&store::Version>, of: i64) -> Result<VersionView> {
    let differs = before.map_or_else(Vec::new, |before| {
        let pairs = [
            ("title", row.title != before.title),
            ("body", row.body != before.body),
            ("status", row.status != before.status),
        ];
        pairs
            .into_iter()
            .filter(|(_, differs)| *differs)
            .map(|(name, _)| name.to_owned())
            .collect()
    });
    Ok(VersionView {
        version: row.version,
        what: row.what,
        title: row.title,
        body: row.body,
        status: status(&row.status, of)?,
        changed: differs,
        reason: row.reason,
        by: row.by.name,
        through: row.by.caller,
        at: row.at.to_string(),
    })
}

fn events(rows: Vec<store::Link>, project: &str) -> Result<Vec<LinkEvent>> {
    let mut events = Vec::new();
    for row in rows {
        let event = |what: &str, by: &str, through: &str| -> Result<LinkEvent> {
            Ok(LinkEvent {
                what: what.to_owned(),
                from: format!("{project}-{}", row.from),
                kind: kind(&row)?,
                to: format!("{project}-{}", row.to),
                by: by.to_owned(),
                through: through.to_owned(),
                at: String::new(),
            })
        };
        events.push((row.at, event("linked", &row.by.name, &row.by.caller)?));
        if let Some((at, by, through)) = &row.ended {
            events.push((*at, event("unlinked", by, through)?));
        }
    }
    // What came later at the same moment stands later.
    events.reverse();
    events.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    Ok(events
        .into_iter()
        .map(|(at, event)| LinkEvent {
            at: at.to_string(),
            ..event
        })
        .collect())
}

impl Workspace {
    /// What became of a requirement, newest first.
    pub async fn history(
        &self,
        user: UserId,
        said: &Key,
        max_results: Option<u32>,
        page_token: Option<&str>,
    ) -> Result<History> {
        let limit = page::limit(max_results)?;
        let before = page::token(page_token)?.map(|[version]| version);
        let (scope, row) = self.found(user, said).await?;
        let project = scope.membership.project.key.clone();
        // One more than is shown says both whether there is another page and what the last one differs in.
        let found = scope.versions(&row, before, limit + 1).await?;
        let mut shown = Vec::with_capacity(found.len());
        for (place, version) in found.iter().enumerate() {
            shown.push(view(version.clone(), found.get(place + 1), row.id)?);
        }
        let next_page_token = page::next(&mut shown, limit, |version| [version.version]);
        let links = match before {
            None => events(scope.links_of(&row, true, MAX_LINKS).await?, &project)?,
            Some(_) => Vec::new(),
        };
        Ok(History {
            key: format!("{project}-{}", row.number),
            versions: shown,
            links,
            next_page_token,
        })
    }

    /// One version of a requirement, with what differs from the version before.
    pub async fn version(&self, user: UserId, said: &Key, version: i64) -> Result<VersionView> {
        let (scope, row) = self.found(user, said).await?;
        let found = scope.version(&row, version).await?.ok_or_else(|| {
            Error::NotFound(format!("there is no version {version} of {}", said.key))
        })?;
        let before = scope.version(&row, version - 1).await?;
        view(found, before.as_ref(), row.id)
    }
}
