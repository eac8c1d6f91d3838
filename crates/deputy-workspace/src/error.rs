//! Why something was not done, in words for whoever asked.

use serde_json::{Value, json};

use crate::requirement::Requirement;

/// Why an operation changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or it isn't this person's: nobody is told which.
    #[error("{0}")]
    NotFound(String),
    /// The person's role in the project is not enough.
    #[error("{0}")]
    Forbidden(String),
    /// An argument makes no sense.
    #[error("{message}")]
    Invalid {
        /// JSON pointer (RFC 6901) to the argument; empty for several together.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// Somebody else changed the requirement since the version that the change was made for.
    #[error(
        "{} was changed meanwhile: it is at version {}, not {expected}. Read it, put your change into what it says now, \
         and try again with version {}", current.key, current.version, current.version
    )]
    VersionConflict {
        /// The version that the change was made for.
        expected: i64,
        /// What it says now.
        current: Box<Requirement>,
    },
    /// It can't be as things stand.
    #[error("{0}")]
    Conflict(String),
    /// There would be too many.
    #[error("{0}")]
    Limit(String),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] deputy_store::Error),
    /// The change could not be put on record, so it was not made.
    #[error("the audit log can't be written, so nothing was changed")]
    Record,
    /// What was stored can't be read back.
    #[error("what was stored can't be read")]
    Stored(#[from] serde_json::Error),
}

impl Error {
    /// An error about one argument, named by its field.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid {
            pointer: if field.is_empty() {
                String::new()
            } else {
                format!("/{field}")
            },
            message: message.into(),
        }
    }

    /// The code on the wire; none for a failure of ours.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::NotFound(_) => Some("NOT_FOUND"),
            Self::Forbidden(_) => Some("FORBIDDEN"),
            Self::Invalid { .. } => Some("VALIDATION_ERROR"),
            Self::VersionConflict { .. } => Some("VERSION_CONFLICT"),
            Self::Conflict(_) => Some("CONFLICT"),
            Self::Limit(_) => Some("LIMIT_REACHED"),
            Self::Store(_) | Self::Record | Self::Stored(_) => None,
        }
    }

    /// The error as a tool says it: `{"error":{"code","message",…}}`.
    pub fn structured(&self) -> Value {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        match self {
            Self::Invalid { pointer, .. } if !pointer.is_empty() => {
                error["pointer"] = json!(pointer);
            }
            Self::VersionConflict { current, .. } => error["current"] = json!(current),
            _ => {}
        }
        json!({ "error": error })
    }
}
