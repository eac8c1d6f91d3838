//! `POST /api/v1/tools/{name}/call`: calls a tool.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deputy_gateway::approval::Approval;
use deputy_gateway::{CallOptions, CallResult, Outcome};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::approvals::ApprovalBody;
use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// Longest `Idempotency-Key`, in bytes.
pub(super) const MAX_KEY: usize = 255;

/// The answer of a tool.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallBody {
    /// Content blocks, as MCP has them.
    #[schema(value_type = Vec<Object>)]
    content: Box<RawValue>,
    /// The same as JSON, by the tool's output schema.
    #[schema(value_type = Object, nullable)]
    structured: Option<Box<RawValue>>,
    /// Whether the tool says that it failed.
    is_error: bool,
    /// Names the call in the records.
    call_id: String,
}

/// A call that waits for its person's word.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AskedBody {
    approval: ApprovalBody,
}

/// What a call comes to, on its own or in a batch.
pub(super) enum Answer {
    Done(CallBody),
    Asked(Box<AskedBody>),
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done(result) => Self::Done(result.into()),
            Outcome::Asked(approval) => Self::Asked(Box::new((*approval).into())),
        }
    }
}

impl From<CallResult> for CallBody {
    fn from(result: CallResult) -> Self {
        Self {
            content: result.content,
            structured: result.structured,
            is_error: result.is_error,
            call_id: result.call_id.to_string(),
        }
    }
}

impl From<Approval> for AskedBody {
    fn from(approval: Approval) -> Self {
        Self {
            approval: approval.into(),
        }
    }
}

/// Calls a tool with the arguments in the body. The same call again, once the approval was given,
/// gives the result.
#[utoipa::path(
    post,
    path = "/api/v1/tools/{name}/call",
    tag = "tools",
    params(
        ("name" = String, Path, description = "The tool"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key gives the first answer; up to 255 characters"),
    ),
    request_body(content = Object, description = "The arguments"),
    responses(
        (status = 200, body = Success<CallBody>),
        (status = 202, body = Success<AskedBody>, description = "The tool's policy is to ask"),
        (status = 400, body = Failure, description = "`VALIDATION_ERROR`: the arguments, with the JSON pointer"),
        (status = 401, body = Failure),
        (status = 403, body = Failure),
        (status = 404, body = Failure, description = "`UNKNOWN_TOOL`"),
        (status = 409, body = Failure, description = "`NOT_CONNECTED`, with `connect_url`; `CONFLICT`: the key belongs to another call"),
        (status = 429, body = Failure, description = "`RATE_LIMITED`", headers(("Retry-After" = u64))),
        (status = 502, body = Failure, description = "`UPSTREAM_ERROR`"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`", headers(("Retry-After" = u64))),
        (status = 504, body = Failure, description = "`TIMEOUT`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let options = CallOptions {
        idempotency_key: idempotency_key(&headers)?,
        ..CallOptions::default()
    };
    let arguments = arguments(&body)?;
    let outcome = app
        .gateway
        .call(&caller.0, &name, arguments, options)
        .await?;
    Ok(match outcome {
        Outcome::Done(result) => Data(CallBody::from(result)).into_response(),
        Outcome::Asked(approval) => asked(*approval),
    })
}

/// The answer to a request that waits for its person's word.
pub(super) fn asked(approval: Approval) -> Response {
    let body = Data(AskedBody::from(approval));
    (StatusCode::ACCEPTED, body).into_response()
}

/// The body as JSON, whatever its type is said to be; nothing at all stands for no arguments.
pub(super) fn arguments(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| {
        ApiError::validation(format!("the body is not JSON: {error}")).pointer(String::new())
    })
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= MAX_KEY => Ok(Some(key.to_owned())),
        _ => Err(ApiError::validation(
            "an Idempotency-Key has 1 to 255 printable ASCII characters",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_json_or_nothing() {
        assert_eq!(arguments(b" ").unwrap(), json!({}));
        assert_eq!(arguments(br#"{"a":1}"#).unwrap(), json!({"a": 1}));
        assert_eq!(arguments(b"a=1").unwrap_err().code(), "VALIDATION_ERROR");
    }
}
