use deputy_core::firstparty::{FailureKind, META_PREFLIGHT};

use super::*;

async fn invited(client: &Client) -> Value {
    let mut event = meeting();
    event["attendees"] = json!([GUEST]);
    event["description"] = json!("Повестка");
    created(client, event).await
}

#[tokio::test]
async fn a_new_title_keeps_guests_their_answers_and_everything_else() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = invited(&client).await;
    let changed = client
        .call(
            "update_calendar_event",
            json!({"event_id": event["id"], "summary": "Иначе"}),
        )
        .await["event"]
        .clone();
    assert_eq!(changed["summary"], "Иначе");
    for name in [
        "attendees",
        "description",
        "start",
        "end",
        "organizer",
        "html_link",
    ] {
        assert_eq!(changed[name], event[name], "{name}");
    }
    assert_ne!(changed["etag"], event["etag"]);
}

#[tokio::test]
async fn a_guest_is_invited_into_their_own_calendar_and_taken_off_it() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let guest = sandbox.client("calendar", GUEST).await;
    let event = created(&client, meeting()).await;
    let id = &event["id"];
    let added = client
        .call(
            "update_calendar_event",
            json!({"event_id": id, "add_attendees": [GUEST]}),
        )
        .await;
    assert!(added["event"]["attendees"].to_string().contains(GUEST));
    assert_eq!(listed(&guest, "2026-12-01", "2026-12-03").await.len(), 1);
    let dropped = client
        .call(
            "update_calendar_event",
            json!({"event_id": id, "remove_attendees": [GUEST]}),
        )
        .await;
    assert!(!dropped["event"]["attendees"].to_string().contains(GUEST));
    assert!(listed(&guest, "2026-12-01", "2026-12-03").await.is_empty());
}

#[tokio::test]
async fn somebody_elses_change_in_between_is_not_overwritten() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = created(&client, meeting()).await;
    let id = &event["id"];
    client
        .call(
            "update_calendar_event",
            json!({"event_id": id, "location": "Зал 1"}),
        )
        .await;
    let stale = json!({"event_id": id, "summary": "Иначе", "etag": event["etag"]});
    let (said, failure) = client.fail("update_calendar_event", stale).await;
    assert_eq!(failure.kind, FailureKind::Conflict, "{said}");
    let now = client
        .call("get_calendar_event", json!({"event_id": id}))
        .await["event"]
        .clone();
    assert_eq!(
        (text(&now, "summary"), text(&now, "location")),
        ("Встреча", "Зал 1")
    );
    let fresh = json!({"event_id": id, "summary": "Иначе", "etag": now["etag"]});
    assert_eq!(
        client.call("update_calendar_event", fresh).await["event"]["location"],
        "Зал 1"
    );
}

#[tokio::test]
async fn a_race_is_run_again_on_the_event_as_it_is_then() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = created(&client, meeting()).await;
    let lost = json!({
        "method": "calendar.events.patch", "fault": "canned", "status": 412,
        "body": {"error": {"code": 412, "message": "Precondition Failed", "errors": [{"domain": "global", "reason": "conditionNotMet"}]}},
    });
    sandbox.control("faults", lost).await;
    let changed = client
        .call(
            "update_calendar_event",
            json!({"event_id": event["id"], "summary": "Иначе"}),
        )
        .await;
    assert_eq!(changed["event"]["summary"], "Иначе");
    assert_eq!(sandbox.requests("calendar.events.patch").await, 2);
}

#[tokio::test]
async fn a_preflight_says_who_would_be_told_and_changes_nothing() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let alone = created(&client, meeting()).await;
    let together = invited(&client).await;
    for (event, others) in [(&alone, false), (&together, true)] {
        let change = json!({"event_id": event["id"], "summary": "Иначе"});
        let result = client
            .request(
                "update_calendar_event",
                change,
                json!({META_PREFLIGHT: true}),
            )
            .await
            .unwrap();
        let preflight = succeeded(&result);
        assert_eq!(preflight["affects_others"], others);
        let summary = text(&preflight, "summary");
        assert!(summary.contains("Встреча"), "{summary}");
        assert_eq!(summary.contains(GUEST), others, "{summary}");
    }
    assert_eq!(sandbox.requests("calendar.events.patch").await, 0);
    // A tool that has none makes no effect instead.
    let result = client
        .request(
            "create_calendar_event",
            meeting(),
            json!({META_PREFLIGHT: true}),
        )
        .await
        .unwrap();
    assert_eq!(failed(&result).1.kind, FailureKind::Invalid);
    assert_eq!(listed(&client, "2026-12-01", "2026-12-03").await.len(), 2);
}

#[tokio::test]
async fn a_meeting_moves_and_becomes_a_whole_day() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = created(&client, meeting()).await;
    let moved = json!({"event_id": event["id"], "start_time": "2026-12-02T15:00:00+04:00"});
    client.call("update_calendar_event", moved).await;
    let events = listed(&client, "2026-12-02T10:59:00Z", "2026-12-02T12:01:00Z").await;
    assert_eq!(events.len(), 1);
    let end: jiff::Timestamp = text(&events[0], "end").parse().unwrap();
    assert_eq!(
        end,
        "2026-12-02T12:00:00Z".parse().unwrap(),
        "it keeps its length"
    );
    let day =
        json!({"event_id": event["id"], "start_time": "2026-12-03", "end_time": "2026-12-04"});
    let day = client.call("update_calendar_event", day).await["event"].clone();
    assert_eq!(
        (&day["start"], &day["all_day"]),
        (&json!("2026-12-03"), &json!(true))
    );
}

#[tokio::test]
async fn a_deleted_event_is_not_changed() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = created(&client, meeting()).await;
    client
        .call("delete_calendar_event", json!({"event_id": event["id"]}))
        .await;
    let (_, failure) = client
        .fail(
            "update_calendar_event",
            json!({"event_id": event["id"], "summary": "x"}),
        )
        .await;
    assert_eq!(failure.kind, FailureKind::NotFound);
}

#[tokio::test]
async fn an_answer_of_a_guest_survives_a_new_guest_and_a_new_title() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = invited(&client).await;
    let path = format!(
        "calendar/v3/calendars/primary/events/{}",
        text(&event, "id")
    );
    let answer =
        json!({"attendees": [{"email": GUEST, "responseStatus": "accepted", "comment": "буду"}]});
    sandbox
        .direct(GUEST, http::Method::PATCH, &path, answer)
        .await;
    let change = json!({"event_id": event["id"], "summary": "Иначе", "add_attendees": ["third@sandbox.test"]});
    let changed = client.call("update_calendar_event", change).await["event"].clone();
    let status = |email: &str| {
        let guests = changed["attendees"].as_array().unwrap();
        guests
            .iter()
            .find(|g| g["email"] == email)
            .map(|g| g["response_status"].clone())
    };
    assert_eq!(status(GUEST), Some(json!("accepted")));
    assert_eq!(status("third@sandbox.test"), Some(json!("needsAction")));
    let raw = sandbox
        .direct(ME, http::Method::GET, &path, json!({}))
        .await;
    assert!(
        raw["attendees"].to_string().contains("буду"),
        "what tools do not know stays too: {raw}"
    );
}
