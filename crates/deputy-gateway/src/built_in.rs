//! Built-in tools: run in this process, on Deputy's own database, for every person alike.
//!
//! What keeps notes, tasks and requirements is no third party: there is no account to connect, no process to start and
//! nothing that a breaker would leave alone. All else holds for these tools as for any other, because the dispatcher
//! calls them ([`crate::Gateway::call`]): scopes, throttles, rules, approvals, records and statistics. What they do is
//! theirs; this is the port behind which they do it.
//!
//! A call may be made again under its id, by an attempt after one that failed or by a run after a crash. An
//! implementation makes the change and the note of what it answered in one transaction, so that a repeat finds the note
//! and changes nothing.

use async_trait::async_trait;
use deputy_core::firstparty::ToolSpec;
use deputy_core::{CallId, UserId};
use serde_json::{Map, Value, json};

/// A server whose tools are built in.
#[derive(Clone)]
pub struct BuiltInServer {
    /// Its name among the servers, one of [`crate::servers::names::RESERVED`]: `workspace`.
    pub name: &'static str,
    /// Its name for people.
    pub title: String,
    /// What a model should know before it calls its tools.
    pub instructions: String,
    /// Its tools in a fixed order. [`ToolSpec::scopes`] are Google's, and empty.
    pub tools: Vec<ToolSpec>,
}

/// A call of a built-in tool.
#[derive(Clone, Copy, Debug)]
pub struct BuiltInCall<'a> {
    /// For whom.
    pub user: UserId,
    /// Through what, as records name it ([`deputy_core::Caller::label`]).
    pub caller: &'a str,
    /// The call's id: the same for every attempt. A call that was done gives its first answer again.
    pub call_id: CallId,
    /// The tool.
    pub tool: &'a str,
    /// A JSON object that fits the tool's input schema.
    pub arguments: &'a Value,
}

/// What a built-in tool answers, a refusal of its own included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltInAnswer {
    /// The result as the output schema has it, or `{"error":{"code","message",…}}`.
    pub structured: Value,
    /// The same as text.
    pub text: String,
    /// Whether it refused.
    pub is_error: bool,
}

/// Why a built-in tool gave no answer. Never about what was asked: that is a [`BuiltInAnswer`].
#[derive(Debug, thiserror::Error)]
pub enum BuiltInError {
    /// The database did not take it, or broke off before it said whether it did. Worth another try.
    #[error("the database can't be used now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else of ours.
    #[error("a built-in tool failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<deputy_store::Error> for BuiltInError {
    fn from(error: deputy_store::Error) -> Self {
        match error {
            deputy_store::Error::Database(_) => Self::Unavailable(Box::new(error)),
            _ => Self::Internal(Box::new(error)),
        }
    }
}

/// What has built-in tools.
#[async_trait]
pub trait BuiltIns: Send + Sync {
    /// The servers and their tools, in a fixed order.
    fn servers(&self) -> Vec<BuiltInServer>;

    /// Makes a call. The future may be dropped at any time: what was not committed then is undone.
    async fn call(&self, call: BuiltInCall<'_>) -> Result<BuiltInAnswer, BuiltInError>;
}

/// A tool's output schema, widened to what it answers when it refuses.
///
/// MCP (2026-07-28, "Output schema") has structured results conform to the published schema, and clients hold a refusal
/// against it too.
pub(crate) fn or_error(mut schema: Value) -> Value {
    let Some(root) = schema.as_object_mut() else {
        return schema;
    };
    let error = json!({
        "type": "object",
        "description": "Why nothing was done, where nothing was.",
        "properties": { "code": { "type": "string" }, "message": { "type": "string" } },
        "required": ["code", "message"],
    });
    let properties = root
        .entry("properties")
        .or_insert_with(|| Map::new().into());
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("error".to_owned(), error);
    }
    if let Some(required) = root.remove("required") {
        let either = json!([{ "required": required }, { "required": ["error"] }]);
        let all = root
            .entry("allOf")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Some(all) = all.as_array_mut() {
            all.push(json!({ "anyOf": either }));
        }
    }
    schema
}

#[cfg(test)]
mod tests;
