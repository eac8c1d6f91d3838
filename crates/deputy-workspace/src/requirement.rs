//! Requirements: what a project's thing has to do or be, each with a key, a status and every version
//! it ever had.
//!
//! A change names the version that it was made for. When there is a later one, nothing is changed and
//! whoever asked is told what it says now: of two people at once the later is told, and nothing of
//! either is lost.

use deputy_core::UserId;
use deputy_store::project::ProjectWriter;
use deputy_store::requirement as store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::change::{Begun, Change};
use crate::limits::{MAX_BODY, MAX_LINKS, MAX_REASON, MAX_REQUIREMENTS, MAX_TITLE, MAX_VERSIONS};
use crate::project::{Role, changing};
use crate::{Actor, Error, Result, Workspace, text};

pub(crate) mod comment;
pub(crate) mod history;
mod key;
pub(crate) mod link;
mod listing;
pub(crate) mod matrix;

pub use key::Key;
pub(crate) use link::LinkView;
pub use listing::{ListRequirements, Requirements};

pub(crate) const ACTION: &str = "requirement.change";

/// Where a requirement stands.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being written.
    #[default]
    Draft,
    /// Put forward.
    Proposed,
    /// Agreed on.
    Approved,
    /// Built.
    Implemented,
    /// Built, and shown to be so.
    Verified,
    /// Not agreed on.
    Rejected,
    /// No longer wanted.
    Obsolete,
}

impl Status {
    /// All of them, in the order of a requirement's life.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Proposed,
        Self::Approved,
        Self::Implemented,
        Self::Verified,
        Self::Rejected,
        Self::Obsolete,
    ];

    /// The word in rows and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Implemented => "implemented",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Obsolete => "obsolete",
        }
    }

    /// The status of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A requirement as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requirement {
    /// Its key, e.g. SHOP-3.
    pub key: String,
    /// The number of its project.
    pub project_id: i64,
    /// One line.
    pub title: String,
    /// Its text, in Markdown.
    pub body: String,
    /// Where it stands.
    pub status: Status,
    /// Its version: what a change has to name.
    pub version: i64,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When this version was made (RFC 3339).
    pub updated_at: String,
    /// Whether it was deleted: it can be restored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// A requirement with what it is linked to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequirementDetail {
    /// The requirement.
    pub requirement: Requirement,
    /// Its links, either way.
    pub links: Vec<LinkView>,
    /// How many comments there are.
    pub comments: u64,
    /// What you may do in its project.
    pub role: Role,
}

/// A requirement to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequirement {
    /// The project: its key or number.
    pub project: String,
    /// One line.
    pub title: String,
    /// Its text, in Markdown.
    #[serde(default)]
    pub body: Option<String>,
    /// Where it stands (draft if left out).
    #[serde(default)]
    pub status: Option<Status>,
}

/// What becomes of a requirement: only what is given changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementChange {
    /// The version that the change is made for: what get_requirement gave. If there is a later one, nothing is changed.
    pub version: i64,
    /// Another title.
    #[serde(default)]
    pub title: Option<String>,
    /// Another text.
    #[serde(default)]
    pub body: Option<String>,
    /// Another status.
    #[serde(default)]
    pub status: Option<Status>,
    /// Why, for the history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The stored requirement as it is shown, in a project of this key and number.
pub(crate) fn shown(
    row: store::Requirement,
    project: &str,
    project_id: i64,
) -> Result<Requirement> {
    Ok(Requirement {
        key: format!("{project}-{}", row.number),
        project_id,
        title: row.title,
        body: row.body,
        status: status(&row.status, row.id)?,
        version: row.version,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
        deleted: row.deleted_at.is_some(),
    })
}

pub(crate) fn status(word: &str, row: i64) -> Result<Status> {
    Status::of(word).ok_or_else(|| {
        Error::Store(deputy_store::Error::Inconsistent {
            table: "requirements",
            column: "status",
            row: row.to_string(),
        })
    })
}

pub(crate) fn missing(key: &str) -> Error {
    Error::NotFound(format!("there is no requirement '{key}' that you can see"))
}

pub(crate) fn stored(title: String, body: String, status: Status) -> store::RequirementText {
    store::RequirementText {
        search: text::folded([title.as_str(), body.as_str()]),
        title,
        body,
        status: status.as_str().to_owned(),
    }
}

pub(crate) fn title(said: &str) -> Result<String> {
    text::line("title", said, MAX_TITLE)
}

pub(crate) fn body(said: &str) -> Result<String> {
    text::body("body", said, MAX_BODY)
}

pub(crate) fn reason(said: Option<&str>) -> Result<String> {
    text::lines("reason", said.unwrap_or_default(), MAX_REASON)
}

/// The project and the requirement that a key means, held to be changed by a member who may do at
/// least what `least` may.
pub(crate) async fn held<'c>(
    change: &'c Change,
    said: &Key,
    least: Role,
) -> Result<(ProjectWriter<'c>, store::Requirement)> {
    let scope = changing(change, said.project(), least)
        .await
        .map_err(|error| match error {
            Error::NotFound(_) => missing(&said.key),
            other => other,
        })?;
    let number = said.number_in(&scope.membership.project.key)?;
    let found = scope.requirement(number).await?;
    let found = found.ok_or_else(|| missing(&said.key))?;
    Ok((scope, found))
}

/// What a change does to a requirement.
pub(crate) struct Edit {
    pub(crate) text: store::RequirementText,
    pub(crate) is_deleted: bool,
    pub(crate) what: &'static str,
    pub(crate) reason: String,
}

/// Makes another version of a requirement, on record.
pub(crate) async fn edit(
    change: &Change,
    scope: &ProjectWriter<'_>,
    before: &store::Requirement,
    edit: Edit,
) -> Result<store::Requirement> {
    let project = &scope.membership.project;
    if before.version >= MAX_VERSIONS {
        return Err(Error::Limit(format!(
            "{}-{} has {MAX_VERSIONS} versions; go on in a new requirement",
            project.key, before.number
        )));
    }
    let made = store::Change {
        what: edit.what,
        reason: edit.reason,
        by: change.by(),
        at: change.at,
    };
    let after = scope
        .set_requirement(before, edit.text, edit.is_deleted, made)
        .await?;
    // The project is held: nobody else made a version since `before` was read.
    after.ok_or_else(|| {
        Error::Store(deputy_store::Error::Inconsistent {
            table: "requirements",
            column: "version",
            row: before.id.to_string(),
        })
    })
}

/// What is on record of a version.
pub(crate) fn on_record(what: &str, project: i64, after: &store::Requirement) -> serde_json::Value {
    json!({ "what": what, "project": project, "version": after.version, "status": after.status })
}

fn up_to_date(
    before: &store::Requirement,
    expected: i64,
    project: &deputy_store::project::Project,
) -> Result<()> {
    if before.version == expected {
        return Ok(());
    }
    Err(Error::VersionConflict {
        expected,
        current: Box::new(shown(before.clone(), &project.key, project.id)?),
    })
}

impl Workspace {
    /// Makes a requirement. Editors and owners.
    pub async fn create_requirement(
        &self,
        actor: &Actor,
        new: NewRequirement,
    ) -> Result<Requirement> {
        let text = stored(
            title(&new.title)?,
            body(new.body.as_deref().unwrap_or_default())?,
            new.status.unwrap_or_default(),
        );
        let mut change = match self.begin(actor).await? {
            Begun::Before(requirement) => return Ok(requirement),
            Begun::Now(change) => change,
        };
        let scope = changing(&change, &new.project, Role::Editor).await?;
        let made = add(&change, &scope, text, "created").await?;
        let (key, id) = (
            scope.membership.project.key.clone(),
            scope.membership.project.id,
        );
        let detail = on_record("created", id, &made);
        let made = shown(made, &key, id)?;
        change.note(ACTION, made.key.clone(), detail);
        change.finish(made).await
    }

    /// One requirement with its links.
    pub async fn requirement(&self, user: UserId, said: &Key) -> Result<RequirementDetail> {
        let (scope, row) = self.found(user, said).await?;
        let project = &scope.membership.project;
        let rows = scope.links_of(&row, false, MAX_LINKS).await?;
        let others: Vec<i64> = rows
            .iter()
            .map(|link| {
                if link.from == row.number {
                    link.to
                } else {
                    link.from
                }
            })
            .collect();
        let others = scope.requirements_of(&others).await?;
        Ok(RequirementDetail {
            links: link::views(&rows, &project.key, &others)?,
            comments: scope.count_comments(&row).await?,
            role: scope.membership.role.into(),
            requirement: shown(row, &project.key, project.id)?,
        })
    }

    /// Changes a requirement. Editors and owners. [`Error::VersionConflict`] when there is a later
    /// version than the one that the change is made for.
    pub async fn update_requirement(
        &self,
        actor: &Actor,
        said: &Key,
        new: RequirementChange,
    ) -> Result<Requirement> {
        let new_title = new.title.as_deref().map(title).transpose()?;
        let new_body = new.body.as_deref().map(body).transpose()?;
        let reason = reason(new.reason.as_deref())?;
        if new_title.is_none() && new_body.is_none() && new.status.is_none() {
            return Err(Error::invalid(
                "",
                "say what to change: title, body or status",
            ));
        }
        let mut change = match self.begin(actor).await? {
            Begun::Before(requirement) => return Ok(requirement),
            Begun::Now(change) => change,
        };
        let (scope, before) = held(&change, said, Role::Editor).await?;
        let project = scope.membership.project.clone();
        up_to_date(&before, new.version, &project)?;
        if before.deleted_at.is_some() {
            return Err(Error::Conflict(format!(
                "{}-{} is deleted; restore it first",
                project.key, before.number
            )));
        }
        let now = status(&before.status, before.id)?;
        let text = stored(
            new_title.unwrap_or_else(|| before.title.clone()),
            new_body.unwrap_or_else(|| before.body.clone()),
            new.status.unwrap_or(now),
        );
        if (&text.title, &text.body, &text.status) == (&before.title, &before.body, &before.status)
        {
            // It says so already: there is nothing to keep a version of.
            return change
                .finish(shown(before, &project.key, project.id)?)
                .await;
        }
        let edited = Edit {
            text,
            is_deleted: false,
            what: "edited",
            reason,
        };
        let after = edit(&change, &scope, &before, edited).await?;
        let detail = on_record("edited", project.id, &after);
        let after = shown(after, &project.key, project.id)?;
        change.note(ACTION, after.key.clone(), detail);
        change.finish(after).await
    }

    /// Deletes a requirement, or brings it back: a version like any other. Editors and owners. Its links
    /// stay, and are shown again when it is back.
    pub async fn set_requirement_deleted(
        &self,
        actor: &Actor,
        said: &Key,
        version: i64,
        delete: bool,
        why: Option<&str>,
    ) -> Result<Requirement> {
        let reason = reason(why)?;
        let mut change = match self.begin(actor).await? {
            Begun::Before(requirement) => return Ok(requirement),
            Begun::Now(change) => change,
        };
        let (scope, before) = held(&change, said, Role::Editor).await?;
        let project = scope.membership.project.clone();
        up_to_date(&before, version, &project)?;
        if before.deleted_at.is_some() == delete {
            return change
                .finish(shown(before, &project.key, project.id)?)
                .await;
        }
        let what = if delete { "deleted" } else { "restored" };
        let now = status(&before.status, before.id)?;
        let edited = Edit {
            text: stored(before.title.clone(), before.body.clone(), now),
            is_deleted: delete,
            what,
            reason,
        };
        let after = edit(&change, &scope, &before, edited).await?;
        let detail = on_record(what, project.id, &after);
        let after = shown(after, &project.key, project.id)?;
        change.note(ACTION, after.key.clone(), detail);
        change.finish(after).await
    }
}

/// Adds a requirement to a project that is held.
pub(crate) async fn add(
    change: &Change,
    scope: &ProjectWriter<'_>,
    text: store::RequirementText,
    what: &'static str,
) -> Result<store::Requirement> {
    if scope.count_requirements().await? >= MAX_REQUIREMENTS {
        return Err(Error::Limit(format!(
            "{} has {MAX_REQUIREMENTS} requirements; go on in another project",
            scope.membership.project.key
        )));
    }
    let made = store::Change {
        what,
        reason: String::new(),
        by: change.by(),
        at: change.at,
    };
    Ok(scope.insert_requirement(text, made).await?)
}

#[cfg(test)]
mod tests;
