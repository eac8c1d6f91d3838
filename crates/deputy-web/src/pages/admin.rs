//! `/admin`: what administrators see and do beside their own things: the programs that may ask
//! people for access. For everybody else there is no such page.

pub(crate) mod access;

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
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
use crate::form::Lenient;
use crate::oauth::authorize::consent;
use crate::oauth::said;
use crate::view::{Nav, Shell, Watch, When};

/// Programs on a page of those that came by themselves.
const PAGE: usize = 50;
/// Most that administrators added, on the page.
const ADDED: u64 = 500;
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

/// What was filled into the form, to be corrected.
#[derive(Default)]
pub(crate) struct Filled {
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) redirects: String,
    pub(crate) problem: Option<String>,
}

#[derive(Template)]
#[template(path = "admin.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) added: Vec<ClientView>,
    pub(crate) others: Vec<ClientView>,
    /// Whether these are not the first ones.
    pub(crate) later: bool,
    /// Where the next ones begin.
    pub(crate) next: Option<i64>,
    pub(crate) filled: Filled,
    pub(crate) access: access::View,
}

#[derive(Template)]
#[template(path = "client_remove.html")]
pub(crate) struct RemovePage {
    pub(crate) shell: Shell,
    pub(crate) client: ClientView,
    /// Whether it can come back by itself.
    pub(crate) again: bool,
}

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    after: Option<i64>,
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
    let added = list(ClientKind::Registered, None, ADDED).await?;
    let one_more = PAGE as u64 + 1;
    let mut others = list(ClientKind::Dynamic, place.after, one_more).await?;
    others.extend(list(ClientKind::Document, place.after, one_more).await?);
    others.sort_by_key(|row| row.id);
    let more = others.len() > PAGE;
    others.truncate(PAGE);
    let next = others.last().filter(|_| more).map(|row| row.id);
    render(&Page {
        added: views(app, &added, &watch).await?,
        others: views(app, &others, &watch).await?,
        later: place.after.is_some(),
        next,
        filled,
        access: access::view(app, &watch, refused).await?,
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
    let (filled, refused) = (Filled::default(), access::Refused::default());
    page(&app, &who, &place, filled, refused).await
}

/// `GET /admin/clients`: the same page.
pub(crate) async fn list(who: SignedIn) -> Result<Response, PageError> {
    administrators_only(&who)?;
    Ok(Redirect::to("/admin#clients").into_response())
}

/// `POST /admin/clients`.
pub(crate) async fn add(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    administrators_only(&who)?;
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
    let problem = match programs::add(&app, &who.principal, new).await {
        Ok(_) => return Ok(done("/admin#clients", "client-added")),
        Err(AccessError::Add(AddError::Taken(_))) => t.tr("client-taken"),
        Err(AccessError::Add(error)) if !matches!(error, AddError::Store(_)) => {
            t.tr1("client-refused", "detail", said(&error.to_string(), 300))
        }
        Err(error) => return Err(error.into()),
    };
    let filled = Filled {
        client_id: fields.get("client_id").to_owned(),
        name: fields.get("name").to_owned(),
        redirects: redirects.to_owned(),
        problem: Some(problem),
    };
    let refused = access::Refused::default();
    let page = page(&app, &who, &Place::default(), filled, refused).await?;
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
) -> Result<Response, PageError> {
    administrators_only(&form.who)?;
    let row = found(&app, &id).await?;
    programs::remove(&app, &form.who.principal, &row.client_id).await?;
    Ok(done("/admin#clients", "client-removed"))
}
