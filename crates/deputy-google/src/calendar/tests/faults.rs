//! Google fails; what was asked for happens once all the same.

use deputy_core::firstparty::FailureKind;

use super::*;

const LOST_ANSWERS: [&str; 3] = [
    "commit_then_hang",
    "commit_then_drop",
    "commit_then_unavailable",
];
const LOST_REQUESTS: [&str; 4] = ["hang", "drop", "unavailable", "backend_error"];

async fn the_only_event(client: &Client) -> Value {
    let events = listed(client, "2026-12-01", "2026-12-03").await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.into_iter().next().unwrap()
}

#[tokio::test]
async fn an_event_whose_answer_is_lost_is_found_and_there_once() {
    at_once(LOST_ANSWERS, async |fault| {
        let sandbox = Sandbox::start().await;
        let client = calendar(&sandbox).await;
        sandbox.fault("calendar.events.insert", fault).await;
        let event = created(&client, meeting()).await;
        assert_eq!(the_only_event(&client).await["id"], event["id"], "{fault}");
        assert_eq!(
            sandbox.requests("calendar.events.insert").await,
            1,
            "{fault}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_repeat_of_a_call_makes_no_second_event() {
    at_once(LOST_REQUESTS, async |fault| {
        let sandbox = Sandbox::start().await;
        let client = calendar(&sandbox).await;
        let id = call_id();
        sandbox.fault("calendar.events.insert", fault).await;
        let first = client
            .request("create_calendar_event", meeting(), attempt(id, 1))
            .await
            .unwrap();
        let (text, failure) = failed(&first);
        let retried = matches!(
            failure.kind,
            FailureKind::Timeout | FailureKind::Network | FailureKind::Unavailable
        );
        assert!(retried, "{fault}: {text}");
        let mut made = Vec::new();
        for n in [2, 3] {
            let again = client
                .request("create_calendar_event", meeting(), attempt(id, n))
                .await
                .unwrap();
            made.push(succeeded(&again)["event"]["id"].clone());
        }
        assert_eq!(made[0], made[1]);
        assert_eq!(the_only_event(&client).await["id"], made[0], "{fault}");
    })
    .await;
}

#[tokio::test]
async fn a_repeat_that_says_it_is_the_first_attempt_finds_its_event_too() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let id = call_id();
    let mut made = Vec::new();
    for _ in 0..2 {
        let result = client
            .request("create_calendar_event", meeting(), attempt(id, 1))
            .await
            .unwrap();
        made.push(succeeded(&result)["event"]["id"].clone());
    }
    assert_eq!(made[0], made[1]);
    the_only_event(&client).await;
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_found_and_made_once() {
    at_once(LOST_ANSWERS, async |fault| {
        let sandbox = Sandbox::start().await;
        let client = calendar(&sandbox).await;
        let event = created(&client, meeting()).await;
        sandbox.fault("calendar.events.patch", fault).await;
        let change = json!({"event_id": event["id"], "summary": "Иначе", "start_time": "2026-12-01T12:00:00+04:00"});
        let changed = client.call("update_calendar_event", change.clone()).await;
        assert_eq!(changed["event"]["summary"], "Иначе", "{fault}");
        assert_eq!(
            the_only_event(&client).await["etag"],
            changed["event"]["etag"]
        );
        // The gateway may not have got this answer either.
        let again = client
            .request("update_calendar_event", change, attempt(call_id(), 2))
            .await
            .unwrap();
        assert_eq!(succeeded(&again)["event"]["etag"], changed["event"]["etag"]);
        assert_eq!(
            sandbox.requests("calendar.events.patch").await,
            1,
            "{fault}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_change_that_was_not_made_is_said_not_to_be_and_a_repeat_makes_it() {
    at_once(LOST_REQUESTS, async |fault| {
        let sandbox = Sandbox::start().await;
        let client = calendar(&sandbox).await;
        let event = created(&client, meeting()).await;
        let change = json!({"event_id": event["id"], "summary": "Иначе", "etag": event["etag"]});
        sandbox.fault("calendar.events.patch", fault).await;
        client.fail("update_calendar_event", change.clone()).await;
        assert_eq!(
            the_only_event(&client).await["summary"],
            "Встреча",
            "{fault}"
        );
        let again = client
            .request(
                "update_calendar_event",
                change.clone(),
                attempt(call_id(), 2),
            )
            .await
            .unwrap();
        assert_eq!(succeeded(&again)["event"]["summary"], "Иначе");
        // With the etag of before, a further repeat sees that its change is there.
        let again = client
            .request("update_calendar_event", change, attempt(call_id(), 3))
            .await
            .unwrap();
        assert_eq!(succeeded(&again)["event"]["summary"], "Иначе");
    })
    .await;
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_done_and_so_is_its_repeat() {
    at_once(LOST_ANSWERS, async |fault| {
        let sandbox = Sandbox::start().await;
        let client = calendar(&sandbox).await;
        let event = created(&client, meeting()).await;
        sandbox.fault("calendar.events.delete", fault).await;
        for _ in 0..2 {
            let answer = client
                .call("delete_calendar_event", json!({"event_id": event["id"]}))
                .await;
            assert_eq!(
                answer,
                json!({"deleted": true, "event_id": event["id"]}),
                "{fault}"
            );
        }
        assert!(listed(&client, "2026-12-01", "2026-12-03").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_event_that_never_was_is_not_deleted() {
    let sandbox = Sandbox::start().await;
    let (_, failure) = calendar(&sandbox)
        .await
        .fail("delete_calendar_event", json!({"event_id": "never1was"}))
        .await;
    assert_eq!(
        (failure.kind, failure.status),
        (FailureKind::NotFound, Some(404))
    );
}

#[tokio::test]
async fn each_refusal_of_google_has_its_kind() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    for (fault, kind) in [
        ("unauthorized", FailureKind::Unauthorized),
        ("user_rate_limited", FailureKind::RateLimited),
        ("rate_limited", FailureKind::RateLimited),
        ("quota_exceeded", FailureKind::QuotaExceeded),
        ("backend_error", FailureKind::Unavailable),
        ("unavailable", FailureKind::Unavailable),
        ("hang", FailureKind::Timeout),
        ("drop", FailureKind::Network),
    ] {
        sandbox.fault("calendar.calendarList.list", fault).await;
        let (text, failure) = client.fail("list_calendars", json!({})).await;
        assert_eq!(failure.kind, kind, "{fault}: {text}");
        let waits = matches!(kind, FailureKind::RateLimited | FailureKind::QuotaExceeded);
        assert_eq!(failure.retry_after_ms.is_some(), waits, "{fault}");
    }
    client.call("list_calendars", json!({})).await;
}
