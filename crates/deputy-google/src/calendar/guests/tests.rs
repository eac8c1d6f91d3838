use serde_json::json;

use super::*;

fn list(value: serde_json::Value) -> Vec<Attendee> {
    serde_json::from_value(value).unwrap()
}

fn addresses(guests: &[Attendee]) -> Vec<&str> {
    guests.iter().filter_map(|g| g.email.as_deref()).collect()
}

fn current() -> Vec<Attendee> {
    list(json!([
        {"email": "me@x.test", "self": true, "organizer": true, "responseStatus": "accepted"},
        {"email": "Ann@x.test", "responseStatus": "accepted", "optional": true, "comment": "late"},
        {"email": "bob@x.test", "responseStatus": "declined"},
    ]))
}

#[test]
fn a_new_list_keeps_what_is_known_of_those_who_stay_and_the_host() {
    let set = invited("attendees", &["ann@x.test".into(), "new@x.test".into()]).unwrap();
    let after = GuestChange {
        set: Some(set),
        ..GuestChange::default()
    }
    .apply(&current())
    .unwrap();
    assert_eq!(addresses(&after), ["me@x.test", "Ann@x.test", "new@x.test"]);
    assert_eq!(
        after[1],
        current()[1],
        "response, optional and comment stay"
    );
}

#[test]
fn guests_are_added_and_taken_off_without_naming_the_rest() {
    let change = GuestChange {
        add: invited("add_attendees", &["new@x.test".into(), "BOB@x.test".into()]).unwrap(),
        remove: invited("remove_attendees", &["ann@x.test".into()]).unwrap(),
        set: None,
    };
    let after = change.apply(&current()).unwrap();
    assert_eq!(addresses(&after), ["me@x.test", "bob@x.test", "new@x.test"]);
}

#[test]
fn a_list_that_says_what_is_there_changes_nothing() {
    let set = invited("attendees", &["bob@x.test".into(), "ann@x.test".into()]).unwrap();
    assert_eq!(
        GuestChange {
            set: Some(set),
            ..GuestChange::default()
        }
        .apply(&current()),
        None
    );
    assert_eq!(GuestChange::default().apply(&current()), None);
}

#[test]
fn addresses_are_checked_and_doubles_dropped() {
    let guests = invited(
        "attendees",
        &["Ann <ann@x.test>".into(), "ANN@x.test".into()],
    )
    .unwrap();
    assert_eq!(addresses(&guests), ["ann@x.test"]);
    for bad in [
        "ann",
        "@x.test",
        "ann@",
        "ann@x",
        "a b@x.test",
        "ann@x.test, bob@x.test",
        "",
    ] {
        let error = invited("attendees", &["ok@x.test".into(), bad.into()])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("/attendees/1: "), "{bad}: {error}");
    }
}

#[test]
fn rooms_and_the_person_are_no_others() {
    let guests = list(
        json!([{"email": "me@x.test", "self": true}, {"email": "room@x.test", "resource": true}, {"email": "bob@x.test"}]),
    );
    assert_eq!(others(&guests), ["bob@x.test"]);
}
