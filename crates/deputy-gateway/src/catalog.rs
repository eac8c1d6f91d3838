//! Which tools there are, and which of them a person has now.
//!
//! First-party tools are known without starting a server, so they stay listed while it sleeps. A
//! person has a tool when its service is connected and one of its scopes was granted.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use deputy_core::firstparty::{AskRule, ServerSpec, ToolSpec};
use serde_json::{Value, json};

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

/// A tool as the gateway knows it.
pub struct Tool {
    /// Its name, unique for a person.
    pub name: String,
    /// The server it belongs to, as people call it.
    pub server: String,
    /// The server's name on the command line, for a first-party one.
    pub command: &'static str,
    /// Title for people.
    pub title: String,
    /// Description for models.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Arc<Value>,
    /// JSON Schema of the structured result.
    pub output_schema: Arc<Value>,
    /// MCP annotations as on the wire.
    pub annotations: Arc<Value>,
    /// Whether it declares that it only reads.
    pub read_only: bool,
    /// Scopes, any one of which is enough.
    pub scopes: &'static [&'static str],
    /// When it asks.
    pub ask: AskRule,
    /// SHA-256 of the definition, in hex: approvals die when it changes.
    pub definition_digest: String,
    validator: jsonschema::Validator,
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool")
            .field("name", &self.name)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// A tool's schema is not a valid schema.
#[derive(Debug, thiserror::Error)]
#[error("the input schema of {tool} is not valid: {reason}")]
pub struct BadSchema {
    tool: String,
    reason: String,
}

impl Tool {
    fn first_party(server: &ServerSpec, spec: ToolSpec) -> Result<Self, BadSchema> {
        let validator = jsonschema::validator_for(&spec.input_schema).map_err(|e| BadSchema {
            tool: spec.name.to_owned(),
            reason: e.to_string(),
        })?;
        let definition = json!([
            spec.name,
            spec.title,
            spec.description,
            spec.input_schema,
            spec.output_schema,
            spec.annotations
        ]);
        Ok(Self {
            name: spec.name.to_owned(),
            server: server.name.to_owned(),
            command: server.command,
            title: spec.title,
            description: spec.description,
            read_only: spec.annotations.get("readOnlyHint") == Some(&Value::Bool(true)),
            definition_digest: digest(&definition),
            input_schema: Arc::new(spec.input_schema),
            output_schema: Arc::new(spec.output_schema),
            annotations: Arc::new(spec.annotations),
            scopes: spec.scopes,
            ask: spec.ask,
            validator,
        })
    }

    /// Checks arguments against the input schema; the first fault is named.
    pub fn validate(&self, arguments: &Value) -> Result<(), CallError> {
        if !arguments.is_object() {
            return Err(CallError::Validation {
                pointer: String::new(),
                message: "the arguments must be a JSON object".to_owned(),
            });
        }
        self.validator
            .validate(arguments)
            .map_err(|e| CallError::Validation {
                pointer: e.instance_path().to_string(),
                message: e.to_string(),
            })
    }

    /// Whether the granted scopes cover it.
    pub fn granted(&self, connected: &Connected) -> bool {
        connected.services.contains(&self.server)
            && (self.scopes.is_empty()
                || self
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
}

impl Catalog {
    /// The tools of these servers, in their order. Fails on a schema that is none.
    pub fn new(servers: Vec<ServerSpec>) -> Result<Self, BadSchema> {
        let mut tools = Vec::new();
        for server in servers {
            for spec in server.tools.clone() {
                tools.push(Arc::new(Tool::first_party(&server, spec)?));
            }
        }
        let by_name = tools
            .iter()
            .map(|t| (t.name.clone(), Arc::clone(t)))
            .collect();
        Ok(Self { tools, by_name })
    }

    /// The tool of this name, whether or not the person has it.
    pub fn find(&self, name: &str) -> Option<&Arc<Tool>> {
        self.by_name.get(name)
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
