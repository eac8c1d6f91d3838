//! `/servers`: a person's own MCP servers, and adding one.
//!
//! Adding goes in two steps. The form is made from the kind's schema; what was filled in is checked
//! and shown as what will be run, and only then added. Between the steps the answers lie sealed in
//! the second form, for their person alone and for a short time, so that no secret is written into
//! a page and nothing is stored of what is not added.

mod add;
mod diff;
mod edit;
mod form;
mod list;
mod one;
mod rules;
mod runs;
mod tools;

pub(crate) use list::attention;
use runs::RunsView;

use axum::Router;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use deputy_gateway::servers::{Server, ServerError, Status};
use deputy_templates::Template;
use http::StatusCode;

use crate::App;
use crate::error::PageError;
use crate::view::{Watch, When, visible};

/// The pages that answer quickly. No server's name begins with `-`.
pub(crate) fn quick() -> Router<App> {
    Router::new()
        .route("/servers", get(list::show))
        .route("/servers/-/new", get(add::show).post(add::review))
        .route("/servers/-/add", post(add::add))
        .route("/servers/-/rules", post(rules::set))
        .route("/servers/{name}", get(one::show))
        .route("/servers/{name}/edit", get(edit::show).post(edit::submit))
        .route(
            "/servers/{name}/delete",
            get(edit::confirm).post(edit::delete),
        )
        .route("/servers/{name}/enable", post(one::enable))
        .route("/servers/{name}/disable", post(one::disable))
        .route("/servers/{name}/tools", post(tools::set))
        .route("/servers/{name}/accept", post(tools::accept))
}

/// The pages that start a server.
pub(crate) fn slow() -> Router<App> {
    Router::new().route("/servers/{name}/test", post(one::test))
}

/// A failure as a page; what a page handles itself never comes here.
fn failed(error: &ServerError) -> PageError {
    match error {
        ServerError::NotFound(_) => PageError::NotFound,
        ServerError::Unavailable { retry_after, .. } => PageError::Unavailable(*retry_after),
        // Logged where it happened.
        ServerError::Internal => PageError::Internal,
        ServerError::Conflict(_)
        | ServerError::LimitReached(_)
        | ServerError::Validation { .. }
        | ServerError::Scope(_)
        | ServerError::Forbidden(_) => PageError::Invalid,
    }
}

/// The page of a server.
fn href(name: &str) -> String {
    format!("/servers/{name}")
}

/// How a form comes back.
fn refused(error: &ServerError) -> StatusCode {
    match error {
        ServerError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn to(name: &str) -> Response {
    Redirect::to(&href(name)).into_response()
}

/// A server in a few words.
#[derive(Clone, Debug)]
pub(crate) struct ServerView {
    pub(crate) name: String,
    /// The kind, for people.
    pub(crate) kind: String,
    pub(crate) state_key: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) enabled: bool,
    pub(crate) needs_consent: bool,
    pub(crate) last_used: Option<When>,
    /// How long it is left alone.
    pub(crate) retry: Option<String>,
    /// What was wrong, in a line, in English as it is in records and answers.
    pub(crate) error: Option<String>,
    /// The last it printed.
    pub(crate) printed: String,
    /// Tools that wait for their person's word.
    pub(crate) held: i64,
}

impl ServerView {
    fn new(server: &Server, template: Option<&Template>, held: i64, watch: &Watch) -> Self {
        let (state_key, tone) = match server.status {
            Status::Inactive => ("server-inactive", ""),
            Status::Starting => ("server-starting", "wait"),
            Status::Active => ("server-active", "ok"),
            Status::Error => ("server-error", "bad"),
            Status::NeedsConsent => ("server-needs-consent", "wait"),
            Status::Disabled => ("server-disabled", ""),
        };
        let text = server.error_message.as_deref().map(visible);
        let (error, printed) = match text {
            Some(text) => {
                let (first, rest) = text.split_once('\n').unwrap_or((text.as_str(), ""));
                let first = first.strip_suffix("; it printed:").unwrap_or(first);
                (Some(first.to_owned()), rest.to_owned())
            }
            None => (None, String::new()),
        };
        Self {
            name: server.server_name.clone(),
            kind: template.map_or_else(
                || server.server_type.clone(),
                |template| template.title.get(watch.t.language).to_owned(),
            ),
            state_key,
            tone,
            enabled: server.is_enabled,
            needs_consent: server.status == Status::NeedsConsent,
            last_used: server.last_used.map(|at| watch.show(at)),
            retry: server
                .retry_after
                .filter(|at| *at > watch.now)
                .map(|at| watch.until(at)),
            error: error.filter(|_| matches!(server.status, Status::Error | Status::NeedsConsent)),
            printed,
            held,
        }
    }

    /// Whether its person should look at it.
    pub(crate) fn needs_attention(&self) -> bool {
        self.enabled && (self.held > 0 || self.error.is_some() || self.needs_consent)
    }
}
