//! `POST /api/v1/ask`: a question to the selected server.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deputy_gateway::context::ask::{Came, Question};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::tools_call::{AskedBody, CallBody};
use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskBody {
    /// 1 to 4000 characters.
    query: String,
    /// The session in which it is counted; the context's where none is named. Up to 64 letters, digits,
    /// `.`, `_`, `-`.
    #[serde(default)]
    session_id: Option<String>,
    /// A folder under one's own, for the argument `settings.directory_argument`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    working_directory: Option<PathBuf>,
}

/// The answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplyBody {
    session_id: String,
    /// The text of the answer.
    reply: String,
    /// The whole answer, as the call of the tool gives it.
    result: CallBody,
    /// The server that was asked.
    #[schema(example = "gmail")]
    server: String,
    /// The tool that was called.
    #[schema(example = "search_emails")]
    tool: String,
    duration_ms: u64,
}

/// Asks the selected server: calls the tool that the context's settings name. The same question again,
/// once an approval was given, gives the answer.
#[utoipa::path(
    post,
    path = "/api/v1/ask",
    tag = "context",
    request_body = AskBody,
    responses(
        (status = 200, body = Success<ReplyBody>),
        (status = 202, body = Success<AskedBody>, description = "The tool's policy is to ask"),
        (status = 400, body = Failure, description = "`VALIDATION_ERROR`: an empty question, one over 4000 characters, a folder that is not one's own, or arguments that the tool does not take"),
        (status = 401, body = Failure),
        (status = 403, body = Failure),
        (status = 404, body = Failure, description = "`UNKNOWN_TOOL`"),
        (status = 409, body = Failure, description = "`CONTEXT_NOT_SELECTED`; `TOOL_NOT_SELECTED`: the settings name no tool; `NOT_CONNECTED`"),
        (status = 429, body = Failure, description = "`RATE_LIMITED`", headers(("Retry-After" = u64))),
        (status = 502, body = Failure, description = "`UPSTREAM_ERROR`"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`", headers(("Retry-After" = u64))),
        (status = 504, body = Failure, description = "`TIMEOUT`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    let body: AskBody = serde_json::from_slice(&body).map_err(|error| {
        ApiError::validation(format!("send {{\"query\":…}}: {error}")).pointer(String::new())
    })?;
    let question = Question {
        query: body.query,
        session_id: body.session_id,
        working_directory: body.working_directory,
    };
    let asked = app
        .gateway
        .ask_context(&caller.0, question, CancellationToken::new())
        .await?;
    Ok(match asked.came {
        Came::Answered { reply, result } => Data(ReplyBody {
            session_id: asked.session_id,
            reply,
            result: result.into(),
            server: asked.server,
            tool: asked.tool,
            duration_ms: asked.duration_ms,
        })
        .into_response(),
        Came::Asked(approval) => {
            let body = Success {
                success: true,
                data: AskedBody::from(*approval),
            };
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
    })
}
