//! Calendar: every tool, every form of a change, every scope of a series.

use serde_json::{Value, json};

use super::user::{User, text};
use crate::support::App;

pub(super) async fn use_every_tool(app: &App, alice: &User<'_>, bob: &User<'_>) {
    let made = make(alice, &bob.person.account()).await;
    let instances = list(alice, &made, &bob.person.account()).await;
    sync(app, alice).await;
    change(alice, &made, &instances, &bob.person.account()).await;
    delete(alice, &made, &instances).await;
    // The answer gets lost, and what happened is looked up.
    app.fault(json!({ "fault": "commit_then_drop", "method": "calendar.events.insert" }))
        .await;
    alice.call("create_calendar_event", plain()).await;
}

/// An event, with its etag when it was made, and a series.
struct Made {
    event: Value,
    series: String,
}

fn plain() -> Value {
    json!({ "summary": "Встреча", "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00" })
}

/// The arguments of a call with more of them.
fn and(mut arguments: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("no object")
    };
    arguments.as_object_mut().unwrap().extend(more);
    arguments
}

fn with(more: Value) -> Value {
    and(
        json!({ "time_min": "2026-12-01T00:00:00+04:00", "time_max": "2027-02-01T00:00:00+04:00" }),
        more,
    )
}

async fn make(alice: &User<'_>, guest: &str) -> Made {
    alice.call("list_calendars", json!({})).await;
    let event = alice.call("create_calendar_event", plain()).await["event"].clone();
    alice
        .call(
            "create_calendar_event",
            json!({ "summary": "All day", "start_time": "2026-12-05", "end_time": "2026-12-06" }),
        )
        .await;
    let full = json!({
        "summary": "Together", "description": "Agenda", "location": "Office", "attendees": [guest], "send_updates": "all",
        "start_time": "2026-12-02T10:00:00+04:00", "end_time": "2026-12-02T11:00:00+04:00",
        "time_zone": "Asia/Tbilisi", "recurrence": ["RRULE:FREQ=DAILY;COUNT=8"]
    });
    let series = text(&alice.call("create_calendar_event", full).await["event"]["id"]);
    Made { event, series }
}

/// Lists in every way; gives the ids of the series' instances.
async fn list(alice: &User<'_>, made: &Made, guest: &str) -> Vec<String> {
    let listed = alice
        .pages(
            "list_calendar_events",
            with(json!({ "max_results": 3 })),
            "events",
        )
        .await;
    assert_eq!(listed.len(), 10, "{listed:?}");
    alice.call("list_calendar_events", with(json!({ "query": "Together", "time_zone": "Europe/Berlin", "calendar_id": "primary" }))).await;
    alice
        .pages(
            "get_events_for_date_range",
            with(json!({ "max_results": 4 })),
            "events",
        )
        .await;
    alice
        .call(
            "get_events_for_date_range",
            with(json!({ "calendar_ids": ["primary"], "time_zone": "UTC" })),
        )
        .await;
    alice
        .call(
            "get_calendar_event",
            json!({ "event_id": made.event["id"] }),
        )
        .await;
    alice.call("find_free_busy", with(json!({ "calendar_ids": ["primary", guest, "nobody@sandbox.test"], "time_zone": "UTC" }))).await;
    alice.call("find_free_busy", with(json!({}))).await;
    listed
        .iter()
        .filter(|e| e["recurring_event_id"] == made.series)
        .map(|e| text(&e["id"]))
        .collect()
}

async fn sync(app: &App, alice: &User<'_>) {
    let synced = alice
        .call("sync_calendar_events", json!({ "max_results": 250 }))
        .await;
    let token = text(&synced["next_sync_token"]);
    alice
        .call("sync_calendar_events", json!({ "sync_token": token }))
        .await;
    app.control("expire", json!({ "account": alice.person.account() }))
        .await;
    let stale = alice
        .call("sync_calendar_events", json!({ "sync_token": token }))
        .await;
    assert_eq!(stale["full_sync_required"], true);
}

fn of(event: &str, more: Value) -> Value {
    and(json!({ "event_id": event }), more)
}

async fn change(alice: &User<'_>, made: &Made, instances: &[String], guest: &str) {
    let id = text(&made.event["id"]);
    alice
        .call(
            "update_calendar_event",
            of(
                &id,
                json!({ "summary": "Moved", "etag": made.event["etag"] }),
            ),
        )
        .await;
    alice
        .fails(
            "update_calendar_event",
            of(
                &id,
                json!({ "summary": "Stale", "etag": made.event["etag"] }),
            ),
        )
        .await;
    let later = json!({ "start_time": "2026-12-01T12:00:00+04:00", "end_time": "2026-12-01T13:00:00+04:00", "description": "d", "location": "l" });
    alice.call("update_calendar_event", of(&id, later)).await;
    alice
        .call(
            "update_calendar_event",
            of(
                &id,
                json!({ "add_attendees": [guest], "send_updates": "all" }),
            ),
        )
        .await;
    alice
        .call(
            "update_calendar_event",
            of(&id, json!({ "remove_attendees": [guest] })),
        )
        .await;
    alice
        .call(
            "update_calendar_event",
            of(&id, json!({ "attendees": [], "time_zone": "Asia/Tbilisi" })),
        )
        .await;
    alice
        .call(
            "update_calendar_event",
            of(&instances[1], json!({ "summary": "Once", "scope": "this" })),
        )
        .await;
    alice
        .call(
            "update_calendar_event",
            of(
                &instances[4],
                json!({ "summary": "From here", "scope": "following" }),
            ),
        )
        .await;
    alice
        .call(
            "update_calendar_event",
            of(
                &made.series,
                json!({ "summary": "All of them", "scope": "all" }),
            ),
        )
        .await;
    alice
        .call(
            "update_calendar_event",
            of(
                &made.series,
                json!({ "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"] }),
            ),
        )
        .await;
}

async fn delete(alice: &User<'_>, made: &Made, instances: &[String]) {
    alice
        .call(
            "delete_calendar_event",
            of(
                &instances[0],
                json!({ "scope": "this", "send_updates": "none" }),
            ),
        )
        .await;
    alice
        .call(
            "delete_calendar_event",
            of(&instances[2], json!({ "scope": "following" })),
        )
        .await;
    alice
        .call(
            "delete_calendar_event",
            of(
                &made.series,
                json!({ "scope": "all", "send_updates": "all" }),
            ),
        )
        .await;
    alice
        .call(
            "delete_calendar_event",
            json!({ "event_id": made.event["id"] }),
        )
        .await;
    alice
        .fails("get_calendar_event", json!({ "event_id": "nosuchevent" }))
        .await;
}
