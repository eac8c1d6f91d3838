//! What clients of both eras are owed beside the answers: an end in time, what is said unasked, and a link to open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use deputy_core::{Caller, Principal, Scopes};
use deputy_gateway::approval::Decision;
use deputy_gateway::servers::NewServer;
use deputy_store::personal_token::NewPersonalToken;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Messages, NEWER, OLDER, front};
use crate::net::{self, Far};
use crate::support::{World, both, both_within, reading, until, writing};
use crate::tally;

const WATCHED: &str = "test://watched-resource";
const UPDATED: &str = "notifications/resources/updated";

/// Adds the conformance server of an era as `fx`.
async fn conforming(world: &World, who: &Principal, era: &str) {
    let new = NewServer {
        name: "fx".to_owned(),
        server_type: "custom".to_owned(),
        config: json!({
            "command": env!("CARGO_BIN_EXE_mcp-conformance-server"), "args": ["--era", era],
        }),
        default_policy: Some(deputy_templates::DefaultPolicy::Auto),
    };
    let servers = world.gateway.servers();
    servers.create(who, new).await.unwrap();
    let report = servers.test(who, "fx").await.unwrap();
    assert!(report.ok, "{report:?}");
}

async fn change_it(client: &mut Client) {
    let done = client.call("test_trigger_resource_update", json!({})).await;
    assert!(done["content"].is_array(), "{done}");
}

async fn hears_an_update(heard: &mut Messages) {
    let update = heard.until(UPDATED).await;
    assert_eq!(update["params"]["uri"], WATCHED, "{update}");
}

/// A server that hangs, under clients that can be asked: their calls have another clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_under_a_client_that_can_be_asked_is_left_alone() {
    tally::begin();
    let soon = Duration::from_millis(400);
    both_within(
        0,
        |config| config.call_deadline = soon,
        async |world| {
            let anna = world.person("anna").await;
            let tools = [reading("hang", "Hangs."), reading("progress", "Goes on.")];
            world.ready_as(&anna, "hanging", &tools).await;
            let counted = || tally::requests("own:hanging", "tools/call");
            let before = counted();
            let front = front(world);
            let roots = json!({ "roots": {} });
            let mut older = Client::open(&front, &anna, "/mcp/fx", OLDER, roots.clone()).await;
            let mut newer = Client::open(&front, &anna, "/mcp/fx", NEWER, roots).await;
            for client in [&mut older, &mut newer] {
                for _ in 0..2 {
                    let late = client.call("hang", json!({})).await;
                    let text = late["content"][0]["text"].as_str().unwrap();
                    assert!(text.contains("did not answer in time"), "{late}");
                }
            }
            // One that says without end how far it is does not put it off.
            let params = json!({
                "name": "progress", "arguments": { "steps": 1_000_000_000 },
                "_meta": { "progressToken": 1 },
            });
            let mut going_on = newer.send("tools/call", params).await;
            going_on.until("notifications/progress").await;
            let late = going_on.answer().await;
            assert!(
                late.to_string().contains("did not answer in time"),
                "{late}"
            );

            assert_eq!(counted(), (before.0, before.1 + 5));
            let left_alone = older.call("hang", json!({})).await;
            assert!(
                left_alone.to_string().contains("left alone"),
                "{left_alone}"
            );
            let shown = world.gateway.servers().get(&anna, "fx").await.unwrap();
            assert_eq!((shown.status.as_str(), shown.error_count), ("error", 5));
            world.gateway.audit().flush().await;
            let records = world.store.audit_after(0, 1000).await.unwrap();
            let ends: Vec<_> = records
                .iter()
                .filter(|record| record.action == "tool.result")
                .map(|record| record.outcome.as_str())
                .collect();
            assert_eq!(ends[..5], ["TIMEOUT"; 5]);
            assert_eq!(ends[5..], ["UNAVAILABLE"]);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_server_started_too_late_for_is_said_to_have_done_nothing() {
    // The server takes 700 ms to start.
    let soon = Duration::from_millis(300);
    both_within(
        0,
        |config| config.call_deadline = soon,
        async |world| {
            let anna = world.person("anna").await;
            world.list("fx", &[writing("echo", "Echoes.")]);
            let mut new = world.fixture("fx", "fx");
            let slow = [json!("--fault"), json!("slow-start")];
            new.config["args"].as_array_mut().unwrap().extend(slow);
            new.default_policy = Some(deputy_templates::DefaultPolicy::Auto);
            let servers = world.gateway.servers();
            servers.create(&anna, new).await.unwrap();
            let report = servers.test(&anna, "fx").await.unwrap();
            assert!(report.ok, "{report:?}");
            let roots = json!({ "roots": {} });
            let mut client = Client::open(&front(world), &anna, "/mcp/fx", NEWER, roots).await;
            world.gateway.pool().stop_user(anna.user_id).await;
            let late = client.call("echo", json!({})).await;
            assert!(late.to_string().contains("nothing was changed"), "{late}");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_both_eras_hear_that_a_resource_of_a_newer_server_changed() {
    both(async |world| {
        let anna = world.person("anna").await;
        conforming(world, &anna, "modern").await;
        let front = front(world);
        for revision in [OLDER, NEWER] {
            let mut client = Client::open(&front, &anna, "/mcp/fx", revision, json!({})).await;
            let mut heard = client.hear(&[WATCHED]).await;
            change_it(&mut client).await;
            hears_an_update(&mut heard).await;
            // Another process, another listening.
            world.gateway.pool().stop_user(anna.user_id).await;
            change_it(&mut client).await;
            hears_an_update(&mut heard).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_message_is_sent_only_to_clients_that_know_of_such() {
    both(async |world| {
        let anna = world.person("anna").await;
        let front = front(world);
        for (revision, knows) in [("2025-03-26", false), ("2025-06-18", false), (OLDER, true)] {
            let mut client = Client::open(&front, &anna, "/mcp", revision, json!({})).await;
            let first = client.send("tools/list", json!({})).await.piece().await;
            assert_eq!(
                first.starts_with("data: \n"),
                knows,
                "{revision}: {first:?}"
            );
            let heard = client.hear(&[]).await.piece().await;
            assert_eq!(
                heard.starts_with("data: \n"),
                knows,
                "{revision}: {heard:?}"
            );
            // All the same the answer, and what it is called.
            let mut listed = client.send("tools/list", json!({})).await;
            assert!(listed.answer().await["result"].is_object());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_process_of_an_older_server_knows_what_is_watched_and_which_messages_are_wanted() {
    both(async |world| {
        let anna = world.person("anna").await;
        conforming(world, &anna, "legacy").await;
        let front = front(world);
        let mut newer = Client::open(&front, &anna, "/mcp/fx", NEWER, json!({})).await;
        let mut older = Client::open(&front, &anna, "/mcp/fx", OLDER, json!({})).await;
        let mut heard = [older.hear(&[WATCHED]).await, newer.hear(&[WATCHED]).await];
        let set = older
            .request("logging/setLevel", json!({ "level": "error" }))
            .await;
        assert!(set["result"].is_object(), "{set}");
        for _ in 0..2 {
            change_it(&mut older).await;
            for heard in &mut heard {
                hears_an_update(heard).await;
            }
            world.gateway.pool().stop_user(anna.user_id).await;
        }
        // Its messages are of the level info: it is told again that nobody wants those.
        let said = older.call("test_tool_with_logging", json!({})).await;
        assert!(said["content"].is_array(), "{said}");
        let mut other = Client::open(&front, &anna, "/mcp/fx", OLDER, json!({})).await;
        let gone = other
            .request("resources/subscribe", json!({ "uri": "u".repeat(3000) }))
            .await;
        assert!(gone["error"].is_object(), "{gone}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_done_with_is_passed_on_and_a_server_tells_of_no_resources() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.list("fx", &[reading("say", "Says.")]);
        world.ready(&anna, "fx", "fx").await;
        let front = front(world);
        let mut older = Client::open(&front, &anna, "/mcp/fx", OLDER, json!({})).await;
        let mut heard = older.hear(&[]).await;
        let done = json!({
            "method": "notifications/elicitation/complete", "params": { "elicitationId": "e1" },
        });
        let said = older.call("say", done).await;
        assert!(said["content"].is_array(), "{said}");
        let complete = heard.until("notifications/elicitation/complete").await;
        assert_eq!(complete["params"], json!({ "elicitationId": "e1" }));

        let mut newer = Client::open(&front, &anna, "/mcp/fx", NEWER, json!({})).await;
        let wanted = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:b"] });
        let mut listening = newer
            .send("subscriptions/listen", json!({ "notifications": wanted }))
            .await;
        let taken = listening
            .until("notifications/subscriptions/acknowledged")
            .await;
        let taken = &taken["params"]["notifications"];
        assert_eq!(taken, &json!({ "toolsListChanged": true }));
    })
    .await;
}

/// A person who is asked to allow the access to a server, and does so before the client says that the page is open, and
/// after it.
async fn connects(world: &World, anna: &Principal, far: &Far, revision: &'static str) {
    let servers = world.gateway.servers();
    let id = servers.get(anna, "far").await.unwrap().id;
    let consent = async || {
        *far.token.lock() = None;
        world.tokens.withdrawn.store(false, Ordering::Relaxed);
        servers.access_allowed(anna.user_id, id).await.unwrap();
        world.gateway.tools_changed(anna.user_id);
    };
    let refused = || far.refused.load(Ordering::Relaxed);
    let links = json!({ "elicitation": { "url": {} } });
    let mut client = Client::open(&front(world), anna, "/mcp/far", revision, links).await;
    for is_quick in [true, false] {
        *far.token.lock() = Some("another".to_owned());
        world.tokens.withdrawn.store(true, Ordering::Relaxed);
        let mut params = json!({ "name": "echo", "arguments": {} });
        let mut messages = client.send("tools/call", params.clone()).await;
        let accept = json!({ "action": "accept" });
        let begun = Instant::now();
        let answer = if client.is_modern() {
            let asks = messages.answer().await;
            assert_eq!(asks["result"]["resultType"], "input_required", "{asks}");
            let link = &asks["result"]["inputRequests"]["connect"]["params"]["url"];
            assert!(link.as_str().unwrap().ends_with("/servers/far/connect"));
            params["inputResponses"] = json!({ "connect": accept });
            params["requestState"] = asks["result"]["requestState"].clone();
            let before = refused();
            if is_quick {
                consent().await;
                client.request("tools/call", params).await
            } else {
                let later = async {
                    until("it is tried", async || refused() > before).await;
                    consent().await;
                };
                tokio::join!(client.request("tools/call", params), later).0
            }
        } else {
            let asks = messages.until("elicitation/create").await;
            let link = asks["params"]["url"].as_str().unwrap();
            assert!(link.ends_with("/servers/far/connect"), "{asks}");
            let before = refused();
            if is_quick {
                consent().await;
            }
            client.reply(&asks, accept).await;
            if !is_quick {
                until("it is tried", async || refused() > before).await;
                consent().await;
            }
            messages.answer().await
        };
        assert!(answer["result"]["content"].is_array(), "{answer}");
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{is_quick}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_when_its_person_has_allowed_the_access() {
    both(async |world| {
        let anna = world.person("anna").await;
        let (far, serving) = net::begin(world, &anna).await;
        for revision in [OLDER, NEWER] {
            connects(world, &anna, &far, revision).await;
        }
        serving.abort();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_approval_costs_its_person_nothing() {
    // Two for finding out about it, and one for fetching the result.
    both_within(
        3,
        |_| {},
        async |world| {
            let anna = world.person("anna").await;
            world
                .ready_as(&anna, "careful", &[writing("client", "Asks.")])
                .await;
            let links = json!({ "elicitation": { "url": {} } });
            let mut client = Client::open(&front(world), &anna, "/mcp/fx", OLDER, links).await;
            let params = json!({ "name": "client", "arguments": {} });
            let mut messages = client.send("tools/call", params).await;
            let asks = messages.until("elicitation/create").await;
            client.reply(&asks, json!({ "action": "accept" })).await;
            // It is looked at every second.
            tokio::time::sleep(Duration::from_millis(3500)).await;
            let waiting = world.gateway.approvals(anna.user_id, 10).await.unwrap();
            let decided = world
                .gateway
                .decide(&anna, waiting[0].id, Decision::Approve)
                .await;
            decided.unwrap();
            let answer = messages.answer().await;
            assert_ne!(answer["result"]["isError"], true, "{answer}");
            assert!(
                answer["result"]["structuredContent"].is_object(),
                "{answer}"
            );
        },
    )
    .await;
}

/// The same person with a token of their own.
async fn with_token(world: &World, who: &Principal, name: &str) -> (i64, Principal) {
    let tx = world.store.begin().await.unwrap();
    let new = NewPersonalToken {
        name: name.to_owned(),
        token_hash: format!("{}-{name}", who.username),
        hint: "abcd".to_owned(),
        scopes: Scopes::all(),
        at: Timestamp::UNIX_EPOCH,
        expires_at: None,
    };
    let token = tx.user(who.user_id).insert_token(new).await.unwrap();
    tx.commit().await.unwrap();
    let caller = Caller::Token {
        id: token.id,
        name: name.to_owned(),
    };
    let who = Principal {
        caller,
        ..who.clone()
    };
    (token.id, who)
}

async fn ends(heard: &mut Messages) {
    while let Some(message) = heard.next().await {
        assert!(message.get("error").is_none(), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_token_and_with_the_person_s_access() {
    both_within(
        0,
        |config| config.look_at_callers = Duration::from_millis(50),
        async |world| {
            let anna = world.person("anna").await;
            world.ready(&anna, "fx", "fx").await;
            let front = front(world);
            let (_, staying) = with_token(world, &anna, "kept").await;
            for path in ["/mcp", "/mcp/fx"] {
                let (revoked, leaving) = with_token(world, &anna, path).await;
                let mut older = Client::open(&front, &leaving, path, OLDER, json!({})).await;
                let mut newer = Client::open(&front, &leaving, path, NEWER, json!({})).await;
                let mut other = Client::open(&front, &staying, path, OLDER, json!({})).await;
                let mut heard = [older.hear(&[]).await, newer.hear(&[]).await];
                let mut stays = other.hear(&[]).await;
                world.gateway.tools_changed(anna.user_id);
                for heard in &mut heard {
                    heard.until("notifications/tools/list_changed").await;
                }
                let tx = world.store.begin().await.unwrap();
                assert!(tx.user(anna.user_id).delete_token(revoked).await.unwrap());
                tx.commit().await.unwrap();
                for heard in &mut heard {
                    ends(heard).await;
                }
                let gone = older.send("tools/list", json!({})).await;
                assert_eq!(gone.status, StatusCode::NOT_FOUND);
                stays.until("notifications/tools/list_changed").await;
                let listed = other.request("tools/list", json!({})).await;
                assert!(listed["result"]["tools"].is_array(), "{listed}");
                if path == "/mcp/fx" {
                    let tx = world.store.begin().await.unwrap();
                    let scope = tx.user(anna.user_id);
                    let off = scope.set_active(false, Timestamp::UNIX_EPOCH).await;
                    assert!(off.unwrap());
                    tx.commit().await.unwrap();
                    ends(&mut stays).await;
                }
            }
        },
    )
    .await;
}

/// A server of the older era in the network, which forgets its session when it is told to.
#[derive(Default)]
struct Forgetful {
    /// How many sessions it began; the last one counts.
    sessions: AtomicUsize,
    forgets: AtomicBool,
    /// In which session it was told to watch what.
    watched: Mutex<Vec<(String, String)>>,
}

async fn forgetful(
    State(server): State<Arc<Forgetful>>,
    headers: HeaderMap,
    Json(message): Json<Value>,
) -> Response {
    let method = message["method"].as_str().unwrap_or_default();
    let reply = |result: Value| json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    if method == "initialize" {
        server.forgets.store(false, Ordering::SeqCst);
        let number = server.sessions.fetch_add(1, Ordering::SeqCst) + 1;
        let result = json!({
            "protocolVersion": OLDER, "serverInfo": { "name": "far", "version": "1" },
            "capabilities": { "tools": {}, "resources": { "subscribe": true } },
        });
        return (
            [("mcp-session-id", number.to_string())],
            Json(reply(result)),
        )
            .into_response();
    }
    if method == "server/discover" {
        let error = json!({ "code": -32601, "message": "unknown" });
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "error": error });
        return Json(answer).into_response();
    }
    let session = headers.get("mcp-session-id").and_then(|v| v.to_str().ok());
    let now = server.sessions.load(Ordering::SeqCst).to_string();
    if server.forgets.load(Ordering::SeqCst) || session != Some(&now) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match method {
        "tools/list" => Json(reply(json!({ "tools": [] }))).into_response(),
        "resources/list" => Json(reply(json!({ "resources": [] }))).into_response(),
        "resources/subscribe" => {
            let uri = message["params"]["uri"].as_str().unwrap().to_owned();
            server.watched.lock().push((now, uri));
            Json(reply(json!({}))).into_response()
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_of_a_remote_server_knows_what_is_watched() {
    both(async |world| {
        let anna = world.person("anna").await;
        let far = Arc::new(Forgetful::default());
        let listener = world.listener.lock().take().unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let app = Router::new()
            .route("/mcp", post(forgetful))
            .with_state(Arc::clone(&far));
        let serving = world.lifecycle.spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        let serving = serving.abort_handle();
        let new = NewServer {
            name: "far".to_owned(),
            server_type: "remote".to_owned(),
            config: json!({ "url": world.net }),
            default_policy: None,
        };
        world.gateway.servers().create(&anna, new).await.unwrap();
        let front = front(world);
        let mut client = Client::open(&front, &anna, "/mcp/far", OLDER, json!({})).await;
        let watched = client
            .request("resources/subscribe", json!({ "uri": WATCHED }))
            .await;
        assert!(watched["result"].is_object(), "{watched}");
        let first = far.sessions.load(Ordering::SeqCst);
        let told = |number: usize| {
            let told = (number.to_string(), WATCHED.to_owned());
            far.watched.lock().contains(&told)
        };
        assert!(told(first));

        far.forgets.store(true, Ordering::SeqCst);
        let listed = client.request("resources/list", json!({})).await;
        assert!(listed["result"].is_object(), "{listed}");
        assert!(far.sessions.load(Ordering::SeqCst) > first);
        until("it is told again", async || {
            told(far.sessions.load(Ordering::SeqCst))
        })
        .await;
        serving.abort();
    })
    .await;
}
