//! The frame around every page: menu, languages, icons, and what just happened.

use std::fmt;

use deputy_core::Language;

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
    Notes,
    Tasks,
    Projects,
    Approvals,
    Activity,
    Settings,
    Admin,
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
        let mut items = vec![
            item(Nav::Home, "/", "nav-home", "home", 0),
            item(Nav::Connect, "/connect", "nav-connect", "plug", 0),
            item(Nav::Servers, "/servers", "nav-servers", "server", 0),
            item(Nav::Notes, "/notes", "nav-notes", "note", 0),
            item(Nav::Tasks, "/tasks", "nav-tasks", "tasks", 0),
            item(Nav::Projects, "/projects", "nav-projects", "list", 0),
            item(
                Nav::Approvals,
                "/approvals",
                "nav-approvals",
                "shield",
                self.pending,
            ),
            item(Nav::Activity, "/activity", "nav-activity", "pulse", 0),
            item(Nav::Settings, "/settings", "nav-settings", "sliders", 0),
        ];
        if self.admin {
            items.push(item(Nav::Admin, "/admin", "nav-admin", "key", 0));
        }
        items
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
        "note" => r#"<path d="M6 3.5h8.5L18 7v13.5H6zM14 3.5V7.5h4M9 12h6M9 15.5h6"/>"#,
        "tasks" => r#"<path d="m4 7 1.5 1.5L8.5 5M4 17l1.5 1.5L8.5 15M12 7h8M12 17h8"/>"#,
        "list" => r#"<path d="M4.5 6h15M4.5 12h15M4.5 18h9"/>"#,
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
            "access-ended" => good("flash-access-ended"),
            "accesses-ended" => good("flash-accesses-ended"),
            "password-and-access" => good("flash-password-and-access"),
            "client-blocked" => good("flash-client-blocked"),
            "client-unblocked" => good("flash-client-unblocked"),
            "client-added" => good("flash-client-added"),
            "client-removed" => good("flash-client-removed"),
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
            "app-added" => good("flash-app-added"),
            "app-removed" => good("flash-app-removed"),
            "passkey-added" => good("flash-passkey-added"),
            "passkey-removed" => good("flash-passkey-removed"),
            "factor-reset" => good("flash-factor-reset"),
            "deleted" => good("flash-deleted"),
            "project-left" => good("flash-project-left"),
            "account-deleted" => good("flash-account-deleted"),
            _ => return None,
        })
    }
}
