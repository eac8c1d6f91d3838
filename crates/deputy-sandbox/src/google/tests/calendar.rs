//! Single events: what is written and guarded, and the quota.

use http::header;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Person, Sandbox, answer, reason};

pub(super) const EVENTS: &str = "calendar/v3/calendars/primary/events";

pub(super) fn at(event: &Value) -> String {
    format!("{EVENTS}/{}", event["id"].as_str().unwrap())
}

pub(super) fn timed(summary: &str, start: &str, end: &str) -> Value {
    json!({"summary": summary, "start": {"dateTime": start}, "end": {"dateTime": end}})
}

pub(super) async fn insert(person: &Person<'_>, body: Value) -> Value {
    let (status, event) = person.post(EVENTS, body).await;
    assert_eq!(status, 200, "{event}");
    event
}

pub(super) fn ids(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["id"].as_str().unwrap())
        .collect()
}

pub(super) fn summaries(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["summary"].as_str().unwrap_or("-"))
        .collect()
}

pub(super) async fn list(person: &Person<'_>, query: &str) -> Value {
    let (status, body) = person.get(&format!("{EVENTS}?{query}")).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn an_event_is_made_shown_and_survives_a_restart() {
    let sandbox = Sandbox::start().await;
    sandbox
        .control(
            "accounts",
            json!({"email": "demo@sandbox.test", "time_zone": "Asia/Dubai"}),
        )
        .await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let event = insert(&demo, json!({
        "summary": "Встреча", "start": {"dateTime": "2026-12-01T06:00:00Z"}, "end": {"dateTime": "2026-12-01T11:00:00+04:00"},
        "nonsense": 1, "creator": {"email": "x@y.z"}, "attendees": [],
    })).await;
    assert_eq!(
        event["start"],
        json!({"dateTime": "2026-12-01T10:00:00+04:00", "timeZone": "Asia/Dubai"})
    );
    assert_eq!(
        event["creator"],
        json!({"email": "demo@sandbox.test", "self": true})
    );
    assert_eq!(
        (event["kind"].as_str(), event["status"].as_str()),
        (Some("calendar#event"), Some("confirmed"))
    );
    assert!(event.get("nonsense").is_none() && event.get("attendees").is_none());
    assert_eq!(
        event["iCalUID"],
        format!("{}@google.com", event["id"].as_str().unwrap())
    );
    let updated: jiff::Timestamp = event["updated"].as_str().unwrap().parse().unwrap();
    let etag: i64 = event["etag"]
        .as_str()
        .unwrap()
        .trim_matches('"')
        .parse()
        .unwrap();
    assert_eq!(etag / 2 / 1000, updated.as_millisecond());

    let token = demo.token.clone();
    let path = at(&event);
    let sandbox = sandbox.restart().await;
    let (status, again) = answer(sandbox.http.get(sandbox.at(&path)).bearer_auth(&token)).await;
    assert_eq!(
        (status, &again["etag"], &again["summary"]),
        (200, &event["etag"], &event["summary"])
    );
    let page = sandbox
        .http
        .get(sandbox.at("accounts/demo%40sandbox.test"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("Встреча") && page.contains("10:00"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let (one, two) = ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z");
    for (body, why, message) in [
        (
            json!({"end": {"dateTime": two}}),
            "required",
            "Missing start time.",
        ),
        (
            json!({"start": {"dateTime": one}}),
            "required",
            "Missing end time.",
        ),
        (
            timed("x", two, one),
            "timeRangeEmpty",
            "The specified time range is empty.",
        ),
        (
            timed("x", "2026-12-01T10:00:00", two),
            "required",
            "Missing time zone definition for start time.",
        ),
        (
            json!({"start": {"date": "2026-12-01"}, "end": {"dateTime": two}}),
            "invalid",
            "Start and end times must either both be date or both be dateTime.",
        ),
        (
            json!({"start": {"dateTime": one, "timeZone": "Mars/Base"}, "end": {"dateTime": two}}),
            "invalid",
            "Invalid time zone definition for start time.",
        ),
        (
            json!({"id": "XYZ", "start": {"dateTime": one}, "end": {"dateTime": two}}),
            "invalid",
            "Invalid resource id value.",
        ),
        (
            json!({"start": {"dateTime": one}, "end": {"dateTime": two}, "attendees": [{}]}),
            "required",
            "Missing attendee email.",
        ),
        (
            json!({"start": {"dateTime": one}, "end": {"dateTime": two}, "attendees": [{"email": "nobody"}]}),
            "invalid",
            "Invalid attendee email.",
        ),
        (
            json!({"start": {"dateTime": one}, "end": {"dateTime": two}, "recurrence": ["RRULE:FREQ=DAILY"]}),
            "required",
            "Missing time zone definition for start time.",
        ),
        (
            json!({"start": {"dateTime": one, "timeZone": "UTC"}, "end": {"dateTime": two}, "recurrence": ["RRULE:FREQ=X"]}),
            "invalid",
            "Invalid recurrence rule.",
        ),
    ] {
        let (status, answer) = demo.post(EVENTS, body.clone()).await;
        assert_eq!(
            (
                status,
                reason(&answer),
                answer["error"]["message"].as_str().unwrap()
            ),
            (400, why, message),
            "{body}"
        );
    }
    let broken = demo
        .request(Method::POST, EVENTS)
        .body("{")
        .header(header::CONTENT_TYPE, "application/json");
    let (status, body) = answer(broken).await;
    assert_eq!((status, reason(&body)), (400, "parseError"));
    assert_eq!(
        list(&demo, "").await["items"],
        json!([]),
        "nothing of it was kept"
    );
}

#[tokio::test]
async fn ids_of_ones_own_are_unique_for_ever() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let mut body = timed("x", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z");
    body["id"] = json!("dep0123");
    let event = insert(&demo, body.clone()).await;
    let duplicate = demo.post(EVENTS, body.clone()).await;
    assert_eq!((duplicate.0, reason(&duplicate.1)), (409, "duplicate"));
    assert_eq!(
        duplicate.1["error"]["message"],
        "The requested identifier already exists."
    );
    assert_eq!(demo.delete(&at(&event)).await, (204, Value::Null));
    assert_eq!(demo.post(EVENTS, body).await.0, 409);
    let gone = demo.delete(&at(&event)).await;
    assert_eq!(
        (gone.0, reason(&gone.1), gone.1["error"]["message"].as_str()),
        (410, "deleted", Some("Resource has been deleted"))
    );
    assert_eq!(demo.get(&at(&event)).await.1["status"], "cancelled");
    assert_eq!(demo.delete(&format!("{EVENTS}/nothing")).await.0, 404);
}

#[tokio::test]
async fn put_replaces_and_patch_merges() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let mut body = timed("a", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z");
    body["location"] = json!("Room 1");
    body["attendees"] = json!([{"email": "a@x.org"}, {"email": "b@x.org"}]);
    body["extendedProperties"] = json!({"private": {"k": "v", "l": "w"}});
    let event = insert(&demo, body).await;
    let (_, patched) = demo
        .patch(
            &at(&event),
            json!({"summary": "b", "extendedProperties": {"private": {"k": "z"}}}),
        )
        .await;
    assert_eq!(
        (&patched["location"], &patched["attendees"]),
        (&event["location"], &event["attendees"])
    );
    assert_eq!(
        patched["extendedProperties"],
        json!({"private": {"k": "z", "l": "w"}})
    );
    assert_eq!(patched["sequence"], 0);
    let (_, fewer) = demo
        .patch(
            &at(&event),
            json!({"attendees": [{"email": "b@x.org"}], "location": null}),
        )
        .await;
    assert_eq!(
        fewer["attendees"],
        json!([{"email": "b@x.org", "responseStatus": "needsAction"}])
    );
    assert!(fewer.get("location").is_none());
    let (_, put) = demo
        .put(
            &at(&event),
            timed("c", "2026-12-01T12:00:00Z", "2026-12-01T13:00:00Z"),
        )
        .await;
    assert!(put.get("attendees").is_none() && put.get("extendedProperties").is_none());
    assert_eq!(
        (put["id"].as_str(), put["sequence"].as_i64()),
        (event["id"].as_str(), Some(1))
    );
    let (status, body) = demo.put(&at(&event), json!({"summary": "no times"})).await;
    assert_eq!((status, reason(&body)), (400, "required"));
    let (_, moved) = demo.patch(&at(&event), json!({"start": {"date": "2026-12-02", "dateTime": null}, "end": {"date": "2026-12-03", "dateTime": null}})).await;
    assert_eq!(moved["start"], json!({"date": "2026-12-02"}));
}

#[tokio::test]
async fn etags_guard_writes_and_spare_reads() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let event = insert(
        &demo,
        timed("a", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"),
    )
    .await;
    let etag = event["etag"].as_str().unwrap();
    let known = demo
        .request(Method::GET, &at(&event))
        .header(header::IF_NONE_MATCH, etag)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            known.status().as_u16(),
            known.headers()[header::ETAG].to_str().unwrap()
        ),
        (304, etag)
    );
    let write = |tag: &str, summary: &str| {
        demo.request(Method::PATCH, &at(&event))
            .header(header::IF_MATCH, tag)
            .json(&json!({"summary": summary}))
    };
    let (status, changed) = answer(write(etag, "b")).await;
    assert_eq!(status, 200);
    let (status, body) = answer(write(etag, "c")).await;
    assert_eq!((status, reason(&body)), (412, "conditionNotMet"));
    assert_eq!(body["error"]["errors"][0]["location"], "If-Match");
    assert_eq!(answer(write("*", "d")).await.0, 200);
    let stale = demo
        .request(Method::DELETE, &at(&event))
        .header(header::IF_MATCH, changed["etag"].as_str().unwrap());
    assert_eq!(answer(stale).await.0, 412);

    let (_, before) = demo.get(&at(&event)).await;
    let (_, after) = demo
        .patch(&at(&event), json!({"reminders": {"useDefault": false}}))
        .await;
    assert_eq!(
        after["updated"], before["updated"],
        "reminders don't touch updated"
    );
    assert_ne!(after["etag"], before["etag"]);
}

#[tokio::test]
async fn calendars_are_private_and_can_be_made() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let guest = sandbox.calendar_person("guest@sandbox.test").await;
    let event = insert(
        &demo,
        timed("x", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"),
    )
    .await;
    let (status, made) = demo
        .post(
            "calendar/v3/calendars",
            json!({"summary": "Team", "timeZone": "Europe/Kyiv"}),
        )
        .await;
    assert_eq!(
        (status, made["timeZone"].as_str()),
        (200, Some("Europe/Kyiv"))
    );
    let team = made["id"].as_str().unwrap().replace('@', "%40");
    let (_, all) = demo.get("calendar/v3/users/me/calendarList").await;
    assert_eq!(
        ids(&all),
        ["demo@sandbox.test", made["id"].as_str().unwrap()]
    );
    assert_eq!(
        (&all["items"][0]["primary"], &all["items"][0]["accessRole"]),
        (&json!(true), &json!("owner"))
    );
    for path in [
        "calendar/v3/calendars/demo%40sandbox.test/events".to_owned(),
        format!(
            "calendar/v3/calendars/demo%40sandbox.test/events/{}",
            event["id"].as_str().unwrap()
        ),
        format!("calendar/v3/calendars/{team}"),
        format!("calendar/v3/users/me/calendarList/{team}"),
        at(&event),
    ] {
        let (status, body) = guest.get(&path).await;
        assert_eq!((status, reason(&body)), (404, "notFound"), "{path}");
    }
    let (_, there) = demo
        .post(
            &format!("calendar/v3/calendars/{team}/events"),
            timed("t", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"),
        )
        .await;
    assert_eq!(
        there["organizer"],
        json!({"email": made["id"], "displayName": "Team", "self": true})
    );
    assert_eq!(there["start"]["dateTime"], "2026-12-01T12:00:00+02:00");
    let (status, moved) = demo
        .post(
            &format!("{}/move?destination={team}", at(&event)),
            Value::Null,
        )
        .await;
    assert_eq!((status, &moved["organizer"]["email"]), (200, &made["id"]));
    assert_eq!(demo.get(&at(&event)).await.1["status"], "cancelled");
    assert_eq!(
        demo.delete(&format!("calendar/v3/calendars/{team}"))
            .await
            .0,
        204
    );
    assert_eq!(
        demo.get(&format!("calendar/v3/calendars/{team}")).await.0,
        404
    );
    assert_eq!(
        demo.get("calendar/v3/users/me/settings/timezone").await.1["value"],
        "UTC"
    );
    assert_eq!(
        demo.get("calendars/primary").await.1["id"],
        "demo@sandbox.test",
        "without calendar/v3"
    );
}

#[tokio::test]
async fn quota_is_six_hundred_a_minute() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    for _ in 0..600 {
        assert_eq!(demo.get("calendar/v3/colors").await.0, 200);
    }
    let (status, body) = demo.get("calendar/v3/colors").await;
    assert_eq!(
        (
            status,
            reason(&body),
            body["error"]["errors"][0]["domain"].as_str()
        ),
        (403, "userRateLimitExceeded", Some("usageLimits"))
    );
    let guest = sandbox.calendar_person("guest@sandbox.test").await;
    assert_eq!(
        guest.get("calendar/v3/colors").await.0,
        200,
        "each user has their own"
    );
    sandbox.control("clock", json!({"advance_s": 60})).await;
    assert_eq!(demo.get("calendar/v3/colors").await.0, 200);
}

#[tokio::test]
async fn a_lost_answer_leaves_one_event() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    sandbox
        .control(
            "faults",
            json!({"method": "calendar.events.insert", "fault": "commit_then_drop"}),
        )
        .await;
    let mut body = timed("x", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z");
    body["id"] = json!("depcall1");
    assert!(
        demo.request(Method::POST, EVENTS)
            .json(&body)
            .send()
            .await
            .is_err()
    );
    assert_eq!(demo.post(EVENTS, body).await.0, 409);
    assert_eq!(summaries(&list(&demo, "").await), ["x"]);
    assert_eq!(sandbox.log("calendar.events.insert").await.len(), 2);
    sandbox
        .control(
            "faults",
            json!({"method": "calendar.events.insert", "fault": "backend_error"}),
        )
        .await;
    assert_eq!(
        demo.post(
            EVENTS,
            timed("y", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z")
        )
        .await
        .0,
        500
    );
    assert_eq!(
        summaries(&list(&demo, "").await),
        ["x"],
        "an error without an effect has none"
    );
}

#[tokio::test]
async fn large_answers_are_compressed_for_clients_that_say_gzip_twice() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let stream =
        tokio::net::TcpStream::connect(sandbox.google.url().socket_addrs(|| None).unwrap()[0])
            .await
            .unwrap();
    let raw = |agent: &str| {
        format!(
            "GET /calendar/v3/colors HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nAccept-Encoding: gzip\r\nUser-Agent: {agent}\r\n\r\n",
            demo.token
        )
    };
    let mut stream = tokio::io::BufStream::new(stream);
    for (agent, compressed) in [("test (gzip)", true), ("test", false)] {
        use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
        stream.write_all(raw(agent).as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let (mut length, mut gzip) = (0, false);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            gzip |= line == "content-encoding: gzip";
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().unwrap();
            }
        }
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        assert_eq!(gzip, compressed, "{agent}");
    }
}
