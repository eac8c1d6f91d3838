//! Calendar tools through REST: what one does appears in that person's calendar and in nobody
//! else's.

use serde_json::{Value, json};

use crate::support::{Person, both};

fn day() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2026-12-02T00:00:00+04:00" })
}

async fn summaries(person: &Person) -> Vec<String> {
    let listed = person.call("list_calendar_events", &day()).await;
    listed["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["summary"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_made_listed_changed_and_deleted_for_its_person_alone() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let made = alice
            .call(
                "create_calendar_event",
                &json!({
                    "summary": "Встреча", "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00"
                }),
            )
            .await;
        let id = made["event"]["id"].as_str().unwrap().to_owned();
        assert_eq!(summaries(&alice).await, ["Встреча"]);
        assert_eq!(summaries(&bob).await, [] as [&str; 0]);

        // The same event under Bob's name does not exist.
        let stranger = bob.try_call("get_calendar_event", &json!({ "event_id": id })).await;
        assert_eq!(stranger.data()["is_error"], true, "{stranger:?}");

        alice.call("update_calendar_event", &json!({ "event_id": id, "summary": "Moved" })).await;
        assert_eq!(summaries(&alice).await, ["Moved"]);
        alice.call_approved("delete_calendar_event", &json!({ "event_id": id })).await;
        assert_eq!(summaries(&alice).await, [] as [&str; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_checked_before_anything_else() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let answer = alice
            .try_call(
                "list_calendar_events",
                &json!({ "time_min": 5, "time_max": "x" }),
            )
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "VALIDATION_ERROR")
        );
        assert!(
            answer.body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("/time_min"),
            "{answer:?}"
        );
        let answer = alice.try_call("no_such_tool", &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (404, "UNKNOWN_TOOL")
        );
        let carol = app.person("carol").await;
        let answer = carol.try_call("list_calendars", &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (409, "NOT_CONNECTED")
        );
        assert!(
            answer.body["error"]["connect_url"]
                .as_str()
                .unwrap()
                .contains("/connect"),
            "{answer:?}"
        );
        assert!(carol.google_tools().await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_listings_at_once_all_succeed() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let calls = (0..100).map(|_| {
            let alice = alice.clone();
            async move { alice.call("list_calendar_events", &day()).await }
        });
        let answers = futures_util::future::join_all(calls).await;
        assert_eq!(answers.len(), 100);
    })
    .await;
}
