//! Whether a call goes ahead: pure decisions on what the catalogue says.

use deputy_core::firstparty::{AskRule, ByArguments};
use deputy_core::{Principal, Scope};
use serde_json::Value;

use crate::catalog::Tool;
use crate::error::CallError;

/// What the policy says about one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Make it.
    Auto,
    /// Ask the person first.
    Ask,
    /// Find out whom it touches, then decide.
    Preflight,
    /// Never make it.
    Deny,
}

/// The word for a tool in listings: `auto`, `ask` or `deny`.
pub fn word(tool: &Tool) -> &'static str {
    match tool.ask {
        AskRule::Always => "ask",
        AskRule::Never | AskRule::Arguments(_) => "auto",
    }
}

/// Decides on a call with these arguments.
pub fn decide(tool: &Tool, arguments: &Value) -> Decision {
    match tool.ask {
        AskRule::Never => Decision::Auto,
        AskRule::Always => Decision::Ask,
        AskRule::Arguments(rule) => match rule(arguments) {
            ByArguments::Auto => Decision::Auto,
            ByArguments::Ask => Decision::Ask,
            ByArguments::Preflight => Decision::Preflight,
        },
    }
}

/// Checks the caller's scopes: `tools:call` for tools that only read, `tools:write` for the others.
pub fn check_scope(principal: &Principal, tool: &Tool) -> Result<(), CallError> {
    let needed = if tool.read_only {
        Scope::ToolsCall
    } else {
        Scope::ToolsWrite
    };
    if principal.may(needed) {
        return Ok(());
    }
    Err(CallError::Forbidden(format!(
        "{} needs the scope {needed}, which this token does not have",
        tool.name
    )))
}

/// One line about a call for the person who decides: the tool's title and what its arguments say
/// first.
pub fn summary(tool: &Tool, arguments: &Value) -> String {
    const TELLING: [&str; 7] = [
        "to",
        "subject",
        "summary",
        "title",
        "event_id",
        "document_id",
        "draft_id",
    ];
    let mut line = tool.title.clone();
    for key in TELLING {
        let Some(value) = arguments.get(key) else {
            continue;
        };
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let short: String = text.chars().take(80).collect();
        line.push_str(if line.len() == tool.title.len() {
            ": "
        } else {
            ", "
        });
        line.push_str(&short);
    }
    line
}
