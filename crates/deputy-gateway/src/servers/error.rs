//! Why something could not be done to a person's server.

use std::time::Duration;

use crate::error::{CallError, MissingScope};

/// Why something could not be done to a person's server. Texts are for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// This person has no such server (or it has no such tool).
    #[error("{0}")]
    NotFound(String),
    /// The name is taken, or somebody changed it meanwhile.
    #[error("{0}")]
    Conflict(String),
    /// This person has as many servers as one may have.
    #[error("you already have {0} servers, which is the most; delete one first")]
    LimitReached(u64),
    /// What was given can't be used.
    #[error("{message}{}", if field.is_empty() { String::new() } else { format!(" (at {field})") })]
    Validation {
        /// JSON pointer (RFC 6901) into the request: `/name`, `/config/allowed_path`.
        field: String,
        /// What is wrong.
        message: String,
        /// Further fields that are wrong: pointer and message.
        more: Vec<(String, String)>,
    },
    /// The person may, and not this caller.
    #[error(transparent)]
    Scope(#[from] MissingScope),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// It can't be done now.
    #[error("{message}")]
    Unavailable {
        /// Why.
        message: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// Something of ours failed; the log says what.
    #[error("an internal error; the server's log has the details")]
    Internal,
}

impl ServerError {
    /// The code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "NOT_FOUND",
            Self::Conflict(_) => "CONFLICT",
            Self::LimitReached(_) => "LIMIT_REACHED",
            Self::Validation { .. } => "VALIDATION_ERROR",
            Self::Scope(_) | Self::Forbidden(_) => "FORBIDDEN",
            Self::Unavailable { .. } => "UNAVAILABLE",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    /// Something wrong with one field.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Validation {
            field: field.to_owned(),
            message: message.into(),
            more: Vec::new(),
        }
    }

    pub(crate) fn no_server(name: &str) -> Self {
        Self::NotFound(format!("you have no server named '{name}'"))
    }

    /// Logs an error of ours and hides it.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static), doing: &'static str) -> Self {
        tracing::error!(error, doing, "work on a person's server failed inside");
        Self::Internal
    }
}

impl From<deputy_store::Error> for ServerError {
    fn from(error: deputy_store::Error) -> Self {
        Self::internal(&error, "using the database")
    }
}

impl From<CallError> for ServerError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Scope(missing) => Self::Scope(missing),
            CallError::Forbidden(message) => Self::Forbidden(message),
            CallError::Unavailable {
                message,
                retry_after,
            } => Self::Unavailable {
                message,
                retry_after,
            },
            _ => Self::Internal,
        }
    }
}
