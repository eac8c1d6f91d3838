//! What the gateway and the first-party MCP servers say to each other beside MCP itself: the
//! description of their tools, and the private `_meta` members of requests and results.
//!
//! A first-party server works without any of these members (then it is an ordinary MCP server);
//! the gateway works with servers that know none of them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub mod schema;

/// `_meta` of `tools/call`: a string, the person's access token for this one request. Read only by
/// a server that was started to serve many people over a private pipe.
pub const META_CREDENTIAL: &str = "deputy.dev/credential";

/// `_meta` of `tools/call`: a [`CallMeta`].
pub const META_CALL: &str = "deputy.dev/call";

/// `_meta` of `tools/call`: `true` asks for a [`Preflight`] as structured content instead of the
/// effect.
pub const META_PREFLIGHT: &str = "deputy.dev/preflight";

/// `_meta` of a tool result with `isError`: a [`ToolFailure`].
pub const META_FAILURE: &str = "deputy.dev/failure";

/// Names the call, so that its effect can be found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallMeta {
    /// The call's id: the same for every attempt.
    pub id: crate::CallId,
    /// 1 for the first attempt; above 1 the server looks for the effect before it makes it.
    pub attempt: u32,
}

/// What a write would touch, found out without touching it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// Whether other people are affected, so that the person should be asked.
    pub affects_others: bool,
    /// One line for the person: what would happen to whom.
    pub summary: String,
}

/// Why a tool failed, for the gateway's table of retries and messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolFailure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// The HTTP status that the third party answered with, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When to come back, in milliseconds, where the third party said so or the error implies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The kinds of failure that are handled differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The access token was refused (401): refresh once, try once more.
    Unauthorized,
    /// A scope was not granted (403): ask the person to connect it.
    MissingScope,
    /// Too many requests: come back later.
    RateLimited,
    /// The day's quota is used up: do not retry.
    QuotaExceeded,
    /// The third party failed (5xx).
    Unavailable,
    /// The third party could not be reached, or broke off.
    Network,
    /// The third party did not answer in time.
    Timeout,
    /// There is no such event, message or file for this person.
    NotFound,
    /// Somebody changed it meanwhile (an etag or revision did not match).
    Conflict,
    /// The arguments make no sense to the third party.
    Invalid,
    /// The third party forbids it (policy, not the organizer, …).
    Forbidden,
}

/// When a first-party tool asks before it acts, unless the person or an administrator said
/// otherwise.
#[derive(Clone, Copy)]
pub enum AskRule {
    /// It never asks.
    Never,
    /// It always asks.
    Always,
    /// The arguments decide.
    Arguments(fn(&Value) -> ByArguments),
}

/// What the arguments say about asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByArguments {
    /// Act.
    Auto,
    /// Ask.
    Ask,
    /// Only the third party knows: call with [`META_PREFLIGHT`] and see.
    Preflight,
}

/// What a tool does to the world, as MCP's annotations put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Read,
    /// It adds something; a second call adds another.
    Add,
    /// It changes something in place; a second call changes nothing more.
    Change,
    /// It takes something away; a second call takes nothing more.
    Remove,
    /// It sends something that cannot be called back; a second call sends another.
    Send,
}

impl Effect {
    /// The annotations on the wire; `open_world` says whether the tool reaches what others have a hand in.
    pub fn annotations(self, open_world: bool) -> Value {
        let (read, destructive, idempotent) = match self {
            Self::Read => (true, false, true),
            Self::Add => (false, false, false),
            Self::Change | Self::Remove => (false, true, true),
            Self::Send => (false, true, false),
        };
        json!({
            "readOnlyHint": read,
            "destructiveHint": destructive,
            "idempotentHint": idempotent,
            "openWorldHint": open_world,
        })
    }
}

/// A first-party tool: its MCP definition and what the gateway must know besides.
#[derive(Clone)]
pub struct ToolSpec {
    /// The name, e.g. `create_calendar_event`.
    pub name: &'static str,
    /// The title for people.
    pub title: String,
    /// The description for models.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the structured result.
    pub output_schema: Value,
    /// MCP annotations (`readOnlyHint`, …) as on the wire.
    pub annotations: Value,
    /// OAuth scopes, any one of which is enough; full URLs.
    pub scopes: &'static [&'static str],
    /// When it asks.
    pub ask: AskRule,
}

/// A first-party server.
#[derive(Clone)]
pub struct ServerSpec {
    /// The name people see, and the service's name in a connection: `calendar`, `gmail`, `drive`.
    pub name: &'static str,
    /// The name on the command line: `deputy mcp COMMAND`.
    pub command: &'static str,
    /// Its tools in a fixed order.
    pub tools: Vec<ToolSpec>,
}
