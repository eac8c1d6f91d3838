use super::parse;

#[track_caller]
fn reads(text: &str, zone: &str, said: &str, at: &str) {
    let due = parse(text, zone).unwrap();
    assert_eq!((due.said.as_str(), due.at.to_string().as_str()), (said, at));
}

#[test]
fn a_day_is_over_when_it_is_over_where_the_person_is() {
    reads("2026-12-01", "UTC", "2026-12-01", "2026-12-02T00:00:00Z");
    reads(
        "2026-12-01",
        "Europe/Kyiv",
        "2026-12-01",
        "2026-12-01T22:00:00Z",
    );
    reads(
        "2026-12-01",
        "Nowhere/Such",
        "2026-12-01",
        "2026-12-02T00:00:00Z",
    );
    // There is no midnight on that day there: the clocks go from 23:59 to 01:00.
    reads(
        "2026-09-05",
        "America/Santiago",
        "2026-09-05",
        "2026-09-06T04:00:00Z",
    );
}

#[test]
fn a_time_keeps_the_offset_that_it_was_said_with() {
    let zone = "Europe/Kyiv";
    reads(
        "2026-12-01T15:00:00+09:00",
        zone,
        "2026-12-01T15:00:00+09:00",
        "2026-12-01T06:00:00Z",
    );
    reads(
        "2026-12-01T15:00:00Z",
        zone,
        "2026-12-01T15:00:00+00:00",
        "2026-12-01T15:00:00Z",
    );
    reads(
        "2026-12-01T15:00",
        zone,
        "2026-12-01T15:00:00+02:00",
        "2026-12-01T13:00:00Z",
    );
    reads(
        "2026-07-01 15:00:00",
        zone,
        "2026-07-01T15:00:00+03:00",
        "2026-07-01T12:00:00Z",
    );
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "12/01/2026",
        "2026-12-01T25:00Z",
        "9999-12-31",
    ] {
        assert!(parse(text, "UTC").is_err(), "{text}");
    }
    assert!(parse(&"2".repeat(100), "UTC").is_err());
}
