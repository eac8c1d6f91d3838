//! What the gateway says to a server and what comes back, in the gateway's own words.
//!
//! Arguments and results stay raw JSON: the gateway passes them on and has no reason to know a
//! content type, a number format or a member that a server invented. Only what decides something
//! here (`isError`, `resultType`) is looked at.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::Secret;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
    /// The answers to what the server asked in the round before.
    pub input: Option<Input>,
    /// Members of `_meta` beside those of the protocol. May hold a credential: never logged.
    pub meta: Map<String, Value>,
    /// Asks the server for progress.
    pub progress: Option<ProgressSink>,
    /// Over HTTP: the token of this request's `Authorization`. Processes never see it.
    pub bearer: Option<Secret<String>>,
    /// Over HTTP: more headers, for `Mcp-Param-…`.
    pub headers: Vec<(String, String)>,
    /// Takes what the server asks while the call goes on. Nobody: it is refused.
    pub inbound: Option<InboundSink>,
    /// Ends the call: the server is told. Dropping the call's future does the same.
    pub cancel: CancellationToken,
    /// Does what the deadline does, where it is found out while the call goes on that it is too late.
    pub late: CancellationToken,
    /// Ends the call, starting the server included, with [`UpstreamError::Timeout`].
    pub deadline: Instant,
}

/// A request of any method. The answer is the `result` as the server wrote it.
#[derive(Clone)]
pub struct Request {
    /// The method, such as `resources/read`.
    pub method: String,
    /// A JSON object. A `_meta` in it goes along, but for a progress token.
    pub params: Box<RawValue>,
    /// Members of `_meta`; they win over those in `params` and those of the protocol. Never logged.
    pub meta: Map<String, Value>,
    /// Asks the server for progress.
    pub progress: Option<ProgressSink>,
    /// Takes what the server asks while the request goes on. Nobody: it is refused.
    pub inbound: Option<InboundSink>,
    /// Over HTTP: the token of this request's `Authorization`. Processes never see it.
    pub bearer: Option<Secret<String>>,
    /// Over HTTP: more headers, for `Mcp-Param-…`.
    pub headers: Vec<(String, String)>,
    /// Ends the request: the server is told. Dropping its future does the same.
    pub cancel: CancellationToken,
    /// Does what the deadline does, where it is found out while the request goes on that it is too late.
    pub late: CancellationToken,
    /// Ends the request, starting the server included, with [`UpstreamError::Timeout`].
    pub deadline: Instant,
}

impl Request {
    /// A request with nothing but its parameters.
    pub fn new(method: impl Into<String>, params: Box<RawValue>, deadline: Instant) -> Self {
        Self {
            method: method.into(),
            params,
            meta: Map::new(),
            progress: None,
            inbound: None,
            bearer: None,
            headers: Vec::new(),
            cancel: CancellationToken::new(),
            late: CancellationToken::new(),
            deadline,
        }
    }
}

/// What a client answers to a server that asked for input (MCP 2026-07-28, "Multi round-trip requests").
#[derive(Clone, Debug)]
pub struct Input {
    /// `inputResponses`: an answer by the server's key. A JSON object; nothing, if the client gave none.
    pub responses: Option<Box<RawValue>>,
    /// `requestState` as the server wrote it.
    pub state: Option<String>,
}

/// The parameters of `tools/call` with answers.
pub(super) fn with_input(
    name: &str,
    arguments: &RawValue,
    input: &Input,
) -> Result<Box<RawValue>, UpstreamError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Params<'a> {
        name: &'a str,
        arguments: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        input_responses: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_state: Option<&'a str>,
    }
    let params = Params {
        name,
        arguments,
        input_responses: input.responses.as_deref(),
        request_state: input.state.as_deref(),
    };
    serde_json::value::to_raw_value(&params).map_err(|error| UpstreamError::Protocol {
        reason: format!("the answers have no JSON form: {error}"),
    })
}

/// Where a server's own requests go.
pub type InboundSink = mpsc::Sender<Inbound>;

/// A request of the server's own. Dropping it refuses it.
#[derive(Debug)]
pub struct Inbound {
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub method: String,
    /// A JSON object, as the server wrote it.
    pub params: Box<RawValue>,
    /// Takes the answer. Closed when the server does not wait for it any more.
    pub answer: oneshot::Sender<Result<Box<RawValue>, RpcError>>,
}

/// An error of JSON-RPC (2.0, section 5.1).
#[derive(Clone, Debug, PartialEq)]
pub struct RpcError {
    /// The specification's, MCP's, or the sender's own.
    pub code: i64,
    /// For people.
    pub message: String,
    /// Anything.
    pub data: Option<Value>,
}

/// What a server says unasked.
#[derive(Clone, Debug)]
pub enum Notice {
    /// `notifications/tools/list_changed`
    ToolsChanged,
    /// `notifications/prompts/list_changed`
    PromptsChanged,
    /// `notifications/resources/list_changed`
    ResourcesChanged,
    /// `notifications/resources/updated`
    ResourceUpdated {
        /// Which resource.
        uri: String,
    },
    /// `notifications/message`
    Log {
        /// Its parameters as they came: `level`, `logger`, `data`.
        params: Arc<RawValue>,
    },
    /// `notifications/elicitation/complete`: what a link was opened for is done.
    ElicitationComplete {
        /// Which one, by the server's own name for it.
        id: String,
    },
}

/// How a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// Up to 2025-11-25: `initialize` first.
    Legacy,
    /// From 2026-07-28: each request for itself, `server/discover`.
    Modern,
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerInfo {
    /// How it speaks.
    pub era: Era,
    /// The version agreed on, such as `2025-11-25`.
    pub protocol_version: String,
    /// Its own name; empty if it has none.
    pub name: String,
    /// Its own version; empty if it has none.
    pub version: String,
    /// What it would have a model know. Somebody else's words.
    pub instructions: Option<String>,
    /// A JSON object.
    pub capabilities: Value,
}

/// What is kept of a server's words about itself: its instructions, its capabilities as JSON, its names, and any other
/// member of its answer as JSON; in bytes.
const MAX_INSTRUCTIONS: usize = 16 * 1024;
const MAX_CAPABILITIES: usize = 64 * 1024;
const MAX_NAME: usize = 256;
const MAX_OTHER: usize = 64 * 1024;

impl ServerInfo {
    /// The same, cut to what is worth keeping.
    pub(super) fn bounded(mut self) -> Self {
        if let Some(instructions) = &mut self.instructions {
            cut(instructions, MAX_INSTRUCTIONS);
        }
        for name in [
            &mut self.protocol_version,
            &mut self.name,
            &mut self.version,
        ] {
            cut(name, MAX_NAME);
        }
        cut_capabilities(&mut self.capabilities);
        self
    }

    /// About how much it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let instructions = self.instructions.as_ref().map_or(0, String::len);
        let names = self.protocol_version.len() + self.name.len() + self.version.len();
        size_of::<Self>() + instructions + names + self.capabilities.to_string().len()
    }
}

/// Cuts the answer to a handshake to what is worth keeping.
pub(super) fn cut_introduction(result: &mut Map<String, Value>) {
    if let Some(Value::String(instructions)) = result.get_mut("instructions") {
        cut(instructions, MAX_INSTRUCTIONS);
    }
    if let Some(capabilities) = result.get_mut("capabilities") {
        cut_capabilities(capabilities);
    }
    result.retain(|_, value| value.to_string().len() <= MAX_OTHER);
}

pub(super) fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.shrink_to_fit();
    }
}

/// Of capabilities that are too large, what is known of them.
fn cut_capabilities(capabilities: &mut Value) {
    if capabilities.to_string().len() <= MAX_CAPABILITIES {
        return;
    }
    let mut known = Map::new();
    for kind in ["tools", "prompts", "resources", "completions", "logging"] {
        let Some(Value::Object(members)) = capabilities.get(kind) else {
            continue;
        };
        let flags = ["listChanged", "subscribe"].into_iter();
        let flags = flags.filter(|flag| members.get(*flag) == Some(&Value::Bool(true)));
        let flags = flags.map(|flag| (flag.to_owned(), Value::Bool(true)));
        known.insert(kind.to_owned(), Value::Object(flags.collect()));
    }
    *capabilities = Value::Object(known);
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

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// This person's.
    Person,
    /// The installation's.
    Total,
    /// Of requests to this one server at a time.
    Upstream,
}

/// Why a call to a server came to nothing. Texts are fit for the person whose server it is; the
/// `stderr_tail`s are the last lines the server printed. What a server says may repeat what it was given: the secrets of
/// its environment, its headers and its callers' tokens are cut out of its words.
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
    /// The server wants a credential (HTTP 401), or a better one (403 with `insufficient_scope`). Nothing was called.
    #[error("the server refuses the credential")]
    Unauthorized {
        /// Its `WWW-Authenticate`, all of them in one line, at most 4 KiB.
        challenge: Option<String>,
        /// The credential is good, but not for this (`insufficient_scope`, RFC 6750 section 3.1).
        insufficient_scope: bool,
    },
    /// The server refuses, and names no credential that would do better (HTTP 403). Nothing was called.
    #[error("the server refuses access (HTTP status 403)")]
    Forbidden,
    /// The request is longer than what is sent to this server, or than it takes (HTTP 413). Nothing was called.
    #[error("{}", too_large(*most))]
    TooLarge {
        /// The most, in bytes, where it is known.
        most: Option<usize>,
    },
    /// The server wants fewer requests (HTTP 429). Nothing was called.
    #[error("the server takes no more requests for now")]
    RateLimited {
        /// What it said.
        retry_after: Option<Duration>,
    },
    /// The server answered with an error of HTTP (5xx): the call may or may not have had its effect. That goes for 503
    /// too: what stands before a server says it also when the server has the call and is slow to answer.
    #[error("the server answered with HTTP status {status}")]
    Unavailable {
        /// The status.
        status: u16,
        /// False: nothing was called, it was another request that came first.
        sent: bool,
        /// What it said.
        retry_after: Option<Duration>,
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
            | Self::Unauthorized { .. }
            | Self::Forbidden
            | Self::TooLarge { .. }
            | Self::RateLimited { .. }
            | Self::ShuttingDown => true,
            Self::Unavailable { sent, .. } | Self::Timeout { sent } => !sent,
            Self::Died { .. } | Self::Cancelled | Self::Protocol { .. } | Self::Rpc { .. } => false,
        }
    }

    /// The same, of a request that came before the call: that was not sent.
    pub(crate) fn before_the_call(mut self) -> Self {
        if let Self::Unavailable { sent, .. } | Self::Timeout { sent } = &mut self {
            *sent = false;
        }
        self
    }

    /// The same, its words changed by `shown`.
    pub(super) fn in_words(mut self, shown: impl Fn(&mut String)) -> Self {
        match &mut self {
            Self::NotStarted { reason, .. }
            | Self::Died { reason, .. }
            | Self::Protocol { reason }
            | Self::BackingOff { reason, .. } => shown(reason),
            Self::Rpc { message, data, .. } => {
                shown(message);
                if let Some(inner) = data {
                    let said = inner.to_string();
                    let mut text = said.clone();
                    shown(&mut text);
                    if text != said {
                        // What is no JSON any more is of no use.
                        *data = serde_json::from_str(&text).ok();
                    }
                }
            }
            Self::Unauthorized { .. }
            | Self::Forbidden
            | Self::TooLarge { .. }
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Timeout { .. }
            | Self::Cancelled
            | Self::Busy { .. }
            | Self::ShuttingDown => {}
        }
        self
    }
}

fn too_large(most: Option<usize>) -> String {
    match most {
        Some(most) => format!(
            "the request is longer than the {} MiB that the server is sent",
            most >> 20
        ),
        None => "the request is longer than the server takes (HTTP status 413)".to_owned(),
    }
}

#[cfg(test)]
mod tests;
