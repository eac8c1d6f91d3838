//! Connecting and disconnecting, with Google's token endpoint in the test.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::routing::post;
use deputy_connections::{CallbackQuery, Services};
use http::StatusCode;
use tokio::net::TcpListener;

use super::*;

const SCOPES: &str = "https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/gmail.send \
                      https://www.googleapis.com/auth/gmail.compose https://www.googleapis.com/auth/drive";

/// Google's token endpoint; refuses every exchange once the switch is on.
async fn google(lifecycle: &Lifecycle) -> (Url, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let token = move || {
        let broken = switch.load(Ordering::SeqCst);
        async move {
            if broken {
                return (
                    StatusCode::BAD_REQUEST,
                    Json(json!({ "error": "invalid_grant" })),
                );
            }
            let answer = json!({
                "access_token": "at", "refresh_token": "rt", "expires_in": 3600, "token_type": "Bearer", "scope": SCOPES,
            });
            (StatusCode::OK, Json(answer))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let app = axum::Router::new()
        .route("/token", post(token))
        .route("/revoke", post(|| async { "{}" }));
    lifecycle.spawn(async move { axum::serve(listener, app).await });
    (url, broken)
}

impl TestApp {
    /// Connects Gmail and Drive for this person.
    pub(crate) async fn connect(&self, user: &User) {
        let url = self
            .connections
            .begin(user.id, Services::ALL)
            .await
            .unwrap();
        let state = state_of(url.as_str());
        let query = CallbackQuery {
            code: Some(Secret::from("code")),
            state: Some(state),
            error: None,
            iss: None,
        };
        self.connections.complete(user.id, query).await.unwrap();
    }

    /// A server whose Google answers, and the switch that breaks it.
    pub(crate) async fn with_google() -> (Self, Arc<AtomicBool>) {
        let lifecycle = Lifecycle::new();
        let (url, broken) = google(&lifecycle).await;
        (Self::start(Some(&url)).await, broken)
    }
}

fn state_of(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    url.query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned()
}

fn callback(state: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", "4/0A")
        .append_pair("state", state)
        .finish();
    format!("/api/v1/integrations/google/callback?{query}")
}

#[tokio::test]
async fn a_consent_from_the_page_to_the_result() {
    let (app, _) = TestApp::with_google().await;
    app.user("alice").await;
    let mut alice = app.signed_in("alice").await;
    let page = alice.get("/connect").await;
    assert!(
        page.text.contains("/connect/google?service=gmail"),
        "{}",
        page.text
    );
    let away = alice.get("/connect/google?service=gmail").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    assert!(
        away.header("location")
            .starts_with("https://accounts.google.com/o/oauth2/v2/auth?")
    );
    let back = callback(&state_of(away.header("location")));
    let done = alice.get(&back).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(
        done.text.contains("Google is connected")
            && done.header("content-type").starts_with("text/html")
    );
    assert!(
        alice
            .get("/connect")
            .await
            .text
            .contains("/connect/disconnect?service=gmail")
    );
    let again = alice.get(&back).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "a state counts once");
}

#[tokio::test]
async fn a_consent_attaches_only_where_its_person_is_signed_in() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    let url = app
        .connections
        .begin(alice.id, Services::ALL)
        .await
        .unwrap();
    let back = callback(&state_of(url.as_str()));

    let answer = app.signed_in("bob").await.get(&back).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("another person"));
    assert!(app.connections.connection(bob.id).await.unwrap().is_none());
    assert!(
        app.connections
            .connection(alice.id)
            .await
            .unwrap()
            .is_none()
    );

    let mut nobody = app.browser();
    let answer = nobody.get(&back).await;
    assert_eq!(
        answer.status,
        StatusCode::SEE_OTHER,
        "the sign-in comes first"
    );
    let login = Url::parse(ORIGIN)
        .unwrap()
        .join(answer.header("location"))
        .unwrap();
    let next = login
        .query_pairs()
        .find(|(name, _)| name == "next")
        .unwrap()
        .1
        .into_owned();
    assert_eq!(next, back);
    let answer = nobody.sign_in("alice", "password of alice", &next).await;
    assert_eq!(answer.header("location"), back);
    assert_eq!(nobody.get(&back).await.status, StatusCode::OK);
    assert!(
        app.connections
            .connection(alice.id)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_consent_that_fails_says_why() {
    let (app, broken) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    for path in [
        "/api/v1/integrations/google/callback",
        "/api/v1/integrations/google/callback?code=x",
        "/api/v1/integrations/google/callback?code=x&state=forged",
        "/api/v1/integrations/google/callback?code=x&state=a.b",
    ] {
        for answer in [browser.get(path).await, app.browser().get(path).await] {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            assert!(answer.text.contains("Google was not connected"), "{path}");
        }
    }
    let begin = async || {
        state_of(
            app.connections
                .begin(alice.id, Services::ALL)
                .await
                .unwrap()
                .as_str(),
        )
    };
    let refused = format!(
        "/api/v1/integrations/google/callback?error=access_denied&state={}",
        begin().await
    );
    let answer = browser.get(&refused).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("did not give the permission"));
    broken.store(true, Ordering::SeqCst);
    let answer = browser.get(&callback(&begin().await)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text);
    assert!(
        app.connections
            .connection(alice.id)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn disconnecting_asks_first_and_drops_what_was_named() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let mut browser = app.signed_in("alice").await;
    assert!(
        browser
            .get("/connect/disconnect?service=gmail")
            .await
            .text
            .contains("Disconnect Gmail?")
    );
    let answer = browser
        .post("/connect/disconnect", &[("service", "gmail")])
        .await;
    assert_eq!(answer.header("location"), "/connect?done=disconnected");
    let left = app.connections.connection(alice.id).await.unwrap().unwrap();
    assert_eq!(left.services.to_string(), "drive");
    assert_eq!(
        browser.post("/connect/disconnect", &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(
        app.connections
            .connection(alice.id)
            .await
            .unwrap()
            .is_none()
    );
    let answer = browser.post("/connect/disconnect", &[]).await;
    assert_eq!(answer.header("location"), "/connect?done=not-connected");
}

#[tokio::test]
async fn a_notice_is_shown_to_its_person_until_dismissed() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    app.user("bob").await;
    let parameters = [("reason".to_owned(), "testing_mode".to_owned())].into();
    let tx = app.store.store.begin().await.unwrap();
    tx.user(alice.id)
        .notice_put("google.disconnected", &parameters, SystemClock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut browser = app.signed_in("alice").await;
    for path in ["/", "/connect"] {
        assert!(
            browser.get(path).await.text.contains("Testing mode"),
            "{path}"
        );
    }
    let id = app.connections.notices(alice.id).await.unwrap()[0].id;
    let path = format!("/connect/notices/{id}/dismiss");
    assert_eq!(
        app.signed_in("bob").await.post(&path, &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        browser
            .post(&path, &[("next", "/connect")])
            .await
            .header("location"),
        "/connect"
    );
    assert!(!browser.get("/connect").await.text.contains("Testing mode"));
}

#[tokio::test]
async fn a_person_is_told_that_a_copied_token_was_presented() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let parameters = [("client", "Agent <b>\u{202e}x"), ("why", "reuse")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let tx = app.store.store.begin().await.unwrap();
    tx.user(alice.id)
        .notice_put(
            deputy_identity::oauth::NOTICE_REUSE,
            &parameters.into(),
            SystemClock.now(),
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let home = app.signed_in("alice").await.get("/").await.text;
    assert!(home.contains("presented again"), "{home}");
    assert!(!home.contains("<b>") && !home.contains('\u{202e}'));
}
