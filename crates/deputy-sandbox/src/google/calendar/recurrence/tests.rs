use super::*;

fn starts(start: &str, zone: &str, lines: &[&str], end: &str) -> Vec<String> {
    let zone = TimeZone::get(zone).unwrap();
    let start = match start.parse::<Date>() {
        Ok(date) if start.len() == 10 => Moment::Day(date),
        _ => Moment::At(start.parse().unwrap()),
    };
    let series = Series::parse(start, &zone, lines.iter().copied()).unwrap();
    series
        .before(end.parse().unwrap())
        .into_iter()
        .map(Moment::stamp)
        .collect()
}

#[test]
fn the_local_hour_stays_when_the_clocks_change() {
    // Berlin leaves summer time on 2026-10-25.
    assert_eq!(
        starts(
            "2026-10-23T08:00:00Z",
            "Europe/Berlin",
            &["RRULE:FREQ=DAILY;COUNT=4"],
            "2027-01-01T00:00:00Z"
        ),
        [
            "20261023T080000Z",
            "20261024T080000Z",
            "20261025T090000Z",
            "20261026T090000Z"
        ]
    );
    // 02:30 doesn't exist on 2027-03-28: it is an hour later that day, and back the next.
    assert_eq!(
        starts(
            "2027-03-27T01:30:00Z",
            "Europe/Berlin",
            &["RRULE:FREQ=DAILY;COUNT=3"],
            "2028-01-01T00:00:00Z"
        ),
        ["20270327T013000Z", "20270328T013000Z", "20270329T003000Z"]
    );
}

#[test]
fn until_is_an_instant_and_inclusive() {
    let rule = ["RRULE:FREQ=DAILY;UNTIL=20261003T080000Z"];
    assert_eq!(
        starts(
            "2026-10-01T08:00:00Z",
            "Europe/Berlin",
            &rule,
            "2027-01-01T00:00:00Z"
        ),
        ["20261001T080000Z", "20261002T080000Z", "20261003T080000Z"]
    );
    let date = ["RRULE:FREQ=DAILY;UNTIL=20261002"];
    assert_eq!(
        starts(
            "2026-10-01T08:00:00Z",
            "Europe/Berlin",
            &date,
            "2027-01-01T00:00:00Z"
        )
        .len(),
        2
    );
    let past = ["RRULE:FREQ=DAILY;UNTIL=20260101T000000Z"];
    assert!(starts("2026-10-01T08:00:00Z", "UTC", &past, "2027-01-01T00:00:00Z").is_empty());
}

#[test]
fn days_and_exceptions() {
    let lines = [
        "RRULE:FREQ=WEEKLY;BYDAY=MO,TH",
        "EXDATE;VALUE=DATE:20261203",
        "RDATE;VALUE=DATE:20261205",
    ];
    assert_eq!(
        starts("2026-11-30", "UTC", &lines, "2026-12-10T00:00:00Z"),
        ["20261130", "20261205", "20261207"]
    );
    let timed = [
        "RRULE:FREQ=DAILY;COUNT=4",
        "EXDATE;TZID=Europe/Berlin:20261002T100000",
        "EXDATE:20261003T080000Z",
    ];
    assert_eq!(
        starts(
            "2026-10-01T08:00:00Z",
            "Europe/Berlin",
            &timed,
            "2027-01-01T00:00:00Z"
        ),
        ["20261001T080000Z", "20261004T080000Z"]
    );
}

#[test]
fn nonsense_is_no_rule() {
    for line in [
        "FREQ=DAILY",
        "RRULE:FREQ=SOMETIMES",
        "RRULE:INTERVAL=2",
        "EXRULE:FREQ=DAILY",
        "RRULE:FREQ=DAILY;UNTIL=soon",
    ] {
        let start = Moment::At("2026-10-01T08:00:00Z".parse().unwrap());
        assert_eq!(
            Series::parse(start, &TimeZone::UTC, [line]).unwrap_err(),
            BadRule,
            "{line}"
        );
    }
}
