//! Servers in the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use deputy_core::Principal;
use deputy_gateway::servers::{Change, NewServer};
use deputy_gateway::{CallError, CallOptions};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{World, both, done, reading, writing};
use crate::tally;

/// Requests to these servers are counted under one name.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A server of the newer era.
#[derive(Default)]
pub(crate) struct Far {
    /// The only token that it takes.
    pub(crate) token: Mutex<Option<String>>,
    /// How often it refused a token.
    pub(crate) refused: AtomicU32,
    /// How often it was asked what it is: once in a session.
    discovered: AtomicU32,
    /// How many calls of a tool it refuses with 503, to come back in a second.
    busy: Mutex<u32>,
    /// How many calls of a tool got to it, and what it answers all of them with.
    calls: AtomicU32,
    status: Mutex<Option<StatusCode>>,
}

async fn answer(
    State(far): State<Arc<Far>>,
    headers: HeaderMap,
    Json(message): Json<Value>,
) -> Response {
    let given = headers.get("authorization").and_then(|v| v.to_str().ok());
    if let Some(wanted) = &*far.token.lock()
        && given != Some(&format!("Bearer {wanted}"))
    {
        far.refused.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")]).into_response();
    }
    let result = match message["method"].as_str().unwrap_or_default() {
        "server/discover" => {
            far.discovered.fetch_add(1, Ordering::Relaxed);
            json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {} }, "ttlMs": 0, "cacheScope": "private",
            })
        }
        "tools/list" => {
            json!({ "tools": [reading("echo", "Echoes."), writing("note", "Notes.")] })
        }
        "tools/call" if far.status.lock().is_some() => {
            far.calls.fetch_add(1, Ordering::Relaxed);
            return far.status.lock().unwrap_or_default().into_response();
        }
        "tools/call" if *far.busy.lock() > 0 => {
            *far.busy.lock() -= 1;
            return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response();
        }
        "tools/call" => json!({ "content": [], "structuredContent": {} }),
        _ => return StatusCode::ACCEPTED.into_response(),
    };
    let id = &message["id"];
    Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
}

/// Adds `far`, which signs in by OAuth, and serves it.
pub(crate) async fn begin(world: &World, who: &Principal) -> (Arc<Far>, tokio::task::AbortHandle) {
    let far = Arc::new(Far::default());
    let listener = world.listener.lock().take().unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let app = Router::new()
        .route("/mcp", post(answer))
        .with_state(Arc::clone(&far));
    let serving = world.lifecycle.spawn(async move {
        axum::serve(listener, app).await.unwrap();
    });
    let new = NewServer {
        name: "far".to_owned(),
        server_type: "remote".to_owned(),
        config: json!({ "url": world.net, "auth": "oauth" }),
        default_policy: None,
    };
    let servers = world.gateway.servers();
    servers.create(who, new).await.unwrap();
    let report = servers.test(who, "far").await.unwrap();
    assert!(report.ok, "{report:?}");
    (far, serving.abort_handle())
}

/// Without consent it says so, until that is given.
async fn consent(world: &World, anna: &Principal, far: &Far) {
    let servers = world.gateway.servers();
    let shown = async || servers.get(anna, "far").await.unwrap();
    let allow = async |user| {
        let id = shown().await.id;
        servers.access_allowed(user, id).await.unwrap();
    };
    let taken = far.token.lock().replace("another".to_owned());
    world.tokens.withdrawn.store(true, Ordering::Relaxed);
    let refused = world.call(anna, "far__echo", json!({})).await;
    let Err(CallError::NotConnected { connect_url, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(connect_url.ends_with("/servers/far/connect"));
    assert_eq!(shown().await.status.as_str(), "needs_consent");

    // As the page does on which she comes back; a stranger's changes nothing.
    allow(world.person("boris").await.user_id).await;
    assert_eq!(shown().await.status.as_str(), "needs_consent");
    let before = far.discovered.load(Ordering::Relaxed);
    allow(anna.user_id).await;
    let now = shown().await;
    assert_ne!(now.status.as_str(), "needs_consent");
    assert_eq!((now.error_count, now.error_message), (0, None));
    *far.token.lock() = taken;
    done(world.call(anna, "far__echo", json!({})).await);
    let after = far.discovered.load(Ordering::Relaxed);
    assert!(after > before, "it may be another account: another session");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_ends_when_its_server_is_moved() {
    both(async |world| {
        let anna = world.person("anna").await;
        let (_, serving) = begin(world, &anna).await;
        let servers = world.gateway.servers();
        let id = servers.get(&anna, "far").await.unwrap().id;
        let forgotten = async |config: Value| {
            let change = Change {
                config: config.as_object().cloned(),
                ..Change::default()
            };
            servers.change(&anna, "far", change).await.unwrap();
            std::mem::take(&mut *world.tokens.forgotten.lock())
        };
        let ended = [(anna.user_id, id)];
        let mut elsewhere = world.net.clone();
        elsewhere.set_path("/other");
        assert_eq!(forgotten(json!({ "client_id": "by-hand" })).await, []);
        assert_eq!(forgotten(json!({ "url": elsewhere })).await, ended);
        assert_eq!(forgotten(json!({ "auth": "none" })).await, ended);
        assert_eq!(forgotten(json!({ "url": world.net })).await, []);
        serving.abort();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_token_is_no_failure_and_a_server_says_when_to_come_back() {
    let _turn = TURN.lock().await;
    tally::begin();
    both(async |world| {
        let anna = world.person("anna").await;
        let servers = world.gateway.servers();
        let (far, serving) = begin(world, &anna).await;
        let call = async || world.call(&anna, "far__echo", json!({})).await;
        let counted = || tally::requests("own:remote", "tools/call");
        let before = counted();
        done(call().await);
        *far.token.lock() = Some("token-1".to_owned());
        done(call().await);
        assert_eq!(counted(), (before.0 + 2, before.1), "401 and renewed");

        *far.busy.lock() = 1;
        done(call().await);
        assert_eq!(counted(), (before.0 + 3, before.1 + 1), "503 and again");
        let now = servers.get(&anna, "far").await.unwrap();
        assert_eq!((now.status.as_str(), now.error_count), ("active", 0));

        consent(world, &anna, &far).await;

        // Nobody is there any more.
        serving.abort();
        crate::support::until("it is gone", async || {
            tokio::net::TcpStream::connect(world.net.socket_addrs(|| None).unwrap()[0])
                .await
                .is_err()
        })
        .await;
        let gone = call().await;
        assert!(matches!(gone, Err(CallError::Upstream(_))), "{gone:?}");
        let now = servers.get(&anna, "far").await.unwrap();
        assert_eq!(now.status.as_str(), "error");
        assert!(
            now.error_count > 0 && now.error_message.is_some(),
            "{now:?}"
        );
    })
    .await;
}

/// What stands before a server answers 503 also when the server has the call: a write is not made twice for that.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_answered_503_is_made_once() {
    let _turn = TURN.lock().await;
    both(async |world| {
        let anna = world.person("anna").await;
        let (far, serving) = begin(world, &anna).await;
        let auto = Some(deputy_templates::Policy::Auto);
        let servers = world.gateway.servers();
        servers
            .set_policy(&anna, "far", "note", auto)
            .await
            .unwrap();
        *far.status.lock() = Some(StatusCode::SERVICE_UNAVAILABLE);
        let call = async || {
            let options = CallOptions {
                idempotency_key: Some("once".to_owned()),
                ..CallOptions::default()
            };
            let called = world
                .gateway
                .call(&anna, "far__note", json!({}), options)
                .await;
            called.unwrap_err().to_string()
        };
        let first = call().await;
        assert!(first.contains("may have been done"), "{first}");
        assert_eq!(far.calls.load(Ordering::Relaxed), 1);
        // nor for a repeat under the same key, whatever the server would say now
        *far.status.lock() = Some(StatusCode::OK);
        let again = call().await;
        assert!(again.contains("may have been done"), "{again}");
        assert_eq!(far.calls.load(Ordering::Relaxed), 1);

        *far.status.lock() = Some(StatusCode::SERVICE_UNAVAILABLE);
        let read = world.call(&anna, "far__echo", json!({})).await;
        assert!(matches!(read, Err(CallError::Upstream(_))), "{read:?}");
        assert_eq!(far.calls.load(Ordering::Relaxed), 1 + 3);
        serving.abort();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_403_neither_renews_the_token_nor_asks_for_a_consent() {
    let _turn = TURN.lock().await;
    both(async |world| {
        let anna = world.person("anna").await;
        let (far, serving) = begin(world, &anna).await;
        done(world.call(&anna, "far__echo", json!({})).await);
        *far.status.lock() = Some(StatusCode::FORBIDDEN);
        let before = world.tokens.renewed();
        let refused = world.call(&anna, "far__echo", json!({})).await;
        let Err(CallError::Upstream(text)) = refused else {
            panic!("{refused:?}");
        };
        assert!(text.contains("refuses access"), "{text}");
        assert_eq!(far.calls.load(Ordering::Relaxed), 1);
        assert_eq!(world.tokens.renewed(), before);
        let servers = world.gateway.servers();
        let now = servers.get(&anna, "far").await.unwrap();
        assert_eq!(now.status.as_str(), "active");
        serving.abort();
    })
    .await;
}
