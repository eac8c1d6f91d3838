use super::*;

fn zone(name: &str) -> Zone {
    Zone::named("time_zone", name).unwrap()
}

#[test]
fn times_are_days_instants_or_wall_times() {
    assert!(matches!(
        Given::parse("t", "2026-02-13").unwrap(),
        Given::Day(_)
    ));
    assert!(matches!(
        Given::parse("t", "2026-02-13T10:00").unwrap(),
        Given::Wall(_)
    ));
    let Given::Instant(at, offset) = Given::parse("t", "2026-02-13T10:00:00+04:00").unwrap() else {
        panic!()
    };
    assert_eq!(at.to_string(), "2026-02-13T06:00:00Z");
    assert_eq!(
        Moment::Instant(at, offset).rfc3339(),
        "2026-02-13T10:00:00+04:00"
    );
    let Given::Instant(at, offset) = Given::parse("t", "2026-02-13T10:00:00Z").unwrap() else {
        panic!()
    };
    assert_eq!(
        Moment::Instant(at, offset).rfc3339(),
        "2026-02-13T10:00:00Z"
    );
}

#[test]
fn nonsense_is_named_with_the_way_to_write_it() {
    for text in [
        "",
        "tomorrow",
        "10:00",
        "2026-02-30",
        "2026-13-01T10:00:00Z",
        "2026-02-13T25:00:00Z",
    ] {
        let error = Given::parse("start_time", text).unwrap_err().to_string();
        assert!(
            error.starts_with("/start_time: ") && error.contains("2026-02-13T10:00:00+04:00"),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_wall_time_means_the_zone_it_is_given_in() {
    let moment = Given::parse("t", "2026-07-01T09:00")
        .unwrap()
        .within("t", &zone("Europe/Berlin"))
        .unwrap();
    assert_eq!(moment.rfc3339(), "2026-07-01T09:00:00+02:00");
}

#[test]
fn a_time_in_the_spring_gap_is_refused_and_of_two_in_autumn_the_first_is_taken() {
    let berlin = zone("Europe/Berlin");
    let error = Given::parse("t", "2026-03-29T02:30")
        .unwrap()
        .within("t", &berlin)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not exist in Europe/Berlin"),
        "{error}"
    );
    let moment = Given::parse("t", "2026-10-25T02:30")
        .unwrap()
        .within("t", &berlin)
        .unwrap();
    assert_eq!(moment.rfc3339(), "2026-10-25T02:30:00+02:00");
}

#[test]
fn an_end_comes_after_its_start_and_is_of_the_same_kind() {
    let moment = |text: &str| {
        Given::parse("t", text)
            .unwrap()
            .within("t", &zone("UTC"))
            .unwrap()
    };
    let ok = |a, b| in_order(moment(a), moment(b));
    assert!(ok("2026-02-13", "2026-02-14").is_ok());
    assert!(ok("2026-02-13T10:00Z", "2026-02-13T10:00Z").is_ok());
    assert!(ok("2026-02-13T10:00:00+04:00", "2026-02-13T07:00:00Z").is_ok());
    for (a, b, says) in [
        ("2026-02-13", "2026-02-13", "the day after its last day"),
        ("2026-02-13", "2026-02-12", "before it starts"),
        (
            "2026-02-13T10:00:00Z",
            "2026-02-13T10:00:00+04:00",
            "before it starts",
        ),
        ("2026-02-13", "2026-02-13T10:00:00Z", "both be dates"),
    ] {
        let error = ok(a, b).unwrap_err().to_string();
        assert!(error.contains(says), "{a} {b}: {error}");
    }
}

#[test]
fn a_length_carries_over_to_another_start() {
    let moment = |text: &str| {
        Given::parse("t", text)
            .unwrap()
            .within("t", &zone("UTC"))
            .unwrap()
    };
    let length = Length::between(moment("2026-02-13T10:00Z"), moment("2026-02-13T11:30Z")).unwrap();
    assert_eq!(
        length
            .after(moment("2026-03-01T15:00Z"), None)
            .unwrap()
            .rfc3339(),
        "2026-03-01T16:30:00Z"
    );
    let length = Length::between(moment("2026-02-13"), moment("2026-02-16")).unwrap();
    assert_eq!(
        length.after(moment("2026-02-27"), None).unwrap().rfc3339(),
        "2026-03-02"
    );
    assert_eq!(length.after(moment("2026-03-01T15:00Z"), None), None);
}
