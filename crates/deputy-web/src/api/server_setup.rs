//! `/api/v1/server-setup`: adding a server question by question.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::server_setup::{SetupError, SetupView};
use deputy_gateway::servers::NewServer;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::servers::{ServerBody, read};
use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// A question.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct QuestionBody {
    /// `server_name`, or the name of the property.
    #[schema(example = "allowed_path")]
    key: String,
    title: String,
    /// What to answer.
    help: String,
    /// `text`, `token`, `folder`, …
    #[schema(example = "folder")]
    kind: String,
    /// JSON Schema of the answer.
    #[schema(value_type = Object)]
    schema: Value,
    /// Not to be echoed.
    secret: bool,
    /// Whether it must be answered.
    required: bool,
    /// What an empty answer stands for.
    #[schema(value_type = Object, nullable)]
    default: Value,
    #[schema(value_type = Vec<Object>)]
    examples: Vec<Value>,
    /// The values to choose from, if it is a choice.
    #[schema(value_type = Option<Vec<Object>>)]
    choices: Option<Vec<Value>>,
    /// What they are called, in their order.
    choice_titles: Option<Vec<String>>,
    /// What was answered before a step back; never a secret.
    #[schema(value_type = Object, nullable)]
    answered: Value,
    is_answered: bool,
    /// Which question this is, from 1.
    number: usize,
    of: usize,
}

/// What was answered, in a line.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct AnswerBody {
    title: String,
    /// None for a secret.
    value: Option<String>,
}

/// What was answered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct SetupSummaryBody {
    server_name: String,
    answers: Vec<AnswerBody>,
}

/// A setup: what comes next in it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct SetupBody {
    #[schema(value_type = String, example = "0199a7f2-5a5e-7000-8000-000000000001")]
    id: Uuid,
    server_type: String,
    title: String,
    /// How one gets what is asked for, Markdown.
    instructions: String,
    question: Option<QuestionBody>,
    /// When everything was answered.
    summary: Option<SetupSummaryBody>,
    /// RFC 3339.
    expires_at: String,
}

/// Which kind of server.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginBody {
    /// A template's.
    #[schema(example = "filesystem")]
    server_type: String,
}

/// Begins a setup; it waits for a day.
#[utoipa::path(
    post,
    path = "/api/v1/server-setup",
    tag = "servers",
    request_body = BeginBody,
    responses(
        (status = 201, body = Success<SetupBody>),
        (status = 400, body = Failure, description = "`pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
    )
)]
pub(crate) async fn begin(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.need(Scope::ServersManage)?;
    let body: BeginBody = read(&body).map_err(|error| error.pointer("/server_type".to_owned()))?;
    let begun = app
        .gateway
        .setups()
        .begin(caller.0.user_id, &body.server_type, caller.0.language)
        .await;
    let view = begun.map_err(|error| refused(&error, &caller))?;
    Ok((StatusCode::CREATED, Data(view)).into_response())
}

/// What comes next in a setup.
#[utoipa::path(
    get,
    path = "/api/v1/server-setup/{id}",
    tag = "servers",
    params(("id" = String, Path, description = "The setup")),
    responses(
        (status = 200, body = Success<SetupBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such setup, or it lapsed"),
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Data<SetupView>, ApiError> {
    caller.need(Scope::ServersManage)?;
    let id = parse(&id)?;
    let setups = app.gateway.setups();
    let view = setups
        .get(caller.0.user_id, id, caller.0.language)
        .await
        .map_err(|error| refused(&error, &caller))?;
    Ok(Data(view))
}

/// A step: exactly one of the members.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepBody {
    /// The answer to the question that comes next; null passes over one that needn't be answered.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Object, nullable)]
    answer: Option<Value>,
    /// True: one question back.
    #[serde(default)]
    back: bool,
    /// True, when everything is answered: adds the server.
    #[serde(default)]
    confirm: bool,
}

/// Tells null from what is not there.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Answers, goes back, or adds the server that was set up.
#[utoipa::path(
    post,
    path = "/api/v1/server-setup/{id}",
    tag = "servers",
    params(("id" = String, Path, description = "The setup")),
    request_body = StepBody,
    responses(
        (status = 200, body = Success<SetupBody>),
        (status = 201, body = Success<ServerBody>, description = "After `confirm`: the server"),
        (status = 400, body = Failure, description = "A wrong answer changes nothing; `pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such setup, or it lapsed"),
        (status = 409, body = Failure, description = "`CONFLICT`: answered elsewhere meanwhile, confirmed too early, or the name was taken meanwhile; `LIMIT_REACHED`: there are as many servers as one may have"),
    )
)]
pub(crate) async fn step(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.need(Scope::ServersManage)?;
    let id = parse(&id)?;
    let (user, language) = (caller.0.user_id, caller.0.language);
    let setups = app.gateway.setups();
    // Before the body: of a setup that is not there nothing is said.
    let present = setups.get(user, id, language).await;
    present.map_err(|error| refused(&error, &caller))?;
    let body: StepBody = read(&body)?;
    let next = match body {
        StepBody {
            answer: Some(value),
            back: false,
            confirm: false,
        } => setups.answer(user, id, &value, language).await,
        StepBody {
            answer: None,
            back: true,
            confirm: false,
        } => setups.back(user, id, language).await,
        StepBody {
            answer: None,
            back: false,
            confirm: true,
        } => return confirm(&app, &caller, id).await,
        _ => {
            return Err(ApiError::validation(
                "send one of {\"answer\":…}, {\"back\":true} and {\"confirm\":true}",
            ));
        }
    };
    let view = next.map_err(|error| refused(&error, &caller))?;
    Ok(Data(view).into_response())
}

async fn confirm(app: &App, caller: &Caller, id: Uuid) -> Result<Response, ApiError> {
    let setups = app.gateway.setups();
    let finished = setups
        .finished(caller.0.user_id, id)
        .await
        .map_err(|error| refused(&error, caller))?;
    let new = NewServer {
        name: finished.name,
        server_type: finished.server_type,
        config: finished.config,
        default_policy: None,
    };
    let server = app.gateway.servers().create(&caller.0, new).await?;
    match setups.cancel(caller.0.user_id, id).await {
        // Somebody else's word came in between; the server is there.
        Ok(()) | Err(SetupError::NotFound) => {}
        Err(error) => return Err(refused(&error, caller)),
    }
    Ok((StatusCode::CREATED, Data(server)).into_response())
}

/// A setup that was dropped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CancelledBody {
    /// Always true.
    #[schema(example = true)]
    cancelled: bool,
}

/// Drops a setup and what was answered.
#[utoipa::path(
    delete,
    path = "/api/v1/server-setup/{id}",
    tag = "servers",
    params(("id" = String, Path, description = "The setup")),
    responses(
        (status = 200, body = Success<CancelledBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such setup, or it lapsed"),
    )
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Data<CancelledBody>, ApiError> {
    caller.need(Scope::ServersManage)?;
    let id = parse(&id)?;
    let cancelled = app.gateway.setups().cancel(caller.0.user_id, id).await;
    cancelled.map_err(|error| refused(&error, &caller))?;
    Ok(Data(CancelledBody { cancelled: true }))
}

fn parse(id: &str) -> Result<Uuid, ApiError> {
    Uuid::parse_str(id).map_err(|_| ApiError::not_found(SetupError::NotFound.to_string()))
}

/// The answer for a setup that can't go on, in the caller's language.
fn refused(error: &SetupError, caller: &Caller) -> ApiError {
    let text = error.to_string();
    match error {
        SetupError::NotFound => ApiError::not_found(text),
        SetupError::UnknownType { .. } => {
            ApiError::validation(text).pointer("/server_type".to_owned())
        }
        SetupError::Answer(fault) => {
            ApiError::validation(fault.message(caller.0.language)).pointer(fault.field.clone())
        }
        SetupError::Conflict | SetupError::Unfinished => {
            ApiError::new(StatusCode::CONFLICT, error.code(), text)
        }
        SetupError::Internal => ApiError::bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
