//! How a server is said to be after what it did, and what is counted of it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use deputy_core::{Principal, Scope, Scopes};
use deputy_gateway::mcp::{Endpoint, router};
use deputy_gateway::servers::Server;
use deputy_gateway::{CallError, CallOptions};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::support::{World, both, code, reading, until, writing};
use crate::tally;

/// Its status, how often it failed in a row, and its error.
fn state(server: &Server) -> (&'static str, i32, Option<&str>) {
    let error = server.error_message.as_deref();
    (server.status.as_str(), server.error_count, error)
}

/// Makes a request at `/mcp/fx`: the answer's message.
async fn request(
    mcp: &axum::Router,
    who: &Principal,
    (method, name): (&str, &str),
    mut params: Value,
) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut request = Request::post("/mcp/fx")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if !name.is_empty() {
        request = request.header("mcp-name", name);
    }
    let request = request
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

/// Reads a resource at `/mcp/fx`: the answer's message.
async fn read(mcp: &axum::Router, who: &Principal, uri: &str) -> Value {
    request(mcp, who, ("resources/read", uri), json!({ "uri": uri })).await
}

fn endpoint(world: &World) -> axum::Router {
    let endpoint = Endpoint {
        allowed_hosts: vec!["localhost".to_owned()],
        allowed_origins: Vec::new(),
    };
    router(world.gateway.clone(), endpoint)
}

/// What is on record of reads of resources.
async fn reads_on_record(world: &World) -> Vec<deputy_store::audit::AuditRow> {
    assert!(world.gateway.audit().flush().await);
    let mut rows = world.store.audit_after(0, 1000).await.unwrap();
    rows.retain(|row| row.action == "resource.read");
    rows
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
        let mcp = endpoint(world);
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_on_record_however_it_ends_and_never_at_any_length() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.ready(&anna, "fx", "fx").await;
        let mcp = endpoint(world);
        let short = read(&mcp, &anna, "fx-here:").await;
        assert_eq!(short["result"]["contents"][0]["text"], "here", "{short}");
        let long = format!("fx-here:{}", "x".repeat(200_000));
        let answer = read(&mcp, &anna, &long).await;
        assert_eq!(answer["result"]["contents"][0]["text"], "here");
        let rows = reads_on_record(world).await;
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows[0].detail.contains("\"fx-here:\""), "{rows:?}");
        let detail = &rows[1].detail;
        assert!(detail.len() < 3000, "{} bytes", detail.len());
        assert!(
            detail.contains("(200008 bytes, SHA-256 ") && detail.contains("fx-here:xxx"),
            "{detail}"
        );

        // Its client leaves.
        let asked = world.folder.path().join("asked");
        let uri = format!("fx-hang:{}", asked.display());
        let reading = read(&mcp, &anna, &uri);
        tokio::select! {
            answer = reading => panic!("{answer}"),
            () = until("it is asked", async || asked.exists()) => {}
        }
        until("it is on record", async || {
            let rows = reads_on_record(world).await;
            rows.len() == 3 && rows[2].outcome == "CANCELLED"
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_of_itself_is_for_tokens_for_tools() {
    both(async |world| {
        let anna = world.person("anna").await;
        let mut new = world.fixture("fx", "fx");
        new.config["env"]["FIXTURE_INSTRUCTIONS"] = json!("Say please.");
        world.list("fx", &[reading("echo", "Echoes.")]);
        let servers = world.gateway.servers();
        servers.create(&anna, new).await.unwrap();
        assert!(servers.test(&anna, "fx").await.unwrap().ok);
        world.end(&anna, "fx").await;
        let runs = || {
            let stats = world.gateway.pool().stats();
            stats.servers.iter().any(|s| s.server.starts_with("own:"))
        };
        until("it ended", async || !runs()).await;

        let mcp = endpoint(world);
        let discover = async |who: &Principal| {
            let answer = request(&mcp, who, ("server/discover", ""), json!({})).await;
            assert!(answer["result"].is_object(), "{answer}");
            answer["result"]["instructions"].clone()
        };
        let chat = Principal {
            scopes: Scopes([Scope::Chat].into()),
            ..anna.clone()
        };
        assert_eq!(discover(&chat).await, Value::Null);
        assert!(!runs(), "it was started for a token that has no use for it");
        let lists = Principal {
            scopes: Scopes([Scope::ToolsRead].into()),
            ..anna.clone()
        };
        assert_eq!(discover(&lists).await, "Say please.");
        assert_eq!(discover(&chat).await, Value::Null);
    })
    .await;
}
