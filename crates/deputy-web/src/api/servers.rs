//! `/api/v1/servers`: a person's own servers. One file an endpoint; here is what they share.

pub(crate) mod accept;
pub(super) mod all;
pub(super) mod log;
pub(super) mod one;
pub(super) mod switch;
pub(super) mod test;
pub(super) mod tools;

use deputy_gateway::servers::ServerError;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use utoipa::ToSchema;

use crate::error::{ApiError, FieldProblem};

/// A person's own server.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct ServerBody {
    #[schema(example = "my-files")]
    server_name: String,
    #[schema(example = "filesystem")]
    server_type: String,
    /// The configuration without its secrets.
    #[schema(value_type = Object)]
    config: Value,
    /// Which secrets are set; a member of variables is `PROPERTY/NAME`.
    secrets_set: Vec<String>,
    /// `ask_writes`, `auto` or `ask`.
    #[schema(example = "ask_writes")]
    default_policy: String,
    is_enabled: bool,
    /// `inactive`, `starting`, `active`, `error`, `needs_consent` or `disabled`.
    #[schema(example = "active")]
    status: String,
    /// RFC 3339.
    last_used: Option<String>,
    /// RFC 3339.
    last_activity: Option<String>,
    /// RFC 3339.
    last_status_check: Option<String>,
    /// Failures in a row.
    error_count: i32,
    /// It is not started again before; RFC 3339.
    retry_after: Option<String>,
    /// What was wrong, with the last it printed.
    error_message: Option<String>,
    /// Grows with every change of what it is started with.
    generation: i64,
    /// When its tools were last read; they are accepted as they are the first time. RFC 3339.
    tools_read_at: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// Reads a body; one that is no such JSON is refused in words, with the field that is missing or
/// unknown or has no value of its kind.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let refused =
        |error: &serde_json::Error| ApiError::validation(format!("the body does not fit: {error}"));
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let refused = refused(error.inner());
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer = format!("{pointer}/{index}"),
                Segment::Map { key } => pointer = format!("{pointer}/{key}"),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        // What is not there has no path.
        let text = error.inner().to_string();
        if let Some((_, missing)) = text.split_once("missing field `") {
            let name = missing.split('`').next().unwrap_or_default();
            pointer = format!("{pointer}/{name}");
        }
        if pointer.is_empty() {
            refused
        } else {
            refused.pointer(pointer)
        }
    })?;
    json.end().map_err(|error| refused(&error))?;
    Ok(read)
}

/// A word that names a policy, or the field that is wrong.
pub(super) fn policy<T>(word: &str, field: &str) -> Result<T, ApiError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    word.parse()
        .map_err(|error: T::Err| ApiError::validation(error.to_string()).pointer(field.to_owned()))
}

impl From<ServerError> for ApiError {
    fn from(error: ServerError) -> Self {
        let text = match &error {
            // The field goes by the name that it has in the request.
            ServerError::Validation { field, message, .. } if field == "/name" => {
                format!("{message} (at {})", wire_name(field.clone()))
            }
            other => other.to_string(),
        };
        match error {
            ServerError::NotFound(_) => Self::not_found(text),
            ServerError::Conflict(_) => Self::new(StatusCode::CONFLICT, "CONFLICT", text),
            ServerError::LimitReached(_) => Self::new(StatusCode::CONFLICT, "LIMIT_REACHED", text),
            ServerError::Validation {
                field,
                message,
                more,
            } => {
                let all = std::iter::once((field.clone(), message)).chain(more);
                let problems = all
                    .map(|(pointer, message)| FieldProblem {
                        pointer: wire_name(pointer),
                        message,
                    })
                    .collect();
                Self::validation(text)
                    .pointer(wire_name(field))
                    .problems(problems)
            }
            ServerError::Scope(missing) => Self::forbidden(text).lacks(missing.needed),
            ServerError::Forbidden(_) => Self::forbidden(text),
            ServerError::Unavailable { retry_after, .. } => Self::unavailable(text, retry_after),
            ServerError::Internal => Self::bare(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// The field as the request has it.
fn wire_name(pointer: String) -> String {
    if pointer == "/name" {
        "/server_name".to_owned()
    } else {
        pointer
    }
}
