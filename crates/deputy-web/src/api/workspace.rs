//! `/api/v1/notes`, `/tasks`, `/projects` and `/requirements`: what people keep in Deputy, over REST.
//!
//! A request here is the call of a built-in tool and nothing else: [`ROUTES`] says which, [`arguments`] what it is
//! called with, [`answer`] what becomes of its answer. So a program's token meets the same scopes, rules, approvals,
//! throttles and records whichever way it comes, and what a tool says of itself is what the OpenAPI document says
//! ([`document`]).
//!
//! # Two people and one requirement
//!
//! A change of a requirement says which version it is made for: in `If-Match`, with the `ETag` that reading gave, or as
//! `version` in the body (for a deletion, in the query). One that says neither gets 428 (RFC 6585 section 3). Where
//! somebody was faster, a condition in the header is false, which is 412 (RFC 9110 section 13.1.1), and a version in
//! the body is in conflict, which is 409 (section 15.5.10); either way the code is `VERSION_CONFLICT`, `current` is what
//! the requirement says now, and nothing was changed.

mod answer;
mod arguments;
pub(super) mod document;

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::{RawPathParams, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use deputy_core::firstparty::ToolSpec;
use deputy_gateway::{CallOptions, Outcome};
use http::HeaderMap;

use super::tools_call::{asked, idempotency_key};
use crate::App;
use crate::auth::Caller;
use crate::error::ApiError;
use arguments::Given;

/// What is done with the thing at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// Whether the arguments that the path does not give are in the query, and not in the body.
    fn asks_in_query(self) -> bool {
        matches!(self, Self::Get | Self::Delete)
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// As the OpenAPI document has it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// What versions have to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Nothing.
    None,
    /// The answer has one.
    Shown,
    /// The request needs one, and the answer has one.
    Needed,
}

/// A request, and the tool that it calls.
#[derive(Debug)]
pub(super) struct Route {
    verb: Verb,
    path: &'static str,
    tool: &'static str,
    /// What the path gives: its part, and the argument.
    by: &'static [(&'static str, &'static str)],
    /// It makes something.
    makes: bool,
    /// What was made is found at this path, with what is at this JSON pointer of the result.
    place: Option<(&'static str, &'static str)>,
    /// Of the result only what is at this JSON pointer, under this name.
    part: Option<(&'static str, &'static str)>,
    version: Version,
}

impl Route {
    const fn new(verb: Verb, path: &'static str, tool: &'static str) -> Self {
        Self {
            verb,
            path,
            tool,
            by: &[],
            makes: false,
            place: None,
            part: None,
            version: Version::None,
        }
    }

    const fn get(path: &'static str, tool: &'static str) -> Self {
        Self::new(Verb::Get, path, tool)
    }

    const fn post(path: &'static str, tool: &'static str) -> Self {
        Self::new(Verb::Post, path, tool)
    }

    const fn put(path: &'static str, tool: &'static str) -> Self {
        Self::new(Verb::Put, path, tool)
    }

    const fn patch(path: &'static str, tool: &'static str) -> Self {
        Self::new(Verb::Patch, path, tool)
    }

    const fn delete(path: &'static str, tool: &'static str) -> Self {
        Self::new(Verb::Delete, path, tool)
    }

    const fn by(mut self, given: &'static [(&'static str, &'static str)]) -> Self {
        self.by = given;
        self
    }

    const fn making(mut self) -> Self {
        self.makes = true;
        self
    }

    const fn at(mut self, path: &'static str, pointer: &'static str) -> Self {
        self.place = Some((path, pointer));
        self
    }

    const fn part(mut self, name: &'static str, pointer: &'static str) -> Self {
        self.part = Some((name, pointer));
        self
    }

    const fn showing_a_version(mut self) -> Self {
        self.version = Version::Shown;
        self
    }

    const fn for_a_version(mut self) -> Self {
        self.version = Version::Needed;
        self
    }

    fn spec(&self) -> &'static ToolSpec {
        &SPECS[self.tool]
    }
}

const NOTE: &[(&str, &str)] = &[("id", "note_id")];
const TASK: &[(&str, &str)] = &[("id", "task_id")];
const PROJECT: &[(&str, &str)] = &[("project", "project")];
const MEMBER: &[(&str, &str)] = &[("project", "project"), ("username", "username")];
const KEY: &[(&str, &str)] = &[("key", "key")];
const FROM: &[(&str, &str)] = &[("key", "from")];
const COMMENT: &[(&str, &str)] = &[("key", "key"), ("id", "comment_id")];

const NOTES: &str = "/api/v1/notes";
const ONE_NOTE: &str = "/api/v1/notes/{id}";
const TASKS: &str = "/api/v1/tasks";
const ONE_TASK: &str = "/api/v1/tasks/{id}";
const PROJECTS: &str = "/api/v1/projects";
const ONE_PROJECT: &str = "/api/v1/projects/{project}";
const MEMBERS: &str = "/api/v1/projects/{project}/members";
const ONE_MEMBER: &str = "/api/v1/projects/{project}/members/{username}";
const OF_PROJECT: &str = "/api/v1/projects/{project}/requirements";
const MATRIX: &str = "/api/v1/projects/{project}/matrix";
const REQUIREMENTS: &str = "/api/v1/requirements";
const ONE_REQUIREMENT: &str = "/api/v1/requirements/{key}";
const RESTORE: &str = "/api/v1/requirements/{key}/restore";
const HISTORY: &str = "/api/v1/requirements/{key}/history";
const LINKS: &str = "/api/v1/requirements/{key}/links";
const COMMENTS: &str = "/api/v1/requirements/{key}/comments";
const ONE_COMMENT: &str = "/api/v1/requirements/{key}/comments/{id}";

/// Every request, by path.
const ROUTES: &[Route] = &[
    Route::get(NOTES, "list_notes"),
    Route::post(NOTES, "create_note")
        .making()
        .at(NOTES, "/note/id"),
    Route::get(ONE_NOTE, "get_note").by(NOTE),
    Route::patch(ONE_NOTE, "update_note").by(NOTE),
    Route::delete(ONE_NOTE, "delete_note").by(NOTE),
    Route::get(TASKS, "list_tasks"),
    Route::post(TASKS, "create_task")
        .making()
        .at(TASKS, "/task/id"),
    Route::get(ONE_TASK, "get_task").by(TASK),
    Route::patch(ONE_TASK, "update_task").by(TASK),
    Route::delete(ONE_TASK, "delete_task").by(TASK),
    Route::get(PROJECTS, "list_projects"),
    Route::post(PROJECTS, "create_project")
        .making()
        .at(PROJECTS, "/project/id"),
    Route::get(ONE_PROJECT, "get_project").by(PROJECT),
    Route::patch(ONE_PROJECT, "update_project").by(PROJECT),
    Route::delete(ONE_PROJECT, "delete_project").by(PROJECT),
    Route::get(MEMBERS, "get_project")
        .by(PROJECT)
        .part("members", "/project/members"),
    Route::put(ONE_MEMBER, "share_project").by(MEMBER),
    Route::delete(ONE_MEMBER, "unshare_project").by(MEMBER),
    Route::get(OF_PROJECT, "list_requirements").by(PROJECT),
    Route::post(OF_PROJECT, "create_requirement")
        .by(PROJECT)
        .making()
        .at(REQUIREMENTS, "/requirement/key")
        .showing_a_version(),
    Route::get(MATRIX, "get_requirement_matrix").by(PROJECT),
    Route::get(REQUIREMENTS, "list_requirements"),
    Route::get(ONE_REQUIREMENT, "get_requirement")
        .by(KEY)
        .showing_a_version(),
    Route::patch(ONE_REQUIREMENT, "update_requirement")
        .by(KEY)
        .for_a_version(),
    Route::delete(ONE_REQUIREMENT, "delete_requirement")
        .by(KEY)
        .for_a_version(),
    Route::post(RESTORE, "restore_requirement")
        .by(KEY)
        .for_a_version(),
    Route::get(HISTORY, "get_requirement_history").by(KEY),
    Route::post(LINKS, "link_requirements").by(FROM),
    Route::delete(LINKS, "unlink_requirements").by(FROM),
    Route::get(COMMENTS, "list_requirement_comments").by(KEY),
    Route::post(COMMENTS, "comment_on_requirement")
        .by(KEY)
        .making(),
    Route::delete(ONE_COMMENT, "delete_requirement_comment").by(COMMENT),
];

/// The tools, by name.
static SPECS: LazyLock<HashMap<&'static str, ToolSpec>> = LazyLock::new(|| {
    let specs = deputy_workspace::tools::specs().into_iter();
    specs.map(|spec| (spec.name, spec)).collect()
});

/// The routes.
pub(super) fn router() -> Router<App> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let handler = move |State(app): State<App>,
                            caller: Caller,
                            path: RawPathParams,
                            RawQuery(query): RawQuery,
                            headers: HeaderMap,
                            body: Bytes| async move {
            let path: Vec<_> = path.iter().collect();
            let given = Given::of(route, &path, query.as_deref(), &headers, &body)?;
            handle(route, &app, &caller, &headers, given).await
        };
        router.route(route.path, on(route.verb.filter(), handler))
    })
}

async fn handle(
    route: &Route,
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    given: Given,
) -> Result<Response, ApiError> {
    let options = CallOptions {
        idempotency_key: idempotency_key(headers)?,
        ..CallOptions::default()
    };
    let call = app
        .gateway
        .call(&caller.0, route.tool, given.arguments, options);
    match call.await? {
        Outcome::Done(result) => answer::of(route, &result, given.by_header),
        Outcome::Asked(approval) => Ok(asked(*approval).into_response()),
    }
}

#[cfg(test)]
mod tests;
