//! A browser that leaves in the midst of what takes access away: what was begun is finished, and on
//! record with what came of it.

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends the request and drops it once the beginning of the act is on record, and before anything is
/// changed.
async fn leave_midway(app: &TestApp, request: Request<Body>, action: &str) {
    let mut answer = Box::pin(app.send(request));
    let has_begun = async || {
        let rows = app.store.store.audit_after(0, 1000).await.unwrap();
        rows.iter().any(|row| row.action == action)
    };
    let leaving = async {
        loop {
            // Who writes comes one after another, in the order in which they asked: so this is held
            // between the record and the act.
            let held = app.store.store.begin().await.unwrap();
            if has_begun().await {
                return held;
            }
            drop(held);
            tokio::select! {
                biased;
                answer = &mut answer => panic!("it was answered: {}", answer.text),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    let held = tokio::time::timeout(PATIENCE, leaving).await;
    let held = held.expect("the act begins");
    drop(answer);
    drop(held);
}

/// Waits until this is on record.
async fn comes_to(app: &TestApp, action: &str, outcomes: &[&str]) {
    let done = async {
        while app.recorded(action).await.len() < outcomes.len() {
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, done).await;
    done.expect("what was begun is finished");
    let expected: Vec<_> = outcomes
        .iter()
        .map(|outcome| (action.to_owned(), (*outcome).to_owned()))
        .collect();
    assert_eq!(app.recorded(action).await, expected);
}

#[tokio::test]
async fn a_block_is_finished() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.added("bot", &[CALLBACK]).await;
    let mut alice = app.signed_in("alice").await;
    let (token, _) = app.log_in(&mut alice, "bot", &Wish::of("bot")).await;
    let csrf = alice.get("/settings").await.csrf();
    let fields = [("csrf", csrf.as_str()), ("kind", "client"), ("name", "bot")];
    let request = alice.form("/admin/blocks", &fields, Some("same-origin"));
    leave_midway(&app, request, "client.block").await;
    comes_to(&app, "client.block", &["started", "ok"]).await;
    comes_to(&app, "access.end", &["ok"]).await;
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
    assert!(
        alice
            .get("/admin")
            .await
            .text
            .contains("/admin/blocks/1/end")
    );
}

#[tokio::test]
async fn an_end_is_finished() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    app.added("bot", &[CALLBACK]).await;
    let mut alice = app.signed_in("alice").await;
    let (token, _) = app.log_in(&mut alice, "bot", &Wish::of("bot")).await;
    let csrf = alice.get("/settings").await.csrf();
    let path = "/settings/access/1/end";
    let request = alice.form(path, &[("csrf", &csrf)], Some("same-origin"));
    leave_midway(&app, request, "access.end").await;
    comes_to(&app, "access.end", &["started", "ok"]).await;
    let me = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
}
