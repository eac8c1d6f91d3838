//! The pages about programs: the consent, its refusal, what administrators see.

use super::*;
use crate::oauth::authorize::consent;
use crate::pages;

pub(super) fn consent(language: Language, doubtful: bool) -> String {
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

pub(super) fn refused(language: Language) -> String {
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

fn client(language: Language, id: i64) -> pages::admin::ClientView {
    pages::admin::ClientView {
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

pub(super) fn admin(language: Language, fresh: bool) -> String {
    pages::admin::Page {
        shell: shell(language, Nav::Admin),
        added: if fresh {
            vec![]
        } else {
            vec![client(language, 1)]
        },
        others: (0..if fresh { 0 } else { 3 })
            .map(|id| client(language, id))
            .collect(),
        more_added: pages::admin::More::default(),
        more_others: more(fresh),
        people: [(true, 0), (false, 2), (true, 1), (false, 0)]
            .into_iter()
            .map(|(app, passkeys)| pages::admin::people::PersonView {
                id: 3,
                username: "oksana".into(),
                name: "<script>".into(),
                admin: app,
                active: !app,
                app,
                passkeys,
            })
            .collect(),
        filled: pages::admin::Filled {
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

fn more(fresh: bool) -> pages::admin::More {
    let somewhere = |place: &str| (!fresh).then(|| format!("/admin{place}#\"><script>"));
    pages::admin::More {
        first: somewhere(""),
        next: somewhere("?after=77"),
    }
}

fn admin_access(language: Language, fresh: bool) -> pages::admin::access::View {
    let one = |key: &str| pages::admin::access::EndView {
        key: format!("\"><script>{key}"),
        shown: format!("<script>{key}"),
        name: format!("<script>{key}"),
        grants: 2,
    };
    let block = |kind_key| pages::admin::access::BlockView {
        id: 3,
        name: "<script>.example".into(),
        kind_key,
        since: watch(language).show("2026-11-01T09:40:00Z".parse().unwrap()),
    };
    pages::admin::access::View {
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

pub(super) fn client_remove(language: Language) -> String {
    pages::admin::RemovePage {
        shell: shell(language, Nav::Admin),
        client: client(language, 5),
        again: true,
    }
    .render()
    .unwrap()
}
