//! How a server is said to be after what it did, and what is counted of it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use deputy_core::Principal;
use deputy_gateway::mcp::{Endpoint, router};
use deputy_gateway::servers::Server;
use deputy_gateway::{CallError, CallOptions};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::support::{World, both, code, reading, writing};
use crate::tally;

/// Its status, how often it failed in a row, and its error.
fn state(server: &Server) -> (&'static str, i32, Option<&str>) {
    let error = server.error_message.as_deref();
    (server.status.as_str(), server.error_count, error)
}

/// Reads a resource at `/mcp/fx`: the answer's message.
async fn read(mcp: &axum::Router, who: &Principal, uri: &str) -> Value {
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "resources/read",
        "params": {
            "uri": uri,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let request = Request::post("/mcp/fx")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "resources/read")
        .header("mcp-name", uri)
        .extension(Arc::new(who.clone()))
        .body(Body::from(message.to_string()))
        .unwrap();
    let answer = mcp.clone().oneshot(request).await.unwrap();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    // As JSON, or as the one event of a stream.
    let last = text.lines().rev().find_map(|l| l.strip_prefix("data: "));
    serde_json::from_str(last.unwrap_or(&text)).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn text(answer: &Value) -> &str {
    answer["error"]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_passed_on_has_the_same_around_it_as_a_call() {
    tally::begin();
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world
            .ready_as(&anna, "passed", &[reading("echo", "Echoes.")])
            .await;
        let endpoint = Endpoint {
            allowed_hosts: vec!["localhost".to_owned()],
            allowed_origins: Vec::new(),
        };
        let mcp = router(world.gateway.clone(), endpoint);
        let shown = async || servers.get(&anna, "fx").await.unwrap();
        let counted = || tally::requests("own:passed", "resources/read");
        let before = counted();
        assert_eq!(shown().await.last_used, None, "a test is no use of it");

        let good = read(&mcp, &anna, "fx-here:").await;
        assert_eq!(good["result"]["contents"][0]["text"], "here", "{good}");
        assert!(shown().await.last_used.is_some());
        assert_eq!(counted(), (before.0 + 1, before.1));

        // It only reads: it is tried again.
        let once = world.folder.path().join("once");
        let uri = format!("fx-end-once:{}", once.display());
        let good = read(&mcp, &anna, &uri).await;
        assert_eq!(good["result"]["contents"][0]["text"], "here", "{good}");
        assert_eq!(counted(), (before.0 + 2, before.1 + 1));
        assert_eq!(state(&shown().await), ("active", 0, None));

        // Her own server: what it printed is hers to see, but for what is secret.
        let ended = read(&mcp, &anna, "fx-end:").await;
        assert!(text(&ended).contains("about to go, ***"), "{ended}");
        assert!(!ended.to_string().contains("very-secret-word"), "{ended}");
        let now = shown().await;
        assert_eq!(now.status.as_str(), "error", "{now:?}");
        assert!(now.error_message.unwrap().contains("about to go, ***"));

        // What is in order now is in order.
        let good = read(&mcp, &anna, "fx-here:").await;
        assert_eq!(good["result"]["contents"][0]["text"], "here", "{good}");
        assert_eq!(state(&shown().await), ("active", 0, None));

        for _ in 0..5 {
            let odd = read(&mcp, &anna, "fx-odd:").await;
            assert!(text(&odd).contains("broke the protocol"), "{odd}");
        }
        let left_alone = read(&mcp, &anna, "fx-here:").await;
        assert!(text(&left_alone).contains("left alone"), "{left_alone}");
        let now = shown().await;
        assert_eq!((now.status.as_str(), now.error_count), ("error", 5));
        assert!(now.retry_after.is_some());
        let calls = world.call(&anna, "fx__echo", json!({})).await;
        assert!(
            matches!(calls, Err(CallError::Unavailable { .. })),
            "{calls:?}"
        );
        let other = world.person("boris").await;
        assert_eq!(code(servers.get(&other, "fx").await), "NOT_FOUND");
    })
    .await;
}

async fn call_for(
    world: &World,
    who: &Principal,
    tool: &str,
    time: Duration,
) -> Result<(), CallError> {
    let options = CallOptions {
        deadline: Some(Instant::now() + time),
        ..CallOptions::default()
    };
    let called = world.gateway.call(who, tool, json!({}), options).await;
    called.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_silent_or_talks_nonsense_is_said_to_have_failed() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.list(
            "fx",
            &[
                reading("hang", "Hangs."),
                reading("no-result", "Odd."),
                reading("echo", "Echoes."),
            ],
        );
        world.ready(&anna, "fx", "fx").await;
        world
            .gateway
            .select_context(&anna, "fx", json!({}))
            .await
            .unwrap();
        // The summary of a context says the same as the server's own page.
        let shown = async || {
            let summary = world.gateway.context_summary(&anna).await.unwrap();
            let server = servers.get(&anna, "fx").await.unwrap();
            assert_eq!(summary.server_status, server.status.as_str());
            server
        };
        assert_eq!(state(&shown().await), ("active", 0, None));
        let short = Duration::from_millis(300);
        let silent = call_for(world, &anna, "fx__hang", short).await;
        assert!(matches!(silent, Err(CallError::Timeout(_))), "{silent:?}");
        assert_eq!(
            state(&shown().await),
            ("error", 1, Some("the server did not answer in time"))
        );
        let odd = call_for(world, &anna, "fx__no-result", short * 100).await;
        assert!(matches!(odd, Err(CallError::Upstream(_))), "{odd:?}");
        let now = shown().await;
        assert_eq!((now.status.as_str(), now.error_count), ("error", 2));
        assert!(now.error_message.unwrap().contains("broke the protocol"));

        world.ask(&anna, "fx__echo").await;
        assert_eq!(state(&shown().await), ("active", 0, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_what_is_switched_off_leaves_nothing_behind() {
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        world.ready(&anna, "fx", "fx").await;
        servers.set_enabled(&anna, "fx", false).await.unwrap();
        let report = servers.test(&anna, "fx").await.unwrap();
        assert!(!report.ok && report.error.unwrap().contains("switched off"));
        let now = servers.get(&anna, "fx").await.unwrap();
        assert_eq!(state(&now), ("disabled", 0, None));
        assert_eq!(now.last_used, None);

        // One that failed and is switched on again begins anew.
        servers.set_enabled(&anna, "fx", true).await.unwrap();
        world.list("fx", &[reading("kill", "Ends.")]);
        servers.test(&anna, "fx").await.unwrap();
        let tools = servers.tools(&anna, "fx").await.unwrap();
        let new = tools.iter().find(|tool| tool.name == "kill").unwrap();
        let seen = deputy_gateway::servers::Seen {
            name: "kill".to_owned(),
            digest: new.digest.clone().unwrap(),
        };
        servers.accept(&anna, "fx", &[seen]).await.unwrap();
        let killed = world.call(&anna, "fx__kill", json!({})).await;
        assert!(matches!(killed, Err(CallError::Upstream(_))), "{killed:?}");
        let now = servers.get(&anna, "fx").await.unwrap();
        assert!(
            now.error_count > 0 && now.error_message.is_some(),
            "{now:?}"
        );
        assert!(now.last_used.is_some());
        // Written down, and not only at hand.
        let row = async || {
            let scope = world.store.user(anna.user_id);
            scope.own_server("fx").await.unwrap().unwrap().health
        };
        servers.test(&anna, "fx").await.unwrap();
        servers.set_enabled(&anna, "fx", false).await.unwrap();
        let killed = world.call(&anna, "fx__kill", json!({})).await;
        assert!(
            matches!(killed, Err(CallError::UnknownTool(_))),
            "{killed:?}"
        );
        let now = servers.set_enabled(&anna, "fx", true).await.unwrap();
        assert_eq!(state(&now), ("inactive", 0, None));
        assert_eq!(
            (row().await.error_count, row().await.error_message),
            (0, None)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_has_answered() {
    tally::begin();
    both(async |world| {
        let anna = world.person("anna").await;
        world
            .ready_as(
                &anna,
                "asking",
                &[reading("input", "Asks."), writing("note", "Notes.")],
            )
            .await;
        let counted = || tally::requests("own:asking", "tools/call");
        let before = counted();
        let asks = world.call(&anna, "fx__input", json!({})).await;
        let Err(CallError::Upstream(text)) = asks else {
            panic!("{asks:?}");
        };
        assert!(text.contains("asked for input"), "{text}");
        assert_eq!(counted(), (before.0 + 1, before.1));
        let now = world.gateway.servers().get(&anna, "fx").await.unwrap();
        assert_eq!(state(&now), ("active", 0, None));
        assert!(now.last_used.is_some());

        // What the person has to decide first went nowhere.
        world.call(&anna, "fx__note", json!({})).await.unwrap();
        assert_eq!(counted(), (before.0 + 1, before.1));
    })
    .await;
}
