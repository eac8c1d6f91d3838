use serde_json::json;

use super::*;

fn event(value: Value) -> wire::Event {
    serde_json::from_value(value).unwrap()
}

fn meeting() -> wire::Event {
    event(json!({
        "id": "e1", "summary": "Plan", "description": "old", "etag": "\"1\"", "colorId": "5",
        "start": {"dateTime": "2026-02-13T10:00:00+01:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-02-13T11:30:00+01:00", "timeZone": "Europe/Berlin"},
        "attendees": [{"email": "ann@x.test", "responseStatus": "accepted"}],
    }))
}

fn weekly() -> wire::Event {
    event(json!({
        "id": "s1", "summary": "Weekly", "recurrence": ["RRULE:FREQ=WEEKLY"],
        "start": {"dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-03-02T11:00:00+01:00", "timeZone": "Europe/Berlin"},
    }))
}

fn berlin() -> Zone {
    Zone::named("", "Europe/Berlin").unwrap()
}

fn patch_of(
    event: &wire::Event,
    occurrence: Option<&wire::Event>,
    args: Value,
) -> Result<Value, ToolError> {
    let mut args = args;
    args["event_id"] = json!("e1");
    let change = Change::of(&serde_json::from_value(args).unwrap())?;
    let zone = change.time_zone.clone().unwrap_or_else(berlin);
    change.patch(event, occurrence, &zone).map(Value::Object)
}

#[test]
fn only_what_is_given_and_differs_is_written() {
    let patch = patch_of(
        &meeting(),
        None,
        json!({"summary": "New", "description": "old"}),
    )
    .unwrap();
    assert_eq!(patch, json!({"summary": "New"}));
    let patch = patch_of(
        &meeting(),
        None,
        json!({"description": "", "start_time": "2026-02-13T09:00:00Z"}),
    )
    .unwrap();
    assert_eq!(
        patch,
        json!({"description": ""}),
        "the same instant is no change"
    );
}

#[test]
fn a_new_start_alone_keeps_the_length() {
    let patch = patch_of(&meeting(), None, json!({"start_time": "2026-02-14T15:00"})).unwrap();
    assert_eq!(
        patch,
        json!({
            "start": {"dateTime": "2026-02-14T15:00:00+01:00", "timeZone": "Europe/Berlin"},
            "end": {"dateTime": "2026-02-14T16:30:00+01:00", "timeZone": "Europe/Berlin"},
        })
    );
}

#[test]
fn an_event_becomes_all_day_only_by_both_dates() {
    let error = patch_of(&meeting(), None, json!({"start_time": "2026-02-14"})).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/end_time: the event has times of day"),
        "{error}"
    );
    let patch = patch_of(
        &meeting(),
        None,
        json!({"start_time": "2026-02-14", "end_time": "2026-02-15"}),
    )
    .unwrap();
    assert_eq!(
        patch["start"],
        json!({"date": "2026-02-14", "dateTime": null, "timeZone": null})
    );
}

#[test]
fn an_end_before_the_start_is_refused() {
    let error = patch_of(
        &meeting(),
        None,
        json!({"end_time": "2026-02-13T09:00:00+01:00"}),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/end_time: the event would end before it starts"),
        "{error}"
    );
}

#[test]
fn a_zone_alone_changes_the_zone_and_not_the_time() {
    let patch = patch_of(&meeting(), None, json!({"time_zone": "Asia/Tbilisi"})).unwrap();
    assert_eq!(
        patch["start"],
        json!({"dateTime": "2026-02-13T10:00:00+01:00", "timeZone": "Asia/Tbilisi"})
    );
}

#[test]
fn a_series_moves_as_far_as_its_occurrence_and_stays_on_the_wall() {
    // After the clocks went forward: 15:00 in summer is 15:00 in winter too.
    let occurrence = event(json!({
        "id": "s1_20260406T080000Z", "recurringEventId": "s1",
        "originalStartTime": {"dateTime": "2026-04-06T10:00:00+02:00", "timeZone": "Europe/Berlin"},
        "start": {"dateTime": "2026-04-06T10:00:00+02:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-04-06T11:00:00+02:00", "timeZone": "Europe/Berlin"},
    }));
    let patch = patch_of(
        &weekly(),
        Some(&occurrence),
        json!({"start_time": "2026-04-06T15:00"}),
    )
    .unwrap();
    assert_eq!(patch["start"]["dateTime"], "2026-03-02T15:00:00+01:00");
    assert_eq!(patch["end"]["dateTime"], "2026-03-02T16:00:00+01:00");
    let mut by_day = weekly();
    by_day.recurrence = Some(vec!["RRULE:FREQ=WEEKLY;BYDAY=MO".into()]);
    let error = patch_of(
        &by_day,
        Some(&occurrence),
        json!({"start_time": "2026-04-07T10:00"}),
    )
    .unwrap_err();
    assert!(error.to_string().contains("names its days"), "{error}");
}

#[test]
fn an_event_that_comes_to_repeat_gets_a_zone() {
    let mut plain = meeting();
    for time in [&mut plain.start, &mut plain.end] {
        time.as_mut().unwrap().time_zone = None;
    }
    let patch = patch_of(&plain, None, json!({"recurrence": ["FREQ=DAILY;COUNT=3"]})).unwrap();
    assert_eq!(patch["recurrence"], json!(["RRULE:FREQ=DAILY;COUNT=3"]));
    assert_eq!(patch["start"]["timeZone"], "Europe/Berlin");
    let mut occurrence = meeting();
    occurrence.recurring_event_id = Some("s1".into());
    assert!(patch_of(&occurrence, None, json!({"recurrence": ["FREQ=DAILY"]})).is_err());
}
