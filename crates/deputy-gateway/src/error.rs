//! Why a call gave no result, in the words of the contract.

use std::time::Duration;

use deputy_core::{Principal, Scope};

/// What a caller lacks for something. A client that is told so can ask its person for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} needs the scope {needed}, which this token does not have")]
pub struct MissingScope {
    /// What it would be for.
    pub what: String,
    /// What is lacking.
    pub needed: Scope,
}

impl MissingScope {
    /// An error unless this caller holds the scope `needed` for `what`.
    pub(crate) fn unless(
        principal: &Principal,
        needed: Scope,
        what: impl Into<String>,
    ) -> Result<(), Self> {
        if principal.may(needed) {
            return Ok(());
        }
        let what = what.into();
        Err(Self { what, needed })
    }
}

/// A call that was refused or failed. Every variant has one code; the text is for the caller and
/// carries nothing internal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The arguments don't fit the tool's input schema.
    #[error("{message}{}", if pointer.is_empty() { String::new() } else { format!(" (at {pointer})") })]
    Validation {
        /// JSON pointer (RFC 6901) to the argument.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// The person may, and not this caller.
    #[error(transparent)]
    Scope(#[from] MissingScope),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// This person has no such tool.
    #[error("there is no tool named '{0}'")]
    UnknownTool(String),
    /// The account behind the tool is not connected, or lacks a scope.
    #[error("{message}")]
    NotConnected {
        /// The service: `calendar`, `gmail`, `drive`.
        service: String,
        /// What to do.
        message: String,
        /// Where to do it.
        connect_url: String,
    },
    /// Too many calls, here or at the third party.
    #[error("{message}")]
    RateLimited {
        /// What is limited.
        message: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The third party or its server failed.
    #[error("{0}")]
    Upstream(String),
    /// The server behind the tool answered with an error of JSON-RPC.
    #[error("{message}")]
    Refused {
        /// The server's, or of JSON-RPC (2.0, section 5.1) or MCP.
        code: i64,
        /// The server's words.
        message: String,
        /// Anything.
        data: Option<serde_json::Value>,
    },
    /// It can't be tried now.
    #[error("{message}")]
    Unavailable {
        /// Why.
        message: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// No answer in time.
    #[error("{0}")]
    Timeout(String),
    /// The idempotency key was used for another call, or its call is still under way.
    #[error("{0}")]
    Conflict(String),
    /// The tool's server wants something of the caller first: only where [`crate::CallOptions::dialogue`] says that the
    /// caller can be asked. The same call goes on with the answers.
    #[error("the tool asks for more")]
    InputRequired(Box<InputRequired>),
    /// The caller broke off.
    #[error("the call was cancelled")]
    Cancelled,
    /// Something of ours failed; the log says what.
    #[error("an internal error; the server's log has the details")]
    Internal,
}

/// What a server asks of the caller (MCP 2026-07-28, `InputRequiredResult`).
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputRequired {
    /// By the server's key: `{method, params}`.
    #[serde(default)]
    pub input_requests: serde_json::Map<String, serde_json::Value>,
    /// The server's own word, which has to come back with the answers, unchanged.
    pub request_state: Option<String>,
}

impl CallError {
    /// The code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Validation { .. } => "VALIDATION_ERROR",
            Self::Scope(_) | Self::Forbidden(_) => "FORBIDDEN",
            Self::UnknownTool(_) => "UNKNOWN_TOOL",
            Self::NotConnected { .. } => "NOT_CONNECTED",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Upstream(_) | Self::Refused { .. } => "UPSTREAM_ERROR",
            Self::Unavailable { .. } => "UNAVAILABLE",
            Self::Timeout(_) => "TIMEOUT",
            Self::Conflict(_) => "CONFLICT",
            Self::InputRequired(_) => "INPUT_REQUIRED",
            Self::Cancelled => "CANCELLED",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    /// When to come back, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Unavailable { retry_after, .. } => {
                Some(*retry_after)
            }
            _ => None,
        }
    }

    /// The error as this caller may see it: what a server printed is for who may manage it.
    pub(crate) fn shown_to(mut self, principal: &Principal) -> Self {
        if let Self::Upstream(text) = &mut self
            && !principal.may(Scope::ServersManage)
        {
            crate::servers::without_printed(text);
        }
        self
    }

    /// Logs an error of ours and hides it.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static), doing: &'static str) -> Self {
        tracing::error!(error, doing, "a call failed inside");
        Self::Internal
    }
}

impl From<deputy_store::Error> for CallError {
    fn from(error: deputy_store::Error) -> Self {
        Self::internal(&error, "using the database")
    }
}
