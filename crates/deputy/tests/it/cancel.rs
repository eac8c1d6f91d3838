//! A caller that goes away takes its call with it: over REST and over `/mcp`, down to Google.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{App, Person, both, client, until};

/// The outcomes that the audit log has of calls of `tool`.
async fn outcomes(person: &Person, tool: &str) -> Vec<String> {
    let records = person.get("api/v1/audit?limit=100").await;
    let all = records.data().as_array().unwrap();
    all.iter()
        .filter(|r| r["target"] == tool)
        .map(|r| r["outcome"].as_str().unwrap().to_owned())
        .collect()
}

/// Sends a request and goes away once Google has been asked.
async fn leave_midway(app: &App, person: &Person, request: reqwest::RequestBuilder) {
    let hang =
        json!({ "account": person.account(), "method": "calendar.events.list", "fault": "hang" });
    let id = app.fault(hang).await;
    let waiting = tokio::task::spawn(request.bearer_auth(&person.token).send());
    until("a request at Google", || async {
        (app.hits(id).await > 0).then_some(())
    })
    .await;
    waiting.abort();
    until("a record of the broken call", || async {
        let seen = outcomes(person, "list_calendar_events").await;
        seen.iter().any(|o| o == "CANCELLED").then_some(())
    })
    .await;
    app.heal(id).await;
}

fn day() -> Value {
    json!({ "time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-02T00:00:00Z" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_cancels_its_call_over_mcp() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "list_calendar_events", "arguments": day(), "_meta": meta },
        });
        let request = client()
            .post(alice.url.join("mcp").unwrap())
            .timeout(Duration::from_secs(50))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "list_calendar_events")
            .json(&body);
        leave_midway(&app, &alice, request).await;
        // The server behind is none the worse for it.
        alice.call("list_calendar_events", &day()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_cancels_its_call_over_rest() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let url = alice
            .url
            .join("api/v1/tools/list_calendar_events/call")
            .unwrap();
        leave_midway(&app, &alice, client().post(url).json(&day())).await;
        alice.call("list_calendar_events", &day()).await;
    })
    .await;
}
