use super::*;

fn days(now: &str, days: u16, zone: &str) -> Vec<(String, i64)> {
    let zone = TimeZone::get(zone).unwrap();
    let now: Timestamp = now.parse().unwrap();
    let spans = days_of(now, days, &zone);
    for pair in spans.windows(2) {
        assert_eq!(pair[0].1.until, pair[1].1.from, "no gap, no overlap");
    }
    assert!(spans.len() <= usize::from(days), "as many bars as days");
    let (first, last) = (&spans[0], &spans[spans.len() - 1]);
    assert_eq!(last.1.until, now + SignedDuration::from_millis(1));
    let midnight = first.0.to_zoned(zone).unwrap().timestamp();
    assert_eq!(first.1.from, midnight, "the first day is whole");
    spans
        .into_iter()
        .map(|(day, span)| {
            let long = span.until.duration_since(span.from).as_secs() / 3600;
            (day.to_string(), long)
        })
        .collect()
}

fn day(day: &str, hours: i64) -> (String, i64) {
    (day.to_owned(), hours)
}

#[test]
fn days_are_those_of_the_persons_zone() {
    assert_eq!(
        days("2026-11-30T21:00:00Z", 2, "Asia/Dubai"),
        [day("2026-11-30", 24), day("2026-12-01", 1)]
    );
    assert_eq!(
        days("2026-11-30T21:00:00Z", 1, "UTC"),
        [day("2026-11-30", 21)]
    );
    // Clocks go back: 25 hours.
    assert_eq!(
        days("2026-10-26T11:00:00Z", 3, "Europe/Berlin"),
        [
            day("2026-10-24", 24),
            day("2026-10-25", 25),
            day("2026-10-26", 12)
        ]
    );
    // A day that was never: Samoa crossed the date line.
    assert_eq!(
        days("2011-12-31T12:00:00Z", 3, "Pacific/Apia")
            .last()
            .unwrap()
            .0,
        "2012-01-01"
    );
    assert_eq!(days("2026-11-30T21:00:00Z", 365, "Europe/Kyiv").len(), 365);
}
