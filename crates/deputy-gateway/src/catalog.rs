//! Which tools there are, and which of them a person has now.
//!
//! First-party tools are known without starting a server, so they stay listed while it sleeps. A
//! person has such a tool when its service is connected and one of its scopes was granted. Built-in
//! tools ([`crate::built_in`]) everybody has. The tools of a person's own servers are known from what
//! the person agreed to ([`crate::servers`]).

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use deputy_core::firstparty::{AskRule, ServerSpec, ToolSpec};
use deputy_store::own_server::OwnServer;
use deputy_templates::Policy;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::built_in::{self, BuiltInServer, BuiltIns};
use crate::credentials::Connected;
use crate::error::CallError;
use crate::pool::EnvValue;

/// How the servers for Google run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// One process per service for everybody; each request carries its person's token over the
    /// private pipe.
    #[default]
    Shared,
    /// One process per person and service; the token is in its environment.
    Process,
}

/// How a first-party server is started.
#[derive(Clone)]
pub struct FirstPartyLaunch {
    /// The program: normally this one.
    pub program: PathBuf,
    /// Arguments before the server's command, e.g. `["mcp"]`.
    pub args: Vec<String>,
    /// Its whole environment but for the credentials.
    pub env: Vec<(String, EnvValue)>,
    /// Arguments that make it take a credential with each request.
    pub per_request_args: Vec<String>,
    /// The variable that holds a person's token in `process` isolation.
    pub token_variable: &'static str,
    /// Shared or one each.
    pub isolation: Isolation,
}

impl fmt::Debug for FirstPartyLaunch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstPartyLaunch")
            .field("program", &self.program)
            .field("isolation", &self.isolation)
            .finish_non_exhaustive()
    }
}

/// A tool as the gateway knows it. Cheap to clone but for its texts.
#[derive(Clone)]
pub struct Tool {
    /// Its name, unique for a person.
    pub name: String,
    /// The server it belongs to, as people call it.
    pub server: String,
    /// Whose it is.
    pub origin: Origin,
    /// Title for people.
    pub title: String,
    /// Description for models. That of an own server's tool is somebody else's words.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Arc<Value>,
    /// JSON Schema of the structured result, where there is one.
    pub output_schema: Option<Arc<Value>>,
    /// MCP annotations as on the wire.
    pub annotations: Arc<Value>,
    /// Whether it declares that it only reads.
    pub read_only: bool,
    /// What happens when this person calls it: for a tool of ours where somebody's word is stricter
    /// than its own rule, for an own server's tool always.
    pub policy: Option<Policy>,
    /// This person's own word about it.
    pub own_policy: Option<Policy>,
    /// SHA-256 of the definition (and of the server that has it, for an own one), in hex: approvals
    /// die when it changes.
    pub definition_digest: String,
    arguments: Arc<Arguments>,
}

/// Whose a tool is.
#[derive(Clone)]
pub enum Origin {
    /// Of a server of Deputy's own.
    FirstParty(FirstParty),
    /// Of Deputy itself.
    BuiltIn(BuiltIn),
    /// Of a server that its person brought along.
    Own(Arc<OwnTool>),
}

/// What the gateway knows of a first-party tool.
#[derive(Clone, Copy)]
pub struct FirstParty {
    /// The server's name on the command line.
    pub command: &'static str,
    /// Scopes, any one of which is enough.
    pub scopes: &'static [&'static str],
    /// When it asks.
    pub ask: AskRule,
}

/// What the gateway knows of a built-in tool.
#[derive(Clone)]
pub struct BuiltIn {
    /// What runs it.
    pub(crate) port: Arc<dyn BuiltIns>,
    /// When it asks.
    pub ask: AskRule,
}

/// What the gateway knows of a tool of a person's own server.
#[derive(Debug)]
pub struct OwnTool {
    /// The server as it was when the tool was looked up.
    pub server: OwnServer,
    /// The tool's name as the server knows it.
    pub tool: String,
    /// The digest of the definition that its person agreed to.
    pub accepted: String,
    /// When it was looked up: what the server said of its tools after that is not in here.
    pub(crate) looked_up: Instant,
}

impl OwnTool {
    /// What it is counted under: people's own names would be without number.
    pub(crate) fn counted_as(&self) -> String {
        crate::meter::own(&self.server)
    }
}

/// The checker of a tool's arguments, made when it is first needed.
pub(crate) struct Arguments {
    schema: Arc<Value>,
    validator: OnceLock<Result<jsonschema::Validator, String>>,
}

impl Arguments {
    pub(crate) fn of(schema: Arc<Value>) -> Self {
        Self {
            schema,
            validator: OnceLock::new(),
        }
    }

    fn validator(&self) -> Result<&jsonschema::Validator, String> {
        self.validator
            .get_or_init(|| crate::servers::definition::compile(&self.schema))
            .as_ref()
            .map_err(Clone::clone)
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool")
            .field("name", &self.name)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// A tool of ours can't be offered: its schema is none, or its name is another's.
#[derive(Debug, thiserror::Error)]
#[error("the tool {tool} can't be offered: {reason}")]
pub struct BadTool {
    tool: String,
    reason: String,
}

impl Tool {
    fn first_party(server: &ServerSpec, spec: ToolSpec) -> Result<Self, BadTool> {
        let origin = Origin::FirstParty(FirstParty {
            command: server.command,
            scopes: spec.scopes,
            ask: spec.ask,
        });
        Self::of_ours(server.name, origin, spec)
    }

    fn built_in(
        server: &str,
        port: &Arc<dyn BuiltIns>,
        mut spec: ToolSpec,
    ) -> Result<Self, BadTool> {
        spec.output_schema = built_in::or_error(spec.output_schema);
        let origin = Origin::BuiltIn(BuiltIn {
            port: Arc::clone(port),
            ask: spec.ask,
        });
        Self::of_ours(server, origin, spec)
    }

    fn of_ours(server: &str, origin: Origin, spec: ToolSpec) -> Result<Self, BadTool> {
        let definition = json!([
            spec.name,
            spec.title,
            spec.description,
            spec.input_schema,
            spec.output_schema,
            spec.annotations
        ]);
        let input_schema = Arc::new(spec.input_schema);
        let arguments = Arguments::of(Arc::clone(&input_schema));
        arguments.validator().map_err(|reason| BadTool {
            tool: spec.name.to_owned(),
            reason: format!("its input schema is not valid: {reason}"),
        })?;
        Ok(Self {
            name: spec.name.to_owned(),
            server: server.to_owned(),
            origin,
            title: spec.title,
            description: spec.description,
            read_only: spec.annotations.get("readOnlyHint") == Some(&Value::Bool(true)),
            policy: None,
            own_policy: None,
            definition_digest: digest(&definition),
            input_schema,
            output_schema: Some(Arc::new(spec.output_schema)),
            annotations: Arc::new(spec.annotations),
            arguments: Arc::new(arguments),
        })
    }

    /// A tool of a person's own server.
    pub(crate) fn own(
        name: String,
        own: OwnTool,
        definition: &crate::servers::Known,
        policy: Policy,
        own_policy: Option<Policy>,
    ) -> Self {
        let shown = &definition.definition;
        Self {
            server: own.server.name.clone(),
            title: shown.title.clone().unwrap_or_else(|| shown.name.clone()),
            description: shown.description.clone(),
            input_schema: Arc::clone(&definition.arguments.schema),
            output_schema: definition.output_schema.clone(),
            annotations: Arc::new(shown.annotations.clone()),
            read_only: shown.read_only(),
            policy: Some(policy),
            own_policy,
            // The server and how it is set up belong to what was approved: the same call of another
            // server, or with another folder, is another call.
            definition_digest: digest(&json!([own.server.id, own.server.generation, own.accepted])),
            arguments: Arc::clone(&definition.arguments),
            origin: Origin::Own(Arc::new(own)),
            name,
        }
    }

    /// Checks arguments against the input schema; the first fault is named.
    pub fn validate(&self, arguments: &Value) -> Result<(), CallError> {
        let invalid = |pointer: String, message: String| CallError::Validation { pointer, message };
        if !arguments.is_object() {
            return Err(invalid(
                String::new(),
                "the arguments must be a JSON object".to_owned(),
            ));
        }
        let validator = self
            .arguments
            .validator()
            .map_err(|why| CallError::Forbidden(format!("{} can't be used: {why}", self.name)))?;
        validator
            .validate(arguments)
            .map_err(|e| invalid(e.instance_path().to_string(), e.to_string()))
    }

    /// The first-party tool's own facts.
    pub fn ours(&self) -> Option<&FirstParty> {
        match &self.origin {
            Origin::FirstParty(ours) => Some(ours),
            Origin::BuiltIn(_) | Origin::Own(_) => None,
        }
    }

    /// When it asks by its own rule. A tool of a person's own server has none.
    pub(crate) fn own_rule(&self) -> Option<AskRule> {
        match &self.origin {
            Origin::FirstParty(ours) => Some(ours.ask),
            Origin::BuiltIn(built_in) => Some(built_in.ask),
            Origin::Own(_) => None,
        }
    }

    /// The own server's tool.
    pub fn own_server(&self) -> Option<&Arc<OwnTool>> {
        match &self.origin {
            Origin::FirstParty(_) | Origin::BuiltIn(_) => None,
            Origin::Own(own) => Some(own),
        }
    }

    /// What it is counted under.
    pub fn counted_as(&self) -> String {
        match &self.origin {
            Origin::FirstParty(_) | Origin::BuiltIn(_) => self.name.clone(),
            Origin::Own(own) => own.counted_as(),
        }
    }

    /// Whether the granted scopes cover it; what needs no account always is.
    pub fn granted(&self, connected: &Connected) -> bool {
        let Some(ours) = self.ours() else {
            return true;
        };
        connected.services.contains(&self.server)
            && (ours.scopes.is_empty()
                || ours
                    .scopes
                    .iter()
                    .any(|s| connected.scopes.iter().any(|g| g == s)))
    }
}

/// All tools of the installation.
#[derive(Debug)]
pub struct Catalog {
    tools: Vec<Arc<Tool>>,
    by_name: HashMap<String, Arc<Tool>>,
    built_in: Vec<About>,
}

/// What a built-in server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) instructions: String,
}

impl Catalog {
    /// The tools of these servers, in their order.
    ///
    /// [`BadTool`] for an input schema that is none, and for a name that two have.
    pub fn new(servers: Vec<ServerSpec>) -> Result<Self, BadTool> {
        let mut catalog = Self {
            tools: Vec::new(),
            by_name: HashMap::new(),
            built_in: Vec::new(),
        };
        for server in servers {
            for spec in server.tools.clone() {
                catalog.add(Tool::first_party(&server, spec)?)?;
            }
        }
        Ok(catalog)
    }

    /// With these tools after the others; errors as with [`Catalog::new`].
    pub fn with_built_ins(mut self, port: &Arc<dyn BuiltIns>) -> Result<Self, BadTool> {
        for server in port.servers() {
            let BuiltInServer {
                name,
                title,
                instructions,
                tools,
            } = server;
            for spec in tools {
                self.add(Tool::built_in(name, port, spec)?)?;
            }
            self.built_in.push(About {
                name,
                title,
                instructions,
            });
        }
        Ok(self)
    }

    fn add(&mut self, tool: Tool) -> Result<(), BadTool> {
        let tool = Arc::new(tool);
        let other = self.by_name.insert(tool.name.clone(), Arc::clone(&tool));
        if let Some(other) = other {
            return Err(BadTool {
                tool: other.name.clone(),
                reason: format!("'{}' has one of that name too", other.server),
            });
        }
        self.tools.push(tool);
        Ok(())
    }

    /// The servers of ours, in their order.
    pub fn servers(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.tools.iter().map(|tool| &*tool.server).collect();
        // The tools of a server lie together.
        names.dedup();
        names
    }

    /// The built-in servers, in their order.
    pub(crate) fn built_in(&self) -> &[About] {
        &self.built_in
    }

    /// The tool of this name, whether or not the person has it.
    pub fn find(&self, name: &str) -> Option<&Arc<Tool>> {
        self.by_name.get(name)
    }

    /// Whether one of ours has this name, whether or not the person has it.
    pub fn has_server(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.server == name)
    }

    /// The tools that a person with these connections has, in a fixed order.
    pub fn available(&self, connected: &Connected) -> Vec<Arc<Tool>> {
        self.tools
            .iter()
            .filter(|t| t.granted(connected))
            .cloned()
            .collect()
    }
}

/// A schema as it is published to clients of ours. `x-mcp-header` (MCP 2026-07-28, "Custom headers
/// from tool parameters") is between a server and its own client, which is us.
pub(crate) fn republished(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => members
            .iter()
            .filter(|(key, _)| *key != "x-mcp-header")
            .map(|(key, member)| (key.clone(), republished(member)))
            .collect(),
        Value::Array(items) => items.iter().map(republished).collect(),
        other => other.clone(),
    }
}

/// SHA-256 of a JSON value written canonically (members sorted, no spaces), in hex.
pub fn digest(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    deputy_core::secret::sha256_hex(text.as_bytes())
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (i, (key, member)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}
