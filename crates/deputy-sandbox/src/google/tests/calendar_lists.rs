//! Lists of events: filters, order, pages and what changed since.

use serde_json::{Value, json};

use super::calendar::{EVENTS, at, ids, insert, list, summaries, timed};
use super::client::{Sandbox, reason};

#[tokio::test]
async fn lists_are_filtered_ordered_and_paged() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    for (name, start, end) in [
        ("late", "2026-12-01T15:00:00Z", "2026-12-01T16:00:00Z"),
        ("early", "2026-12-01T08:00:00Z", "2026-12-01T09:00:00Z"),
        ("noon tea", "2026-12-01T12:00:00Z", "2026-12-01T13:00:00Z"),
    ] {
        insert(&demo, timed(name, start, end)).await;
    }
    let day = insert(
        &demo,
        json!({"summary": "day", "start": {"date": "2026-12-02"}, "end": {"date": "2026-12-03"}}),
    )
    .await;
    assert_eq!(day["start"], json!({"date": "2026-12-02"}));
    let order = "singleEvents=true&orderBy=startTime";
    assert_eq!(
        summaries(&list(&demo, order).await),
        ["early", "noon tea", "late", "day"]
    );
    // Bounds are exclusive: of the end below, of the start above.
    let window = format!("{order}&timeMin=2026-12-01T09:00:00Z&timeMax=2026-12-01T15:00:00Z");
    assert_eq!(summaries(&list(&demo, &window).await), ["noon tea"]);
    let window = format!("{order}&timeMin=2026-12-01T08:59:59Z&timeMax=2026-12-01T15:00:01Z");
    assert_eq!(
        summaries(&list(&demo, &window).await),
        ["early", "noon tea", "late"]
    );
    assert_eq!(summaries(&list(&demo, "q=TEA+noon").await), ["noon tea"]);
    assert_eq!(
        summaries(&list(&demo, "q=tea+late").await),
        Vec::<&str>::new()
    );

    let first = list(&demo, &format!("{order}&maxResults=3")).await;
    assert_eq!(summaries(&first), ["early", "noon tea", "late"]);
    assert!(first.get("nextSyncToken").is_none());
    let token = first["nextPageToken"].as_str().unwrap();
    let second = list(&demo, &format!("{order}&maxResults=3&pageToken={token}")).await;
    assert_eq!(summaries(&second), ["day"]);
    let other = demo
        .get(&format!("{EVENTS}?maxResults=3&pageToken={token}"))
        .await;
    assert_eq!(
        (other.0, reason(&other.1)),
        (400, "invalid"),
        "a page token belongs to its listing"
    );

    for (query, why) in [
        ("orderBy=startTime", "badRequest"),
        (
            "timeMin=2026-12-02T00:00:00Z&timeMax=2026-12-01T00:00:00Z",
            "timeRangeEmpty",
        ),
        ("timeMin=2026-12-01T00:00:00", "badRequest"),
        ("maxResults=0", "invalidParameter"),
        ("orderBy=summary", "invalidParameter"),
        ("singleEvents=maybe", "invalidParameter"),
    ] {
        let (status, body) = demo.get(&format!("{EVENTS}?{query}")).await;
        assert_eq!((status, reason(&body)), (400, why), "{query}");
    }
    let masked = list(&demo, "fields=items(summary,start/date)&singleEvents=true&orderBy=startTime&timeMin=2026-12-02T00:00:00Z").await;
    assert_eq!(
        masked,
        json!({"items": [{"summary": "day", "start": {"date": "2026-12-02"}}]})
    );
    let tokyo = list(&demo, "timeZone=Asia/Tokyo&q=noon").await;
    assert_eq!(
        tokyo["items"][0]["start"]["dateTime"],
        "2026-12-01T21:00:00+09:00"
    );
}

#[tokio::test]
async fn sync_tokens_bring_what_changed() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let one = insert(
        &demo,
        timed("one", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"),
    )
    .await;
    let two = insert(
        &demo,
        timed("two", "2026-12-02T10:00:00Z", "2026-12-02T11:00:00Z"),
    )
    .await;
    let first = list(&demo, "maxResults=1").await;
    assert!(first.get("nextSyncToken").is_none());
    let page = first["nextPageToken"].as_str().unwrap();
    // What changes between the pages isn't missed.
    demo.patch(&at(&one), json!({"summary": "one!"})).await;
    let last = list(&demo, &format!("maxResults=1&pageToken={page}")).await;
    let token = last["nextSyncToken"].as_str().unwrap().to_owned();
    let delta = list(&demo, &format!("syncToken={token}")).await;
    assert_eq!(summaries(&delta), ["one!"]);
    let token = delta["nextSyncToken"].as_str().unwrap().to_owned();
    assert_eq!(
        list(&demo, &format!("syncToken={token}")).await["items"],
        json!([])
    );
    demo.delete(&at(&two)).await;
    let delta = list(&demo, &format!("syncToken={token}")).await;
    assert_eq!(
        (ids(&delta), delta["items"][0]["status"].as_str()),
        (vec![two["id"].as_str().unwrap()], Some("cancelled"))
    );

    for query in [
        "timeMin=2026-12-01T00:00:00Z",
        "q=x",
        "orderBy=updated",
        "iCalUID=x",
        "showDeleted=false",
        "singleEvents=true",
    ] {
        let (status, body) = demo
            .get(&format!("{EVENTS}?syncToken={token}&{query}"))
            .await;
        assert_eq!((status, reason(&body)), (400, "badRequest"), "{query}");
    }
    let gone = |answer: (u16, Value)| {
        assert_eq!((answer.0, reason(&answer.1)), (410, "fullSyncRequired"));
        assert_eq!(answer.1["error"]["errors"][0]["domain"], "calendar");
    };
    gone(demo.get(&format!("{EVENTS}?syncToken=bogus")).await);
    sandbox
        .control("expire", json!({"account": "demo@sandbox.test"}))
        .await;
    gone(demo.get(&format!("{EVENTS}?syncToken={token}")).await);
    let fresh = list(&demo, "").await["nextSyncToken"]
        .as_str()
        .unwrap()
        .to_owned();
    list(&demo, &format!("syncToken={fresh}")).await;
    sandbox
        .control("tokens", json!({"access_ttl_s": 10_000_000}))
        .await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    sandbox
        .control("clock", json!({"advance_s": 29 * 86400}))
        .await;
    gone(demo.get(&format!("{EVENTS}?syncToken={fresh}")).await);
}

#[tokio::test]
async fn deleted_events_are_shown_when_asked_for() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let event = insert(
        &demo,
        timed("x", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"),
    )
    .await;
    demo.delete(&at(&event)).await;
    assert!(ids(&list(&demo, "").await).is_empty());
    let shown = list(&demo, "showDeleted=true").await;
    assert_eq!(
        (
            shown["items"][0]["status"].as_str(),
            shown["items"][0]["summary"].as_str()
        ),
        (Some("cancelled"), Some("x"))
    );
    let (status, restored) = demo
        .patch(&at(&event), json!({"status": "confirmed"}))
        .await;
    assert_eq!(
        (status, restored["status"].as_str()),
        (200, Some("confirmed"))
    );
}
