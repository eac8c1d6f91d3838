//! The tools against the emulated Google, through an MCP client.

mod faults;
mod listing;
mod series;
mod updating;

use serde_json::{Value, json};

use crate::testing::{Client, Sandbox, at_once, attempt, call_id, failed, succeeded};

/// The account whose calendar it is.
const ME: &str = "demo@sandbox.test";
/// Somebody else.
const GUEST: &str = "guest@sandbox.test";

async fn calendar(sandbox: &Sandbox) -> Client {
    sandbox.client("calendar", ME).await
}

async fn created(client: &Client, event: Value) -> Value {
    client.call("create_calendar_event", event).await["event"].clone()
}

/// What is in the calendar from `from` to `to`.
async fn listed(client: &Client, from: &str, to: &str) -> Vec<Value> {
    let range = json!({"time_min": from, "time_max": to, "max_results": 250});
    let answer = client.call("list_calendar_events", range).await;
    answer["events"].as_array().unwrap().clone()
}

fn starts(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|e| e["start"].as_str().unwrap())
        .collect()
}

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap()
}

fn meeting() -> Value {
    json!({
        "summary": "Встреча",
        "start_time": "2026-12-01T10:00:00+04:00",
        "end_time": "2026-12-01T11:00:00+04:00",
    })
}
