//! Several calls in one request.

use super::*;

async fn batch(app: &TestApp, token: &str, calls: Value) -> Answer {
    app.api(
        Method::POST,
        "/api/v1/tools/batch",
        token,
        Some(json!({ "calls": calls })),
    )
    .await
}

#[tokio::test]
async fn every_call_has_the_outcome_that_it_would_have_on_its_own() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let calls = json!([
        { "name": "send_email", "arguments": { "to": "guest@sandbox.test" } },
        { "name": "no_such_tool" },
        { "name": "send_email", "arguments": { "to": 7 } },
        // Its server can't be started here.
        { "name": "list_mail", "idempotency_key": "k1" },
        { "name": "send_email", "arguments": { "to": "other@sandbox.test" } },
    ]);
    let answer = batch(&app, &token, calls.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let results = answer.json()["data"]["results"].clone();
    let seen: Vec<_> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (
                r["status"].as_u64().unwrap(),
                r["success"].as_bool().unwrap(),
                r["error"]["code"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        seen[..3],
        [
            (202, true, ""),
            (404, false, "UNKNOWN_TOOL"),
            (400, false, "VALIDATION_ERROR"),
        ]
    );
    assert!(seen[3].0 >= 500 && !seen[3].1, "{results}");
    assert_eq!(seen[4], (202, true, ""));
    assert_eq!(results[2]["error"]["pointer"], "/to");
    let approval = &results[4]["data"]["approval"];
    assert_eq!(
        approval["arguments"],
        json!({ "to": "other@sandbox.test" }),
        "in the order of the calls"
    );
    // Each as the single call answers it.
    for (call, result) in calls
        .as_array()
        .unwrap()
        .iter()
        .zip(results.as_array().unwrap())
    {
        let alone = app
            .api(
                Method::POST,
                &format!("/api/v1/tools/{}/call", call["name"].as_str().unwrap()),
                &token,
                Some(call.get("arguments").cloned().unwrap_or(json!({}))),
            )
            .await;
        if result["status"].as_u64().unwrap() < 500 {
            assert_eq!(result["status"], alone.status.as_u16());
            assert_eq!(result["data"], alone.json()["data"]);
            assert_eq!(result["error"], alone.json()["error"]);
        }
    }
}

#[tokio::test]
async fn a_batch_that_is_none_calls_nothing() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let call = json!({ "name": "send_email", "arguments": { "to": "x" } });
    for (calls, pointer) in [
        (json!([]), "/calls"),
        (json!(vec![call.clone(); 11]), "/calls"),
        (json!([call, { "arguments": {} }]), ""),
        (json!([call, { "name": "send_email", "argument": {} }]), ""),
        (
            json!([call, { "name": "send_email", "idempotency_key": "" }]),
            "/calls/1/idempotency_key",
        ),
        (json!("all"), ""),
    ] {
        let answer = batch(&app, &token, calls.clone()).await;
        assert_eq!(
            (
                answer.status,
                answer.code().as_str(),
                answer.json()["error"]["pointer"].as_str()
            ),
            (StatusCode::BAD_REQUEST, "VALIDATION_ERROR", Some(pointer)),
            "{calls}"
        );
    }
    let approvals = app
        .api(Method::GET, "/api/v1/approvals", &token, None)
        .await;
    assert_eq!(approvals.json()["data"], json!([]));
    assert_eq!(
        batch(&app, "", json!([call])).await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// Another person's batch asks for that person's approvals and finds none of the first one's.
#[tokio::test]
async fn a_batch_is_its_callers() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.connect(&alice).await;
    let (of_alice, of_bob) = (app.token(&alice, "").await, app.token(&bob, "").await);
    let calls = json!([{ "name": "send_email", "arguments": { "to": "x" } }]);
    let first = batch(&app, &of_alice, calls.clone()).await;
    assert_eq!(first.json()["data"]["results"][0]["status"], 202);
    let second = batch(&app, &of_bob, calls).await;
    assert_eq!(
        second.json()["data"]["results"][0]["error"]["code"],
        "NOT_CONNECTED"
    );
}
