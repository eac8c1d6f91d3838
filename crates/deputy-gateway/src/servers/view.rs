//! What is said of a person's servers: never a secret.

use deputy_templates::{DefaultPolicy, Policy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A server to be.
#[derive(Clone, Debug, Deserialize)]
pub struct NewServer {
    /// Its name: `[a-z][a-z0-9-]{0,31}`, none of [`super::names::RESERVED`].
    pub name: String,
    /// The kind: a template's `server_type`.
    pub server_type: String,
    /// What the template asks for, secrets among it.
    pub config: Value,
    /// For tools without a policy of their own; none: the template's.
    #[serde(default)]
    pub default_policy: Option<DefaultPolicy>,
}

/// What changes of a server; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Change {
    /// Merged into the configuration: `null` removes a member; secrets that are not mentioned are
    /// kept.
    #[serde(default)]
    pub config: Option<Map<String, Value>>,
    /// For tools without a policy of their own.
    #[serde(default)]
    pub default_policy: Option<DefaultPolicy>,
    /// On or off.
    #[serde(default)]
    pub is_enabled: Option<bool>,
    /// What the person had before them when they decided on this; none: whatever is stored. If it is
    /// not so any more, nothing is changed ([`super::ServerError::Conflict`]).
    #[serde(skip)]
    pub shown: Option<Shown>,
}

/// A server as a form showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// [`Server::generation`].
    pub generation: i64,
    /// [`Server::default_policy`]; it counts only where the change names another one.
    pub default_policy: DefaultPolicy,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It sleeps; a call starts it.
    Inactive,
    /// It is being started.
    Starting,
    /// It runs.
    Active,
    /// It failed the last time; `error_message` says how.
    Error,
    /// Its person has to allow the access first.
    NeedsConsent,
    /// It is switched off.
    Disabled,
}

impl Status {
    /// The word on the wire and in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Error => "error",
            Self::NeedsConsent => "needs_consent",
            Self::Disabled => "disabled",
        }
    }
}

/// A person's server as the person sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Server {
    /// The number of its row: what is kept for it elsewhere is kept under this.
    #[serde(skip)]
    pub id: i64,
    /// Its name.
    pub server_name: String,
    /// The kind.
    pub server_type: String,
    /// The configuration without its secrets.
    pub config: Map<String, Value>,
    /// Which secrets are set; a member of a map of secrets is `map/member`.
    pub secrets_set: Vec<String>,
    /// For tools without a policy of their own.
    pub default_policy: DefaultPolicy,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// How it is.
    pub status: Status,
    /// When a call last went to it, tests left out; up to some seconds behind.
    pub last_used: Option<Timestamp>,
    /// When it last answered; up to five minutes behind.
    pub last_activity: Option<Timestamp>,
    /// When its status was last looked at.
    pub last_status_check: Option<Timestamp>,
    /// Failures in a row.
    pub error_count: i32,
    /// It is not started again before.
    pub retry_after: Option<Timestamp>,
    /// What was wrong, with the last it printed.
    pub error_message: Option<String>,
    /// Grows with every change of what it is started with.
    pub generation: i64,
    /// When its tools were last read, if they ever were: they are accepted as they are the first time.
    pub tools_read_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a test of a server came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestReport {
    /// Whether it started and listed its tools.
    pub ok: bool,
    /// Its tools.
    pub tools: Vec<TestedTool>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What was wrong, with the last it printed; secrets are cut out.
    pub error: Option<String>,
    /// Where its person allows the access, if that is what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_url: Option<String>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A tool in a [`TestReport`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestedTool {
    /// The name as the server knows it.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For models.
    pub description: String,
    /// Where it stands.
    pub state: ToolState,
}

/// Where a tool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolState {
    /// It is what its person agreed to.
    Accepted,
    /// The server describes it otherwise now: not callable until accepted.
    Changed,
    /// The server brought it later: not callable until accepted.
    New,
    /// The server no longer has it.
    Gone,
}

/// What is agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// A tool.
    Tool,
    /// What the server would have every model know: not called, but handed on at `/mcp/{server}`.
    Instructions,
}

/// A tool of a person's server as the person sees it, or the server's instructions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerTool {
    /// Which of both.
    pub kind: ToolKind,
    /// The name as the server knows it; [`super::definition::INSTRUCTIONS`].
    pub name: String,
    /// The name to call it by: `SERVER__TOOL`.
    pub published: String,
    /// For people.
    pub title: Option<String>,
    /// For models. Somebody else's words.
    pub description: String,
    /// MCP's hints.
    pub annotations: Value,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the structured result.
    pub output_schema: Option<Value>,
    /// The person's word about it.
    pub policy: Option<Policy>,
    /// What happens when it is called, everybody's word considered.
    pub effective: Policy,
    /// Why `effective` is at least that strict, where an administrator's rule decides.
    pub administrator: Option<Policy>,
    /// Where it stands.
    pub state: ToolState,
    /// Names what `accept` would agree to; none when there is nothing to agree to.
    pub digest: Option<String>,
    /// What was agreed to and what the server says now, for a changed tool.
    pub change: Option<ToolChange>,
    /// Why it can't be used.
    pub unusable: Option<String>,
    /// What was left out of it.
    pub notes: Vec<String>,
}

/// A tool that is described otherwise than it was agreed to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolChange {
    /// What was agreed to.
    pub before: super::Definition,
    /// What the server says now.
    pub now: super::Definition,
}

/// What the person saw of a tool and agrees to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Seen {
    /// The name as the server knows it.
    pub name: String,
    /// [`ServerTool::digest`] of what was shown.
    pub digest: String,
}

/// An administrator's rule about a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolRule {
    /// A server type, or a first-party server: `calendar`, `gmail`, `drive`.
    pub server: String,
    /// A tool as its server names it, or `*` for all of the server's.
    pub tool: String,
    /// What happens at the least.
    pub policy: Policy,
}
