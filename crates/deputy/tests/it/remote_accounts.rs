//! Accounts at a remote server, from outside: one refresh for everybody who waits, an end that is noticed, and nothing
//! left when the server goes. How a consent goes is tried by the conformance suite (`conformance::client`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, body::Bytes};
use parking_lot::Mutex;
use serde_json::{Value, json};
use url::Url;

use crate::support::{App, Browser, Engine, Options, PASSWORD, Person, engines, until};

/// What the provider gave and what it was told.
#[derive(Default)]
struct Given {
    issued: usize,
    access: BTreeSet<String>,
    refresh: BTreeSet<String>,
    refreshes: usize,
    revoked: Vec<String>,
}

/// A server of the older era with one tool, and the authorization server for it.
struct Provider {
    url: Url,
    given: Mutex<Given>,
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let provider = Arc::new(Self {
            url: Url::parse(&format!("http://localhost:{port}/")).unwrap(),
            given: Mutex::default(),
        });
        let router = Router::new()
            .route("/mcp", post(mcp))
            .route("/.well-known/oauth-protected-resource/mcp", get(resource))
            .route("/.well-known/oauth-authorization-server", get(server))
            .route(
                "/register",
                post(|| async { Json(json!({ "client_id": "c" })) }),
            )
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    fn at(&self, path: &str) -> String {
        self.url.join(path).unwrap().to_string()
    }

    fn issuer(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }
}

async fn mcp(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Response {
    let bearer = headers.get("authorization").and_then(|it| it.to_str().ok());
    let token = bearer.and_then(|it| it.strip_prefix("Bearer "));
    if !token.is_some_and(|token| provider.given.lock().access.contains(token)) {
        let metadata = provider.at(".well-known/oauth-protected-resource/mcp");
        let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response();
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let result = match message["method"].as_str().unwrap() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
            "serverInfo": { "name": "notes", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [{
            "name": "count", "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": true },
        }] }),
        "tools/call" => json!({ "content": [{ "type": "text", "text": "three notes" }] }),
        method if method.starts_with("notifications/") => {
            return StatusCode::ACCEPTED.into_response();
        }
        _ => {
            let error = json!({ "code": -32601, "message": "unknown" });
            return Json(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }))
                .into_response();
        }
    };
    Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })).into_response()
}

async fn resource(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(json!({ "resource": provider.at("mcp"), "authorization_servers": [provider.issuer()] }))
}

async fn server(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(json!({
        "issuer": provider.issuer(),
        "authorization_endpoint": provider.at("authorize"),
        "token_endpoint": provider.at("token"),
        "registration_endpoint": provider.at("register"),
        "revocation_endpoint": provider.at("revoke"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn authorize(
    State(provider): State<Arc<Provider>>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Redirect {
    let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut()
        .append_pair("code", "c0de")
        .append_pair("state", &asked["state"])
        .append_pair("iss", &provider.issuer());
    Redirect::to(back.as_str())
}

/// Refresh tokens count once.
async fn token(
    State(provider): State<Arc<Provider>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let mut given = provider.given.lock();
    if form["grant_type"] == "refresh_token" {
        given.refreshes += 1;
        if !given.refresh.remove(&form["refresh_token"]) {
            let error = Json(json!({ "error": "invalid_grant" }));
            return (StatusCode::BAD_REQUEST, error).into_response();
        }
    }
    given.issued += 1;
    let (access, refresh) = (
        format!("at-{}", given.issued),
        format!("rt-{}", given.issued),
    );
    given.access.insert(access.clone());
    given.refresh.insert(refresh.clone());
    Json(json!({
        "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600,
    }))
    .into_response()
}

async fn revoke(
    State(provider): State<Arc<Provider>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> StatusCode {
    provider.given.lock().revoked.push(form["token"].clone());
    StatusCode::OK
}

async fn add(person: &Person, provider: &Provider) -> Value {
    let config = json!({ "url": provider.at("mcp"), "auth": "oauth" });
    let server = json!({ "server_name": "notes", "server_type": "remote", "config": config });
    let added = person.post("api/v1/servers", &server).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    test(person).await
}

async fn test(person: &Person) -> Value {
    let tested = person.post("api/v1/servers/notes/test", &json!({})).await;
    tested.data().clone()
}

async fn connect(browser: &mut Browser) {
    let page = browser.open("servers/notes/connect").await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
}

async fn count(person: &Person) {
    let answer = person.try_call("notes__count", &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(
        answer.body.to_string().contains("three notes"),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_refreshed_once_and_ends_when_it_is_ended() {
    let lives = engines().into_iter().map(life);
    futures_util::future::join_all(lives).await;
}

async fn life(engine: Engine) {
    let provider = Provider::start().await;
    let port = provider.url.port().unwrap();
    let options = Options::on(engine).with("DEPUTY_PRIVATE_HOSTS", &format!("localhost:{port}"));
    let app = App::start(options).await;
    let (alice, bob) = tokio::join!(app.person("alice"), app.person("bob"));
    let mut browser = app.browser();
    browser.sign_in("alice", PASSWORD).await;

    let wanted = add(&alice, &provider).await;
    assert_eq!(wanted["ok"], json!(false), "{wanted}");
    let link = wanted["connect_url"].as_str().unwrap();
    assert!(link.ends_with("/servers/notes/connect"), "{wanted}");
    connect(&mut browser).await;
    assert_eq!(test(&alice).await["ok"], json!(true));
    count(&alice).await;
    assert_eq!(provider.given.lock().refreshes, 0);

    // The server forgets the token: everybody who calls meanwhile waits for one and the same refresh.
    provider.given.lock().access.clear();
    futures_util::future::join_all((0..8).map(|_| count(&alice))).await;
    assert_eq!(provider.given.lock().refreshes, 1);

    // Somebody else with the same server has nothing of it.
    let his = add(&bob, &provider).await;
    assert!(his["connect_url"].is_string(), "{his}");

    // It ends over there.
    {
        let mut given = provider.given.lock();
        given.access.clear();
        given.refresh.clear();
    }
    let ended = alice.try_call("notes__count", &json!({})).await;
    assert_eq!(
        (ended.status, ended.code()),
        (StatusCode::CONFLICT, "NOT_CONNECTED"),
        "{ended:?}"
    );
    assert_eq!(ended.body["error"]["connect_url"], *link, "{ended:?}");
    let tried = provider.given.lock().refreshes;
    let again = alice.try_call("notes__count", &json!({})).await;
    assert_eq!(again.code(), "NOT_CONNECTED");
    assert_eq!(
        provider.given.lock().refreshes,
        tried,
        "a dead grant is not tried again"
    );
    let shown = alice.get("api/v1/servers/notes").await;
    assert_eq!(shown.data()["status"], "needs_consent", "{shown:?}");

    // Allowed again, it works as before; deleted, it is revoked.
    connect(&mut browser).await;
    count(&alice).await;
    let deleted = alice.delete("api/v1/servers/notes").await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted:?}");
    until("a revocation", || async {
        let given = provider.given.lock();
        let last = format!("rt-{}", given.issued);
        given.revoked.contains(&last).then_some(())
    })
    .await;
}
