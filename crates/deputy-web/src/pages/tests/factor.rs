//! The pages of second factors, from made-up data.

use super::*;
use crate::pages;

pub(super) fn second_factor(language: Language, any: bool) -> String {
    let when = |at: &str| watch(language).show(at.parse().unwrap());
    let t = Text::new(language);
    pages::second_factor::Page {
        shell: shell(language, Nav::Elsewhere),
        must: !any,
        any,
        app_since: any.then(|| when("2026-11-01T09:40:00Z")),
        setup: (!any).then(|| pages::second_factor::Setup {
            picture: "<svg></svg>".into(),
            secret: "ABCD EFGH".into(),
        }),
        passkeys: (0..if any { 2 } else { 0 })
            .map(|id| pages::second_factor::PasskeyView {
                id,
                name: "<script>".into(),
                since: when("2026-11-01T09:40:00Z"),
                used: (id == 0).then(|| when("2026-12-01T09:40:00Z")),
            })
            .collect(),
        passkeys_work: any,
        left: 9,
        codes: if any {
            vec!["aaaa-bbbb".into()]
        } else {
            vec![]
        },
        next: if any {
            String::new()
        } else {
            "/connect".into()
        },
        problem: (!any).then(|| t.tr("factor-wrong")),
    }
    .render()
    .unwrap()
}

pub(super) fn second_step(language: Language, app: bool) -> String {
    pages::login::second::Page {
        shell: shell(language, Nav::Elsewhere),
        name: "<script>".into(),
        app,
        passkeys: !app,
        next: "/connect".into(),
        problem: app.then(|| Text::new(language).tr("factor-wrong")),
    }
    .render()
    .unwrap()
}

pub(super) fn confirmation(language: Language, more: bool) -> String {
    pages::confirm::Page {
        shell: shell(language, Nav::Elsewhere),
        username: "oksana".into(),
        more,
        app: more,
        passkeys: more,
        next: "/settings".into(),
        problem: more.then(|| Text::new(language).tr("password-wrong")),
    }
    .render()
    .unwrap()
}

pub(super) fn account_delete(language: Language, last: bool) -> String {
    pages::settings::delete::Page {
        shell: shell(language, Nav::Settings),
        username: "oksana".into(),
        last,
        problem: (!last).then(|| Text::new(language).tr("delete-name-differs")),
    }
    .render()
    .unwrap()
}
