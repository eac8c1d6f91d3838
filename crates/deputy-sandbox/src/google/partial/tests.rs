use serde_json::json;

use super::*;

fn select(fields: &str, value: Value) -> Value {
    Mask::parse(fields).unwrap().apply(value)
}

#[test]
fn fields_of_fields_and_of_lists() {
    let value = json!({"kind": "k", "items": [{"id": 1, "start": {"date": "d", "zone": "z"}}, {"id": 2}], "next": "n"});
    assert_eq!(
        select("items/id,next", value.clone()),
        json!({"items": [{"id": 1}, {"id": 2}], "next": "n"})
    );
    assert_eq!(
        select("items(id,start/date)", value.clone()),
        json!({"items": [{"id": 1, "start": {"date": "d"}}, {"id": 2}]})
    );
    assert_eq!(
        select("items/start(date,zone)", value.clone()),
        json!({"items": [{"start": {"date": "d", "zone": "z"}}, {}]})
    );
    assert_eq!(select("*", value.clone()), value);
    assert_eq!(
        select("items/*/date,kind", value.clone()),
        json!({"kind": "k", "items": [{"id": 1, "start": {"date": "d"}}, {"id": 2}]})
    );
    assert_eq!(
        select("items/id,items/start", value.clone()),
        json!({"items": [{"id": 1, "start": {"date": "d", "zone": "z"}}, {"id": 2}]})
    );
    assert_eq!(
        select("items,items/id", value.clone())["items"],
        value["items"]
    );
}

#[test]
fn nonsense_is_refused() {
    for fields in ["", "a,", "a(b", "a)b", "/a", "a//b", "a()"] {
        let failure = Mask::parse(fields).unwrap_err();
        assert_eq!(failure.code, StatusCode::BAD_REQUEST, "{fields}");
    }
}

#[test]
fn fields_are_checked_against_the_schema() {
    let method = METHODS.by_id("calendar.events.list").unwrap();
    for good in [
        "items(id,summary,start/dateTime,attendees(email))",
        "*",
        "items/extendedProperties/private/x",
        "items/reminders/overrides/method",
    ] {
        Mask::parse(good).unwrap().check(method).unwrap();
    }
    for bad in ["item", "items/sumary", "items/id/x", "kind/x"] {
        assert!(Mask::parse(bad).unwrap().check(method).is_err(), "{bad}");
    }
}
