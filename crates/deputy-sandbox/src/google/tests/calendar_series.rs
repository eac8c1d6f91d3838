//! Recurring events.

use serde_json::{Value, json};

use super::calendar::{EVENTS, at, ids, insert};
use super::client::{Person, Sandbox, reason};

/// Every day at ten in Berlin, four times, over the end of summer time.
fn daily() -> Value {
    json!({
        "summary": "stand-up",
        "start": {"dateTime": "2026-10-23T10:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-10-23T10:15:00", "timeZone": "Europe/Berlin"},
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=4"],
    })
}

async fn singles(person: &Person<'_>, more: &str) -> Value {
    let (status, body) = person
        .get(&format!(
            "{EVENTS}?singleEvents=true&orderBy=startTime&{more}"
        ))
        .await;
    assert_eq!(status, 200, "{body}");
    body
}

fn starts(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["start"]["dateTime"].as_str().unwrap_or("-"))
        .collect()
}

#[tokio::test]
async fn occurrences_keep_their_local_hour() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let series = insert(&demo, daily()).await;
    let id = series["id"].as_str().unwrap();
    let (_, masters) = demo.get(EVENTS).await;
    assert_eq!(
        (ids(&masters), &masters["items"][0]["recurrence"]),
        (vec![id], &series["recurrence"])
    );
    let all = singles(&demo, "timeZone=Europe/Berlin").await;
    assert_eq!(
        starts(&all),
        [
            "2026-10-23T10:00:00+02:00",
            "2026-10-24T10:00:00+02:00",
            "2026-10-25T10:00:00+01:00",
            "2026-10-26T10:00:00+01:00"
        ]
    );
    let third = &all["items"][2];
    assert_eq!(third["id"], format!("{id}_20261025T090000Z"));
    assert_eq!(
        (&third["recurringEventId"], &third["iCalUID"]),
        (&json!(id), &series["iCalUID"])
    );
    assert_eq!(third["originalStartTime"], third["start"]);
    assert!(third.get("recurrence").is_none());
    let (status, one) = demo.get(&at(third)).await;
    assert_eq!((status, &one["id"]), (200, &third["id"]));
    assert_eq!(
        demo.get(&format!("{EVENTS}/{id}_20261027T090000Z")).await.0,
        404
    );
    let window = singles(
        &demo,
        "timeMin=2026-10-24T00:00:00Z&timeMax=2026-10-25T00:00:00Z",
    )
    .await;
    assert_eq!(starts(&window), ["2026-10-24T08:00:00Z"]);
    let (_, outside) = demo
        .get(&format!("{EVENTS}?timeMin=2026-11-01T00:00:00Z"))
        .await;
    assert!(ids(&outside).is_empty());
    let (_, instances) = demo
        .get(&format!("{}/instances?maxResults=3", at(&series)))
        .await;
    assert_eq!(ids(&instances).len(), 3);
    let token = instances["nextPageToken"].as_str().unwrap();
    let (_, rest) = demo
        .get(&format!(
            "{}/instances?maxResults=3&pageToken={token}",
            at(&series)
        ))
        .await;
    assert_eq!(ids(&rest), [format!("{id}_20261026T090000Z")]);
}

#[tokio::test]
async fn one_occurrence_is_changed_or_cancelled() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let series = insert(&demo, daily()).await;
    let id = series["id"].as_str().unwrap();
    let (second, third) = (
        format!("{EVENTS}/{id}_20261024T080000Z"),
        format!("{EVENTS}/{id}_20261025T090000Z"),
    );
    let sync = demo.get(EVENTS).await.1["nextSyncToken"]
        .as_str()
        .unwrap()
        .to_owned();

    let (status, moved) = demo.patch(&second, json!({"summary": "later", "start": {"dateTime": "2026-10-24T15:00:00Z"}, "end": {"dateTime": "2026-10-24T16:00:00Z"}})).await;
    assert_eq!(status, 200, "{moved}");
    assert_eq!(
        moved["originalStartTime"]["dateTime"], "2026-10-24T08:00:00Z",
        "it stays what it was"
    );
    assert_eq!(demo.delete(&third).await.0, 204);
    assert_eq!(demo.delete(&third).await.0, 410);
    assert_eq!(demo.get(&third).await.1["status"], "cancelled");

    let all = singles(&demo, "").await;
    assert_eq!(
        starts(&all),
        [
            "2026-10-23T08:00:00Z",
            "2026-10-24T15:00:00Z",
            "2026-10-26T09:00:00Z"
        ]
    );
    assert_eq!(ids(&singles(&demo, "showDeleted=true").await).len(), 4);
    // Unexpanded: the series, its changed occurrence and, even without showDeleted, the cancelled one.
    let (_, masters) = demo.get(EVENTS).await;
    let mut statuses: Vec<_> = masters["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["id"].as_str().unwrap(), e["status"].as_str().unwrap()))
        .collect();
    statuses.sort_unstable();
    assert_eq!(
        statuses.iter().map(|(_, s)| *s).collect::<Vec<_>>(),
        ["confirmed", "confirmed", "cancelled"]
    );
    let (_, delta) = demo.get(&format!("{EVENTS}?syncToken={sync}")).await;
    assert_eq!(ids(&delta).len(), 2);
    let cancelled = delta["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["status"] == "cancelled")
        .unwrap();
    assert_eq!(cancelled["recurringEventId"], id);
    assert_eq!(
        cancelled["originalStartTime"]["dateTime"],
        "2026-10-25T09:00:00Z"
    );
    assert!(cancelled.get("summary").is_none());

    assert_eq!(demo.delete(&at(&series)).await.0, 204);
    assert!(ids(&singles(&demo, "").await).is_empty());
    assert!(ids(&demo.get(EVENTS).await.1).is_empty());
    assert_eq!(demo.get(&second).await.1["status"], "cancelled");
}

#[tokio::test]
async fn a_series_is_cut_and_a_listing_by_sync_token_says_what_is_gone() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let series = insert(&demo, daily()).await;
    let (_, first) = demo.get(&format!("{EVENTS}?singleEvents=true")).await;
    let sync = first["nextSyncToken"].as_str().unwrap();
    let (status, cut) = demo
        .patch(
            &at(&series),
            json!({"recurrence": ["RRULE:FREQ=DAILY;UNTIL=20261024T215959Z"]}),
        )
        .await;
    assert_eq!((status, cut["sequence"].as_i64()), (200, Some(1)));
    assert_eq!(
        starts(&singles(&demo, "").await),
        ["2026-10-23T08:00:00Z", "2026-10-24T08:00:00Z"]
    );
    let (_, delta) = demo
        .get(&format!("{EVENTS}?singleEvents=true&syncToken={sync}"))
        .await;
    let of = |status: &str| {
        delta["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["status"] == status)
            .count()
    };
    assert_eq!((of("confirmed"), of("cancelled")), (2, 2));
    let (status, body) = demo
        .patch(&at(&series), json!({"recurrence": ["EXRULE:FREQ=DAILY"]}))
        .await;
    assert_eq!((status, reason(&body)), (400, "invalid"));
    let (_, single) = demo.patch(&at(&series), json!({"recurrence": []})).await;
    assert!(single.get("recurrence").is_none());
}

#[tokio::test]
async fn days_recur_and_dates_are_left_out() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    let series = insert(
        &demo,
        json!({
            "summary": "holiday", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-03"},
            "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE;VALUE=DATE:20261208"],
        }),
    )
    .await;
    let all = singles(&demo, "").await;
    let id = series["id"].as_str().unwrap();
    assert_eq!(
        ids(&all),
        [format!("{id}_20261201"), format!("{id}_20261215")]
    );
    assert_eq!(
        (
            &all["items"][1]["end"],
            &all["items"][1]["originalStartTime"]
        ),
        (
            &json!({"date": "2026-12-17"}),
            &json!({"date": "2026-12-15"})
        )
    );
}

#[tokio::test]
async fn free_and_busy() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.calendar_person("demo@sandbox.test").await;
    insert(&demo, daily()).await;
    for (start, end, transparency) in [
        ("2026-10-24T08:10:00Z", "2026-10-24T09:00:00Z", "opaque"),
        (
            "2026-10-24T12:00:00Z",
            "2026-10-24T13:00:00Z",
            "transparent",
        ),
    ] {
        insert(&demo, json!({"start": {"dateTime": start}, "end": {"dateTime": end}, "transparency": transparency})).await;
    }
    let ask = |more: Value| {
        let mut body = json!({"timeMin": "2026-10-24T00:00:00Z", "timeMax": "2026-10-25T00:00:00Z", "items": [{"id": "primary"}]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let demo = &demo;
        async move { demo.post("calendar/v3/freeBusy", body).await }
    };
    let (_, body) = ask(json!({})).await;
    assert_eq!(
        body["calendars"]["primary"]["busy"],
        json!([{"start": "2026-10-24T08:00:00Z", "end": "2026-10-24T09:00:00Z"}])
    );
    let (_, body) = ask(json!({"timeZone": "Europe/Berlin", "items": [{"id": "guest@sandbox.test"}, {"id": "nobody@sandbox.test"}, {"id": "demo@sandbox.test"}]})).await;
    assert_eq!(body["calendars"]["guest@sandbox.test"], json!({"busy": []}));
    assert_eq!(
        body["calendars"]["nobody@sandbox.test"]["errors"],
        json!([{"domain": "global", "reason": "notFound"}])
    );
    assert_eq!(
        body["calendars"]["demo@sandbox.test"]["busy"][0]["start"],
        "2026-10-24T10:00:00+02:00"
    );
    let many: Vec<Value> = (0..51)
        .map(|n| json!({"id": format!("n{n}@x.org")}))
        .collect();
    let (_, body) = ask(json!({"items": many})).await;
    assert_eq!(
        body["calendars"]["n50@x.org"]["errors"][0]["reason"],
        "tooManyCalendarsRequested"
    );
    assert_eq!(
        reason(&ask(json!({"timeMax": "2026-10-24T00:00:00Z"})).await.1),
        "timeRangeEmpty"
    );
    assert_eq!(
        reason(&ask(json!({"timeMax": "2027-10-24T00:00:00Z"})).await.1),
        "timeRangeTooLong"
    );
    assert_eq!(reason(&ask(json!({"timeMin": null})).await.1), "required");

    let events = sandbox
        .person(
            "demo@sandbox.test",
            &["https://www.googleapis.com/auth/calendar.events"],
        )
        .await;
    let (status, body) = events.post("calendar/v3/freeBusy", json!({})).await;
    assert_eq!(
        (status, reason(&body)),
        (403, "insufficientPermissions"),
        "calendar.events doesn't cover freeBusy"
    );
}
