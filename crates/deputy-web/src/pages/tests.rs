//! Every page in every language, from made-up data.

use askama::Template;
use deputy_core::{Language, Scope};
use jiff::tz::TimeZone;
use serde_json::json;

mod activity;
mod factor;
mod home;
mod programs;
mod settings;

use super::*;
use crate::text::Text;
use crate::view::{
    ApprovalView, Flash, Grant, Nav, Sandbox, ServiceView, Shell, Snippets, Watch, arguments,
    scope_key,
};

fn shell(language: Language, active: Nav) -> Shell {
    Shell {
        t: Text::new(language),
        csrf: "csrf-of-the-session".into(),
        active,
        path: "/connect".into(),
        name: "Оксана <b>".into(),
        admin: true,
        pending: 2,
        sandbox: Some(Sandbox {
            user: "demo".into(),
            password: "demo".into(),
            google_url: Some("http://127.0.0.1:8485".into()),
        }),
        flash: Flash::named("saved"),
    }
}

fn watch(language: Language) -> Watch {
    Watch {
        t: Text::new(language),
        zone: TimeZone::get("Europe/Kyiv").unwrap(),
        now: "2026-12-01T10:00:00Z".parse().unwrap(),
    }
}

fn services(connected: [bool; 3]) -> Vec<ServiceView> {
    let grants = |keys: &[&'static str], all: bool| {
        keys.iter()
            .enumerate()
            .map(|(i, key)| Grant {
                key,
                granted: all || i == 0,
            })
            .collect()
    };
    vec![
        ServiceView {
            id: "calendar",
            connected: connected[0],
            expired: false,
            grants: grants(
                &["grant-calendar-read", "grant-calendar-events"],
                connected[0],
            ),
        },
        ServiceView {
            id: "gmail",
            connected: connected[1],
            expired: false,
            grants: grants(
                &[
                    "grant-gmail-read",
                    "grant-gmail-send",
                    "grant-gmail-compose",
                ],
                false,
            ),
        },
        ServiceView {
            id: "drive",
            connected: connected[2],
            expired: false,
            grants: grants(&["grant-drive", "grant-docs"], connected[2]),
        },
    ]
}

fn approval(language: Language, state: &'static str, tone: &'static str) -> ApprovalView {
    ApprovalView {
        id: "0199a7f2-5a5e-7000-8000-000000000001".into(),
        title: "Send an email".into(),
        server: "gmail".into(),
        summary: "Send an email to guest@sandbox.test: Lunch on Thursday?".into(),
        caller: "Claude on my laptop".into(),
        arguments: arguments(&json!({
            "to": ["guest@sandbox.test", "<script>alert(1)</script>@sandbox.test"],
            "subject": "Lunch on Thursday?",
            "body": "Hello!\n\nShall we meet at 13:00 near the office?\nBest,\nOksana",
            "attachments": [{"filename": "menu.pdf", "file_id": "1x9"}],
        })),
        minutes_left: 12,
        when: watch(language).show("2026-12-01T09:57:00Z".parse().unwrap()),
        state_key: state,
        tone,
        result: Some("{\n  \"message_id\": \"18c2\"\n}".into()),
    }
}

fn snippets() -> Snippets {
    Snippets::new("http://127.0.0.1:8484", "YOUR_TOKEN")
}

fn message(language: Language, good: bool) -> String {
    let t = Text::new(language);
    message::Page {
        shell: shell(language, Nav::Elsewhere),
        good,
        heading: t.tr(if good {
            "callback-ok-title"
        } else {
            "callback-failed-title"
        }),
        text: t.tr(if good {
            "callback-ok-text"
        } else {
            "callback-state"
        }),
        services: if good {
            services([true, true, false])
        } else {
            vec![]
        },
        actions: vec![
            message::Action {
                key: "to-connections",
                href: "/connect".into(),
            },
            message::Action {
                key: "to-home",
                href: "/".into(),
            },
        ],
    }
    .render()
    .unwrap()
}

fn gallery(language: Language) -> Vec<(&'static str, String)> {
    let t = Text::new(language);
    let connect = |connected, problem: bool| {
        connect::Page {
            shell: shell(language, Nav::Connect),
            available: !problem,
            connected_all: false,
            notices: vec![],
            services: services(connected),
            account: None,
            since: connected[0]
                .then(|| watch(language).show("2026-10-01T10:00:00Z".parse().unwrap())),
        }
        .render()
        .unwrap()
    };
    let approvals = |pending, decided| {
        approvals::Page {
            shell: shell(language, Nav::Approvals),
            pending,
            decided,
        }
        .render()
        .unwrap()
    };
    let message = |good| message(language, good);
    let login = |problem: bool| {
        login::Page {
            shell: shell(language, Nav::Elsewhere),
            username: if problem {
                "demo".into()
            } else {
                String::new()
            },
            next: "/connect".into(),
            problem: problem.then(|| t.tr("login-wrong")),
            passkeys: !problem,
        }
        .render()
        .unwrap()
    };
    let disconnect = |one: bool| {
        connect::DisconnectPage {
            shell: shell(language, Nav::Connect),
            service: one.then(|| services([true, true, true]).remove(1)),
            last: !one,
        }
        .render()
        .unwrap()
    };
    vec![
        ("second-factor", factor::second_factor(language, true)),
        ("second-factor-new", factor::second_factor(language, false)),
        ("login-second", factor::second_step(language, true)),
        (
            "login-second-recovery",
            factor::second_step(language, false),
        ),
        ("confirm", factor::confirmation(language, true)),
        ("confirm-password", factor::confirmation(language, false)),
        ("account-delete", factor::account_delete(language, false)),
        (
            "account-delete-last",
            factor::account_delete(language, true),
        ),
        ("login", login(false)),
        ("login-wrong", login(true)),
        ("home", home::page(language, false)),
        ("home-new", home::page(language, true)),
        ("connect", connect([true, true, false], false)),
        ("connect-none", connect([false, false, false], true)),
        ("disconnect", disconnect(true)),
        ("disconnect-all", disconnect(false)),
        (
            "approvals",
            approvals(
                vec![approval(language, "approval-pending", "wait")],
                vec![
                    approval(language, "approval-done", "ok"),
                    approval(language, "approval-rejected", ""),
                ],
            ),
        ),
        ("approvals-none", approvals(vec![], vec![])),
        ("activity", activity::page(language, false)),
        ("activity-none", activity::page(language, true)),
        ("settings", settings::page(language, false)),
        ("settings-token", settings::page(language, true)),
        ("consent", programs::consent(language, false)),
        ("consent-doubtful", programs::consent(language, true)),
        ("consent-refused", programs::refused(language)),
        ("admin", programs::admin(language, false)),
        ("admin-none", programs::admin(language, true)),
        ("client-remove", programs::client_remove(language)),
        ("callback-ok", message(true)),
        ("callback-failed", message(false)),
    ]
}

#[test]
fn every_page_is_whole_in_every_language() {
    for language in Language::ALL {
        for (name, page) in gallery(language) {
            assert!(
                !page.contains("Unknown localization"),
                "{name} in {language:?} lacks a text"
            );
            assert!(
                page.contains(&format!("<html lang=\"{}\">", language.as_str())),
                "{name}"
            );
            assert!(
                !page
                    .replace("<script src=\"/assets/passkey.js?", "")
                    .contains("<script"),
                "{name}: what people and models write is escaped"
            );
            assert!(
                !page.contains(" style=") && !page.contains("<style"),
                "{name}: the policy forbids inline styles"
            );
            // Who signs in has no session yet.
            let without = page.matches("action=\"/login\"").count()
                + page.matches("action=\"/login/passkey/finish\"").count();
            let forms = page.matches("method=\"post\"").count() - without;
            let tokens = page.matches("name=\"csrf\"").count();
            assert_eq!(
                forms, tokens,
                "{name}: every form of a session carries its token"
            );
        }
    }
}
