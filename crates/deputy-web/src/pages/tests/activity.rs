//! The activity, with a month of calls and records, and of somebody new.

use deputy_gateway::usage::{Tally, Usage};

use super::*;
use crate::pages;

pub(super) fn page(language: Language, fresh: bool) -> String {
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
    pages::activity::gallery_page(
        shell(language, Nav::Activity),
        watch(language),
        if fresh { Usage::default() } else { usage },
        if fresh { vec![] } else { rows },
    )
    .render()
    .unwrap()
}
