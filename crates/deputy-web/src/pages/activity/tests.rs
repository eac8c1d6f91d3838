use std::collections::BTreeMap;

use deputy_core::{Language, UserId};
use deputy_gateway::usage::Tally;
use deputy_store::audit::{AuditPlace, AuditRow};
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::asked::{Asked, Kind};
use super::plot::{Plot, by_server};
use super::records::{RecordView, action_key};
use crate::pages::approvals::Titles;
use crate::text::Text;
use crate::view::Watch;

fn tally(queries: u64, successful: u64) -> Tally {
    Tally {
        queries,
        successful,
        ..Tally::default()
    }
}

#[test]
fn every_day_has_a_place_and_bars_are_in_proportion() {
    let by_day = BTreeMap::from([
        ("2026-11-30".to_owned(), tally(200, 150)),
        ("2026-12-01".to_owned(), tally(1, 0)),
    ]);
    let plot = Plot::new(&by_day, date(2026, 12, 1), 7);
    assert_eq!(plot.days.len(), 7);
    assert_eq!((plot.first(), plot.last()), ("2026-11-25", "2026-12-01"));
    assert_eq!(plot.most, 200);
    let full = &plot.days[5];
    assert_eq!(
        (full.ok_height, full.failed_height, full.failed_y),
        (75, 25, 0)
    );
    let small = &plot.days[6];
    assert_eq!(
        (small.ok_height, small.failed_height),
        (0, 1),
        "one call is seen"
    );
    assert_eq!(plot.days[0].calls, 0);
    let none = Plot::new(&BTreeMap::new(), date(2026, 12, 1), 7);
    assert!(
        none.days
            .iter()
            .all(|day| day.ok_height + day.failed_height == 0)
    );
}

#[test]
fn servers_with_most_calls_come_first() {
    let tallies = BTreeMap::from([
        ("drive".to_owned(), tally(10, 10)),
        ("files".to_owned(), tally(1000, 1)),
    ]);
    let bars = by_server(&tallies);
    assert_eq!((bars[0].name.as_str(), bars[0].success), ("files", 0));
    assert_eq!((bars[0].ok_width, bars[0].failed_width), (1, 99));
    assert_eq!((bars[1].ok_width, bars[1].success), (1, 100));
}

fn asked(query: &str) -> Asked {
    let uri: http::Uri = format!("/activity?{query}").parse().unwrap();
    axum::extract::Query::try_from_uri(&uri).unwrap().0
}

#[test]
fn days_are_those_of_the_persons_zone() {
    let kyiv = TimeZone::get("Europe/Kyiv").unwrap();
    let filter = asked("from=2026-11-30&to=2026-11-30").filter(Some(UserId(1)), &kyiv);
    assert_eq!(filter.from.unwrap().to_string(), "2026-11-29T22:00:00Z");
    assert_eq!(filter.until.unwrap().to_string(), "2026-11-30T22:00:00Z");
}

#[test]
fn what_makes_no_sense_is_left_out_and_not_shown() {
    let mut asked =
        asked("from=yesterday&to=&action=x&outcome=y&person=7&days=4&before=z&target=+a+");
    asked.keep_known(&[]);
    assert!(asked.filters(), "the target is left");
    assert_eq!((asked.from.as_str(), asked.target.as_str()), ("", "a"));
    assert_eq!(asked.days(), 7);
    assert_eq!(asked.place(), AuditPlace::Newest);
    assert!(!asked.is_person(UserId(7)));
    let filter = asked.filter(None, &TimeZone::UTC);
    assert_eq!(
        (filter.from, filter.action, filter.outcome),
        (None, None, None)
    );
}

#[test]
fn further_pages_keep_the_filter() {
    let asked = asked("target=a%26b&outcome=failed&days=30&before=9");
    assert_eq!(
        asked.href_before(5),
        "/activity?target=a%26b&outcome=failed&days=30&before=5#records"
    );
    assert_eq!(
        asked.href_for_days(90),
        "/activity?target=a%26b&outcome=failed&days=90"
    );
}

#[test]
fn whatever_is_put_on_record_has_words_in_every_language_and_a_kind() {
    for action in deputy_gateway::audit::ACTIONS {
        let key = action_key(action).unwrap_or_else(|| panic!("{action} has no words"));
        for language in [Language::En, Language::Ru, Language::Uk] {
            let words = Text::new(language).tr(key);
            assert!(
                !words.is_empty() && !words.contains("nknown"),
                "{action}: {words}"
            );
        }
        let (word, _) = action.split_once('.').unwrap();
        assert!(
            Kind::ALL.iter().any(|kind| kind.id() == word),
            "{action} has no filter"
        );
    }
    for kind in Kind::ALL {
        let mut words = deputy_gateway::audit::ACTIONS.iter();
        assert!(
            words.any(|action| action.split('.').next() == Some(kind.id())),
            "{kind:?}"
        );
    }
}

fn record(user: i64, action: &str, target: &str, outcome: &str) -> AuditRow {
    AuditRow {
        seq: 1,
        at: "2026-12-01T09:58:00Z".parse().unwrap(),
        user: Some(UserId(user)),
        caller: "system".into(),
        action: action.into(),
        target: target.into(),
        call_id: None,
        outcome: outcome.into(),
        detail: "{}".into(),
        hash: vec![],
    }
}

fn shown(row: &AuditRow) -> RecordView {
    let titles = Titles::from([("files__read", "Read a file"), ("send_email", "Send mail")]);
    let watch = Watch {
        t: Text::new(Language::En),
        zone: TimeZone::UTC,
        now: row.at,
    };
    RecordView::new(row, UserId(1), &titles, &watch, &[])
}

#[test]
fn tools_that_are_held_back_are_no_failure() {
    let view = shown(&record(1, "servers.tools_changed", "files", "quarantined"));
    assert_eq!((view.state_key, view.tone), ("call-held", "wait"));
    assert_eq!(view.code, None);
}

#[test]
fn a_tool_goes_by_its_title_where_it_is_the_viewers_own() {
    let title = |user, tool| shown(&record(user, "tool.result", tool, "ok")).title;
    assert_eq!(title(1, "files__read"), "files: Read a file");
    assert_eq!(
        title(2, "files__read"),
        "files__read",
        "another person's server"
    );
    assert_eq!(title(2, "send_email"), "Send mail");
}

#[test]
fn a_program_goes_by_its_name() {
    let mut row = record(1, "access.allow", "dpt_cl_x", "ok");
    row.detail = r#"{"name":"Notes\u202e"}"#.to_owned();
    assert_eq!(shown(&row).title, "Notes⟨U+202E⟩");
    row.action = "tool.call".to_owned();
    assert_eq!(shown(&row).title, "dpt_cl_x");
}
