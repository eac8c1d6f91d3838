//! The way in, with a second step.

use super::*;
use crate::tests::routes::{API, PAGES};

/// A program's request, as it stands in the address.
const REQUEST: &str = "/oauth/authorize?client_id=deputy-cli&state=a%20b&scope=tools%3Aread";

#[tokio::test]
async fn the_password_alone_signs_in_nobody_who_has_an_app() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let (phone, _) = browser.set_app_up().await;

    let mut browser = app.browser();
    let password = "password of alice";
    let on = browser.sign_in("alice", password, REQUEST).await;
    assert_eq!(on.status, StatusCode::SEE_OTHER);
    let second = on.header("location").to_owned();
    assert!(second.starts_with("/login/second?next="), "{second}");
    let pending = browser.cookie();
    let page = browser.get(&second).await;
    assert!(page.text.contains("name=\"code\""), "{}", page.text);
    assert!(
        page.text.contains("client_id=deputy-cli"),
        "the way is kept"
    );

    let wrong = browser.second("000000", REQUEST).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("client_id=deputy-cli"));
    let code = phone.code(&app);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let done = browser.second(&spaced, REQUEST).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert_eq!(done.header("location"), REQUEST);
    assert_ne!(browser.cookie(), pending, "a new session");
    assert_eq!(browser.get("/settings").await.status, StatusCode::OK);

    // The same code again, elsewhere.
    let mut thief = app.browser();
    thief.sign_in("alice", password, "").await;
    let refused = thief.second(&code, "").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text);
    let records = on_record(&app, &alice).await;
    for (action, outcome) in [
        ("factor.add", "started"),
        ("factor.add", "ok"),
        ("factor.refused", "INVALID"),
        ("session.start", "ok"),
    ] {
        let found = records
            .iter()
            .any(|r| *r == (action.into(), outcome.into()));
        assert!(found, "{action} {outcome}: {records:?}");
    }
}

#[tokio::test]
async fn between_the_steps_everybody_is_a_stranger_everywhere() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.signed_in("alice").await.set_app_up().await;
    let mut pending = app.browser();
    pending.sign_in("alice", "password of alice", "").await;
    let csrf = pending.get("/login/second").await.csrf();
    for path in PAGES.iter().chain(&API).chain(&[
        "/settings/second-factor",
        "/settings/delete",
        "/confirm",
        "/connect/google?service=all",
        "/chat",
    ]) {
        let stranger = app.browser().get(path).await;
        let theirs = pending.get(path).await;
        assert_eq!(
            (theirs.status, theirs.header("location")),
            (stranger.status, stranger.header("location")),
            "{path}"
        );
        assert!(!theirs.text.contains("alice"), "{path}");
    }
    // Writes, with the token of the session that they have.
    for path in [
        "/settings/profile",
        "/settings/tokens",
        "/settings/password",
        "/settings/delete",
        "/settings/sign-out-everywhere",
        "/settings/second-factor/app",
        "/settings/second-factor/app/remove",
        "/settings/second-factor/recovery",
        "/settings/second-factor/passkeys",
        "/settings/second-factor/passkeys/options",
        "/admin/clients",
        "/admin/blocks",
        "/admin/people/1/second-factor/remove",
        "/confirm",
        "/confirm/passkey",
        "/logout",
        "/connect/disconnect",
    ] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("name", "x"),
            ("username", "alice"),
        ];
        let answer = pending.post_bare(path, &fields, Some("same-origin")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        let to = answer.header("location");
        assert!(to.starts_with("/login"), "{path}: {to}");
    }
    let request = pending.request(Method::PATCH, "/api/v1/me");
    let request = request.header("x-csrf-token", &csrf);
    let answer = pending
        .exchange(request.body(Body::from("{}")).unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(pending.get("/login/second").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_second_step_lapses_and_ends_with_the_password() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let (phone, _) = app.signed_in("alice").await.set_app_up().await;
    let mut late = app.browser();
    late.sign_in("alice", "password of alice", "/connect").await;
    let csrf = late.get("/login/second").await.csrf();
    app.clock.advance(SignedDuration::from_mins(5));
    let anew = late.get("/login/second?next=%2Fconnect").await;
    assert_eq!(anew.header("location"), "/login?next=%2Fconnect");
    let code = phone.code(&app);
    let fields = [("csrf", &*csrf), ("code", &code), ("next", "/connect")];
    let anew = late.post_bare("/login/second", &fields, Some("same-origin"));
    assert_eq!(anew.await.header("location"), "/login?next=%2Fconnect");

    let mut browser = app.browser();
    browser.sign_in("alice", "password of alice", "").await;
    assert_eq!(browser.get("/login/second").await.status, StatusCode::OK);
    let new = Secret::from("another password");
    app.identity
        .set_password(alice.id, &new, PasswordPolicy::Strict)
        .await
        .unwrap();
    let anew = browser.get("/login/second").await;
    assert_eq!(anew.status, StatusCode::SEE_OTHER, "it is another password");
    // And without the form's own token nothing is looked at.
    browser.sign_in("alice", "another password", "").await;
    let fields = [("csrf", "x"), ("code", &*code)];
    let refused = browser.post_bare("/login/second", &fields, Some("same-origin"));
    assert_eq!(refused.await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_recovery_code_opens_once_and_leaves_a_notice() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let (_, codes) = app.signed_in("alice").await.set_app_up().await;
    let mut browser = app.browser();
    browser.sign_in("alice", "password of alice", "").await;
    let written = codes[0].to_uppercase().replace('-', " ");
    let done = browser.second(&written, "").await;
    assert_eq!(done.header("location"), "/", "{}", done.text);
    let home = browser.get("/").await;
    assert!(
        home.text.contains("A recovery code was used"),
        "{}",
        home.text
    );
    assert!(home.text.contains("9 are left"));
    let page = browser.get("/settings/second-factor").await;
    assert!(page.text.contains("9 recovery codes left"));
    assert!(!page.text.contains(&codes[1]), "they were shown once");
    let mut again = app.browser();
    again.sign_in("alice", "password of alice", "").await;
    let refused = again.second(&codes[0], "").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);

    // A new set voids the rest.
    let made = browser.factor("/recovery", &[]).await;
    let new = recovery_codes(&made.text);
    assert_eq!(new.len(), 10, "{}", made.text);
    let refused = again.second(&codes[1], "").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(again.second(&new[1], "").await.header("location"), "/");
}

#[tokio::test]
async fn wrong_codes_are_slowed_down() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let (phone, _) = app.signed_in("alice").await.set_app_up().await;
    let mut browser = app.browser();
    browser.sign_in("alice", "password of alice", "").await;
    for _ in 0..3 {
        let wrong = browser.second("000000", "").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    let code = phone.code(&app);
    let slowed = browser.second(&code, "").await;
    assert_eq!(slowed.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn a_secret_is_shown_by_the_form_alone_and_counts_after_a_right_code() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let shown = browser.factor("/app", &[]).await;
    let phone = Phone::typed(&shown.text);
    assert!(shown.text.contains("<svg"), "a picture");
    assert!(!shown.text.contains("otpauth:"), "but no link");
    let page = browser.get("/settings/second-factor").await;
    assert!(!page.text.contains("<pre"), "{}", page.text);
    let wrong = browser.factor("/app/confirm", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let same = Phone::typed(&wrong.text).code(&app);
    assert_eq!(same, phone.code(&app), "it goes on with the same secret");
    assert!(
        app.signed_in("alice")
            .await
            .get("/")
            .await
            .status
            .is_success()
    );
    let done = browser.factor("/app/confirm", &[("code", &same)]).await;
    assert!(done.text.contains("The app is set up"), "{}", done.text);
    let taken = browser.factor("/app", &[]).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let gone = browser.factor("/app/remove", &[]).await;
    assert!(gone.header("location").contains("app-removed"));
    app.signed_in("alice").await;
}

#[tokio::test]
async fn on_an_address_there_are_no_passkeys_and_the_page_says_why() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/settings/second-factor").await;
    assert!(page.text.contains("DEPUTY_PUBLIC_URL"), "{}", page.text);
    assert!(!page.text.contains("<script"));
    assert!(
        !page
            .header("content-security-policy")
            .contains("script-src")
    );
    let none = app.browser().get("/login").await;
    assert!(!none.text.contains("passkey"), "{}", none.text);
    let refused = browser.factor("/passkeys/options", &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);

    let app = TestApp::at("http://localhost:8484", None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/settings/second-factor").await;
    assert!(page.text.contains("data-passkey=\"make\""), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
    let options = browser.factor("/passkeys/options", &[]).await.json();
    let asked = &options["publicKey"];
    assert_eq!(asked["rp"]["id"], "localhost");
    assert_eq!(
        asked["authenticatorSelection"]["userVerification"],
        "required"
    );
    assert_eq!(asked["user"]["name"], "alice");
    // Nonsense as an answer, and a second answer to one question.
    let fields = [("name", "Phone"), ("credential", "{}")];
    for _ in 0..2 {
        let refused = browser.factor("/passkeys", &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut stranger = app.browser();
    let options = stranger.post_bare("/login/passkey", &[], Some("same-origin"));
    let options = options.await.json();
    assert_eq!(options["publicKey"]["userVerification"], "required");
    let fields = [("credential", "{}")];
    let refused = stranger.post_bare("/login/passkey/finish", &fields, Some("same-origin"));
    assert_eq!(refused.await.status, StatusCode::UNAUTHORIZED);
    let elsewhere = stranger.post_bare("/login/passkey", &[], Some("cross-site"));
    assert_eq!(elsewhere.await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn strangers_may_ask_for_a_passkey_only_so_often() {
    let app = TestApp::at("http://localhost:8484", None).await;
    for _ in 0..30 {
        let asked = app.browser().post_bare("/login/passkey", &[], None).await;
        assert_eq!(asked.status, StatusCode::OK);
    }
    let refused = app.browser().post_bare("/login/passkey", &[], None).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
}
