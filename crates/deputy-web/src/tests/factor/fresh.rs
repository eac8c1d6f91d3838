//! What wants a fresh proof.

use super::*;

/// Where a form led that was not fresh.
fn led_to_confirm(answer: &Answer, back: &str) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let to = answer.header("location");
    let (page, query) = to.split_once('?').unwrap_or((to, ""));
    assert_eq!(page, "/confirm", "{to}");
    let next = url::form_urlencoded::parse(query.as_bytes())
        .next()
        .unwrap();
    assert_eq!((&*next.0, &*next.1), ("next", back));
}

impl Browser<'_> {
    async fn confirm(&mut self, password: &str, code: &str, next: &str) -> Answer {
        let fields = [("password", password), ("code", code), ("next", next)];
        self.post_from("/confirm", "/confirm", &fields).await
    }
}

#[tokio::test]
async fn a_token_is_made_after_a_proof_and_the_form_is_kept() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let form = [
        ("name", "My laptop"),
        ("days", "365"),
        ("scope", "tools:read"),
        ("scope", "admin"),
    ];
    app.clock.advance(SignedDuration::from_mins(10));
    let led = browser.post("/settings/tokens", &form).await;
    led_to_confirm(&led, "/settings#tokens");
    let wrong = browser.confirm("wrong", "", "/settings#tokens").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let still = browser.post("/settings/tokens", &form).await;
    led_to_confirm(&still, "/settings#tokens");
    let back = browser
        .confirm("password of alice", "", "/settings#tokens")
        .await;
    assert_eq!(back.header("location"), "/settings#tokens");
    let page = browser.get("/settings").await;
    assert!(page.text.contains("value=\"My laptop\""), "{}", page.text);
    assert!(page.text.contains("<option value=\"365\" selected>"));
    assert!(page.text.contains("value=\"admin\" checked"));
    assert!(page.text.contains("value=\"chat\">"), "not ticked");
    let page = browser.get("/settings").await;
    assert!(!page.text.contains("My laptop"), "it is kept once");
    let made = browser.post("/settings/tokens", &form).await;
    assert!(made.text.contains("dpt_pat_"), "{}", made.text);
    let records = on_record(&app, &alice).await;
    assert!(records.contains(&("session.confirm".into(), "ok".into())));
    // Nowhere else than to a page of this site.
    let away = browser
        .confirm("password of alice", "", "https://evil.example/")
        .await;
    assert_eq!(away.header("location"), "/");
}

#[tokio::test]
async fn the_password_alone_is_no_proof_for_who_has_more() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    // Signed in with the password, before there was anything else.
    let mut before = app.signed_in("alice").await;
    let (phone, codes) = app.signed_in("alice").await.set_app_up().await;
    let led = before.post("/settings/tokens", &[("name", "x")]).await;
    led_to_confirm(&led, "/settings#tokens");
    let led = before.factor("/app/remove", &[]).await;
    led_to_confirm(&led, "/settings/second-factor");
    let change = [
        ("current", "password of alice"),
        ("new", "another password"),
        ("again", "another password"),
    ];
    let led = before.post("/settings/password", &change).await;
    led_to_confirm(&led, "/settings#password");
    let page = before.get("/confirm").await;
    assert!(page.text.contains("name=\"code\""));
    for code in ["", "000000"] {
        let refused = before.confirm("password of alice", code, "/").await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{code}");
    }
    app.clock.advance(SignedDuration::from_mins(5));
    let code = phone.code(&app);
    let refused = before.confirm("wrong", &code, "/").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let confirmed = before.confirm("password of alice", &code, "/").await;
    assert_eq!(
        confirmed.status,
        StatusCode::SEE_OTHER,
        "{}",
        confirmed.text
    );
    let changed = before.post("/settings/password", &change).await;
    assert_eq!(changed.header("location"), "/settings?done=password");
    // A recovery code proves it too.
    app.clock.advance(SignedDuration::from_mins(10));
    let led = before.factor("/recovery", &[]).await;
    led_to_confirm(&led, "/settings/second-factor");
    before.confirm("another password", &codes[3], "/").await;
    let made = before.factor("/recovery", &[]).await;
    assert_eq!(recovery_codes(&made.text).len(), 10);
}

#[tokio::test]
async fn with_nothing_but_a_password_it_changes_by_itself() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    app.clock.advance(SignedDuration::from_hours(1));
    let change = [
        ("current", "password of alice"),
        ("new", "another password"),
        ("again", "another password"),
    ];
    let changed = browser.post("/settings/password", &change).await;
    assert_eq!(changed.header("location"), "/settings?done=password");
}

#[tokio::test]
async fn administrators_acts_want_a_proof_on_pages_and_over_rest() {
    let app = TestApp::start(None).await;
    let root = app.user("root").await;
    let bob = app.user("bob").await;
    app.signed_in("bob").await.set_app_up().await;
    let mut browser = app.signed_in("root").await;
    let page = browser.get("/admin").await;
    assert!(page.text.contains("Remove second factors"), "{}", page.text);
    app.clock.advance(SignedDuration::from_mins(10));
    let add = [
        ("client_id", "calendar-bot"),
        ("name", "Bot"),
        ("redirect_uris", "https://bot.example/cb"),
    ];
    led_to_confirm(
        &browser.post("/admin/clients", &add).await,
        "/admin#clients",
    );
    let page = browser.get("/admin").await;
    assert!(page.text.contains("value=\"calendar-bot\"") && page.text.contains("bot.example"));
    let block = [("kind", "host"), ("name", "evil.example")];
    led_to_confirm(
        &browser.post("/admin/blocks", &block).await,
        "/admin#blocks",
    );
    let end = browser
        .post("/admin/access/end", &[("username", "bob")])
        .await;
    led_to_confirm(&end, "/admin#access");
    let unblock = browser.post("/admin/blocks/1/end", &[]).await;
    led_to_confirm(&unblock, "/admin#blocks");
    let remove = browser.post("/admin/clients/1/remove", &[]).await;
    led_to_confirm(&remove, "/admin/clients/1/remove");
    let path = format!("/admin/people/{}/second-factor/remove", bob.id);
    led_to_confirm(&browser.post(&path, &[]).await, "/admin#people");

    // Over REST with the cookie it is the same, with a token that was made for it not.
    let csrf = browser.get("/settings").await.csrf();
    let body = json!({ "host": "evil.example" }).to_string();
    let send = |browser: &Browser<'_>| {
        let request = browser.request(Method::POST, "/api/v1/admin/blocks");
        let request = request.header("x-csrf-token", &csrf);
        request.body(Body::from(body.clone())).unwrap()
    };
    let request = send(&browser);
    let refused = browser.exchange(request).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "FRESH_SIGN_IN_NEEDED".to_owned())
    );
    let token = app.token(&root, "admin").await;
    let block = json!({ "host": "other.example" });
    let made = app
        .api(Method::POST, "/api/v1/admin/blocks", &token, Some(block))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);

    browser.confirm("password of root", "", "/admin").await;
    let request = send(&browser);
    assert_eq!(browser.exchange(request).await.status, StatusCode::CREATED);
    let done = browser.post(&path, &[]).await;
    assert_eq!(done.header("location"), "/admin?done=factor-reset#people");
    let mut bobs = app.signed_in("bob").await;
    let told = bobs.get("/").await;
    assert!(
        told.text.contains("Your second factor was removed"),
        "{}",
        told.text
    );
    let of_bob = on_record(&app, &bob).await;
    assert!(of_bob.contains(&("user.reset_second_factor".into(), "ok".into())));
    let refused = bobs.post(&path, &[]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "no administrator");
}
