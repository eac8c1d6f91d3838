//! The end of an account.

use super::*;

#[tokio::test]
async fn an_account_ends_with_its_name_and_a_proof() {
    let (app, _) = TestApp::with_google().await;
    app.user("root").await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let mut browser = app.signed_in("alice").await;
    let mut elsewhere = app.signed_in("alice").await;
    let page = browser.get("/settings/delete").await;
    assert!(page.text.contains("name=\"username\""), "{}", page.text);
    let path = "/settings/delete";
    let wrong = browser.post(path, &[("username", "alic")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    app.clock.advance(SignedDuration::from_mins(10));
    let led = browser.post(path, &[("username", "alice")]).await;
    assert_eq!(led.header("location"), "/confirm?next=%2Fsettings%2Fdelete");
    let fields = [("password", "password of alice"), ("next", path)];
    browser.post_from("/confirm", "/confirm", &fields).await;
    let done = browser.post(path, &[("username", "alice")]).await;
    assert_eq!(done.header("location"), "/login?done=account-deleted");
    assert!(app.identity.user(alice.id).await.is_err());
    let gone = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    assert!(
        elsewhere
            .get("/")
            .await
            .header("location")
            .starts_with("/login")
    );
    let records = on_record(&app, &alice).await;
    assert_eq!(
        records[0],
        ("user.delete".into(), "ok".into()),
        "{records:?}"
    );
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = TestApp::start(None).await;
    let root = app.user("root").await;
    let bob = app.user("bob").await;
    let mut browser = app.signed_in("root").await;
    let page = browser.get("/settings/delete").await;
    assert!(page.text.contains("You are the last administrator"));
    assert!(!page.text.contains("name=\"username\""));
    let path = "/settings/delete";
    let refused = browser.post(path, &[("username", "root")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(app.identity.user(root.id).await.is_ok());
    // One who is disabled does not count.
    app.identity
        .set_role(bob.id, deputy_core::Role::Admin)
        .await
        .unwrap();
    app.identity.disable_user(bob.id).await.unwrap();
    let refused = browser.post(path, &[("username", "root")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    app.identity.enable_user(bob.id).await.unwrap();
    let done = browser.post(path, &[("username", "root")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(app.identity.user(root.id).await.is_err());
}
