//! Every page in every language, from made-up data.

use askama::Template;
use deputy_core::{Language, Scope};
use deputy_gateway::usage::{Tally, Usage};
use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::oauth::authorize::consent;
use crate::text::Text;
use crate::view::{
    ActivityView, ApprovalView, Flash, Grant, Nav, NoticeView, Sandbox, ServiceView, Shell,
    Snippets, Watch, arguments, scope_key,
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

fn home(language: Language, fresh: bool) -> String {
    let when = |at: &str| watch(language).show(at.parse().unwrap());
    let activity = |title: &str, caller: &str, at: &str, state_key, tone| ActivityView {
        title: title.into(),
        caller: caller.into(),
        when: when(at),
        state_key,
        tone,
    };
    let mut shell = shell(language, Nav::Home);
    shell.flash = None;
    if fresh {
        shell.pending = 0;
    }
    home::Page {
        shell,
        connected_any: !fresh,
        notices: if fresh {
            vec![]
        } else {
            vec![NoticeView {
                id: 1,
                title: Text::new(language).tr("notice-disconnected-title"),
                text: Text::new(language).tr("notice-testing"),
                server: None,
            }]
        },
        services: services([!fresh, !fresh, false]),
        servers: vec![],
        pending: if fresh {
            vec![]
        } else {
            vec![approval(language, "approval-pending", "wait")]
        },
        activity: if fresh {
            vec![]
        } else {
            vec![
                activity(
                    "create_calendar_event",
                    "Claude on my laptop",
                    "2026-12-01T09:58:00Z",
                    "call-ok",
                    "ok",
                ),
                activity(
                    "send_email",
                    "Claude on my laptop",
                    "2026-12-01T09:57:00Z",
                    "call-waiting",
                    "wait",
                ),
                activity(
                    "search_files",
                    "browser",
                    "2026-12-01T08:00:00Z",
                    "call-error",
                    "bad",
                ),
            ]
        },
        token_count: usize::from(!fresh),
        snippets: snippets(),
    }
    .render()
    .unwrap()
}

fn settings(language: Language, fresh: bool) -> String {
    let watch = watch(language);
    let when = |at: &str| watch.show(at.parse().unwrap());
    settings::Page {
        shell: shell(language, Nav::Settings),
        problem: fresh.then(|| Text::new(language).tr("password-differs")),
        fresh: fresh.then(|| settings::Fresh {
            name: "Claude on my laptop".into(),
            token: "dpt_pat_5xXW3mWnRj0vUu0A5yq1kq3o3oXGsQmZ5cVw1yYbWc8".into(),
            snippets: snippets(),
        }),
        profile: settings::Profile {
            username: "demo".into(),
            name: "Оксана".into(),
            time_zone: "Europe/Kyiv".into(),
            zones: vec!["Asia/Dubai".into()],
        },
        access: if fresh {
            vec![]
        } else {
            let access = |id| settings::access::AccessView {
                id,
                host: "claude.ai".into(),
                targets: vec![Text::new(language).tr("consent-for-mcp")],
                scope_keys: vec![scope_key(Scope::ToolsRead), scope_key(Scope::ToolsCall)],
                since: when("2026-11-01T09:40:00Z"),
                used: Some(when("2026-12-01T09:40:00Z")),
            };
            let program = |client_id: &str, accesses| settings::access::ProgramView {
                client_id: client_id.into(),
                name: "Claude <script>alert(1)</script>".into(),
                accesses,
            };
            vec![
                program("\"><script>", vec![access(9), access(8)]),
                program("https://claude.ai/c", vec![access(7)]),
            ]
        },
        tokens: if fresh {
            vec![]
        } else {
            vec![settings::TokenView {
                id: 4,
                name: "Claude on my laptop".into(),
                hint: "x9Qa".into(),
                scopes: "tools:read tools:call tools:write chat".into(),
                last_used: Some(when("2026-12-01T09:40:00Z")),
                expires: Some(when("2027-03-01T09:40:00Z")),
                expired: false,
            }]
        },
        scopes: Scope::ALL
            .into_iter()
            .map(|scope| settings::ScopeChoice {
                id: scope.as_str(),
                key: scope_key(scope),
                ticked: !matches!(scope, Scope::Admin | Scope::ApprovalsDecide),
            })
            .collect(),
        sessions: vec![
            settings::SessionView {
                agent: "Firefox, Linux".into(),
                current: true,
                started: when("2026-11-30T10:00:00Z"),
                seen: when("2026-12-01T10:00:00Z"),
            },
            settings::SessionView {
                agent: "Safari, iPhone".into(),
                current: false,
                started: when("2026-11-29T10:00:00Z"),
                seen: when("2026-12-01T07:00:00Z"),
            },
        ],
    }
    .render()
    .unwrap()
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

fn activity(language: Language, fresh: bool) -> String {
    let today = jiff::civil::date(2026, 12, 1);
    let by_day = (0..30u8)
        .map(|i| {
            let queries = u64::from(i * 7 % 23);
            let tally = Tally {
                queries,
                successful: queries - u64::from(i % 3).min(queries),
                cost: 0.0,
            };
            (
                today
                    .saturating_sub(jiff::ToSpan::days(i32::from(i)))
                    .to_string(),
                tally,
            )
        })
        .collect();
    let server = |queries, successful| Tally {
        queries,
        successful,
        cost: 0.0,
    };
    let usage = Usage {
        total_queries: 330,
        successful_queries: 301,
        avg_response_time: 1480.0,
        most_used_server: Some("calendar".into()),
        by_server: [
            ("calendar".to_owned(), server(200, 198)),
            ("my-files".to_owned(), server(100, 80)),
            ("github".to_owned(), server(30, 23)),
        ]
        .into(),
        by_day,
        ..Usage::default()
    };
    let record = |seq, action: &str, target: &str, outcome: &str| deputy_store::audit::AuditRow {
        seq,
        at: "2026-12-01T09:58:00Z".parse().unwrap(),
        user: Some(deputy_core::UserId(2)),
        caller: "token:4:Claude on my <b>laptop".into(),
        action: action.into(),
        target: target.into(),
        call_id: Some("0199a7f2-5a5e-7000-8000-000000000001".into()),
        outcome: outcome.into(),
        detail: r#"{"arguments_sha256":"9f2c7c1b","server":"calendar","duration_ms":412}"#.into(),
        hash: vec![],
    };
    let rows = vec![
        record(914, "tool.result", "create_calendar_event", "ok"),
        record(913, "tool.call", "create_calendar_event", "started"),
        record(
            912,
            "tool.call",
            "my-files__read_text_file",
            "UPSTREAM_ERROR",
        ),
        record(911, "approval.ask", "send_email", "pending"),
        record(910, "tool.call", "my-files__write_file", "FORBIDDEN"),
        record(909, "token.create", "4", "ok"),
        record(908, "something.new", "<script>", "ok"),
    ];
    activity::gallery_page(
        shell(language, Nav::Activity),
        watch(language),
        if fresh { Usage::default() } else { usage },
        if fresh { vec![] } else { rows },
    )
    .render()
    .unwrap()
}

fn consent(language: Language, doubtful: bool) -> String {
    let t = Text::new(language);
    let mut shell = shell(language, Nav::Elsewhere);
    shell.sandbox = None;
    consent::Page {
        shell,
        client: if doubtful {
            "Claude <script>alert(1)</script>".into()
        } else {
            "Календарний бот".into()
        },
        person: "Оксана <b>".into(),
        username: "demo".into(),
        other: "/login?again=1&next=%2Foauth%2Fauthorize%3Fclient_id%3Dx".into(),
        redirect: if doubtful {
            "localhost:33418".into()
        } else {
            "bot.example.org".into()
        },
        targets: vec![
            t.tr("consent-for-mcp"),
            t.tr1("consent-for-server", "server", "files"),
            t.tr("consent-for-api"),
        ],
        kind: if doubtful {
            t.tr("consent-kind-dynamic")
        } else {
            t.tr("consent-kind-registered")
        },
        icon: if doubtful { "warning" } else { "shield" },
        doubtful,
        warning: doubtful.then_some("consent-loopback"),
        before: (!doubtful).then(|| watch(language).show("2026-11-01T09:40:00Z".parse().unwrap())),
        scopes: Scope::ALL
            .into_iter()
            .map(|scope| consent::ScopeChoice {
                id: scope.as_str(),
                key: scope_key(scope),
                ticked: !scope.is_grave(),
            })
            .collect(),
        request: "client_id=x&state=\"><script>alert(1)</script>".into(),
        problem: doubtful.then_some("consent-none-ticked"),
    }
    .render()
    .unwrap()
}

fn refused(language: Language) -> String {
    let mut shell = shell(language, Nav::Elsewhere);
    shell.sandbox = None;
    crate::oauth::authorize::refused::Page {
        text: shell.t.tr1(
            "consent-request-failed",
            "detail",
            "PKCE is required <script>",
        ),
        back: Some(crate::oauth::authorize::refused::Back {
            href: "https://evil.example/?error=invalid_request&state=\"<script>".into(),
            host: "evil.example".into(),
        }),
        shell,
    }
    .render()
    .unwrap()
}

fn client(language: Language, id: i64) -> admin::ClientView {
    admin::ClientView {
        id,
        client_id: "dpt_cl_5xXW3mWnRj0vUu0A5yq1kq3o3oXGsQmZ5cVw1yYbWc8".into(),
        name: "Visual Studio Code <script>".into(),
        kind_key: "clients-kind-dynamic",
        hosts: vec!["vscode.dev".into(), "127.0.0.1:33418".into()],
        since: watch(language).show("2026-11-01T09:40:00Z".parse().unwrap()),
        used: None,
        grants: id,
    }
}

fn admin(language: Language, fresh: bool) -> String {
    admin::Page {
        shell: shell(language, Nav::Admin),
        added: if fresh {
            vec![]
        } else {
            vec![client(language, 1)]
        },
        others: (0..if fresh { 0 } else { 3 })
            .map(|id| client(language, id))
            .collect(),
        more_added: admin::More::default(),
        more_others: more(fresh),
        filled: admin::Filled {
            client_id: "a b".into(),
            name: "\"><script>".into(),
            redirects: "</textarea><script>".into(),
            problem: fresh.then(|| Text::new(language).tr("client-taken")),
        },
        access: admin_access(language, fresh),
    }
    .render()
    .unwrap()
}

fn more(fresh: bool) -> admin::More {
    let somewhere = |place: &str| (!fresh).then(|| format!("/admin{place}#\"><script>"));
    admin::More {
        first: somewhere(""),
        next: somewhere("?after=77"),
    }
}

fn admin_access(language: Language, fresh: bool) -> admin::access::View {
    let one = |key: &str| admin::access::EndView {
        key: format!("\"><script>{key}"),
        shown: format!("<script>{key}"),
        name: format!("<script>{key}"),
        grants: 2,
    };
    let block = |kind_key| admin::access::BlockView {
        id: 3,
        name: "<script>.example".into(),
        kind_key,
        since: watch(language).show("2026-11-01T09:40:00Z".parse().unwrap()),
    };
    admin::access::View {
        more_programs: more(fresh),
        more_people: more(fresh),
        more_blocks: more(fresh),
        programs: if fresh { vec![] } else { vec![one("program")] },
        people: if fresh { vec![] } else { vec![one("person")] },
        blocks: if fresh {
            vec![]
        } else {
            vec![block("block-kind-client"), block("block-kind-host")]
        },
        problem: fresh.then(|| Text::new(language).tr("client-taken")),
        filled: "\"><script>".into(),
        is_client: false,
    }
}

fn client_remove(language: Language) -> String {
    admin::RemovePage {
        shell: shell(language, Nav::Admin),
        client: client(language, 5),
        again: true,
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
        ("login", login(false)),
        ("login-wrong", login(true)),
        ("home", home(language, false)),
        ("home-new", home(language, true)),
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
        ("activity", activity(language, false)),
        ("activity-none", activity(language, true)),
        ("settings", settings(language, false)),
        ("settings-token", settings(language, true)),
        ("consent", consent(language, false)),
        ("consent-doubtful", consent(language, true)),
        ("consent-refused", refused(language)),
        ("admin", admin(language, false)),
        ("admin-none", admin(language, true)),
        ("client-remove", client_remove(language)),
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
                !page.contains("<script"),
                "{name}: what people and models write is escaped"
            );
            assert!(
                !page.contains(" style=") && !page.contains("<style"),
                "{name}: the policy forbids inline styles"
            );
            let forms =
                page.matches("method=\"post\"").count() - page.matches("action=\"/login\"").count();
            let tokens = page.matches("name=\"csrf\"").count();
            assert_eq!(
                forms, tokens,
                "{name}: every form of a session carries its token"
            );
        }
    }
}
