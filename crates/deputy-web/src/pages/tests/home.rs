//! The home page, of somebody who is at home here and of somebody new.

use super::*;
use crate::pages;
use crate::view::{ActivityView, NoticeView};

pub(super) fn page(language: Language, fresh: bool) -> String {
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
    pages::home::Page {
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
