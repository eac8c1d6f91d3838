//! Whether a call goes ahead: pure decisions on what the catalogue and the rules say.
//!
//! | whose word | first-party or built-in tool | tool of a person's own server |
//! |---|---|---|
//! | administrator | makes it stricter | makes it stricter |
//! | person | makes it stricter | decides, either way |
//! | template | | decides where the person says nothing |
//! | none of these | [`AskRule`] | the server's default |
//!
//! A template's word about a tool is advice to who has not looked yet; whose server it is may know better. What
//! nobody may make laxer is the administrator's to say.

use deputy_core::firstparty::{AskRule, ByArguments};
use deputy_core::{Principal, Scope};
use deputy_templates::{DefaultPolicy, Policy};
use serde_json::Value;

mod administrator;
mod person;
pub(crate) mod rules;
#[cfg(test)]
mod tests;

use crate::catalog::{Origin, Tool};
use crate::error::{CallError, MissingScope};

pub use person::Said;

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
    match effective(tool) {
        Policy::Auto => "auto",
        Policy::Ask => "ask",
        Policy::Deny => "deny",
    }
}

/// What happens when a tool is called, at the least: some calls of a tool of ours ask by their arguments.
pub(crate) fn effective(tool: &Tool) -> Policy {
    tool.policy.unwrap_or(match &tool.origin {
        Origin::FirstParty(ours) => least(ours.ask),
        Origin::BuiltIn(built_in) => least(built_in.ask),
        // Always has one.
        Origin::Own(_) => Policy::Ask,
    })
}

/// The least that happens by the own rule of a tool of ours.
fn least(ask: AskRule) -> Policy {
    match ask {
        AskRule::Always => Policy::Ask,
        AskRule::Never | AskRule::Arguments(_) => Policy::Auto,
    }
}

/// Decides on a call with these arguments.
pub fn decide(tool: &Tool, arguments: &Value) -> Decision {
    match (tool.policy, &tool.origin) {
        (Some(Policy::Deny), _) => Decision::Deny,
        (Some(Policy::Ask), _) | (None, Origin::Own(_)) => Decision::Ask,
        (Some(Policy::Auto), Origin::Own(_)) => Decision::Auto,
        // Nobody's word makes a tool of ours laxer than it is.
        (Some(Policy::Auto) | None, Origin::FirstParty(ours)) => by_rule(ours.ask, arguments),
        (Some(Policy::Auto) | None, Origin::BuiltIn(built_in)) => {
            match by_rule(built_in.ask, arguments) {
                // There is no third party that would know better.
                Decision::Preflight => Decision::Ask,
                decision => decision,
            }
        }
    }
}

fn by_rule(ask: AskRule, arguments: &Value) -> Decision {
    match ask {
        AskRule::Never => Decision::Auto,
        AskRule::Always => Decision::Ask,
        AskRule::Arguments(rule) => match rule(arguments) {
            ByArguments::Auto => Decision::Auto,
            ByArguments::Ask => Decision::Ask,
            ByArguments::Preflight => Decision::Preflight,
        },
    }
}

/// What others say of a tool of ours, if it is stricter than its own rule.
pub(crate) fn tightened(
    ask: AskRule,
    administrator: Option<Policy>,
    person: Option<Policy>,
) -> Option<Policy> {
    administrator.max(person).filter(|said| *said > least(ask))
}

/// What happens to calls of a tool of a person's own server. The template's word is a default, which the person's
/// replaces; the strictest of that and the administrator's counts.
pub(crate) fn of_own(
    administrator: Option<Policy>,
    person: Option<Policy>,
    template: Option<Policy>,
    default: DefaultPolicy,
    read_only: bool,
) -> Policy {
    let base = person.or(template).unwrap_or_else(|| default.of(read_only));
    administrator.map_or(base, |strict| strict.max(base))
}

/// Checks the caller's scopes: `tools:call` for tools that only read, `tools:write` for the others.
pub fn check_scope(principal: &Principal, tool: &Tool) -> Result<(), MissingScope> {
    let needed = if tool.read_only {
        Scope::ToolsCall
    } else {
        Scope::ToolsWrite
    };
    MissingScope::unless(principal, needed, &tool.name)
}

/// The answer to a call that is never made.
pub(crate) fn denied(tool: &Tool) -> CallError {
    CallError::Forbidden(format!("{} is switched off by a rule", tool.name))
}

/// One line about a call for the person who decides: the tool's title and what its arguments say
/// first.
pub fn summary(tool: &Tool, arguments: &Value) -> String {
    const TELLING: [&str; 18] = [
        "from",
        "kind",
        "to",
        "subject",
        "project",
        "key",
        "summary",
        "name",
        "title",
        "status",
        "username",
        "role",
        "event_id",
        "document_id",
        "draft_id",
        "note_id",
        "task_id",
        "comment_id",
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
