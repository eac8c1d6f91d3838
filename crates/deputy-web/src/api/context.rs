//! `/api/v1/context`: the server that a person has selected to ask.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use bytes::Bytes;
use deputy_gateway::context::suggest::Suggestion;
use deputy_gateway::context::{Context, ContextError, Summary};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// The selected server.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct ContextBody {
    #[schema(example = "gmail")]
    server_name: String,
    /// As they were set.
    #[schema(value_type = Object)]
    settings: Value,
    /// RFC 3339.
    selected_at: String,
    /// Names the session that began then.
    session_id: String,
    /// When the session ends if nothing is asked in it, RFC 3339.
    expires_at: String,
}

/// Which server to select.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelectBody {
    /// One of one's own servers that is switched on, or `calendar`, `gmail`, `drive` when connected.
    #[schema(example = "gmail")]
    server_name: String,
    /// Up to 16 KiB. For `POST /api/v1/ask`: `tool` answers, `arguments` is what every call gets,
    /// `query_argument` takes the question (default `query`), `directory_argument` takes the working
    /// directory.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Option<Value>,
}

/// Whether something was selected.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClearedBody {
    cleared: bool,
}

/// How the session goes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct SummaryBody {
    server_name: String,
    /// Of one of ours `connected`; of an own one its status.
    #[schema(example = "connected")]
    server_status: String,
    /// Tools of it that can be called now.
    tool_count: usize,
    session_id: String,
    /// RFC 3339.
    selected_at: String,
    session_age_seconds: u64,
    /// Questions asked in this session.
    queries: u64,
    /// Of these, answered well.
    successful: u64,
    /// RFC 3339.
    last_used: String,
}

/// A server that fits a question.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct SuggestionBody {
    server_name: String,
    /// More is better; only the order means something.
    score: f64,
    /// Its tools that fit, the best first, at most 5.
    tools: Vec<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// What is to be asked, 1 to 4000 characters.
    query: String,
}

/// What is selected.
#[utoipa::path(
    get,
    path = "/api/v1/context",
    tag = "context",
    responses(
        (status = 200, body = Success<ContextBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `chat`"),
        (status = 404, body = Failure, description = "`CONTEXT_NOT_SELECTED`: nothing, or its hour is over"),
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Context>, ApiError> {
    app.gateway
        .context(&caller.0)
        .await
        .map(Data)
        .map_err(looked)
}

/// Selects a server instead of the one before and begins a session.
#[utoipa::path(
    put,
    path = "/api/v1/context",
    tag = "context",
    request_body = SelectBody,
    responses(
        (status = 200, body = Success<ContextBody>),
        (status = 400, body = Failure, description = "`VALIDATION_ERROR`, with the JSON pointer"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `chat`"),
        (status = 404, body = Failure, description = "The caller has no such server that is switched on and connected"),
    )
)]
pub(crate) async fn select(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Data<Context>, ApiError> {
    let body: SelectBody = serde_json::from_slice(&body).map_err(|error| {
        ApiError::validation(format!(
            "send {{\"server_name\":…,\"settings\":{{…}}}}: {error}"
        ))
        .pointer(String::new())
    })?;
    let settings = body.settings.unwrap_or_else(|| Value::Object(Map::new()));
    let selected = app
        .gateway
        .select_context(&caller.0, &body.server_name, settings)
        .await?;
    Ok(Data(selected))
}

/// Selects nothing.
#[utoipa::path(
    delete,
    path = "/api/v1/context",
    tag = "context",
    responses(
        (status = 200, body = Success<ClearedBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `chat`"),
    )
)]
pub(crate) async fn clear(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<ClearedBody>, ApiError> {
    let cleared = app.gateway.clear_context(&caller.0).await?;
    Ok(Data(ClearedBody { cleared }))
}

/// Which of the caller's servers fit a question, by the names and descriptions of their tools; the best
/// first, at most 5.
#[utoipa::path(
    get,
    path = "/api/v1/context/suggestions",
    tag = "context",
    params(Wanted),
    responses(
        (status = 200, body = Success<Vec<SuggestionBody>>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `chat` or `tools:read`"),
    )
)]
pub(crate) async fn suggestions(
    State(app): State<App>,
    caller: Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Data<Vec<Suggestion>>, ApiError> {
    let Query(wanted) = wanted.map_err(|_| {
        ApiError::validation("say what is to be asked: ?query=…").pointer("/query".to_owned())
    })?;
    let fitting = app.gateway.context_suggestions(&caller.0, &wanted.query);
    Ok(Data(fitting.await?))
}

/// How the session goes.
#[utoipa::path(
    get,
    path = "/api/v1/context/summary",
    tag = "context",
    responses(
        (status = 200, body = Success<SummaryBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `chat` or `tools:read`"),
        (status = 404, body = Failure, description = "`CONTEXT_NOT_SELECTED`"),
    )
)]
pub(crate) async fn summary(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Summary>, ApiError> {
    let summary = app.gateway.context_summary(&caller.0).await;
    summary.map(Data).map_err(looked)
}

/// Who only looks finds nothing; who asks without having selected is in conflict with that.
fn looked(error: ContextError) -> ApiError {
    match error {
        ContextError::NotSelected => ApiError::new(
            StatusCode::NOT_FOUND,
            "CONTEXT_NOT_SELECTED",
            error.to_string(),
        ),
        error => error.into(),
    }
}

impl From<ContextError> for ApiError {
    fn from(error: ContextError) -> Self {
        let text = error.to_string();
        match error {
            ContextError::NotSelected => {
                Self::new(StatusCode::CONFLICT, "CONTEXT_NOT_SELECTED", text)
            }
            ContextError::NoTool => Self::new(StatusCode::CONFLICT, "TOOL_NOT_SELECTED", text),
            ContextError::NoServer(_) => Self::not_found(text),
            ContextError::Validation { pointer, message } => {
                Self::validation(message).pointer(pointer)
            }
            ContextError::Call(error) => error.into(),
        }
    }
}
