use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Form, Json, Router};
use deputy_core::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::*;
use crate::agent::store::Place;

/// A token endpoint: each refresh token is good once and gives the next one.
#[derive(Default)]
struct Authority {
    current: u32,
    asked: Vec<String>,
    /// Answers instead of the next ones.
    instead: Vec<(StatusCode, Value)>,
    /// Done before the answer to the next refusal: somebody else logs in.
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
}

type Shared = Arc<parking_lot::Mutex<Authority>>;

async fn token(
    State(authority): State<Shared>,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let mut authority = authority.lock();
    let presented = form["refresh_token"].clone();
    assert_eq!(form["client_id"], "deputy-cli");
    assert_eq!(form["grant_type"], "refresh_token");
    authority.asked.push(presented.clone());
    if !authority.instead.is_empty() {
        let (status, body) = authority.instead.remove(0);
        return (status, Json(body));
    }
    if presented != format!("r{}", authority.current) {
        if let Some(meanwhile) = authority.meanwhile.take() {
            meanwhile();
        }
        let refused = json!({ "error": "invalid_grant", "error_description": "taken away on \u{1b}[1m/settings" });
        return (StatusCode::BAD_REQUEST, Json(refused));
    }
    authority.current += 1;
    let next = authority.current;
    let given = json!({
        "access_token": format!("a{next}-{}", form["resource"]),
        "token_type": "Bearer",
        "refresh_token": format!("r{next}"),
    });
    (StatusCode::OK, Json(given))
}

struct World {
    authority: Shared,
    logins: Logins,
    server: ServerUrl,
    lifecycle: Lifecycle,
    folder: tempfile::TempDir,
}

impl World {
    /// A server that takes `r0`, and a login that holds `stored`.
    async fn with(stored: &str) -> Self {
        let authority = Shared::default();
        let router = Router::new()
            .route("/oauth/token", post(token))
            .with_state(Arc::clone(&authority));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let lifecycle = Lifecycle::new();
        lifecycle.spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            authority,
            logins: Logins::at(folder.path().join("deputy")),
            server: ServerUrl::parse(&server).unwrap(),
            lifecycle,
            folder,
        };
        let slot = world.logins.of(&world.server);
        slot.put(&world.login(), &Secret::from(stored))
            .await
            .unwrap();
        world
    }

    fn login(&self) -> Login {
        Login {
            server: self.server.issuer().to_owned(),
            username: "alice".to_owned(),
            scopes: "tools:read".to_owned(),
            resources: vec![self.server.api()],
            kept: Place::File,
            since: SystemClock.now(),
            token_endpoint: self.server.join("oauth/token").unwrap(),
            revocation_endpoint: None,
        }
    }

    fn session(&self) -> Session {
        Session::open(
            &self.logins,
            &self.server,
            self.server.api(),
            &self.lifecycle,
        )
        .unwrap()
    }

    async fn stored(&self) -> Option<String> {
        let token = self.logins.of(&self.server).token(Place::File).await;
        token.unwrap().map(|token| token.expose().clone())
    }

    fn asked(&self) -> Vec<String> {
        self.authority.lock().asked.clone()
    }
}

async fn access(session: &Session) -> String {
    session.access().await.unwrap().expose().clone()
}

#[tokio::test]
async fn one_refresh_serves_a_whole_process() {
    let world = World::with("r0").await;
    let session = world.session();
    let all = futures_util::future::join_all((0..20).map(|_| access(&session))).await;
    let expected = format!("a1-{}", world.server.api());
    assert!(all.iter().all(|token| *token == expected), "{all:?}");
    assert_eq!(world.asked(), ["r0"]);
    assert_eq!(world.stored().await.as_deref(), Some("r1"));

    // Refused: one more, however many were refused.
    let old = Secret::new(expected);
    let renewals = (0..20).map(|_| session.renew(&old));
    for renewed in futures_util::future::join_all(renewals).await {
        assert!(renewed.unwrap().expose().starts_with("a2-"));
    }
    assert_eq!(world.asked(), ["r0", "r1"]);
}

#[tokio::test]
async fn processes_take_turns() {
    let world = World::with("r0").await;
    // A session is what a process has; each reads the store under the lock.
    let sessions: Vec<Session> = (0..8).map(|_| world.session()).collect();
    let all = futures_util::future::join_all(sessions.iter().map(access)).await;
    assert_eq!(all.len(), 8);
    let expected: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    assert_eq!(world.asked(), expected);
    assert_eq!(world.stored().await.as_deref(), Some("r8"));
}

#[tokio::test]
async fn a_refusal_says_why_and_ends_the_login() {
    let world = World::with("stale").await;
    let error = world.session().access().await.err().unwrap();
    let said = error.to_string();
    assert!(said.contains("taken away on  [1m/settings"), "{said}");
    assert!(
        said.contains(&format!("deputy login {}", world.server)),
        "{said}"
    );
    assert_eq!(world.stored().await, None);
    let again = Session::open(
        &world.logins,
        &world.server,
        world.server.api(),
        &world.lifecycle,
    );
    let said = again.err().unwrap().to_string();
    assert!(said.contains("not logged in"), "{said}");
    assert_eq!(world.asked().len(), 1);
}

#[tokio::test]
async fn a_newer_login_is_neither_lost_nor_overlooked() {
    let world = World::with("stale").await;
    let session = world.session();
    let path = world.logins.of(&world.server);
    let file = world.folder.path().join("deputy/servers");
    let file = std::fs::read_dir(file)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let file = file.join("refresh-token");
    assert!(path.login().unwrap().is_some());
    world.authority.lock().meanwhile =
        Some(Box::new(move || std::fs::write(file, "r0\n").unwrap()));
    assert_eq!(access(&session).await, format!("a1-{}", world.server.api()));
    assert_eq!(world.asked(), ["stale", "r0"]);
    assert_eq!(world.stored().await.as_deref(), Some("r1"));
}

#[tokio::test]
async fn what_passes_is_no_logout() {
    let world = World::with("r0").await;
    let session = world.session();
    for (status, body) in [
        (StatusCode::BAD_GATEWAY, json!("x")),
        (
            StatusCode::TOO_MANY_REQUESTS,
            json!({ "error": "slow_down" }),
        ),
        (
            StatusCode::BAD_REQUEST,
            json!({ "error": "invalid_client" }),
        ),
        (StatusCode::BAD_REQUEST, json!("refresh_token=r0")),
        (StatusCode::OK, json!({ "token_type": "Bearer" })),
        (
            StatusCode::OK,
            json!({ "access_token": "a", "token_type": "mac" }),
        ),
    ] {
        world.authority.lock().instead = vec![(status, body.clone()); 2];
        let error = session.access().await.err().unwrap();
        let said = format!("{:#}", anyhow::Error::from(error));
        assert!(
            !said.contains("logged out") && !said.contains("r0"),
            "{status} {body}: {said}"
        );
        assert_eq!(
            world.stored().await.as_deref(),
            Some("r0"),
            "{status} {body}"
        );
        world.authority.lock().instead.clear();
    }
    // once is not even noticed
    world.authority.lock().instead = vec![(StatusCode::SERVICE_UNAVAILABLE, json!("x"))];
    assert!(access(&session).await.starts_with("a1-"));
    world.lifecycle.hard().cancel();
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_logout() {
    let world = World::with("r0").await;
    let session = {
        let session = world.session();
        world.lifecycle.stop(std::time::Duration::ZERO).await;
        drop(session);
        let lifecycle = Lifecycle::new();
        Session::open(&world.logins, &world.server, world.server.api(), &lifecycle).unwrap()
    };
    let said = format!(
        "{:#}",
        anyhow::Error::from(session.access().await.err().unwrap())
    );
    assert!(said.contains("does not answer"), "{said}");
    assert_eq!(world.stored().await.as_deref(), Some("r0"));
}

#[tokio::test]
async fn a_token_that_can_t_be_stored_is_not_used() {
    let world = World::with("r0").await;
    let session = world.session();
    let servers = world.folder.path().join("deputy/servers");
    let folder = std::fs::read_dir(servers)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let beside = folder.join(format!("refresh-token.{}.new", std::process::id()));
    std::fs::create_dir(&beside).unwrap();
    let said = session.access().await.err().unwrap().to_string();
    assert!(said.contains("can't be kept"), "{said}");
    assert_eq!(
        world.stored().await.as_deref(),
        Some("r0"),
        "the server gives its successor again"
    );
}

#[tokio::test]
async fn a_refresh_that_nobody_waits_for_is_kept() {
    let world = World::with("r0").await;
    let session = world.session();
    // polled once, then dropped
    assert!(futures_util::FutureExt::now_or_never(session.access()).is_none());
    assert!(access(&session).await.starts_with("a1-"));
    assert_eq!(world.asked(), ["r0"]);
    assert_eq!(world.stored().await.as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_login_for_other_addresses_says_how_to_get_one_for_this() {
    let world = World::with("r0").await;
    let resource = world.server.mcp(Some("files"));
    let open = Session::open(&world.logins, &world.server, resource, &world.lifecycle);
    let said = open.err().unwrap().to_string();
    let command = format!(
        "deputy login {} --scope tools:read --server files",
        world.server
    );
    assert!(said.contains(&command), "{said}");
}
