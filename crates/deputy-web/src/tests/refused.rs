//! What was begun and could not be done is on record with what came of it: the beginning alone would
//! say that it was done.

use super::*;

/// From here on the database takes back every change of this kind, to rows of this table.
async fn forbid(app: &TestApp, change: &str, table: &str) {
    let trigger = format!(
        "CREATE TRIGGER no BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, 'not now'); END"
    );
    deputy_store::testing::execute(&app.store.url, &trigger).await;
}

/// The outcomes on record of this action.
async fn outcomes(app: &TestApp, action: &str) -> Vec<String> {
    assert!(app.audit.flush().await);
    let rows = app.store.store.audit_after(0, 1000).await.unwrap();
    let rows = rows.into_iter().filter(|row| row.action == action);
    rows.map(|row| row.outcome).collect()
}

#[tokio::test]
async fn a_token_that_could_not_be_revoked_is_on_record_as_such() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let id = app.identity.tokens(alice.id).await.unwrap()[0].id;
    let mut browser = app.signed_in("alice").await;
    forbid(&app, "DELETE", "personal_tokens").await;
    let path = format!("/settings/tokens/{id}/revoke");
    let failed = browser.post(&path, &[]).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(outcomes(&app, "token.revoke").await, ["started", "INVALID"]);
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.status, StatusCode::OK, "it is as it was");
}

#[tokio::test]
async fn sessions_that_could_not_be_ended_are_on_record_as_such() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    forbid(&app, "DELETE", "sessions").await;
    let failed = browser.post("/settings/sign-out-everywhere", &[]).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        outcomes(&app, "session.end_all").await,
        ["started", "INVALID"]
    );
    assert_eq!(browser.get("/settings").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_account_that_could_not_be_disconnected_is_on_record_as_such() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let mut browser = app.signed_in("alice").await;
    let path = "/connect/disconnect";
    // It is not connected.
    browser.post(path, &[("service", "calendar")]).await;
    let twice = ["started", "INVALID", "started", "INVALID"];
    let action = "connection.disconnect";
    assert_eq!(outcomes(&app, action).await, twice[..2]);
    forbid(&app, "DELETE", "oauth_tokens").await;
    let failed = browser.post(path, &[]).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(outcomes(&app, action).await, twice);
    let page = browser.get("/connect").await;
    assert!(page.text.contains("/connect/disconnect?service=gmail"));
}

#[tokio::test]
async fn a_block_that_did_not_end_everything_says_so() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let grant = deputy_store::oauth_grant::NewGrant {
        client_id: "deputy-cli".to_owned(),
        client_name: "x".to_owned(),
        redirect_uri: "http://127.0.0.1/callback".to_owned(),
        scopes: "chat".parse().unwrap(),
        resources: vec![ORIGIN.to_owned()],
        at: SystemClock.now(),
        expires_at: SystemClock.now() + jiff::SignedDuration::from_hours(1),
    };
    let tx = app.store.store.begin().await.unwrap();
    let made = tx.user(alice.id).insert_oauth_grant(grant).await;
    tx.commit().await.unwrap();
    forbid(&app, "UPDATE", "oauth_grants").await;
    let mut browser = app.signed_in("alice").await;
    let fields = [("kind", "client"), ("name", "deputy-cli")];
    let page = browser.post("/admin/blocks", &fields).await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.text.contains("Block it again"), "{}", page.text);
    assert!(
        page.text.contains("/admin/blocks/1/end"),
        "the block stands"
    );
    let token = app.token(&alice, "admin").await;
    let (path, body) = ("/api/v1/admin/blocks", json!({ "client_id": "deputy-cli" }));
    let again = app
        .api(Method::POST, path, &token, Some(body.clone()))
        .await;
    assert_eq!(again.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(again.code(), "UNAVAILABLE");
    assert!(
        again.text.contains("it is blocked, but not all"),
        "{}",
        again.text
    );
    assert!(app.audit.flush().await);
    let rows = app.store.store.audit_after(0, 1000).await.unwrap();
    let done = rows
        .iter()
        .filter(|row| row.action == "client.block" && row.outcome == "ok");
    assert_eq!(
        done.filter(|row| row.detail.contains("unfinished")).count(),
        2
    );

    deputy_store::testing::execute(&app.store.url, "DROP TRIGGER no").await;
    let whole = app.api(Method::POST, path, &token, Some(body)).await;
    assert_eq!(whole.json()["data"]["ended"], 1, "{}", whole.text);
    let grant = app
        .store
        .store
        .user(alice.id)
        .oauth_grant(made.unwrap().id)
        .await;
    assert!(grant.unwrap().unwrap().ended_at.is_some());
}
