use deputy_core::firstparty::FailureKind;

use super::*;

#[tokio::test]
async fn an_event_that_was_created_is_listed() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = created(&client, meeting()).await;
    assert_eq!(event["summary"], "Встреча");
    assert_eq!(event["all_day"], false);
    assert_eq!(event["calendar_id"], "primary");
    let listed = listed(
        &client,
        "2026-12-01T00:00:00+04:00",
        "2026-12-02T00:00:00+04:00",
    )
    .await;
    assert_eq!(listed, std::slice::from_ref(&event));
    let one = client
        .call("get_calendar_event", json!({"event_id": event["id"]}))
        .await;
    assert_eq!(one["event"], event);
    let start: jiff::Timestamp = text(&event, "start").parse().unwrap();
    assert_eq!(start, "2026-12-01T06:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn nothing_of_one_person_is_another_s() {
    let sandbox = Sandbox::start().await;
    let mine = created(&calendar(&sandbox).await, meeting()).await;
    let stranger = sandbox.client("calendar", GUEST).await;
    assert!(
        listed(&stranger, "2026-12-01", "2026-12-03")
            .await
            .is_empty()
    );
    let (_, failure) = stranger
        .fail("get_calendar_event", json!({"event_id": mine["id"]}))
        .await;
    assert_eq!(failure.kind, FailureKind::NotFound);
}

#[tokio::test]
async fn whole_days_are_dates_and_wall_times_are_in_the_calendar_s_zone() {
    let sandbox = Sandbox::start().await;
    sandbox
        .control(
            "accounts",
            json!({"email": ME, "time_zone": "Asia/Tbilisi"}),
        )
        .await;
    let client = calendar(&sandbox).await;
    let holiday = json!({"summary": "Off", "start_time": "2026-12-24", "end_time": "2026-12-26"});
    let holiday = created(&client, holiday).await;
    assert_eq!(
        (&holiday["start"], &holiday["end"], &holiday["all_day"]),
        (&json!("2026-12-24"), &json!("2026-12-26"), &json!(true))
    );
    let lunch = json!({"summary": "Lunch", "start_time": "2026-12-01T13:00", "end_time": "2026-12-01T14:00"});
    let lunch = created(&client, lunch).await;
    assert_eq!(text(&lunch, "start"), "2026-12-01T13:00:00+04:00");
    assert_eq!(lunch["time_zone"], "Asia/Tbilisi");
    let dinner = json!({"summary": "Dinner", "start_time": "2026-12-01T19:00", "end_time": "2026-12-01T20:00", "time_zone": "Europe/Berlin"});
    let dinner = created(&client, dinner).await;
    let start: jiff::Timestamp = text(&dinner, "start").parse().unwrap();
    assert_eq!(start, "2026-12-01T18:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn a_series_is_listed_by_its_occurrences_across_a_clock_change() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let series = json!({
        "summary": "Standup", "start_time": "2026-03-27T09:00", "end_time": "2026-03-27T09:15",
        "time_zone": "Europe/Berlin", "recurrence": ["FREQ=DAILY;COUNT=4"],
    });
    let series = created(&client, series).await;
    assert_eq!(series["recurrence"], json!(["RRULE:FREQ=DAILY;COUNT=4"]));
    let events = listed(&client, "2026-03-01", "2026-05-01").await;
    let instants: Vec<jiff::Timestamp> =
        starts(&events).iter().map(|s| s.parse().unwrap()).collect();
    let expected: Vec<jiff::Timestamp> = [
        "2026-03-27T08:00:00Z",
        "2026-03-28T08:00:00Z",
        "2026-03-29T07:00:00Z",
        "2026-03-30T07:00:00Z",
    ]
    .iter()
    .map(|s| s.parse().unwrap())
    .collect();
    assert_eq!(instants, expected);
    assert!(
        events
            .iter()
            .all(|e| e["recurring_event_id"] == series["id"])
    );
}

#[tokio::test]
async fn pages_of_the_merged_range_neither_repeat_nor_miss_an_event() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let mut made = Vec::new();
    for hour in 8..18 {
        let event = json!({
            "summary": format!("at {hour}"),
            "start_time": format!("2026-12-01T{hour:02}:00:00Z"), "end_time": "2026-12-01T20:00:00Z",
        });
        made.push(text(&created(&client, event).await, "id").to_owned());
    }
    // Two that start at the same time, and one without a length.
    for summary in ["twin", "twin"] {
        let event = json!({"summary": summary, "start_time": "2026-12-01T10:00:00Z", "end_time": "2026-12-01T10:00:00Z"});
        made.push(text(&created(&client, event).await, "id").to_owned());
    }
    let mut seen = Vec::new();
    let mut page_token = Value::Null;
    loop {
        let page = json!({"time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-02T00:00:00Z", "max_results": 3, "page_token": page_token});
        let page = client.call("get_events_for_date_range", page).await;
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 3);
        seen.extend(
            events
                .iter()
                .map(|e| (text(e, "start").to_owned(), text(e, "id").to_owned())),
        );
        // An event that comes in before the place changes nothing after it.
        created(&client, json!({"summary": "new", "start_time": "2026-12-01T07:00:00Z", "end_time": "2026-12-01T07:30:00Z"})).await;
        page_token = page["next_page_token"].clone();
        if page_token.is_null() {
            break;
        }
    }
    assert!(
        seen.is_sorted_by_key(|(start, _)| start.parse::<jiff::Timestamp>().unwrap()),
        "{seen:?}"
    );
    let mut ids: Vec<_> = seen.into_iter().map(|(_, id)| id).collect();
    ids.sort();
    made.sort();
    assert_eq!(ids, made);
}

#[tokio::test]
async fn a_calendar_that_cannot_be_read_is_named_beside_the_others_events() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let event = created(&client, meeting()).await;
    let range = json!({"time_min": "2026-12-01", "time_max": "2026-12-03", "calendar_ids": ["primary", "nobody@nowhere.test"]});
    let answer = client.call("get_events_for_date_range", range).await;
    assert_eq!(answer["events"][0]["id"], event["id"]);
    assert_eq!(
        answer["unreadable"][0]["calendar_id"],
        "nobody@nowhere.test"
    );
    let free = json!({"time_min": "2026-12-01", "time_max": "2026-12-03", "calendar_ids": ["primary", "nobody@nowhere.test"]});
    let free = client.call("find_free_busy", free).await;
    assert_eq!(free["calendars"]["primary"].as_array().unwrap().len(), 1);
    assert_eq!(free["unreadable"][0]["calendar_id"], "nobody@nowhere.test");
}

#[tokio::test]
async fn a_synchronisation_gives_everything_once_and_then_what_changed() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let kept = created(&client, meeting()).await;
    let gone = created(&client, meeting()).await;
    let all = client.call("sync_calendar_events", json!({})).await;
    assert_eq!(all["events"].as_array().unwrap().len(), 2);
    let token = all["next_sync_token"].clone();
    assert!(token.is_string(), "{all}");
    client
        .call("delete_calendar_event", json!({"event_id": gone["id"]}))
        .await;
    client
        .call(
            "update_calendar_event",
            json!({"event_id": kept["id"], "summary": "Другая"}),
        )
        .await;
    let changes = client
        .call("sync_calendar_events", json!({"sync_token": token}))
        .await;
    let mut states: Vec<_> = changes["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (text(e, "id"), text(e, "status")))
        .collect();
    states.sort_unstable();
    let mut expected = vec![
        (text(&gone, "id"), "cancelled"),
        (text(&kept, "id"), "confirmed"),
    ];
    expected.sort_unstable();
    assert_eq!(states, expected);
    assert_eq!(changes["full_sync_required"], false);
    sandbox.control("expire", json!({"account": ME})).await;
    let late = client
        .call(
            "sync_calendar_events",
            json!({"sync_token": changes["next_sync_token"]}),
        )
        .await;
    assert_eq!(
        late,
        json!({"events": [], "next_sync_token": null, "full_sync_required": true})
    );
}

#[tokio::test]
async fn a_missing_scope_is_named_as_one() {
    let sandbox = Sandbox::start().await;
    let client = sandbox
        .client_with("calendar", ME, &["calendar.events"])
        .await;
    created(&client, meeting()).await;
    let range = json!({"time_min": "2026-12-01", "time_max": "2026-12-03"});
    for (tool, arguments) in [("find_free_busy", range), ("list_calendars", json!({}))] {
        let (text, failure) = client.fail(tool, arguments).await;
        assert_eq!(failure.kind, FailureKind::MissingScope, "{tool}: {text}");
    }
}

#[tokio::test]
async fn the_persons_calendars_are_listed() {
    let sandbox = Sandbox::start().await;
    let answer = calendar(&sandbox)
        .await
        .call("list_calendars", json!({}))
        .await;
    let primary = answer["calendars"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["primary"] == true)
        .unwrap();
    assert_eq!(
        (text(primary, "id"), text(primary, "access_role")),
        (ME, "owner")
    );
}

#[tokio::test]
async fn a_day_is_asked_over_all_calendars() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    let second = json!({"summary": "Дом", "timeZone": "Europe/Kyiv"});
    let second = sandbox
        .direct(ME, http::Method::POST, "calendar/v3/calendars", second)
        .await;
    let mut expected = Vec::new();
    for (hour, calendar_id) in [
        (9, "primary"),
        (10, text(&second, "id")),
        (11, "primary"),
        (12, text(&second, "id")),
    ] {
        let event = json!({
            "summary": format!("at {hour}"), "calendar_id": calendar_id,
            "start_time": format!("2026-12-01T{hour:02}:00:00Z"), "end_time": format!("2026-12-01T{hour:02}:30:00Z"),
        });
        expected.push(created(&client, event).await["summary"].clone());
    }
    let mut seen = Vec::new();
    let mut page_token = Value::Null;
    for _ in 0..2 {
        let page = json!({"time_min": "2026-12-01", "time_max": "2026-12-02", "max_results": 2, "page_token": page_token});
        let page = client.call("get_events_for_date_range", page).await;
        seen.extend(
            page["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["summary"].clone()),
        );
        page_token = page["next_page_token"].clone();
    }
    assert_eq!(seen, expected);
    assert!(page_token.is_null());
    let other = json!({"time_min": "2026-12-01", "time_max": "2026-12-03", "page_token": "CAE"});
    assert!(
        client
            .fail("get_events_for_date_range", other)
            .await
            .0
            .starts_with("/page_token: ")
    );
}

#[tokio::test]
async fn pages_of_one_calendar_follow_each_other_and_words_are_searched() {
    let sandbox = Sandbox::start().await;
    let client = calendar(&sandbox).await;
    for n in 0..5 {
        let event = json!({"summary": format!("Встреча {n}"), "start_time": format!("2026-12-0{}", n + 1), "end_time": format!("2026-12-0{}", n + 2)});
        created(&client, event).await;
    }
    let mut seen = Vec::new();
    let mut page_token = Value::Null;
    loop {
        let page = json!({"time_min": "2026-12-01", "time_max": "2026-12-31", "max_results": 2, "page_token": page_token});
        let page = client.call("list_calendar_events", page).await;
        seen.extend(
            page["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| text(e, "summary").to_owned()),
        );
        page_token = page["next_page_token"].clone();
        if page_token.is_null() {
            break;
        }
    }
    assert_eq!(
        seen,
        [
            "Встреча 0",
            "Встреча 1",
            "Встреча 2",
            "Встреча 3",
            "Встреча 4"
        ]
    );
    let search = json!({"time_min": "2026-12-01", "time_max": "2026-12-31", "query": "встреча 3"});
    let found = client.call("list_calendar_events", search).await;
    assert_eq!(found["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hundred_listings_at_once_all_succeed() {
    let sandbox = Sandbox::start().await;
    sandbox.control("quota", json!({"enforced": true})).await;
    let client = calendar(&sandbox).await;
    created(&client, meeting()).await;
    let range = || json!({"time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-03T00:00:00Z"});
    let all = (0..100).map(|_| client.call("list_calendar_events", range()));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer["events"].as_array().unwrap().len(), 1);
    }
}
