//! `/projects`: what a person has or shares, and one of them with its requirements and members.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_workspace::{
    Error, ListProjects, ListRequirements, Member, NewProject, Project, ProjectChange,
    ProjectDetail, Requirement, Role, Status,
};
use serde::Deserialize;

use super::{Number, Problem, actor, failed, next_page, problem, said};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::pages::{done, render, shell};
use crate::text::Text;
use crate::view::{Flash, Markdown, Nav, Shell, visible};

/// Projects and requirements on a page.
const PAGE: u32 = 100;

/// What the list of requirements holds back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) query: String,
    /// A status, `deleted`, or anything else for all that there are.
    pub(crate) status: String,
    after: String,
    done: String,
}

impl Asked {
    pub(crate) fn filters(&self) -> bool {
        !(self.query.is_empty() && self.status.is_empty())
    }
}

pub(crate) struct ProjectView {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) role: &'static str,
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            key: project.key,
            name: visible(&project.name),
            role: role_key(project.role),
        }
    }
}

/// The key of the text for a role.
pub(crate) fn role_key(role: Role) -> &'static str {
    match role {
        Role::Viewer => "project-viewer",
        Role::Editor => "project-editor",
        Role::Owner => "project-owner",
    }
}

/// The key of the text for a requirement's status.
pub(crate) fn status_key(status: Status) -> String {
    format!("requirement-{}", status.as_str())
}

/// How a status looks.
pub(crate) fn tone(status: Status) -> &'static str {
    match status {
        Status::Draft | Status::Proposed => "plain",
        Status::Approved | Status::Implemented => "wait",
        Status::Verified => "ok",
        Status::Rejected | Status::Obsolete => "",
    }
}

/// A status to choose.
pub(crate) struct StatusChoice {
    pub(crate) word: &'static str,
    pub(crate) key: String,
    pub(crate) selected: bool,
    pub(crate) count: i64,
}

pub(crate) fn statuses(chosen: &str) -> Vec<StatusChoice> {
    let choice = |status: Status| StatusChoice {
        word: status.as_str(),
        key: status_key(status),
        selected: status.as_str() == chosen,
        count: 0,
    };
    Status::ALL.into_iter().map(choice).collect()
}

pub(crate) struct RequirementLine {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) status_key: String,
    pub(crate) tone: &'static str,
}

impl From<Requirement> for RequirementLine {
    fn from(row: Requirement) -> Self {
        Self {
            status_key: status_key(row.status),
            tone: tone(row.status),
            title: visible(&row.title),
            key: row.key,
        }
    }
}

pub(crate) struct MemberView {
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) role_key: &'static str,
    pub(crate) is_self: bool,
}

#[derive(Template)]
#[template(path = "workspace/projects.html")]
pub(crate) struct ListPage {
    pub(crate) shell: Shell,
    pub(crate) projects: Vec<ProjectView>,
    pub(crate) next: Option<String>,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "workspace/project.html")]
pub(crate) struct OnePage {
    pub(crate) shell: Shell,
    pub(crate) project: ProjectView,
    pub(crate) description: Markdown,
    /// As it is written.
    pub(crate) written: String,
    pub(crate) may_edit: bool,
    pub(crate) may_decide: bool,
    pub(crate) requirements: Vec<RequirementLine>,
    pub(crate) statuses: Vec<StatusChoice>,
    pub(crate) members: Vec<MemberView>,
    pub(crate) asked: Asked,
    pub(crate) next: Option<String>,
    pub(crate) problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "workspace/project_delete.html")]
pub(crate) struct DeletePage {
    pub(crate) shell: Shell,
    pub(crate) project: ProjectView,
    pub(crate) requirements: i64,
    pub(crate) members: i64,
}

/// The address of a project.
pub(super) fn href(project: i64) -> String {
    format!("/projects/{project}")
}

async fn list_page(
    app: &App,
    who: &SignedIn,
    asked: Asked,
    typed: NewProject,
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let which = ListProjects {
        max_results: Some(PAGE),
        page_token: said(&asked.after),
    };
    let found = match app.workspace.projects(user, &which).await {
        // An address that was cut or mistyped still leads to the page.
        Err(Error::Invalid { .. }) => app.workspace.projects(user, &ListProjects::default()).await,
        other => other,
    };
    let found = found.map_err(|error| failed(&error))?;
    render(&ListPage {
        shell: shell(app, who, Nav::Projects, Flash::named(&asked.done)).await?,
        next: next_page("/projects", &[], found.next_page_token.as_deref()),
        projects: found.projects.into_iter().map(Into::into).collect(),
        key: typed.key,
        name: typed.name,
        description: typed.description.unwrap_or_default(),
        problem,
    })
}

/// `GET /projects`.
pub(crate) async fn list(
    State(app): State<App>,
    who: SignedIn,
    Lenient(asked): Lenient<Asked>,
) -> Result<Response, PageError> {
    list_page(&app, &who, asked, NewProject::default(), None).await
}

/// `POST /projects`.
pub(crate) async fn create(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let new = NewProject {
        key: fields.get("key").trim().to_uppercase(),
        name: fields.get("name").to_owned(),
        description: said(fields.get("description")),
    };
    match app
        .workspace
        .create_project(&actor(&who), new.clone())
        .await
    {
        Ok(project) => Ok(done(&href(project.id), "saved")),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            list_page(&app, &who, Asked::default(), new, Some(problem)).await
        }
    }
}

fn member(member: Member, own: &str) -> MemberView {
    MemberView {
        is_self: member.username == own,
        username: member.username,
        name: visible(&member.name),
        role_key: role_key(member.role),
    }
}

/// The project of this number, as the person has it.
pub(super) async fn project(
    app: &App,
    who: &SignedIn,
    id: i64,
) -> Result<ProjectDetail, PageError> {
    let user = who.principal.user_id;
    let found = app.workspace.project(user, &id.to_string()).await;
    found.map_err(|error| failed(&error))
}

async fn one_page(
    app: &App,
    who: &SignedIn,
    id: i64,
    asked: Asked,
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    let detail = project(app, who, id).await?;
    let deleted = asked.status == "deleted";
    let which = ListRequirements {
        project: Some(id.to_string()),
        status: Status::of(&asked.status),
        query: said(&asked.query),
        deleted: Some(deleted),
        max_results: Some(PAGE),
        page_token: said(&asked.after),
    };
    let user = who.principal.user_id;
    let found = match app.workspace.requirements(user, &which).await {
        Err(Error::Invalid { .. }) => {
            let all = ListRequirements {
                project: Some(id.to_string()),
                ..ListRequirements::default()
            };
            app.workspace.requirements(user, &all).await
        }
        other => other,
    };
    let found = found.map_err(|error| failed(&error))?;
    let filters = [
        ("query", asked.query.as_str()),
        ("status", asked.status.as_str()),
    ];
    let mut choices = statuses(&asked.status);
    for choice in &mut choices {
        choice.count = detail.requirements.get(choice.word).copied().unwrap_or(0);
    }
    let role = detail.project.role;
    let own = who.user.username.clone();
    render(&OnePage {
        shell: shell(app, who, Nav::Projects, Flash::named(&asked.done)).await?,
        next: next_page(&href(id), &filters, found.next_page_token.as_deref()),
        description: Markdown::of(&detail.project.description),
        written: detail.project.description.clone(),
        may_edit: role >= Role::Editor,
        may_decide: role == Role::Owner,
        requirements: found.requirements.into_iter().map(Into::into).collect(),
        statuses: choices,
        members: detail
            .members
            .into_iter()
            .map(|m| member(m, &own))
            .collect(),
        project: detail.project.into(),
        asked,
        problem,
    })
}

/// `GET /projects/{project}`.
pub(crate) async fn one(
    State(app): State<App>,
    who: SignedIn,
    Path(Number(id)): Path<Number>,
    Lenient(asked): Lenient<Asked>,
) -> Result<Response, PageError> {
    one_page(&app, &who, id, asked, None).await
}

/// `POST /projects/{project}`: another name or description.
pub(crate) async fn change(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let new = ProjectChange {
        name: Some(fields.get("name").to_owned()),
        description: Some(fields.get("description").to_owned()),
    };
    let said = id.to_string();
    match app.workspace.update_project(&actor(&who), &said, new).await {
        Ok(_) => Ok(done(&href(id), "saved")),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            one_page(&app, &who, id, Asked::default(), Some(problem)).await
        }
    }
}

/// `POST /projects/{project}/members`: a role for somebody, or none.
pub(crate) async fn share(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let (username, role) = (fields.get("username"), fields.get("role"));
    let (actor, project) = (actor(&who), id.to_string());
    let done_well = match Role::ALL.into_iter().find(|known| known.as_str() == role) {
        Some(role) => {
            let shared = app
                .workspace
                .share_project(&actor, &project, username, role);
            shared.await.map(|_| ())
        }
        None if role == "none" => {
            let unshared = app.workspace.unshare_project(&actor, &project, username);
            unshared.await.map(|_| ())
        }
        None => return Err(PageError::Invalid),
    };
    match done_well {
        Ok(()) if role == "none" && username == who.user.username => {
            Ok(done("/projects", "project-left"))
        }
        Ok(()) => Ok(done(&href(id), "saved")),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            one_page(&app, &who, id, Asked::default(), Some(problem)).await
        }
    }
}

/// `GET /projects/{project}/delete`: asks first.
pub(crate) async fn confirm(
    State(app): State<App>,
    who: SignedIn,
    Path(Number(id)): Path<Number>,
) -> Result<Response, PageError> {
    let detail = project(&app, &who, id).await?;
    render(&DeletePage {
        shell: shell(&app, &who, Nav::Projects, None).await?,
        requirements: detail.requirements.values().sum(),
        members: i64::try_from(detail.members.len()).unwrap_or(i64::MAX),
        project: detail.project.into(),
    })
}

/// `POST /projects/{project}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let actor = actor(&form.who);
    let deleted = app.workspace.delete_project(&actor, &id.to_string()).await;
    deleted.map_err(|error| failed(&error))?;
    Ok(done("/projects", "deleted"))
}
