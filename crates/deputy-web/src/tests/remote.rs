//! Consent at a person's own remote server, with the server and its authorization server in the
//! test.

use axum::Json;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use deputy_store::own_server::{NewOwnServer, OwnServerSetup};
use http::StatusCode;
use tokio::net::TcpListener;

use super::*;

/// A server at `/mcp` that wants a sign-in, and the authorization server for it.
async fn provider(lifecycle: &Lifecycle) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let at = |path: &str| url.join(path).unwrap().to_string();
    let issuer = url.as_str().trim_end_matches('/').to_owned();
    let resource = json!({ "resource": at("mcp"), "authorization_servers": [issuer] });
    let server = json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "registration_endpoint": at("register"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    let token = json!({ "access_token": "at", "refresh_token": "rt", "token_type": "Bearer" });
    let client = json!({ "client_id": "c", "client_secret": "s" });
    let metadata = "/.well-known/oauth-protected-resource";
    let challenge = format!("Bearer resource_metadata=\"{}\"", at(metadata));
    let refused = move || async move {
        (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
    };
    let app = axum::Router::new()
        .route("/mcp", post(refused))
        .route(metadata, get(|| async { Json(resource) }))
        .route(
            "/.well-known/oauth-authorization-server",
            get(|| async { Json(server) }),
        )
        .route("/register", post(|| async { Json(client) }))
        .route("/token", post(|| async { Json(token) }));
    lifecycle.spawn(async move { axum::serve(listener, app).await });
    url
}

struct World {
    app: TestApp,
    provider: Url,
}

impl World {
    /// Alice and Bob, each with a server `notes` at the provider.
    async fn start() -> Self {
        let provider = provider(&Lifecycle::new()).await;
        let app = TestApp::start(Some(&provider)).await;
        for name in ["alice", "bob"] {
            let user = app.user(name).await;
            let config = json!({ "url": provider.join("mcp").unwrap(), "auth": "oauth" });
            let new = NewOwnServer {
                uid: uuid::Uuid::from_u128(u128::from(user.id.0.unsigned_abs())),
                name: "notes".to_owned(),
                server_type: "remote".to_owned(),
                setup: OwnServerSetup {
                    command: String::new(),
                    args: None,
                    env: None,
                    config: config.to_string(),
                    secrets: None,
                    secrets_set: "[]".to_owned(),
                },
                default_policy: "ask".to_owned(),
                at: jiff::Timestamp::UNIX_EPOCH,
            };
            let tx = app.store.store.begin().await.unwrap();
            tx.user(user.id).own_server_add(new).await.unwrap();
            tx.commit().await.unwrap();
        }
        Self { app, provider }
    }

    /// Where the browser comes back to after a yes.
    fn back(&self, away: &Answer) -> String {
        assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.text);
        let url = Url::parse(away.header("location")).unwrap();
        assert_eq!(url.origin(), self.provider.origin());
        let value = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find(|(n, _)| n == name).unwrap().1.into_owned()
        };
        let back = Url::parse(&value("redirect_uri")).unwrap();
        assert_eq!(back.path(), "/servers/oauth/callback");
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", "4/0A")
            .append_pair("state", &value("state"))
            .append_pair("iss", self.provider.as_str().trim_end_matches('/'))
            .finish();
        format!("{}?{query}", back.path())
    }
}

#[tokio::test]
async fn a_consent_from_the_link_to_the_result() {
    let w = World::start().await;
    let mut alice = w.app.signed_in("alice").await;
    let back = w.back(&alice.get("/servers/notes/connect").await);

    // Not in the wrong browser, which uses nothing up.
    let mut bob = w.app.signed_in("bob").await;
    let wrong = bob.get(&back).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("another person"), "{}", wrong.text);
    // Without a session, first to the sign-in and back.
    let stranger = w.app.browser().get(&back).await;
    assert_eq!(stranger.status, StatusCode::SEE_OTHER);
    assert!(stranger.header("location").starts_with("/login?next="));

    let done = alice.get(&back).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(done.text.contains("notes is connected"));
    let again = alice.get(&back).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "a state counts once");
}

#[tokio::test]
async fn strangers_servers_and_links_of_other_sites() {
    let w = World::start().await;
    let answer = w.app.browser().get("/servers/notes/connect").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("location").starts_with("/login"));
    let mut alice = w.app.signed_in("alice").await;
    let none = alice.get("/servers/nothing/connect").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);

    let request = alice
        .request(Method::GET, "/servers/notes/connect")
        .header("sec-fetch-site", "cross-site")
        .body(Body::empty())
        .unwrap();
    let asked = alice.exchange(request).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert!(
        asked.text.contains("href=\"/servers/notes/connect\""),
        "{}",
        asked.text
    );

    let forged = w
        .app
        .browser()
        .get("/servers/oauth/callback?state=x&code=y")
        .await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST);
    let document = w.app.browser().get("/oauth/client-metadata.json").await;
    assert_eq!(
        document.status,
        StatusCode::NOT_FOUND,
        "nobody could read it"
    );
}

#[tokio::test]
async fn an_answer_of_somebody_else_shows_nothing_of_theirs() {
    let w = World::start().await;
    let mut alice = w.app.signed_in("alice").await;
    let back = w.back(&alice.get("/servers/notes/connect").await);
    let (path, query) = back.split_once('?').unwrap();
    let state = query
        .split('&')
        .find(|pair| pair.starts_with("state="))
        .unwrap();
    let lie = format!(
        "{path}?{state}&error=call_0800&error_description=call_0800&iss=https%3A%2F%2Fevil.test"
    );
    let answer = alice.get(&lie).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(!answer.text.contains("call_0800"), "{}", answer.text);
    assert!(answer.text.contains("somebody else"), "{}", answer.text);
}

#[tokio::test]
async fn a_metadata_document_for_authorization_servers() {
    let app = TestApp::at("https://deputy.example.org", None).await;
    let request = http::Request::get("/oauth/client-metadata.json")
        .header("host", "deputy.example.org")
        .body(Body::empty())
        .unwrap();
    let document = app.send(request).await;
    assert_eq!(document.status, StatusCode::OK, "{}", document.text);
    let id = "https://deputy.example.org/oauth/client-metadata.json";
    assert_eq!(document.json()["client_id"], id);
    assert!(
        document.header("cache-control").contains("max-age"),
        "{:?}",
        document.headers
    );
}
