//! `POST /api/v1/tools/batch`: several calls in one request, each with its own outcome.

use std::time::Duration;

use axum::extract::State;
use bytes::Bytes;
use deputy_gateway::batch::{BatchCall, MAX_CALLS};
use deputy_gateway::{CallError, CallOptions, Outcome};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::tools_call::{Answer, AskedBody, CallBody, MAX_KEY};
use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, ErrorBody, Failure};

/// Some calls.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    /// 1 to 10.
    calls: Vec<ItemBody>,
}

/// One of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemBody {
    /// The tool.
    #[schema(example = "list_calendar_events")]
    name: String,
    /// Its arguments.
    #[serde(default)]
    #[schema(value_type = Object)]
    arguments: Option<Value>,
    /// A repeat with the same key gives the first answer; up to 255 characters.
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// The outcomes, in the order of the calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutcomesBody {
    results: Vec<ItemOutcome>,
}

/// What the call would have answered on its own.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemOutcome {
    /// The HTTP status: 200 done, 202 it waits for its person's word, else an error.
    #[schema(example = 200)]
    status: u16,
    /// Whether there is `data`, not `error`.
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<ItemData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
    /// Seconds to wait before a repeat, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// The answer, or the approval that was asked for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ItemData {
    Done(CallBody),
    Asked(Box<AskedBody>),
}

impl From<Result<Outcome, CallError>> for ItemOutcome {
    fn from(outcome: Result<Outcome, CallError>) -> Self {
        let (status, data) = match outcome.map(Answer::from) {
            Ok(Answer::Done(body)) => (StatusCode::OK, ItemData::Done(body)),
            Ok(Answer::Asked(body)) => (StatusCode::ACCEPTED, ItemData::Asked(body)),
            Err(error) => return ApiError::from(error).into(),
        };
        Self {
            status: status.as_u16(),
            success: true,
            data: Some(data),
            error: None,
            retry_after: None,
        }
    }
}

impl From<ApiError> for ItemOutcome {
    fn from(error: ApiError) -> Self {
        let (status, error, retry_after) = error.into_parts();
        Self {
            status: status.as_u16(),
            success: false,
            data: None,
            error: Some(error),
            retry_after: retry_after.map(whole_seconds),
        }
    }
}

/// Never 0, so that who waits that long does not come too early.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Makes up to ten calls, three at a time. Each has the outcome that it would have on its own, in the
/// order of the calls; one that fails stops no other.
#[utoipa::path(
    post,
    path = "/api/v1/tools/batch",
    tag = "tools",
    request_body = BatchBody,
    responses(
        (status = 200, body = Success<OutcomesBody>),
        (status = 400, body = Failure, description = "`VALIDATION_ERROR`: the batch itself, with the JSON pointer; nothing was called"),
        (status = 401, body = Failure),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Data<OutcomesBody>, ApiError> {
    let calls = calls(&body)?;
    let outcomes = app
        .gateway
        .batch(&caller.0, calls)
        .await
        .map_err(|e| ApiError::validation(e.to_string()).pointer("/calls".to_owned()))?;
    Ok(Data(OutcomesBody {
        results: outcomes.into_iter().map(Into::into).collect(),
    }))
}

fn calls(body: &[u8]) -> Result<Vec<BatchCall>, ApiError> {
    let body: BatchBody = serde_json::from_slice(body).map_err(|error| {
        ApiError::validation(format!(
            "send {{\"calls\":[{{\"name\":…,\"arguments\":{{…}}}}]}}: {error}"
        ))
        .pointer(String::new())
    })?;
    if body.calls.is_empty() || body.calls.len() > MAX_CALLS {
        let number = body.calls.len();
        return Err(ApiError::validation(format!(
            "a batch has 1 to {MAX_CALLS} calls, not {number}"
        ))
        .pointer("/calls".to_owned()));
    }
    body.calls
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            let wrong = |field: &str, message: &str| {
                Err(ApiError::validation(message).pointer(format!("/calls/{index}/{field}")))
            };
            let fits = |key: &String| {
                !key.is_empty()
                    && key.len() <= MAX_KEY
                    && key.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            };
            if item.idempotency_key.as_ref().is_some_and(|key| !fits(key)) {
                return wrong(
                    "idempotency_key",
                    "an idempotency key has 1 to 255 printable ASCII characters",
                );
            }
            Ok(BatchCall {
                name: item.name,
                arguments: item
                    .arguments
                    .unwrap_or_else(|| Value::Object(serde_json::Map::new())),
                options: CallOptions {
                    idempotency_key: item.idempotency_key,
                    ..CallOptions::default()
                },
            })
        })
        .collect()
}
