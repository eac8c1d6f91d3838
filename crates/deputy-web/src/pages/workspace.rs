//! `/notes`, `/tasks` and `/projects`: what a person keeps in Deputy itself.
//!
//! The person acts here in person, so nothing asks and no rule about tools holds; roles in projects,
//! limits and records are those of every other way, because the same operations are behind it
//! ([`deputy_workspace`]). What was refused comes back with everything that was filled in.

mod history;
mod matrix;
mod notes;
mod projects;
mod requirement;
mod tasks;

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use deputy_workspace::{Actor, Error};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::text::Text;
use crate::view::{Watch, When};

/// When to come back where the records can't be written.
const PAUSE: Duration = Duration::from_secs(10);

/// The pages, all of which answer quickly.
pub(crate) fn quick() -> Router<App> {
    Router::new()
        .route("/notes", get(notes::list).post(notes::create))
        .route("/notes/{id}", get(notes::one).post(notes::change))
        .route("/notes/{id}/completed", post(notes::complete))
        .route("/notes/{id}/delete", post(notes::delete))
        .route("/tasks", get(tasks::list).post(tasks::create))
        .route("/tasks/{id}", get(tasks::one).post(tasks::change))
        .route("/tasks/{id}/status", post(tasks::set_status))
        .route("/tasks/{id}/delete", post(tasks::delete))
        .route("/projects", get(projects::list).post(projects::create))
        .route(
            "/projects/{project}",
            get(projects::one).post(projects::change),
        )
        .route("/projects/{project}/members", post(projects::share))
        .route(
            "/projects/{project}/delete",
            get(projects::confirm).post(projects::delete),
        )
        .route("/projects/{project}/matrix", get(matrix::show))
        .route(
            "/projects/{project}/new",
            get(requirement::blank).post(requirement::create),
        )
        .route("/projects/{project}/{key}", get(requirement::show))
        .route(
            "/projects/{project}/{key}/edit",
            get(requirement::edit).post(requirement::change),
        )
        .route(
            "/projects/{project}/{key}/deleted",
            post(requirement::set_deleted),
        )
        .route("/projects/{project}/{key}/links", post(requirement::link))
        .route(
            "/projects/{project}/{key}/comments",
            post(requirement::comment),
        )
        .route(
            "/projects/{project}/{key}/comments/{id}/delete",
            post(requirement::delete_comment),
        )
        .route("/projects/{project}/{key}/history", get(history::show))
}

/// The person at the browser.
fn actor(who: &SignedIn) -> Actor {
    Actor {
        user: who.principal.user_id,
        caller: who.principal.caller.label(),
        call: None,
    }
}

/// What was wrong with a form, for the page that it comes back on.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// In the person's language.
    pub(crate) title: String,
    /// In detail, in English as it is in answers to programs; empty where the title says it all.
    pub(crate) detail: String,
}

/// What a form is told; an error that the person can do nothing about is a page of its own.
fn problem(error: &Error, t: Text) -> Result<Problem, PageError> {
    let key = match error {
        Error::NotFound(_) => "workspace-problem-missing",
        Error::Forbidden(_) => "workspace-problem-role",
        Error::Invalid { .. } => "workspace-problem-invalid",
        Error::VersionConflict { .. } => "workspace-problem-version",
        Error::Conflict(_) => "workspace-problem-conflict",
        Error::Limit(_) => "workspace-problem-limit",
        Error::Store(_) | Error::Record | Error::Stored(_) => return Err(failed(error)),
    };
    let detail = match error {
        Error::VersionConflict { .. } => String::new(),
        other => other.to_string(),
    };
    Ok(Problem {
        title: t.tr(key),
        detail,
    })
}

/// An error as a page of its own.
fn failed(error: &Error) -> PageError {
    match error {
        Error::NotFound(_) => PageError::NotFound,
        Error::Forbidden(_)
        | Error::Invalid { .. }
        | Error::VersionConflict { .. }
        | Error::Conflict(_)
        | Error::Limit(_) => PageError::Invalid,
        Error::Record => PageError::Unavailable(PAUSE),
        Error::Store(_) | Error::Stored(_) => PageError::internal(error, "using the workspace"),
    }
}

/// An instant of the workspace's answers.
fn when(text: &str, watch: &Watch) -> Option<When> {
    let at: Timestamp = text.parse().ok()?;
    Some(watch.show(at))
}

/// A number in an address; what is none leads nowhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(i64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // No row has this number.
        Ok(Self(text.parse().unwrap_or(0)))
    }
}

/// What somebody typed, where it says anything.
fn said(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.trim().is_empty())
}

/// The address of a list with its filters and the place of its next page.
fn next_page(path: &str, filters: &[(&str, &str)], token: Option<&str>) -> Option<String> {
    let token = token?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in filters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    query.append_pair("after", token);
    Some(format!("{path}?{}", query.finish()))
}
