//! One occurrence, this and the following ones, the whole series.

use super::*;

/// Every Tuesday and Thursday at 10 in Berlin, ten times from 1 December 2026.
async fn course(client: &Client) -> Vec<Value> {
    let series = json!({
        "summary": "Course", "start_time": "2026-12-01T10:00", "end_time": "2026-12-01T11:00",
        "time_zone": "Europe/Berlin", "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=TU,TH;COUNT=10"],
    });
    created(client, series).await;
    let events = all(client).await;
    assert_eq!(events.len(), 10);
    events
}

async fn all(client: &Client) -> Vec<Value> {
    listed(client, "2026-11-01", "2027-03-01").await
}

fn at(events: &[Value], name: &str, value: &str) -> usize {
    events.iter().filter(|e| e[name] == value).count()
}

#[tokio::test]
async fn one_occurrence_changes_alone() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let events = course(&client).await;
    client
        .call(
            "update_calendar_event",
            json!({"event_id": events[3]["id"], "summary": "Exam", "scope": "this"}),
        )
        .await;
    client
        .call(
            "delete_calendar_event",
            json!({"event_id": events[4]["id"], "scope": "this"}),
        )
        .await;
    let after = all(&client).await;
    assert_eq!((after.len(), at(&after, "summary", "Exam")), (9, 1));
    assert_eq!(after[3]["id"], events[3]["id"]);
}

#[tokio::test]
async fn the_whole_series_moves_with_one_of_its_occurrences() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let events = course(&client).await;
    let moved = json!({"event_id": events[5]["id"], "start_time": format!("{}T15:00", &text(&events[5], "start")[..10]), "scope": "all"});
    client.call("update_calendar_event", moved).await;
    let after = all(&client).await;
    assert_eq!(after.len(), 10);
    for (was, is) in events.iter().zip(&after) {
        let instant = |e: &Value| text(e, "start").parse::<jiff::Timestamp>().unwrap();
        assert_eq!(
            instant(is).duration_since(instant(was)),
            jiff::SignedDuration::from_hours(5)
        );
    }
    client
        .call(
            "delete_calendar_event",
            json!({"event_id": after[5]["id"], "scope": "all"}),
        )
        .await;
    assert!(all(&client).await.is_empty());
}

#[tokio::test]
async fn from_one_occurrence_on_the_series_is_another() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let events = course(&client).await;
    let id = call_id();
    let change = json!({
        "event_id": events[4]["id"], "scope": "following", "summary": "Advanced course",
        "start_time": format!("{}T12:00", &text(&events[4], "start")[..10]),
    });
    // A second attempt, whose first was done but not heard of, changes nothing more.
    let mut made = Vec::new();
    for n in [1, 2] {
        let result = client
            .request("update_calendar_event", change.clone(), attempt(id, n))
            .await
            .unwrap();
        made.push(succeeded(&result)["event"]["id"].clone());
        let after = all(&client).await;
        assert_eq!(after.len(), 10, "attempt {n}: {:?}", starts(&after));
        assert_eq!(
            (
                at(&after, "summary", "Course"),
                at(&after, "summary", "Advanced course")
            ),
            (4, 6)
        );
        let instant = |e: &Value| text(e, "start").parse::<jiff::Timestamp>().unwrap();
        for (i, (was, is)) in events.iter().zip(&after).enumerate() {
            let hours = if i < 4 { 0 } else { 2 };
            assert_eq!(
                instant(is).duration_since(instant(was)),
                jiff::SignedDuration::from_hours(hours),
                "occurrence {i}"
            );
        }
    }
    assert_eq!(made[0], made[1]);
}

#[tokio::test]
async fn a_cut_that_lost_an_answer_or_broke_halfway_is_whole_after_a_repeat() {
    at_once(
        [
            ("calendar.events.insert", "commit_then_hang"),
            ("calendar.events.insert", "drop"),
            ("calendar.events.patch", "commit_then_drop"),
            ("calendar.events.patch", "hang"),
            ("calendar.events.patch", "rate_limited"),
        ],
        async |(method, fault)| {
            let sandbox = Sandbox::start().await;
            let client = calendar(&sandbox).await;
            let events = course(&client).await;
            let id = call_id();
            let change =
                json!({"event_id": events[4]["id"], "scope": "following", "summary": "New"});
            sandbox.fault(method, fault).await;
            let first = client
                .request("update_calendar_event", change.clone(), attempt(id, 1))
                .await
                .unwrap();
            if first.is_error == Some(true) {
                let again = client
                    .request("update_calendar_event", change, attempt(id, 2))
                    .await
                    .unwrap();
                succeeded(&again);
            }
            let after = all(&client).await;
            assert_eq!(
                (
                    at(&after, "summary", "Course"),
                    at(&after, "summary", "New")
                ),
                (4, 6),
                "{method} {fault}"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn the_following_occurrences_are_deleted_and_the_earlier_ones_stay() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let events = course(&client).await;
    let id = call_id();
    for n in [1, 2] {
        let gone = json!({"event_id": events[4]["id"], "scope": "following"});
        let result = client
            .request("delete_calendar_event", gone, attempt(id, n))
            .await
            .unwrap();
        assert_eq!(succeeded(&result)["deleted"], true);
    }
    let after = all(&client).await;
    assert_eq!(starts(&after), starts(&events)[..4]);
    client
        .call(
            "delete_calendar_event",
            json!({"event_id": after[0]["id"], "scope": "following"}),
        )
        .await;
    assert!(
        all(&client).await.is_empty(),
        "from the first on is all of it"
    );
}

#[tokio::test]
async fn a_series_is_no_occurrence() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let events = course(&client).await;
    let series =
        json!({"event_id": events[0]["recurring_event_id"], "scope": "this", "summary": "x"});
    let (said, _) = client.fail("update_calendar_event", series).await;
    assert!(
        said.starts_with("/scope: this id names a whole series"),
        "{said}"
    );
    let rule = json!({"event_id": events[0]["id"], "recurrence": ["FREQ=DAILY"]});
    let (said, _) = client.fail("update_calendar_event", rule).await;
    assert!(
        said.starts_with("/recurrence: an occurrence has no repetition"),
        "{said}"
    );
}

#[tokio::test]
async fn a_series_of_days_with_guests_and_no_end_is_cut_too() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let series = json!({
        "summary": "Duty", "start_time": "2026-12-07", "end_time": "2026-12-08",
        "recurrence": ["RRULE:FREQ=WEEKLY"], "attendees": [GUEST],
    });
    created(&client, series).await;
    let range = ("2026-12-01", "2027-01-10");
    let events = listed(&client, range.0, range.1).await;
    assert_eq!(
        starts(&events),
        [
            "2026-12-07",
            "2026-12-14",
            "2026-12-21",
            "2026-12-28",
            "2027-01-04"
        ]
    );
    let change =
        json!({"event_id": events[2]["id"], "scope": "following", "start_time": "2026-12-22"});
    client.call("update_calendar_event", change).await;
    let expected = [
        "2026-12-07",
        "2026-12-14",
        "2026-12-22",
        "2026-12-29",
        "2027-01-05",
    ];
    assert_eq!(starts(&listed(&client, range.0, range.1).await), expected);
    let guest = sandbox.client("calendar", GUEST).await;
    assert_eq!(
        starts(&listed(&guest, range.0, range.1).await),
        expected,
        "guests see the same"
    );
}

#[tokio::test]
async fn a_series_that_google_will_not_end_gets_no_successor() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let events = course(&client).await;
    let forbidden = json!({
        "method": "calendar.events.patch", "fault": "canned", "status": 403,
        "body": {"error": {"code": 403, "message": "No.", "errors": [{"domain": "calendar", "reason": "forbiddenForNonOrganizer"}]}},
    });
    sandbox.control("faults", forbidden).await;
    let id = call_id();
    let change = json!({"event_id": events[4]["id"], "scope": "following", "summary": "New"});
    let first = client
        .request("update_calendar_event", change.clone(), attempt(id, 1))
        .await
        .unwrap();
    assert_eq!(
        failed(&first).1.kind,
        deputy_core::firstparty::FailureKind::Forbidden
    );
    let after = all(&client).await;
    assert_eq!((after.len(), at(&after, "summary", "New")), (10, 0));
    // The id of the successor that was taken back is spent; a repeat has another.
    succeeded(
        &client
            .request("update_calendar_event", change, attempt(id, 2))
            .await
            .unwrap(),
    );
    let after = all(&client).await;
    assert_eq!((after.len(), at(&after, "summary", "New")), (10, 6));
}
