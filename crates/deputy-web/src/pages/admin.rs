//! `/admin`: what administrators see and do beside their own things: the programs that may ask
//! people for access. For everybody else there is no such page.

pub(crate) mod access;
pub(crate) mod people;

use std::collections::HashMap;
use std::fmt::Display;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Scope;
use deputy_identity::oauth::{AddError, NewRegistered};
use deputy_store::oauth_client::{ClientKind, ClientRow};
use http::StatusCode;
use serde::Deserialize;

use super::{Done, done, render, shell, watch};
use crate::App;
use crate::access::AccessError;
use crate::access::admin as programs;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::{Fields, Lenient};
use crate::fresh;
use crate::oauth::authorize::consent;
use crate::oauth::said;
use crate::view::{Nav, Shell, Watch, When};

/// Rows of each list on the page at a time.
const PAGE: u32 = 50;
/// Most addresses of a program on the page.
const HOSTS: usize = 6;

/// A program that may ask for access.
pub(crate) struct ClientView {
    pub(crate) id: i64,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) kind_key: &'static str,
    pub(crate) hosts: Vec<String>,
    pub(crate) since: When,
    pub(crate) used: Option<When>,
    /// How many people's consents it lives on.
    pub(crate) grants: i64,
}

impl ClientView {
    fn new(row: &ClientRow, grants: &HashMap<String, u64>, watch: &Watch) -> Self {
        let mut hosts: Vec<String> = Vec::new();
        for uri in &row.redirect_uris {
            let host = consent::host(uri);
            if hosts.len() < HOSTS && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        let grants = grants.get(&row.client_id).copied().unwrap_or_default();
        Self {
            id: row.id,
            client_id: said(&row.client_id, 120),
            name: said(&row.name, consent::NAME),
            kind_key: match row.kind {
                ClientKind::Registered => "clients-kind-registered",
                ClientKind::Dynamic => "clients-kind-dynamic",
                ClientKind::Document => "clients-kind-document",
            },
            hosts,
            since: watch.show(row.created_at),
            used: row.last_used_at.map(|at| watch.show(at)),
            grants: i64::try_from(grants).unwrap_or(i64::MAX),
        }
    }
}

/// Where the rest of a list is.
#[derive(Default)]
pub(crate) struct More {
    /// The beginning, where these are not the first rows.
    pub(crate) first: Option<String>,
    /// The rows after these.
    pub(crate) next: Option<String>,
}

impl More {
    /// Of the list that is in this part of the page, and whose place has this name in the query.
    fn new(name: &str, part: &str, is_later: bool, next: Option<impl Display>) -> Self {
        Self {
            first: is_later.then(|| format!("/admin#{part}")),
            next: next.map(|next| format!("/admin?{name}={next}#{part}")),
        }
    }
}

/// Leaves a page of what was read, which is one row more where there are more; whether there are.
fn cut<T>(rows: &mut Vec<T>) -> bool {
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    more
}

/// What was filled into the form, to be corrected.
#[derive(Default)]
pub(crate) struct Filled {
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) redirects: String,
    pub(crate) problem: Option<String>,
}

impl Filled {
    fn of(fields: &Fields, problem: Option<String>) -> Self {
        Self {
            client_id: fields.get("client_id").to_owned(),
            name: fields.get("name").to_owned(),
            redirects: fields.get("redirect_uris").to_owned(),
            problem,
        }
    }
}

#[derive(Template)]
#[template(path = "admin.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) added: Vec<ClientView>,
    pub(crate) more_added: More,
    pub(crate) others: Vec<ClientView>,
    pub(crate) more_others: More,
    pub(crate) filled: Filled,
    pub(crate) access: access::View,
    pub(crate) people: Vec<people::PersonView>,
}

#[derive(Template)]
#[template(path = "client_remove.html")]
pub(crate) struct RemovePage {
    pub(crate) shell: Shell,
    pub(crate) client: ClientView,
    /// Whether it can come back by itself.
    pub(crate) again: bool,
}

/// The query of the page: where each list begins.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    /// Programs that administrators added, after this row.
    added: Option<i64>,
    /// Those that came by themselves, after this row.
    after: Option<i64>,
    /// Programs with access, after so many: their order is not that of their rows.
    programs: Option<u32>,
    /// People who gave access, after so many.
    people: Option<u32>,
    /// Blocks, after this row.
    blocks: Option<i64>,
    #[serde(flatten)]
    done: Done,
}

/// There is no such page for who is no administrator.
fn administrators_only(who: &SignedIn) -> Result<(), PageError> {
    if who.principal.may(Scope::Admin) {
        Ok(())
    } else {
        Err(PageError::NotFound)
    }
}

fn failed(error: &deputy_store::Error) -> PageError {
    PageError::internal(error, "listing programs")
}

async fn views(app: &App, rows: &[ClientRow], watch: &Watch) -> Result<Vec<ClientView>, PageError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.client_id.as_str()).collect();
    let grants = app.store.oauth_grants_by_client(&ids).await;
    let grants = grants.map_err(|error| failed(&error))?;
    Ok(rows
        .iter()
        .map(|row| ClientView::new(row, &grants, watch))
        .collect())
}

async fn page(
    app: &App,
    who: &SignedIn,
    place: &Place,
    filled: Filled,
    refused: access::Refused,
) -> Result<Response, PageError> {
    let mut shell = shell(app, who, Nav::Admin, place.done.flash()).await?;
    "/admin".clone_into(&mut shell.path);
    let watch = watch(app, who);
    let list = async |kind, after, limit| {
        let rows = app.authorization.clients(Some(kind), after, limit).await;
        rows.map_err(|error| failed(&error))
    };
    let one_more = u64::from(PAGE) + 1;
    let mut added = list(ClientKind::Registered, place.added, one_more).await?;
    let next = cut(&mut added).then(|| added.last().map(|row| row.id));
    let more_added = More::new("added", "clients", place.added.is_some(), next.flatten());
    let mut others = list(ClientKind::Dynamic, place.after, one_more).await?;
    others.extend(list(ClientKind::Document, place.after, one_more).await?);
    others.sort_by_key(|row| row.id);
    let next = cut(&mut others).then(|| others.last().map(|row| row.id));
    let more_others = More::new("after", "others", place.after.is_some(), next.flatten());
    render(&Page {
        added: views(app, &added, &watch).await?,
        more_added,
        others: views(app, &others, &watch).await?,
        more_others,
        filled,
        access: access::view(app, &watch, place, refused).await?,
        people: people::views(app).await?,
        shell,
    })
}

/// `GET /admin`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(place): Lenient<Place>,
) -> Result<Response, PageError> {
    administrators_only(&who)?;
    let filled = fresh::kept(&who, "/admin/clients").await;
    let filled = filled.map_or_else(Filled::default, |fields| Filled::of(&fields, None));
    let refused = fresh::kept(&who, "/admin/blocks").await;
    let refused = refused.map_or_else(access::Refused::default, |it| access::Refused::kept(&it));
    page(&app, &who, &place, filled, refused).await
}

/// `GET /admin/clients`: the same page.
pub(crate) async fn list(who: SignedIn) -> Result<Response, PageError> {
    administrators_only(&who)?;
    Ok(Redirect::to("/admin#clients").into_response())
}

/// `POST /admin/clients`.
pub(crate) async fn add(State(app): State<App>, form: Form) -> Result<Response, Response> {
    administrators_only(&form.who).map_err(IntoResponse::into_response)?;
    let place = ("/admin#clients", "/admin/clients");
    fresh::need_for(&app, &form.who, place, &form.fields).await?;
    let added = added(&app, form).await;
    added.map_err(IntoResponse::into_response)
}

async fn added(app: &App, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let redirects = fields.get("redirect_uris");
    let name = fields.get("name").trim();
    let new = NewRegistered {
        client_id: fields.get("client_id").trim().to_owned(),
        name: (!name.is_empty()).then(|| name.to_owned()),
        redirect_uris: redirects
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    let t = crate::text::Text::new(who.user.language);
    let problem = match programs::add(app, &who.principal, new).await {
        Ok(_) => return Ok(done("/admin#clients", "client-added")),
        Err(AccessError::Add(AddError::Taken(_))) => t.tr("client-taken"),
        Err(AccessError::Add(error)) if !matches!(error, AddError::Store(_)) => {
            t.tr1("client-refused", "detail", said(&error.to_string(), 300))
        }
        Err(error) => return Err(error.into()),
    };
    let filled = Filled::of(&fields, Some(problem));
    let refused = access::Refused::default();
    let page = page(app, &who, &Place::default(), filled, refused).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// The program of this row.
async fn found(app: &App, id: &str) -> Result<ClientRow, PageError> {
    let id: i64 = id.parse().map_err(|_| PageError::NotFound)?;
    let before = id.checked_sub(1).ok_or(PageError::NotFound)?;
    let rows = app.authorization.clients(None, Some(before), 1).await;
    rows.map_err(|error| failed(&error))?
        .into_iter()
        .find(|row| row.id == id)
        .ok_or(PageError::NotFound)
}

/// `GET /admin/clients/{id}/remove`: asks first.
pub(crate) async fn confirm(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    administrators_only(&who)?;
    let row = found(&app, &id).await?;
    let shell = shell(&app, &who, Nav::Admin, None).await?;
    let again = row.kind != ClientKind::Registered;
    let views = views(&app, &[row], &watch(&app, &who)).await?;
    let client = views.into_iter().next().ok_or(PageError::NotFound)?;
    render(&RemovePage {
        shell,
        client,
        again,
    })
}

/// `POST /admin/clients/{id}/remove`.
pub(crate) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Response> {
    administrators_only(&form.who).map_err(IntoResponse::into_response)?;
    let page = format!("/admin/clients/{id}/remove");
    fresh::need(&app, &form.who, &page).await?;
    let removed = removed(&app, &id, &form).await;
    removed.map_err(IntoResponse::into_response)
}

async fn removed(app: &App, id: &str, form: &Form) -> Result<Response, PageError> {
    let row = found(app, id).await?;
    programs::remove(app, &form.who.principal, &row.client_id).await?;
    Ok(done("/admin#clients", "client-removed"))
}
