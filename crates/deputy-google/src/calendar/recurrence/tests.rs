use super::*;

fn lines(all: &[&str]) -> Vec<String> {
    all.iter().map(|l| (*l).to_owned()).collect()
}

fn at(text: &str) -> DateTime {
    text.parse().unwrap()
}

#[test]
fn rules_are_checked_and_get_their_prefix() {
    let good = lines(&[
        "FREQ=DAILY;COUNT=5",
        "rrule:freq=weekly;byday=mo,we",
        "EXDATE;TZID=Europe/Berlin:20260213T100000",
    ]);
    assert_eq!(
        checked(&good, false).unwrap(),
        [
            "RRULE:FREQ=DAILY;COUNT=5",
            "RRULE:FREQ=WEEKLY;BYDAY=MO,WE",
            "EXDATE;TZID=Europe/Berlin:20260213T100000"
        ]
    );
    assert!(
        checked(
            &lines(&["RRULE:FREQ=MONTHLY;UNTIL=20261231T225959Z"]),
            false
        )
        .is_ok()
    );
    assert!(checked(&lines(&["RRULE:FREQ=MONTHLY;UNTIL=20261231"]), true).is_ok());
}

#[test]
fn bad_rules_are_named_by_their_place() {
    for (line, all_day, says) in [
        ("every monday", false, "NAME=VALUE"),
        ("RRULE:BYDAY=MO", false, "FREQ is missing"),
        ("RRULE:FREQ=FORTNIGHTLY", false, "FORTNIGHTLY"),
        ("RRULE:FREQ=WEEKLY;BYDAY=XX", false, "XX"),
        (
            "RRULE:FREQ=DAILY;COUNT=3;UNTIL=20261231",
            false,
            "exclude each other",
        ),
        ("RRULE:FREQ=DAILY;UNTIL=20261231T100000", false, "in UTC"),
        ("RRULE:FREQ=DAILY;UNTIL=20261231T100000Z", true, "is a date"),
        ("EXDATE:soon", false, "no dates"),
        ("DTSTART:20260213T100000Z", false, "leave DTSTART"),
    ] {
        let error = checked(&lines(&["RRULE:FREQ=DAILY", line]), all_day)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("/recurrence/1: ") && error.contains(says),
            "{line}: {error}"
        );
    }
}

#[test]
fn a_counted_series_is_cut_without_losing_or_gaining_an_occurrence() {
    let series = lines(&["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10"]);
    // Mondays and Wednesdays from 5 January 2026; the fourth is on 14 January.
    let cut = cut(
        &series,
        at("2026-01-05T10:00"),
        at("2026-01-14T10:00"),
        "20260114T085959Z",
        SignedDuration::ZERO,
    );
    assert_eq!(
        cut.before,
        ["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20260114T085959Z"]
    );
    assert_eq!(cut.after, ["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=7"]);
}

#[test]
fn exceptions_go_to_their_side_and_move_with_it() {
    let series = lines(&[
        "RRULE:FREQ=DAILY",
        "EXDATE;TZID=Europe/Berlin:20260106T100000,20260120T100000",
    ]);
    let cut = cut(
        &series,
        at("2026-01-05T10:00"),
        at("2026-01-10T10:00"),
        "20260110T085959Z",
        SignedDuration::from_hours(5),
    );
    assert_eq!(
        cut.before,
        [
            "RRULE:FREQ=DAILY;UNTIL=20260110T085959Z",
            "EXDATE;TZID=Europe/Berlin:20260106T100000"
        ]
    );
    assert_eq!(
        cut.after,
        [
            "RRULE:FREQ=DAILY",
            "EXDATE;TZID=Europe/Berlin:20260120T150000"
        ]
    );
}

#[test]
fn the_end_of_the_first_part_is_just_before_the_cut() {
    assert_eq!(
        until_before(Moment::Day("2026-03-01".parse().unwrap())),
        "20260228"
    );
    let at = Moment::Instant(
        "2026-03-01T09:00:00Z".parse().unwrap(),
        jiff::tz::Offset::UTC,
    );
    assert_eq!(until_before(at), "20260301T085959Z");
}
