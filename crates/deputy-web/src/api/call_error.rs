//! The gateway's errors as REST answers.

use deputy_gateway::CallError;
use http::StatusCode;

use crate::error::ApiError;

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let status = match &error {
            CallError::Validation { .. } => StatusCode::BAD_REQUEST,
            CallError::Scope(_) | CallError::Forbidden(_) => StatusCode::FORBIDDEN,
            CallError::UnknownTool(_) => StatusCode::NOT_FOUND,
            CallError::NotConnected { .. } | CallError::Conflict(_) => StatusCode::CONFLICT,
            CallError::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            // Over REST nobody can be asked, so that the last can't be.
            CallError::Upstream(_) | CallError::Refused { .. } | CallError::InputRequired(_) => {
                StatusCode::BAD_GATEWAY
            }
            CallError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            CallError::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
            // What nginx answers when the client went away; nobody is there to read it.
            CallError::Cancelled => {
                StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT)
            }
            CallError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut answer = Self::new(status, error.code(), error.to_string());
        if let Some(after) = error.retry_after() {
            answer = answer.retry_after(after);
        }
        match error {
            CallError::Scope(missing) => answer.lacks(missing.needed),
            CallError::Validation { pointer, .. } => answer.pointer(pointer),
            CallError::NotConnected { connect_url, .. } => answer.connect_url(connect_url),
            _ => answer,
        }
    }
}
