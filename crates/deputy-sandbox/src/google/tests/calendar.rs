//! Single events: what is written, listed, guarded and synchronised.

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

async fn list(person: &Person<'_>, query: &str) -> Value {
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
