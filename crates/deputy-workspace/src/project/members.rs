//! Who has a project, and as what.

use std::collections::BTreeMap;

use deputy_store::project as store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ACTION, Role, changing};
use crate::change::Begun;
use crate::limits::{MAX_MEMBERS, MAX_PROJECTS};
use crate::{Actor, Error, Result, Workspace};

/// The kind of the notice that a person gets who was given a project: `by`, `project`, `id`.
pub const NOTICE_SHARED: &str = "project.shared";

/// Somebody who has a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Sign-in name.
    pub username: String,
    /// Name for display.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Since when they have it (RFC 3339).
    pub since: String,
}

impl From<store::Member> for Member {
    fn from(row: store::Member) -> Self {
        Self {
            username: row.username,
            name: row.name,
            role: row.role.into(),
            since: row.since.to_string(),
        }
    }
}

fn nobody(username: &str) -> Error {
    Error::NotFound(format!("there is no user '{username}'"))
}

fn no_member(username: &str, key: &str) -> Error {
    Error::NotFound(format!("'{username}' is no member of {key}"))
}

/// There would be nobody left who decides.
fn last_owner(key: &str) -> Error {
    Error::Conflict(format!(
        "{key} would have no owner; make somebody else one first, or delete it"
    ))
}

fn decides(members: &[store::Member], besides: deputy_core::UserId) -> bool {
    members
        .iter()
        .any(|other| other.user != besides && other.role == store::ProjectRole::Owner)
}

impl Workspace {
    /// Gives somebody a project, or a member another role. Owners only. Who gets it is told.
    pub async fn share_project(
        &self,
        actor: &Actor,
        said: &str,
        username: &str,
        role: Role,
    ) -> Result<Member> {
        let username = username.trim();
        let found = self
            .store()
            .user_by_key(&(self.parts.username_key)(username))
            .await?;
        let mut change = match self.begin(actor).await? {
            Begun::Before(member) => return Ok(member),
            Begun::Now(change) => change,
        };
        let scope = changing(&change, said, Role::Owner).await?;
        let key = scope.membership.project.key.clone();
        let (who, _) = found
            .filter(|(user, _)| user.is_active)
            .ok_or_else(|| nobody(username))?;
        let members = scope.members().await?;
        let before = members.iter().find(|member| member.user == who.id);
        if before.is_none() {
            if members.len() >= MAX_MEMBERS {
                return Err(Error::Limit(format!(
                    "{key} has {MAX_MEMBERS} members; take somebody out first"
                )));
            }
            if change.tx.user(who.id).count_projects().await? >= MAX_PROJECTS {
                return Err(Error::Limit(format!(
                    "'{username}' has {MAX_PROJECTS} projects already"
                )));
            }
        } else if role != Role::Owner && !decides(&members, who.id) {
            return Err(last_owner(&key));
        }
        let since = before.map_or(change.at, |member| member.since);
        scope.put_member(who.id, role.into(), since).await?;
        if before.is_none() {
            let parameters = BTreeMap::from([
                ("by".to_owned(), change.person.username.clone()),
                ("project".to_owned(), scope.membership.project.name.clone()),
                ("id".to_owned(), scope.membership.project.id.to_string()),
            ]);
            let told = change.tx.user(who.id);
            told.notice_put(NOTICE_SHARED, &parameters, change.at)
                .await?;
        }
        let detail = json!({
            "what": "shared", "project": scope.membership.project.id, "with": who.id, "role": role,
        });
        change.note(ACTION, key, detail);
        let member = Member {
            username: who.username,
            name: who.name,
            role,
            since: since.to_string(),
        };
        change.finish(member).await
    }

    /// Takes a project away from a member. Owners, and everybody for themselves.
    pub async fn unshare_project(
        &self,
        actor: &Actor,
        said: &str,
        username: &str,
    ) -> Result<String> {
        let username = username.trim();
        let mut change = match self.begin(actor).await? {
            Begun::Before(username) => return Ok(username),
            Begun::Now(change) => change,
        };
        let key_of = self.parts.username_key;
        let own = key_of(username) == key_of(&change.person.username);
        let least = if own { Role::Viewer } else { Role::Owner };
        let scope = changing(&change, said, least).await?;
        let key = scope.membership.project.key.clone();
        let members = scope.members().await?;
        let member = members
            .iter()
            .find(|member| key_of(&member.username) == key_of(username))
            .ok_or_else(|| no_member(username, &key))?;
        if !decides(&members, member.user) {
            return Err(last_owner(&key));
        }
        scope.remove_member(member.user).await?;
        let detail = json!({
            "what": "unshared", "project": scope.membership.project.id, "with": member.user,
        });
        let gone = member.username.clone();
        change.note(ACTION, key, detail);
        change.finish(gone).await
    }
}
