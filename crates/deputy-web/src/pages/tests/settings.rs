//! The settings, with programs, tokens and sessions, and of somebody new.

use super::*;
use crate::pages;

pub(super) fn page(language: Language, fresh: bool) -> String {
    let watch = watch(language);
    let when = |at: &str| watch.show(at.parse().unwrap());
    pages::settings::Page {
        shell: shell(language, Nav::Settings),
        problem: fresh.then(|| Text::new(language).tr("password-differs")),
        fresh: fresh.then(|| pages::settings::Fresh {
            name: "Claude on my laptop".into(),
            token: "dpt_pat_5xXW3mWnRj0vUu0A5yq1kq3o3oXGsQmZ5cVw1yYbWc8".into(),
            snippets: snippets(),
        }),
        profile: pages::settings::Profile {
            username: "demo".into(),
            name: "Оксана".into(),
            time_zone: "Europe/Kyiv".into(),
            zones: vec!["Asia/Dubai".into()],
        },
        access: if fresh {
            vec![]
        } else {
            let access = |id| pages::settings::access::AccessView {
                id,
                host: "claude.ai".into(),
                targets: vec![Text::new(language).tr("consent-for-mcp")],
                scope_keys: vec![scope_key(Scope::ToolsRead), scope_key(Scope::ToolsCall)],
                since: when("2026-11-01T09:40:00Z"),
                used: Some(when("2026-12-01T09:40:00Z")),
            };
            let program = |client_id: &str, accesses| pages::settings::access::ProgramView {
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
            vec![pages::settings::TokenView {
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
            .map(|scope| pages::settings::ScopeChoice {
                id: scope.as_str(),
                key: scope_key(scope),
                ticked: !matches!(scope, Scope::Admin | Scope::ApprovalsDecide),
            })
            .collect(),
        filled: pages::settings::Filled {
            name: "\"><script>".into(),
            days: "30".into(),
            any: fresh,
        },
        second_factor: !fresh,
        recovery_left: 3,
        sessions: vec![
            pages::settings::SessionView {
                agent: "Firefox, Linux".into(),
                current: true,
                started: when("2026-11-30T10:00:00Z"),
                seen: when("2026-12-01T10:00:00Z"),
            },
            pages::settings::SessionView {
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
