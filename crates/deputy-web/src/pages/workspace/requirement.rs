//! `/projects/{project}/{key}`: a requirement, its links and comments, and changing it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_workspace::{
    Error, Key, LinkKind, LinkView, NewRequirement, Pair, Requirement, RequirementChange, Role,
    Status,
};

use super::projects::{ProjectView, StatusChoice, project, status_key, statuses, tone};
use super::{Number, Problem, actor, failed, problem, said, when};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::pages::{Done, done, render, shell, watch};
use crate::text::Text;
use crate::view::{Markdown, Nav, Shell, When, visible};

/// Most comments on the page.
const COMMENTS: u32 = 250;

/// One end of a link, seen from the other.
pub(crate) struct LinkRow {
    /// The key of the text that says what the one is to the other.
    pub(crate) how: &'static str,
    pub(crate) other: String,
    pub(crate) title: String,
    pub(crate) status_key: String,
    pub(crate) tone: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) kind: &'static str,
}

/// The key of the text for a link, seen from where it goes out or from where it leads to.
pub(crate) fn how(kind: LinkKind, outgoing: bool) -> &'static str {
    match (kind, outgoing) {
        (LinkKind::Refines, true) => "link-refines",
        (LinkKind::Refines, false) => "link-refined-by",
        (LinkKind::DependsOn, true) => "link-depends-on",
        (LinkKind::DependsOn, false) => "link-needed-by",
        (LinkKind::Verifies, true) => "link-verifies",
        (LinkKind::Verifies, false) => "link-verified-by",
    }
}

impl LinkRow {
    fn new(link: LinkView, at: &str) -> Self {
        let outgoing = link.from == at;
        let status = link.status.unwrap_or_default();
        Self {
            how: how(link.kind, outgoing),
            other: if outgoing { &link.to } else { &link.from }.clone(),
            title: visible(&link.title.unwrap_or_default()),
            status_key: status_key(status),
            tone: tone(status),
            kind: link.kind.as_str(),
            from: link.from,
            to: link.to,
        }
    }
}

pub(crate) struct CommentView {
    pub(crate) id: i64,
    pub(crate) body: Markdown,
    pub(crate) by: String,
    pub(crate) through: String,
    pub(crate) when: Option<When>,
    pub(crate) may_delete: bool,
}

#[derive(Template)]
#[template(path = "workspace/requirement.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) project: ProjectView,
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) body: Markdown,
    pub(crate) is_empty: bool,
    pub(crate) status_key: String,
    pub(crate) tone: &'static str,
    pub(crate) version: i64,
    pub(crate) changed: Option<When>,
    pub(crate) deleted: bool,
    pub(crate) may_edit: bool,
    pub(crate) links: Vec<LinkRow>,
    pub(crate) comments: Vec<CommentView>,
    pub(crate) comment: String,
    pub(crate) other: String,
    pub(crate) problem: Option<Problem>,
}

/// What a form has in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) version: i64,
}

/// What it says now, beside what somebody wants it to say.
pub(crate) struct Meanwhile {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) status_key: String,
    pub(crate) version: i64,
}

#[derive(Template)]
#[template(path = "workspace/requirement_form.html")]
pub(crate) struct FormPage {
    pub(crate) shell: Shell,
    pub(crate) project: ProjectView,
    /// None: a new one.
    pub(crate) key: Option<String>,
    pub(crate) filled: Filled,
    pub(crate) statuses: Vec<StatusChoice>,
    pub(crate) meanwhile: Option<Meanwhile>,
    pub(crate) problem: Option<Problem>,
}

/// The address of a requirement.
pub(super) fn href(project: i64, key: &str) -> String {
    format!("/projects/{project}/{key}")
}

fn named(project: i64, key: &str) -> Key {
    Key {
        key: key.to_owned(),
        project: Some(project.to_string()),
    }
}

/// What was typed into the forms of the page, where it comes back.
#[derive(Default)]
struct Typed {
    comment: String,
    other: String,
}

async fn page(
    app: &App,
    who: &SignedIn,
    (id, key): (i64, &str),
    typed: Typed,
    flash: &Done,
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let said = named(id, key);
    let found = app.workspace.requirement(user, &said).await;
    let detail = found.map_err(|error| failed(&error))?;
    let comments = app
        .workspace
        .comments(user, &said, Some(COMMENTS), None)
        .await;
    let comments = comments.map_err(|error| failed(&error))?.comments;
    let project = project(app, who, id).await?.project;
    let watch = watch(app, who);
    let row = detail.requirement;
    let role = detail.role;
    let links = detail.links.into_iter();
    render(&Page {
        shell: shell(app, who, Nav::Projects, flash.flash()).await?,
        project: project.into(),
        links: links.map(|link| LinkRow::new(link, &row.key)).collect(),
        comments: comments
            .into_iter()
            .map(|comment| CommentView {
                id: comment.id,
                body: Markdown::of(&comment.body),
                by: comment.by,
                through: watch.caller(&comment.through),
                when: when(&comment.at, &watch),
                may_delete: role == Role::Owner || (comment.yours && role >= Role::Editor),
            })
            .collect(),
        title: visible(&row.title),
        is_empty: row.body.trim().is_empty(),
        body: Markdown::of(&row.body),
        status_key: status_key(row.status),
        tone: tone(row.status),
        version: row.version,
        changed: when(&row.updated_at, &watch),
        deleted: row.deleted,
        may_edit: role >= Role::Editor,
        key: row.key,
        comment: typed.comment,
        other: typed.other,
        problem,
    })
}

/// `GET /projects/{project}/{key}`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Path((Number(id), key)): Path<(Number, String)>,
    Lenient(flash): Lenient<Done>,
) -> Result<Response, PageError> {
    page(&app, &who, (id, &key), Typed::default(), &flash, None).await
}

async fn form_page(
    app: &App,
    who: &SignedIn,
    (id, key): (i64, Option<String>),
    filled: Filled,
    meanwhile: Option<Meanwhile>,
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    let project = project(app, who, id).await?.project;
    render(&FormPage {
        shell: shell(app, who, Nav::Projects, None).await?,
        project: project.into(),
        key,
        statuses: statuses(&filled.status),
        filled,
        meanwhile,
        problem,
    })
}

/// `GET /projects/{project}/new`.
pub(crate) async fn blank(
    State(app): State<App>,
    who: SignedIn,
    Path(Number(id)): Path<Number>,
) -> Result<Response, PageError> {
    form_page(&app, &who, (id, None), Filled::default(), None, None).await
}

/// `POST /projects/{project}/new`.
pub(crate) async fn create(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let field = |name: &str| fields.get(name).to_owned();
    let filled = Filled {
        title: field("title"),
        body: field("body"),
        status: field("status"),
        ..Filled::default()
    };
    let new = NewRequirement {
        project: id.to_string(),
        title: filled.title.clone(),
        body: said(&filled.body),
        status: Status::of(&filled.status),
    };
    match app.workspace.create_requirement(&actor(&who), new).await {
        Ok(made) => Ok(done(&href(id, &made.key), "saved")),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            form_page(&app, &who, (id, None), filled, None, Some(problem)).await
        }
    }
}

/// `GET /projects/{project}/{key}/edit`.
pub(crate) async fn edit(
    State(app): State<App>,
    who: SignedIn,
    Path((Number(id), key)): Path<(Number, String)>,
) -> Result<Response, PageError> {
    let said = named(id, &key);
    let found = app
        .workspace
        .requirement(who.principal.user_id, &said)
        .await;
    let row = found.map_err(|error| failed(&error))?.requirement;
    let filled = Filled {
        title: row.title,
        body: row.body,
        status: row.status.as_str().to_owned(),
        reason: String::new(),
        version: row.version,
    };
    form_page(&app, &who, (id, Some(row.key)), filled, None, None).await
}

fn meanwhile(current: &Requirement) -> Meanwhile {
    Meanwhile {
        status_key: status_key(current.status),
        title: visible(&current.title),
        body: visible(&current.body),
        version: current.version,
    }
}

/// `POST /projects/{project}/{key}/edit`. When there is a later version than the one that the form was
/// made from, the form comes back with what was typed beside what it says now.
pub(crate) async fn change(
    State(app): State<App>,
    Path((Number(id), key)): Path<(Number, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let field = |name: &str| fields.get(name).to_owned();
    let mut filled = Filled {
        title: field("title"),
        body: field("body"),
        status: field("status"),
        reason: field("reason"),
        version: fields.get("version").parse().unwrap_or_default(),
    };
    let new = RequirementChange {
        version: filled.version,
        title: Some(filled.title.clone()),
        body: Some(filled.body.clone()),
        status: Status::of(&filled.status),
        reason: said(&filled.reason),
    };
    let (actor, said) = (actor(&who), named(id, &key));
    match app.workspace.update_requirement(&actor, &said, new).await {
        Ok(row) => Ok(done(&href(id, &row.key), "saved")),
        Err(error @ Error::NotFound(_)) => Err(failed(&error)),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            let mut now = None;
            if let Error::VersionConflict { current, .. } = error {
                // Sent again, it is a change of what is shown beside it.
                filled.version = current.version;
                now = Some(meanwhile(&current));
            }
            form_page(&app, &who, (id, Some(key)), filled, now, Some(problem)).await
        }
    }
}

/// What a form of the requirement's page came to.
async fn answered<T>(
    app: &App,
    who: &SignedIn,
    place: (i64, &str),
    typed: Typed,
    done_well: Result<T, Error>,
) -> Result<Response, PageError> {
    match done_well {
        Ok(_) => Ok(done(&href(place.0, place.1), "saved")),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            page(app, who, place, typed, &Done::default(), Some(problem)).await
        }
    }
}

/// `POST /projects/{project}/{key}/deleted`: deletes it, or brings it back.
pub(crate) async fn set_deleted(
    State(app): State<App>,
    Path((Number(id), key)): Path<(Number, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let version = fields.get("version").parse().unwrap_or_default();
    let delete = fields.get("deleted") == "true";
    let said = named(id, &key);
    let changed = app
        .workspace
        .set_requirement_deleted(&actor(&who), &said, version, delete, None)
        .await;
    answered(&app, &who, (id, &key), Typed::default(), changed).await
}

/// `POST /projects/{project}/{key}/links`: makes a link, or takes one away.
pub(crate) async fn link(
    State(app): State<App>,
    Path((Number(id), key)): Path<(Number, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let kind = LinkKind::of(fields.get("kind")).ok_or(PageError::Invalid)?;
    let typed = Typed {
        other: fields.get("other").to_owned(),
        ..Typed::default()
    };
    let link = fields.get("do") == "add";
    let (from, to) = if link {
        (key.clone(), typed.other.trim().to_uppercase())
    } else {
        (fields.get("from").to_owned(), fields.get("to").to_owned())
    };
    let pair = Pair {
        from,
        to,
        kind,
        project: Some(id.to_string()),
    };
    let linked = app
        .workspace
        .link_requirements(&actor(&who), &pair, link)
        .await;
    answered(&app, &who, (id, &key), typed, linked).await
}

/// `POST /projects/{project}/{key}/comments`.
pub(crate) async fn comment(
    State(app): State<App>,
    Path((Number(id), key)): Path<(Number, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let typed = Typed {
        comment: fields.get("body").to_owned(),
        ..Typed::default()
    };
    let said = named(id, &key);
    let added = app
        .workspace
        .add_comment(&actor(&who), &said, &typed.comment)
        .await;
    answered(&app, &who, (id, &key), typed, added).await
}

/// `POST /projects/{project}/{key}/comments/{id}/delete`.
pub(crate) async fn delete_comment(
    State(app): State<App>,
    Path((Number(id), key, Number(comment))): Path<(Number, String, Number)>,
    form: Form,
) -> Result<Response, PageError> {
    let said = named(id, &key);
    let deleted = app
        .workspace
        .delete_comment(&actor(&form.who), &said, comment)
        .await;
    answered(&app, &form.who, (id, &key), Typed::default(), deleted).await
}
