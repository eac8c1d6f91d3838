//! Where people have to have a second factor.

use deputy_identity::Required;

use super::*;
use crate::tests::routes::{API, PAGES};

#[tokio::test]
async fn who_has_none_gets_nowhere_before_there_is_one() {
    let app = TestApp::with(ORIGIN, None, Required::All).await;
    let alice = app.user("alice").await;
    let mut browser = app.browser();
    let on = browser
        .sign_in("alice", "password of alice", "/connect")
        .await;
    assert_eq!(
        on.header("location"),
        "/settings/second-factor?next=%2Fconnect"
    );
    for path in PAGES {
        let stranger = app.browser().get(path).await;
        let theirs = browser.get(path).await;
        if stranger.status == StatusCode::SEE_OTHER || path == "/login" {
            let to = theirs.header("location");
            assert!(
                to.starts_with("/settings/second-factor") || to.starts_with("/login?next="),
                "{path}: {to}"
            );
        } else {
            assert_eq!(theirs.status, stranger.status, "{path}");
        }
    }
    for path in &API[..15] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let csrf = browser.get("/settings/second-factor").await.csrf();
    for path in ["/settings/tokens", "/settings/delete", "/admin/clients"] {
        let fields = [("csrf", csrf.as_str()), ("username", "alice")];
        let answer = browser.post_bare(path, &fields, Some("same-origin")).await;
        assert_eq!(
            answer.header("location"),
            "/settings/second-factor",
            "{path}"
        );
    }
    // A program's request finds its way too: through the sign-in, which leads here.
    let asks: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "deputy-cli")
        .append_pair("redirect_uri", "http://localhost:8181/callback")
        .append_pair("response_type", "code")
        .append_pair(
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        )
        .append_pair("code_challenge_method", "S256")
        .append_pair("resource", &format!("{ORIGIN}/mcp"))
        .finish();
    let led = browser.get(&format!("/oauth/authorize?{asks}")).await;
    let led = browser.get(led.header("location")).await;
    assert!(
        led.header("location")
            .starts_with("/settings/second-factor?next=%2Foauth")
    );
    // A token that was made before opens what it opened.
    let token = app.token(&alice, "").await;
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.status, StatusCode::OK);

    let mut other = app.browser();
    other.sign_in("alice", "password of alice", "").await;
    let out = other
        .post_from("/settings/second-factor", "/logout", &[])
        .await;
    assert!(out.header("location").starts_with("/login"));

    let (phone, _) = browser.set_app_up().await;
    assert_eq!(browser.get("/connect").await.status, StatusCode::OK);
    let mut again = app.browser();
    again.sign_in("alice", "password of alice", "").await;
    let done = again.second(&phone.code(&app), "").await;
    assert_eq!(done.header("location"), "/");
}

#[tokio::test]
async fn of_administrators_alone_where_that_is_set() {
    let app = TestApp::with(ORIGIN, None, Required::Admins).await;
    app.user("root").await;
    app.user("bob").await;
    let mut browser = app.browser();
    let on = browser.sign_in("root", "password of root", "").await;
    assert_eq!(on.header("location"), "/settings/second-factor");
    assert_eq!(
        app.signed_in("bob").await.get("/").await.status,
        StatusCode::OK
    );
}
