//! What the gateway says to a server and what comes back, in the gateway's own words.
//!
//! Arguments and results stay raw JSON: the gateway passes them on and has no reason to know a
//! content type, a number format or a member that a server invented. Only what decides something
//! here (`isError`, `resultType`) is looked at.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use deputy_core::{Secret, UserId};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// One process for everybody; it is told per request for whom it acts.
    Shared,
    /// This person's own process.
    User(UserId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::User(user) => user.fmt(f),
        }
    }
}

/// What a process is found by. Never a name alone: two people's servers may have the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolKey {
    /// Whose it is.
    pub owner: Owner,
    /// The server's name, unique for that owner.
    pub server: String,
}

impl fmt::Display for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.server)
    }
}

/// The value of an environment variable.
#[derive(Clone)]
pub enum EnvValue {
    /// May be shown.
    Plain(String),
    /// Is cut out of what the server prints before that is shown to anybody.
    Secret(Secret<String>),
}

impl EnvValue {
    /// The value as the process gets it.
    pub(crate) fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose(),
        }
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => value.fmt(f),
            Self::Secret(_) => f.write_str("***"),
        }
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program; a bare name is looked up in the `PATH` of `env`.
    pub program: PathBuf,
    /// Its arguments. Everybody on the machine can read them: no secrets here.
    pub args: Vec<String>,
    /// Its whole environment: nothing is inherited.
    pub env: Vec<(String, EnvValue)>,
    /// Where it runs. Default: where Deputy runs.
    pub working_dir: Option<PathBuf>,
    /// Grows whenever something above changes (a refreshed token): a process of an older generation
    /// is replaced after its last call, and a caller with an older generation uses the newer process.
    pub generation: u64,
}

/// What a server says about a call that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How far it is; grows.
    pub progress: f64,
    /// What `progress` will be at the end, if known.
    pub total: Option<f64>,
    /// For people.
    pub message: Option<String>,
}

/// Where progress goes. It is dropped when the receiver does not keep up. All progress of a call is in
/// the channel before the call's result is there.
pub type ProgressSink = mpsc::Sender<Progress>;

/// A call of a tool.
#[derive(Clone)]
pub struct CallRequest {
    /// The tool's name as the server knows it.
    pub tool: String,
    /// A JSON object, passed on as it is.
    pub arguments: Box<RawValue>,
    /// Members of `_meta` beside those of the protocol. May hold a credential: never logged.
    pub meta: Map<String, Value>,
    /// Asks the server for progress.
    pub progress: Option<ProgressSink>,
    /// Ends the call: the server is told. Dropping the call's future does the same.
    pub cancel: CancellationToken,
    /// Ends the call, starting the server included, with [`UpstreamError::Timeout`].
    pub deadline: Instant,
}

/// What a tool call came to (MCP 2026-07-28, "Results").
#[derive(Clone, Debug)]
pub enum ToolResult {
    /// The tool is done, well or not.
    Complete(ToolAnswer),
    /// The server wants something first; the whole result, with `inputRequests` and `requestState`.
    InputRequired(Box<RawValue>),
}

/// The result of a tool that is done, each part as the server wrote it.
#[derive(Clone, Debug)]
pub struct ToolAnswer {
    /// A JSON array of content blocks.
    pub content: Box<RawValue>,
    /// `structuredContent`: any JSON.
    pub structured: Option<Box<RawValue>>,
    /// The tool says that it failed.
    pub is_error: bool,
    /// `_meta`: a JSON object.
    pub meta: Option<Box<RawValue>>,
}

/// Which limit of processes was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// This person's.
    Person,
    /// The installation's.
    Total,
}

/// Why a call to a server came to nothing. Texts are fit for the person whose server it is; the
/// `stderr_tail`s are the last lines the server printed, with the secrets of its environment cut out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The server could not be started, or did not get through the handshake. Nothing was called.
    #[error("the server did not start: {reason}")]
    NotStarted {
        /// What happened.
        reason: String,
        /// The last it printed.
        stderr_tail: String,
    },
    /// The server ended while the call was under way: it may or may not have had its effect.
    #[error("the server ended during the call: {reason}")]
    Died {
        /// What happened.
        reason: String,
        /// The last it printed.
        stderr_tail: String,
    },
    /// The deadline passed. `sent` tells whether the server had the call by then.
    #[error("the server did not answer in time")]
    Timeout {
        /// False: nothing was called, the server was still starting.
        sent: bool,
    },
    /// The caller cancelled.
    #[error("the call was cancelled")]
    Cancelled,
    /// The server answered something that is no MCP.
    #[error("the server broke the protocol: {reason}")]
    Protocol {
        /// What was wrong.
        reason: String,
    },
    /// The server answered with a JSON-RPC error.
    #[error("the server refused: {message} ({code})")]
    Rpc {
        /// JSON-RPC 2.0 section 5.1, MCP's own codes, or the server's.
        code: i64,
        /// For people.
        message: String,
        /// Anything.
        data: Option<Value>,
    },
    /// All places are taken by processes that are at work. Nothing was called.
    #[error("too many servers are at work at once")]
    Busy {
        /// Whose places.
        cap: Cap,
    },
    /// The server keeps ending, and is not started again before `retry_after`. Nothing was called.
    #[error("the server keeps failing ({reason}); next try in {} s", retry_after.as_secs().max(1))]
    BackingOff {
        /// From now.
        retry_after: Duration,
        /// What happened the last time.
        reason: String,
    },
    /// Deputy is stopping. Nothing was called.
    #[error("stopping")]
    ShuttingDown,
}

impl UpstreamError {
    /// Whether the server certainly never saw the call, so that repeating it repeats nothing.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::NotStarted { .. }
            | Self::Busy { .. }
            | Self::BackingOff { .. }
            | Self::ShuttingDown => true,
            Self::Timeout { sent } => !sent,
            Self::Died { .. } | Self::Cancelled | Self::Protocol { .. } | Self::Rpc { .. } => false,
        }
    }
}
