//! What came of a decided or keyed call, as it is kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::CallResult;
use crate::error::CallError;

/// What a decided call answered, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StoredOutcome {
    /// It was made.
    Result(CallResult),
    /// It could not be made.
    Error {
        /// The error as in a REST answer.
        error: StoredError,
    },
}

// By hand: an untagged enum buffers its input, and raw JSON can't be read from such a buffer.
impl<'de> Deserialize<'de> for StoredOutcome {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let value = Value::deserialize(deserializer)?;
        match value.get("error") {
            Some(error) => Ok(Self::Error {
                error: StoredError::deserialize(error).map_err(D::Error::custom)?,
            }),
            None => serde_json::from_value(value)
                .map(Self::Result)
                .map_err(D::Error::custom),
        }
    }
}

/// A failed call, kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredError {
    /// The code.
    pub code: String,
    /// The message.
    pub message: String,
}

impl StoredOutcome {
    pub(crate) fn from_run(run: &Result<CallResult, CallError>) -> Self {
        match run {
            Ok(result) => Self::Result(result.clone()),
            Err(error) => Self::Error {
                error: StoredError {
                    code: error.code().to_owned(),
                    message: error.to_string(),
                },
            },
        }
    }

    pub(crate) fn into_run(self) -> Result<CallResult, CallError> {
        match self {
            Self::Result(result) => Ok(result),
            Self::Error { error } => Err(match error.code.as_str() {
                "FORBIDDEN" => CallError::Forbidden(error.message),
                "TIMEOUT" => CallError::Timeout(error.message),
                "INTERNAL_ERROR" => CallError::Internal,
                // What it names beside its message is not kept; the text says what happened then.
                _ => CallError::Upstream(error.message),
            }),
        }
    }
}
