//! Why a call gave no result, in the words of the contract.

use std::time::Duration;

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
    /// The caller broke off.
    #[error("the call was cancelled")]
    Cancelled,
    /// Something of ours failed; the log says what.
    #[error("an internal error; the server's log has the details")]
    Internal,
}

impl CallError {
    /// The code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Validation { .. } => "VALIDATION_ERROR",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::UnknownTool(_) => "UNKNOWN_TOOL",
            Self::NotConnected { .. } => "NOT_CONNECTED",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Upstream(_) => "UPSTREAM_ERROR",
            Self::Unavailable { .. } => "UNAVAILABLE",
            Self::Timeout(_) => "TIMEOUT",
            Self::Conflict(_) => "CONFLICT",
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
