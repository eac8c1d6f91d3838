//! Projects: what requirements belong to, and who may do what there.

use deputy_core::UserId;
use deputy_store::project as store;
use deputy_store::project::{Membership, ProjectReader, ProjectWriter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::change::{Begun, Change};
use crate::limits::{MAX_NAME, MAX_PROJECTS, MAX_TEXT};
use crate::{Actor, Error, Result, Workspace, page, text};

pub(crate) mod members;

pub use members::{Member, NOTICE_SHARED};

pub(crate) const ACTION: &str = "project.change";

/// What a member may do in a project.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Changes requirements, links and comments too.
    Editor,
    /// Decides about the project and its members too.
    Owner,
}

impl Role {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }
}

impl From<store::ProjectRole> for Role {
    fn from(role: store::ProjectRole) -> Self {
        match role {
            store::ProjectRole::Viewer => Self::Viewer,
            store::ProjectRole::Editor => Self::Editor,
            store::ProjectRole::Owner => Self::Owner,
        }
    }
}

impl From<Role> for store::ProjectRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Editor => Self::Editor,
            Role::Owner => Self::Owner,
        }
    }
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// Its number.
    pub id: i64,
    /// What its requirements' keys begin with.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What you may do in it.
    pub role: Role,
    /// When it was made (RFC 3339).
    pub created_at: String,
}

/// A page of projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Projects {
    /// The projects, oldest first.
    pub projects: Vec<Project>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A project with who has it and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectDetail {
    /// The project.
    #[serde(flatten)]
    pub project: Project,
    /// Everybody who has it.
    pub members: Vec<Member>,
    /// How many requirements there are of each status.
    pub requirements: std::collections::BTreeMap<String, i64>,
}

/// A project to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// What its requirements' keys begin with: 2 to 10 capital letters and digits, a letter first, e.g. SHOP.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What it is about, in Markdown.
    #[serde(default)]
    pub description: Option<String>,
}

/// Which projects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListProjects {
    /// At most this many (1 to 250; 50 if left out).
    #[serde(default)]
    #[schemars(range(min = 1, max = 250))]
    pub max_results: Option<u32>,
    /// The next_page_token of the page before.
    #[serde(default)]
    pub page_token: Option<String>,
}

/// What becomes of a project: only what is given changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// Another name.
    #[serde(default)]
    pub name: Option<String>,
    /// Another description.
    #[serde(default)]
    pub description: Option<String>,
}

impl From<Membership> for Project {
    fn from(of: Membership) -> Self {
        Self {
            id: of.project.id,
            key: of.project.key,
            name: of.project.name,
            description: of.project.description,
            role: of.role.into(),
            created_at: of.project.created_at.to_string(),
        }
    }
}

/// A project's key: capital letters and digits, a letter first.
pub(crate) fn key(text: &str) -> Result<String> {
    let key = text.trim();
    let plain = key
        .bytes()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let letter = key.bytes().next().is_some_and(|c| c.is_ascii_uppercase());
    if plain && letter && (2..=10).contains(&key.len()) {
        return Ok(key.to_owned());
    }
    Err(Error::invalid(
        "key",
        "key has 2 to 10 capital letters (A to Z) and digits, a letter first, e.g. SHOP",
    ))
}

fn missing(said: &str) -> Error {
    Error::NotFound(format!("you have no project '{said}'"))
}

/// What somebody calls a project.
enum Said {
    Number(i64),
    Key(String),
}

impl Said {
    fn read(said: &str) -> Self {
        let said = said.trim();
        match said.parse() {
            Ok(number) => Self::Number(number),
            Err(_) => Self::Key(said.to_ascii_uppercase()),
        }
    }
}

/// The one project that a key means.
fn only(found: &[Membership], key: &str) -> Result<i64> {
    match found {
        [] => Err(missing(key)),
        [one] => Ok(one.project.id),
        several => {
            let which: Vec<String> = several
                .iter()
                .map(|of| format!("{} ({})", of.project.id, of.project.name))
                .collect();
            Err(Error::invalid(
                "project",
                format!(
                    "you have several projects '{key}'; give the number of one: {}",
                    which.join(", ")
                ),
            ))
        }
    }
}

impl Workspace {
    /// The project that `said` means, to read.
    pub(crate) async fn reading(&self, user: UserId, said: &str) -> Result<ProjectReader<'_>> {
        let scope = self.store().user(user);
        let number = match Said::read(said) {
            Said::Number(number) => number,
            Said::Key(key) => only(&scope.projects_of_key(&key).await?, &key)?,
        };
        let found = scope.project(number).await?;
        found.ok_or_else(|| missing(said.trim()))
    }

    /// Makes a project of which the person is the owner.
    pub async fn create_project(&self, actor: &Actor, new: NewProject) -> Result<Project> {
        let key = key(&new.key)?;
        let name = text::line("name", &new.name, MAX_NAME)?;
        let description = new.description.as_deref().unwrap_or_default();
        let description = text::lines("description", description, MAX_TEXT)?;
        let mut change = match self.begin(actor).await? {
            Begun::Before(project) => return Ok(project),
            Begun::Now(change) => change,
        };
        let scope = change.tx.user(actor.user);
        if scope.count_projects().await? >= MAX_PROJECTS {
            return Err(Error::Limit(format!(
                "you have {MAX_PROJECTS} projects; leave or delete some first"
            )));
        }
        if !scope.projects_of_key(&key).await?.is_empty() {
            return Err(Error::Conflict(format!("you have a project {key} already")));
        }
        let project = scope
            .insert_project(key, name, description, change.at)
            .await?;
        let project: Project = Membership {
            project,
            role: store::ProjectRole::Owner,
        }
        .into();
        let detail = json!({ "what": "created", "project": project.id });
        change.note(ACTION, project.key.clone(), detail);
        change.finish(project).await
    }

    /// The person's projects, oldest first.
    pub async fn projects(&self, user: UserId, which: &ListProjects) -> Result<Projects> {
        let limit = page::limit(which.max_results)?;
        let after = page::token(which.page_token.as_deref())?.map(|[id]| id);
        let mut found = self.store().user(user).projects(after, limit + 1).await?;
        let next_page_token = page::next(&mut found, limit, |of| [of.project.id]);
        Ok(Projects {
            projects: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    /// One of the person's projects, by its key or number.
    pub async fn project(&self, user: UserId, said: &str) -> Result<ProjectDetail> {
        let scope = self.reading(user, said).await?;
        let members = scope.members().await?;
        Ok(ProjectDetail {
            project: scope.membership.clone().into(),
            members: members.into_iter().map(Into::into).collect(),
            requirements: scope.count_by_status().await?.into_iter().collect(),
        })
    }

    /// Gives a project another name or description. Owners only.
    pub async fn update_project(
        &self,
        actor: &Actor,
        said: &str,
        new: ProjectChange,
    ) -> Result<Project> {
        let name = match &new.name {
            Some(name) => Some(text::line("name", name, MAX_NAME)?),
            None => None,
        };
        let description = match &new.description {
            Some(text) => Some(text::lines("description", text, MAX_TEXT)?),
            None => None,
        };
        if new == ProjectChange::default() {
            return Err(Error::invalid("", "say what to change"));
        }
        let mut change = match self.begin(actor).await? {
            Begun::Before(project) => return Ok(project),
            Begun::Now(change) => change,
        };
        let scope = changing(&change, said, Role::Owner).await?;
        let mut after = scope.membership.clone();
        after.project.name = name.unwrap_or(after.project.name);
        after.project.description = description.unwrap_or(after.project.description);
        let (name, description) = (
            after.project.name.clone(),
            after.project.description.clone(),
        );
        scope.set(name, description, change.at).await?;
        let project: Project = after.into();
        let detail = json!({ "what": "changed", "project": project.id });
        change.note(ACTION, project.key.clone(), detail);
        change.finish(project).await
    }

    /// Deletes a project with everything in it, for everybody. Owners only.
    pub async fn delete_project(&self, actor: &Actor, said: &str) -> Result<Project> {
        let mut change = match self.begin(actor).await? {
            Begun::Before(project) => return Ok(project),
            Begun::Now(change) => change,
        };
        let scope = changing(&change, said, Role::Owner).await?;
        let (members, requirements) = (
            scope.members().await?.len(),
            scope.count_requirements().await?,
        );
        scope.delete().await?;
        let project: Project = scope.membership.into();
        let detail = json!({
            "what": "deleted", "project": project.id, "members": members, "requirements": requirements,
        });
        change.note(ACTION, project.key.clone(), detail);
        change.finish(project).await
    }
}

/// The project that `said` means, held to be changed by a member who may do at least what `least`
/// may.
pub(crate) async fn changing<'c>(
    change: &'c Change,
    said: &str,
    least: Role,
) -> Result<ProjectWriter<'c>> {
    let scope = change.tx.user(change.actor.user);
    let number = match Said::read(said) {
        Said::Number(number) => number,
        Said::Key(key) => only(&scope.projects_of_key(&key).await?, &key)?,
    };
    let found = scope.project_to_change(number).await?;
    let scope = found.ok_or_else(|| missing(said.trim()))?;
    let role: Role = scope.membership.role.into();
    if role < least {
        return Err(Error::Forbidden(format!(
            "you are {} of {}, and for this one has to be {}",
            article(role),
            scope.membership.project.key,
            article(least)
        )));
    }
    Ok(scope)
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Viewer => "a viewer",
        Role::Editor => "an editor",
        Role::Owner => "an owner",
    }
}

#[cfg(test)]
mod tests;
