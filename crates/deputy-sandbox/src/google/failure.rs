//! Errors as Google writes them: one type, rendered in the envelope of the API that answers.
//!
//! Calendar and Drive use the older envelope (`errors[]` with domain and reason), Docs the newer one
//! (`status` and `details[]`), Gmail both at once. Texts are those of Google's error pages
//! (developers.google.com, "Resolve errors" of each API) where they give one.

use std::ops::{Deref, DerefMut};

use http::StatusCode;
use serde_json::{Value, json};

use super::world::WorldError;

/// The shape of an error body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// `{"error":{"errors":[…],"code","message"}}`: Calendar, Drive, oauth2.
    Older,
    /// The older members and `status`: Gmail.
    Both,
    /// `{"error":{"code","message","status","details"?}}`: Docs.
    Newer,
}

/// A refusal; a pointer, so that results stay small.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Facts>);

impl Deref for Failure {
    type Target = Facts;
    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.0
    }
}

/// What a refusal says.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) code: StatusCode,
    pub(crate) domain: &'static str,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// `(locationType, location)`: `("parameter", "syncToken")`, `("header", "If-Match")`.
    pub(crate) location: Option<(&'static str, String)>,
    /// `status` of the newer envelope; follows from the code if not given.
    pub(crate) status: Option<&'static str>,
    /// `details[]` of the newer envelope.
    pub(crate) details: Vec<Value>,
    /// Seconds for a `Retry-After` header.
    pub(crate) retry_after: Option<u64>,
}

impl Failure {
    /// A refusal in the domain `global`.
    pub(crate) fn new(
        code: StatusCode,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Facts {
            code,
            domain: "global",
            reason: reason.into(),
            message: message.into(),
            location: None,
            status: None,
            details: Vec::new(),
            retry_after: None,
        }))
    }

    pub(crate) fn domain(mut self, domain: &'static str) -> Self {
        self.domain = domain;
        self
    }

    pub(crate) fn at_parameter(mut self, name: impl Into<String>) -> Self {
        self.location = Some(("parameter", name.into()));
        self
    }

    pub(crate) fn at_header(mut self, name: impl Into<String>) -> Self {
        self.location = Some(("header", name.into()));
        self
    }

    pub(crate) fn status(mut self, status: &'static str) -> Self {
        self.status = Some(status);
        self
    }

    /// 400 `badRequest`.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "badRequest", message)
    }

    /// 400 `invalid`: a value that can't be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// 400 `required`: something is missing.
    pub(crate) fn required(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "required", message)
    }

    /// 400 `failedPrecondition` (status `FAILED_PRECONDITION`).
    pub(crate) fn failed_precondition(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "failedPrecondition", message)
            .status("FAILED_PRECONDITION")
    }

    /// 403 with a reason of its own.
    pub(crate) fn forbidden(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason, message)
    }

    /// 404 `notFound`.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", message)
    }

    /// 401 `authError`: the access token is unknown, expired or revoked.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authError", "Invalid Credentials")
            .at_header("Authorization")
    }

    /// 401 `required`: no access token.
    pub(crate) fn login_required() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "required", "Login Required").at_header("Authorization")
    }

    /// 403 `insufficientPermissions`: none of the method's scopes was granted.
    pub(crate) fn missing_scope(service: &str, method: &str) -> Self {
        let mut failure = Self::forbidden(
            "insufficientPermissions",
            "Request had insufficient authentication scopes.",
        )
        .status("PERMISSION_DENIED");
        failure.details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": {"service": service, "method": method},
        }));
        failure
    }

    /// 403 or 429 `rateLimitExceeded`: too many requests of the project.
    pub(crate) fn rate_limit(code: StatusCode) -> Self {
        Self::new(code, "rateLimitExceeded", "Rate Limit Exceeded")
            .domain("usageLimits")
            .status("RESOURCE_EXHAUSTED")
    }

    /// 403 or 429 `userRateLimitExceeded`: too many requests of one user.
    pub(crate) fn user_rate_limit(code: StatusCode) -> Self {
        Self::new(code, "userRateLimitExceeded", "User Rate Limit Exceeded")
            .domain("usageLimits")
            .status("RESOURCE_EXHAUSTED")
    }

    /// 403 `quotaExceeded`: not to be retried soon.
    pub(crate) fn quota_exceeded() -> Self {
        Self::forbidden("quotaExceeded", "Calendar usage limits exceeded.")
            .domain("usageLimits")
            .status("RESOURCE_EXHAUSTED")
    }

    /// 500 `backendError`.
    pub(crate) fn backend_error() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "backendError",
            "Backend Error",
        )
    }

    /// 503 `backendError`.
    pub(crate) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "backendError",
            "The service is currently unavailable.",
        )
    }

    /// 412 `conditionNotMet`: the `If-Match` of a write doesn't name the present etag.
    pub(crate) fn precondition() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "conditionNotMet",
            "Precondition Failed",
        )
        .at_header("If-Match")
    }

    /// The body.
    pub(crate) fn body(&self, envelope: Envelope) -> Value {
        let code = self.code.as_u16();
        if envelope == Envelope::Newer {
            let mut error = json!({"code": code, "message": self.newer_message(), "status": self.status_name()});
            if !self.details.is_empty() {
                error["details"] = Value::Array(self.details.clone());
            }
            return json!({ "error": error });
        }
        let mut item =
            json!({"domain": self.domain, "reason": self.reason, "message": self.message});
        if let Some((kind, location)) = &self.location {
            item["locationType"] = json!(kind);
            item["location"] = json!(location);
        }
        let mut error = json!({"errors": [item], "code": code, "message": self.message});
        if envelope == Envelope::Both || !self.details.is_empty() {
            error["status"] = json!(self.status_name());
        }
        if !self.details.is_empty() {
            error["details"] = Value::Array(self.details.clone());
        }
        json!({ "error": error })
    }

    fn newer_message(&self) -> &str {
        if self.code == StatusCode::UNAUTHORIZED {
            return "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie \
                    or other valid authentication credential. See \
                    https://developers.google.com/identity/sign-in/web/devconsole-project.";
        }
        &self.message
    }

    fn status_name(&self) -> &'static str {
        self.status.unwrap_or(match self.code.as_u16() {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ALREADY_EXISTS",
            412 => "FAILED_PRECONDITION",
            429 => "RESOURCE_EXHAUSTED",
            501 => "UNIMPLEMENTED",
            503 => "UNAVAILABLE",
            _ => "INTERNAL",
        })
    }
}

impl From<WorldError> for Failure {
    fn from(error: WorldError) -> Self {
        tracing::error!(%error, "the sandbox can't keep its state");
        Self::backend_error()
    }
}
