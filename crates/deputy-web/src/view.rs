//! What the templates are given: the frame of a page ([`Shell`]) and the parts that several pages
//! share. These types know how to be shown and nothing else; pages make them from domain types.

pub(crate) mod diff;
mod markdown;
mod prose;
mod shell;
mod watch;

use std::fmt::Write as _;

use deputy_core::Scope;
use serde_json::Value;

pub(crate) use markdown::Markdown;
pub(crate) use prose::Prose;
pub use shell::Sandbox;
pub(crate) use shell::{Flash, Nav, Shell};
pub(crate) use watch::{ANYBODY, Watch, When};

/// One thing that a service would be allowed to do.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) key: &'static str,
    pub(crate) granted: bool,
}

/// A service of Google, as a person sees it.
#[derive(Clone, Debug)]
pub(crate) struct ServiceView {
    pub(crate) id: &'static str,
    pub(crate) connected: bool,
    /// It is connected, and its permission can't be renewed any more.
    pub(crate) expired: bool,
    pub(crate) grants: Vec<Grant>,
}

impl ServiceView {
    pub(crate) fn name_key(&self) -> &'static str {
        match self.id {
            "calendar" => "service-calendar",
            "gmail" => "service-gmail",
            "drive" => "service-drive",
            _ => "service-google",
        }
    }

    pub(crate) fn start_href(&self) -> String {
        format!("/connect/google?service={}", self.id)
    }

    pub(crate) fn state_key(&self) -> &'static str {
        match (self.connected, self.expired) {
            (true, false) => "state-connected",
            (true, true) => "state-expired",
            (false, _) => "state-disconnected",
        }
    }

    pub(crate) fn tone(&self) -> &'static str {
        match (self.connected, self.expired) {
            (true, false) => "ok",
            (true, true) => "wait",
            (false, _) => "",
        }
    }

    /// Whether only a part of what it can do was allowed.
    pub(crate) fn partial(&self) -> bool {
        self.grants.iter().any(|grant| !grant.granted)
    }
}

/// A notice to dismiss.
#[derive(Clone, Debug)]
pub(crate) struct NoticeView {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) text: String,
    /// The name of the server that it is about, to be connected again.
    pub(crate) server: Option<String>,
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Whether the value is JSON and not a text.
    pub(crate) code: bool,
}

/// The arguments as a person reads them: texts as they are, everything else as JSON.
pub(crate) fn arguments(value: &Value) -> Vec<Argument> {
    let Value::Object(members) = value else {
        return if value.is_null() {
            Vec::new()
        } else {
            vec![Argument {
                name: "arguments".to_owned(),
                value: visible(&pretty(value)),
                code: true,
            }]
        };
    };
    members
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => Argument {
                name: visible(name),
                value: visible(text),
                code: false,
            },
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
                Argument {
                    name: visible(name),
                    value: visible(
                        &items
                            .iter()
                            .filter_map(Value::as_str)
                            .collect::<Vec<_>>()
                            .join("\n"),
                    ),
                    code: false,
                }
            }
            other => Argument {
                name: visible(name),
                value: visible(&pretty(other)),
                code: true,
            },
        })
        .collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The text with every character shown that would hide or reorder others: what a person approves
/// must be what they see. Line breaks and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        if hidden {
            // Writing to a string can't fail.
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// An approval, waiting or decided.
#[derive(Clone, Debug)]
pub(crate) struct ApprovalView {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) server: String,
    pub(crate) summary: String,
    /// Through what it was asked.
    pub(crate) caller: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) minutes_left: i64,
    pub(crate) when: When,
    pub(crate) state_key: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) result: Option<String>,
}

/// A record of the audit log, in a line.
#[derive(Clone, Debug)]
pub(crate) struct ActivityView {
    pub(crate) title: String,
    pub(crate) caller: String,
    pub(crate) when: When,
    pub(crate) state_key: &'static str,
    pub(crate) tone: &'static str,
}

/// How to connect an MCP client, ready to paste.
#[derive(Clone, Debug)]
pub(crate) struct Snippets {
    pub(crate) url: String,
    pub(crate) header: String,
    pub(crate) claude_code: String,
    pub(crate) cursor: String,
    pub(crate) vscode: String,
    pub(crate) shell: String,
}

impl Snippets {
    /// For the server at `public_url` (without a slash at its end) and `token`.
    pub(crate) fn new(public_url: &str, token: &str) -> Self {
        let url = format!("{public_url}/mcp");
        let header = format!("Authorization: Bearer {token}");
        let server = |kind: Option<&str>| {
            let mut entry = serde_json::Map::new();
            if let Some(kind) = kind {
                entry.insert("type".to_owned(), kind.into());
            }
            entry.insert("url".to_owned(), url.clone().into());
            entry.insert(
                "headers".to_owned(),
                serde_json::json!({ "Authorization": format!("Bearer {token}") }),
            );
            Value::Object(entry)
        };
        Self {
            claude_code: format!(
                "claude mcp add --transport http deputy {url} --header \"{header}\""
            ),
            cursor: pretty(&serde_json::json!({ "mcpServers": { "deputy": server(None) } })),
            vscode: pretty(&serde_json::json!({ "servers": { "deputy": server(Some("http")) } })),
            shell: format!(
                "export DEPUTY_URL={public_url}\nexport DEPUTY_TOKEN={token}\ndeputy tools"
            ),
            url,
            header,
        }
    }
}

/// The text that explains `scope`.
pub(crate) fn scope_key(scope: Scope) -> &'static str {
    match scope {
        Scope::ToolsRead => "scope-tools-read",
        Scope::ToolsCall => "scope-tools-call",
        Scope::ToolsWrite => "scope-tools-write",
        Scope::ApprovalsDecide => "scope-approvals-decide",
        Scope::Chat => "scope-chat",
        Scope::ServersManage => "scope-servers-manage",
        Scope::IntegrationsManage => "scope-integrations-manage",
        Scope::AuditRead => "scope-audit-read",
        Scope::Admin => "scope-admin",
    }
}

#[cfg(test)]
mod tests;
