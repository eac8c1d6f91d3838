//! What the templates are given: the frame of a page ([`Shell`]) and the parts that several pages
//! share. These types know how to be shown and nothing else; pages make them from domain types.

use std::fmt::{self, Write as _};

use deputy_core::{Caller, Language, Scope};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde_json::Value;

use crate::assets;
use crate::text::Text;

/// What the sandbox says about itself on every page.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// The user that the sandbox made.
    pub user: String,
    /// That user's password: no secret, everybody's is the same.
    pub password: String,
    /// Where the emulated Google shows its accounts.
    pub google_url: Option<String>,
}

/// Which page of the menu is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nav {
    Home,
    Connect,
    Servers,
    Approvals,
    Activity,
    Settings,
    Elsewhere,
}

/// The frame around a page.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) t: Text,
    /// Goes into every form.
    pub(crate) csrf: String,
    pub(crate) active: Nav,
    /// The path of the page, to come back to after the language was switched.
    pub(crate) path: String,
    /// What the person is called.
    pub(crate) name: String,
    pub(crate) admin: bool,
    /// Approvals that wait.
    pub(crate) pending: i64,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) flash: Option<Flash>,
}

/// An entry of the menu.
pub(crate) struct NavItem {
    pub(crate) href: &'static str,
    pub(crate) key: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) current: bool,
    pub(crate) count: i64,
}

/// A language to choose.
pub(crate) struct LanguageChoice {
    pub(crate) tag: &'static str,
    pub(crate) name: &'static str,
    pub(crate) current: bool,
}

impl Shell {
    pub(crate) fn nav(&self) -> Vec<NavItem> {
        let item = |nav, href, key, icon, count| NavItem {
            href,
            key,
            icon,
            current: self.active == nav,
            count,
        };
        vec![
            item(Nav::Home, "/", "nav-home", "home", 0),
            item(Nav::Connect, "/connect", "nav-connect", "plug", 0),
            item(Nav::Servers, "/servers", "nav-servers", "server", 0),
            item(
                Nav::Approvals,
                "/approvals",
                "nav-approvals",
                "shield",
                self.pending,
            ),
            item(Nav::Activity, "/activity", "nav-activity", "pulse", 0),
            item(Nav::Settings, "/settings", "nav-settings", "sliders", 0),
        ]
    }

    pub(crate) fn languages(&self) -> [LanguageChoice; 3] {
        Language::ALL.map(|language| LanguageChoice {
            tag: language.as_str(),
            name: match language {
                Language::En => "English",
                Language::Ru => "Русский",
                Language::Uk => "Українська",
            },
            current: language == self.t.language,
        })
    }

    pub(crate) fn initial(&self) -> String {
        self.name
            .chars()
            .next()
            .map(String::from)
            .unwrap_or_default()
    }

    #[expect(clippy::unused_self, reason = "templates reach it through the shell")]
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::href(name)
    }

    #[expect(clippy::unused_self, reason = "templates reach it through the shell")]
    pub(crate) fn icon(&self, name: &str) -> Icon {
        Icon(icon_path(name))
    }
}

/// A line icon, drawn on 24 by 24.
pub(crate) struct Icon(&'static str);

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>"#,
            self.0
        )
    }
}

impl askama::filters::HtmlSafe for Icon {}

fn icon_path(name: &str) -> &'static str {
    match name {
        "home" => {
            r#"<path d="M4 11.2 12 4.5l8 6.7V19a1.5 1.5 0 0 1-1.5 1.5h-4V14.5h-5v6h-4A1.5 1.5 0 0 1 4 19z"/>"#
        }
        "plug" => r#"<path d="M8.5 3v5M15.5 3v5M6 8h12v3.5a6 6 0 0 1-12 0zM12 17.5V21"/>"#,
        "shield" => {
            r#"<path d="M12 3.2 5 6v5.5c0 4.3 2.9 7.5 7 9.3 4.1-1.8 7-5 7-9.3V6z"/><path d="m9 11.8 2.2 2.2 3.9-4.3"/>"#
        }
        "sliders" => {
            r#"<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>"#
        }
        "leave" => {
            r#"<path d="M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10 12h10M16.5 8.5 20 12l-3.5 3.5"/>"#
        }
        "calendar" => {
            r#"<rect x="4" y="5.5" width="16" height="14.5" rx="2.5"/><path d="M4 10h16M8.5 3.5v4M15.5 3.5v4M8 14h.01M12 14h.01M16 14h.01M8 17h.01M12 17h.01"/>"#
        }
        "gmail" => {
            r#"<rect x="3.5" y="5.5" width="17" height="13" rx="2.5"/><path d="m4.5 7.5 7.5 6 7.5-6"/>"#
        }
        "drive" => {
            r#"<path d="M13.5 3.5H7.5A1.5 1.5 0 0 0 6 5v14a1.5 1.5 0 0 0 1.5 1.5h9A1.5 1.5 0 0 0 18 19V8zM13.5 3.5V8H18M9 12.5h6M9 16h4"/>"#
        }
        "server" => {
            r#"<rect x="4" y="4" width="16" height="6.5" rx="1.75"/><rect x="4" y="13.5" width="16" height="6.5" rx="1.75"/><path d="M7.5 7.25h.01M7.5 16.75h.01M11 7.25h5.5M11 16.75h5.5"/>"#
        }
        "check" => r#"<path d="m5 12.5 4.6 4.6L19 7.5"/>"#,
        "minus" => r#"<path d="M6 12h12"/>"#,
        "warning" => r#"<path d="M12 4 2.8 19.5h18.4zM12 10v4.5M12 17.2h.01"/>"#,
        "key" => {
            r#"<circle cx="8" cy="15.5" r="4"/><path d="m11 12.5 8-8M16 7.5l2.5 2.5M13.5 10l1.5 1.5"/>"#
        }
        "pulse" => r#"<path d="M3 12.5h4l2.5-7 5 13 2.5-6h4"/>"#,
        "screen" => {
            r#"<rect x="3.5" y="5" width="17" height="11" rx="1.5"/><path d="M2.5 19.5h19"/>"#
        }
        _ => "",
    }
}

/// What just happened, told on the page that a form leads to. The address carries its name, and
/// only these names are known, so that nobody else can put words on a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flash {
    pub(crate) key: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
}

impl Flash {
    /// The message named `name` in `?done=`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let good = |key| Self {
            key,
            tone: "ok",
            icon: "check",
        };
        let wait = |key| Self {
            key,
            tone: "wait",
            icon: "warning",
        };
        let bad = |key| Self {
            key,
            tone: "bad",
            icon: "warning",
        };
        Some(match name {
            "saved" => good("flash-saved"),
            "password" => good("flash-password"),
            "token-revoked" => good("flash-token-revoked"),
            "disconnected" => good("flash-disconnected"),
            "approved" => good("flash-approved"),
            "approved-failed" => bad("flash-approved-failed"),
            "rejected" => good("flash-rejected"),
            "already-decided" => wait("flash-already-decided"),
            "expired" => wait("flash-expired"),
            "signed-out" => good("flash-signed-out"),
            "not-connected" => wait("flash-not-connected"),
            "server-added" => good("flash-server-added"),
            "server-deleted" => good("flash-server-deleted"),
            "tools-allowed" => good("flash-tools-allowed"),
            "tools-changed-again" => wait("flash-tools-changed-again"),
            "draft-lapsed" => wait("flash-draft-lapsed"),
            _ => return None,
        })
    }
}

/// An instant in three forms.
#[derive(Clone, Debug)]
pub(crate) struct When {
    /// RFC 3339, for machines.
    pub(crate) iso: String,
    /// Date and time in the person's zone.
    pub(crate) full: String,
    /// How long ago, in words; the date where that is over a week.
    pub(crate) ago: String,
}

/// Shows instants to one person.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) t: Text,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
}

impl Watch {
    pub(crate) fn show(&self, at: Timestamp) -> When {
        let full = at
            .to_zoned(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M")
            .to_string();
        let seconds = self
            .now
            .since(at)
            .and_then(|span| span.total(Unit::Second))
            .unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seconds between two instants"
        )]
        let minutes = (seconds / 60.0).floor() as i64;
        let ago = match minutes {
            ..1 => self.t.tr("time-now"),
            1..60 => self.t.count("time-minutes", minutes),
            60..1440 => self.t.count("time-hours", minutes / 60),
            1440..10080 => self.t.count("time-days", minutes / 1440),
            _ => full.clone(),
        };
        When {
            iso: at.to_string(),
            full,
            ago,
        }
    }

    /// Who called, for people, from [`Caller::label`]: a token goes by the name that its owner gave
    /// it.
    pub(crate) fn caller(&self, label: &str) -> String {
        match label.split_once(':') {
            Some(("token", rest)) => visible(rest.split_once(':').map_or(rest, |(_, name)| name)),
            _ if label == Caller::System.label() => "Deputy".to_owned(),
            _ => self.t.tr("caller-browser"),
        }
    }

    /// Whole minutes until `at`, 0 where it has passed.
    pub(crate) fn minutes_until(&self, at: Timestamp) -> i64 {
        let seconds = at
            .since(self.now)
            .and_then(|span| span.total(Unit::Second))
            .unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seconds between two instants"
        )]
        let minutes = (seconds / 60.0).floor() as i64;
        minutes.max(0)
    }
}

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
