//! What happens when a tool of a person's own server is to be called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What happens to a call of one tool. Ordered from lax to strict, so that the strictest of several is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is made at once.
    Auto,
    /// Its person is asked first.
    Ask,
    /// It is refused.
    Deny,
}

/// What happens to calls of tools without a policy of their own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DefaultPolicy {
    /// They are made at once.
    Auto,
    /// Those that declare `readOnlyHint` are made at once, the others ask first.
    #[default]
    AskWrites,
    /// All of them ask first.
    Ask,
}

impl DefaultPolicy {
    /// The policy of a tool that declares `readOnlyHint` or doesn't.
    pub fn of(self, read_only: bool) -> Policy {
        match self {
            Self::Auto => Policy::Auto,
            Self::AskWrites if read_only => Policy::Auto,
            Self::AskWrites | Self::Ask => Policy::Ask,
        }
    }
}

/// A word that names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{word}\" is no policy; use {expected}")]
pub struct UnknownPolicy {
    word: String,
    expected: &'static str,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Ask => "ask",
            Self::Deny => "deny",
        })
    }
}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
        match word {
            "auto" => Ok(Self::Auto),
            "ask" => Ok(Self::Ask),
            "deny" => Ok(Self::Deny),
            _ => Err(UnknownPolicy {
                word: word.to_owned(),
                expected: "auto, ask or deny",
            }),
        }
    }
}

impl fmt::Display for DefaultPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::AskWrites => "ask_writes",
            Self::Ask => "ask",
        })
    }
}

impl FromStr for DefaultPolicy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
        match word {
            "auto" => Ok(Self::Auto),
            "ask_writes" => Ok(Self::AskWrites),
            "ask" => Ok(Self::Ask),
            _ => Err(UnknownPolicy {
                word: word.to_owned(),
                expected: "ask_writes, auto or ask",
            }),
        }
    }
}
