//! What goes wrong, as the outside sees it. Programs get `{"success":false,"error":{…}}`; browsers
//! get a page. The cause is logged once, here, and never shown.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use deputy_core::Scope;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The `error` of an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What happened, for programs: `UPPER_SNAKE`.
    #[schema(example = "NOT_CONNECTED")]
    pub(crate) code: &'static str,
    /// What happened, for people.
    pub(crate) message: String,
    /// Which argument is wrong: a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<String>,
    /// The name of that field, as a form would have it: `allowed_path` for `/config/allowed_path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// All that is wrong, where there is more than one field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<FieldProblem>,
    /// Where to connect what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connect_url: Option<String>,
    /// What it says now, where somebody else changed it meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) current: Option<Value>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Which: a JSON pointer (RFC 6901).
    #[schema(example = "/config/allowed_path")]
    pub(crate) pointer: String,
    /// What, for people.
    pub(crate) message: String,
}

/// An answer that is no success.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Failure {
    /// Always false.
    #[schema(example = false)]
    pub(crate) success: bool,
    pub(crate) error: ErrorBody,
}

/// A REST answer that is no success.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// Boxed: an error goes through many hands.
    body: Box<ErrorBody>,
    retry_after: Option<Duration>,
    /// `WWW-Authenticate`.
    challenge: Option<Box<str>>,
    /// The scope without which it is refused.
    lacks: Option<Scope>,
    /// The tag of [`ErrorBody::current`].
    etag: Option<HeaderValue>,
}

/// On the answer to a caller that lacks a scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lacks(pub(crate) Scope);

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let body = Box::new(ErrorBody {
            code,
            message: message.into(),
            pointer: None,
            field: None,
            problems: Vec::new(),
            connect_url: None,
            current: None,
        });
        Self {
            status,
            body,
            retry_after: None,
            challenge: None,
            lacks: None,
            etag: None,
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "sign in, or send a valid token as 'Authorization: Bearer TOKEN'",
        )
    }

    /// For a token that was refused; `why` is for people.
    pub(crate) fn unauthorized_because(why: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            format!("{why}; sign in again, or send a valid token"),
        )
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// For a write that does not say what it is a change of (RFC 6585 section 3).
    pub(crate) fn precondition_required(message: impl Into<String>) -> Self {
        let status = StatusCode::PRECONDITION_REQUIRED;
        Self::new(status, "PRECONDITION_REQUIRED", message)
    }

    pub(crate) fn unavailable(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message).retry_after(retry_after)
    }

    pub(crate) fn rate_limited(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message).retry_after(retry_after)
    }

    /// Logs `error` and says nothing about it.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static), doing: &'static str) -> Self {
        tracing::error!(error, doing, "a request failed inside");
        Self::bare(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The usual body for a status that something else answered with.
    pub(crate) fn bare(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::UNAUTHORIZED => return Self::unauthorized(),
            StatusCode::FORBIDDEN => ("FORBIDDEN", "this is not allowed"),
            StatusCode::NOT_FOUND => ("NOT_FOUND", "there is nothing here"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("METHOD_NOT_ALLOWED", "this method does not work here")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("PAYLOAD_TOO_LARGE", "the request is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                "UNSUPPORTED_MEDIA_TYPE",
                "send JSON as 'Content-Type: application/json'",
            ),
            StatusCode::TOO_MANY_REQUESTS => ("RATE_LIMITED", "too many requests"),
            StatusCode::GATEWAY_TIMEOUT => ("TIMEOUT", "no answer in time"),
            StatusCode::SERVICE_UNAVAILABLE => ("UNAVAILABLE", "this can't be done now"),
            other if other.is_client_error() => ("VALIDATION_ERROR", "the request is not valid"),
            _ => (
                "INTERNAL_ERROR",
                "an internal error; the server's log has the details",
            ),
        };
        Self::new(status, code, message)
    }

    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Says how to get in: [`deputy_core::challenge`].
    pub(crate) fn challenge(mut self, challenge: String) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// With this scope it would not be refused.
    pub(crate) fn lacks(mut self, scope: Scope) -> Self {
        self.lacks = Some(scope);
        self
    }

    pub(crate) fn pointer(mut self, pointer: String) -> Self {
        let name = pointer.strip_prefix("/config/").unwrap_or(&pointer);
        let name = name.trim_start_matches('/');
        self.body.field = (!name.is_empty()).then(|| name.to_owned());
        self.body.pointer = Some(pointer);
        self
    }

    /// Lists what is wrong where it is more than one field.
    pub(crate) fn problems(mut self, problems: Vec<FieldProblem>) -> Self {
        if problems.len() > 1 {
            self.body.problems = problems;
        }
        self
    }

    pub(crate) fn connect_url(mut self, url: String) -> Self {
        self.body.connect_url = Some(url);
        self
    }

    /// Says what it is now that somebody else changed it, and under which tag.
    pub(crate) fn current(mut self, current: Value, etag: Option<HeaderValue>) -> Self {
        self.body.current = Some(current);
        self.etag = etag;
        self
    }

    /// The status, the `error`, and when to come back.
    pub(crate) fn into_parts(self) -> (StatusCode, ErrorBody, Option<Duration>) {
        (self.status, *self.body, self.retry_after)
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.body.code
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (
            self.status,
            Json(Failure {
                success: false,
                error: *self.body,
            }),
        )
            .into_response();
        if let Some(after) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds(after)));
        }
        let etag = self.etag.map(|etag| (header::ETAG, etag));
        response.headers_mut().extend(etag);
        if let Some(scope) = self.lacks {
            response.extensions_mut().insert(Lacks(scope));
        }
        let plain = (self.status == StatusCode::UNAUTHORIZED).then_some("Bearer realm=\"deputy\"");
        let challenge = self.challenge.as_deref().or(plain);
        if let Some(value) = challenge.and_then(|text| HeaderValue::from_str(text).ok()) {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// Whole seconds, rounded up, at least one: who comes back after them is not too early.
fn seconds(after: Duration) -> u64 {
    after
        .as_secs()
        .saturating_add(u64::from(after.subsec_nanos() > 0))
        .max(1)
}

/// What is wrong with a request for a page. The page itself is made where the language is known
/// (`middleware::shape_errors`), which also gives this shape to what axum refuses by itself.
#[derive(Clone, Debug)]
pub(crate) enum PageError {
    NotFound,
    /// The form's token is missing or another session's, or the form came from another site.
    Form,
    /// A field makes no sense; only ever of a form that was not filled in by our page.
    Invalid,
    /// Too often; come back later.
    Busy(Duration),
    /// It can't be done now, whoever asks; come back later.
    Unavailable(Duration),
    Internal,
}

impl PageError {
    /// Logs `error` and says nothing about it.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static), doing: &'static str) -> Self {
        tracing::error!(error, doing, "a page failed inside");
        Self::Internal
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Form => StatusCode::FORBIDDEN,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = status.into_response();
        if let Self::Busy(after) | Self::Unavailable(after) = &self {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds(*after)));
        }
        response.extensions_mut().insert(self);
        response
    }
}
