//! The REST API with tokens and with a session.

use http::StatusCode;

use super::*;

#[tokio::test]
async fn integrations_are_shown_begun_and_ended() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let get = async |path: &str| app.api(Method::GET, path, &token, None).await;
    let status = get("/api/v1/integrations/status").await.json();
    assert_eq!(status["data"]["google"]["status"], "disconnected");
    assert_eq!(status["data"]["slack"], json!({ "status": "disconnected" }));
    let auth = get("/api/v1/integrations/google/auth?service=calendar")
        .await
        .json();
    assert!(auth["data"]["authUrl"].as_str().unwrap().contains("state="));
    let wrong = get("/api/v1/integrations/google/auth?service=fax").await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (StatusCode::BAD_REQUEST, "VALIDATION_ERROR")
    );

    app.connect(&alice).await;
    let status = get("/api/v1/integrations/status").await.json();
    assert_eq!(
        status["data"]["google"]["services"],
        json!({ "calendar": false, "gmail": true, "drive": true })
    );
    assert_eq!(status["data"]["google"]["access_token_expired"], false);

    let weak = app.token(&alice, "tools:read").await;
    let answer = app
        .api(Method::DELETE, "/api/v1/integrations/google", &weak, None)
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "FORBIDDEN")
    );
    let answer = app
        .api(
            Method::DELETE,
            "/api/v1/integrations/google?service=gmail",
            &token,
            None,
        )
        .await;
    assert_eq!(answer.json()["data"]["remaining"], json!(["drive"]));
    let answer = app
        .api(Method::DELETE, "/api/v1/integrations/google", &token, None)
        .await;
    assert_eq!(answer.json()["data"]["revoked"], true);
    let answer = app
        .api(Method::DELETE, "/api/v1/integrations/google", &token, None)
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
}

#[tokio::test]
async fn without_a_client_nothing_can_be_connected() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let answer = app
        .api(
            Method::GET,
            "/api/v1/integrations/google/auth",
            &token,
            None,
        )
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("GOOGLE_CLIENT_ID")
    );
    assert!(
        app.signed_in("alice")
            .await
            .get("/connect")
            .await
            .text
            .contains("GOOGLE_CLIENT_ID")
    );
}

#[tokio::test]
async fn a_call_is_refused_in_the_words_of_the_contract() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let call = async |tool: &str, token: &str, arguments: Value| {
        app.api(
            Method::POST,
            &format!("/api/v1/tools/{tool}/call"),
            token,
            Some(arguments),
        )
        .await
    };
    let answer = call("send_email", &token, json!({})).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::CONFLICT, "NOT_CONNECTED")
    );
    assert!(
        answer.json()["error"]["connect_url"]
            .as_str()
            .unwrap()
            .starts_with(ORIGIN)
    );
    let listed = app.api(Method::GET, "/api/v1/tools", &token, None).await;
    let listed = listed.json()["data"].as_array().unwrap().clone();
    assert!(
        listed.iter().all(|tool| tool["server"] == "workspace"),
        "nothing is connected"
    );

    app.connect(&alice).await;
    let tools = app
        .api(Method::GET, "/api/v1/tools", &token, None)
        .await
        .json();
    let names: Vec<_> = tools["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["server"] != "workspace")
        .map(|t| t["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["send_email", "list_mail", "list_files"]);
    assert_eq!(tools["data"][0]["policy"], "ask");

    let answer = call("no_such_tool", &token, json!({})).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::NOT_FOUND, "UNKNOWN_TOOL")
    );
    let answer = call("send_email", &token, json!({ "to": 7 })).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::BAD_REQUEST, "VALIDATION_ERROR")
    );
    assert_eq!(answer.json()["error"]["pointer"], "/to");
    let reads = app.token(&alice, "tools:read tools:call").await;
    let answer = call("send_email", &reads, json!({})).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "FORBIDDEN")
    );
    // Its server can't be started here.
    let answer = call("list_mail", &token, json!({})).await;
    assert!(
        answer.status.is_server_error() && answer.code() != "INTERNAL_ERROR",
        "{} {}",
        answer.status,
        answer.text
    );
}

#[tokio::test]
async fn an_approval_is_asked_shown_and_decided_once() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let of_bob = app.token(&bob, "").await;
    let ask = async |to: &str| {
        let answer = app
            .api(
                Method::POST,
                "/api/v1/tools/send_email/call",
                &token,
                Some(json!({ "to": to })),
            )
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        let approval = answer.json()["data"]["approval"].clone();
        assert_eq!(
            (approval["tool"].as_str(), approval["status"].as_str()),
            (Some("send_email"), Some("pending"))
        );
        assert_eq!(approval["arguments"], json!({ "to": to }));
        approval["id"].as_str().unwrap().to_owned()
    };
    let decide = async |id: &str, token: &str, decision: &str| {
        app.api(
            Method::POST,
            &format!("/api/v1/approvals/{id}"),
            token,
            Some(json!({ "decision": decision })),
        )
        .await
    };
    let id = ask("guest@sandbox.test").await;
    let listed = app
        .api(Method::GET, "/api/v1/approvals", &token, None)
        .await
        .json();
    assert_eq!(listed["data"][0]["id"], id.as_str());
    assert_eq!(
        app.api(Method::GET, "/api/v1/approvals", &of_bob, None)
            .await
            .json()["data"],
        json!([])
    );

    let stranger = decide(&id, &of_bob, "approve").await;
    assert_eq!(
        (stranger.status, stranger.code().as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
    assert_eq!(
        decide("not-an-id", &token, "approve").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        decide(&id, &token, "perhaps").await.code(),
        "VALIDATION_ERROR"
    );
    let agent = app.token(&alice, "tools:read tools:write").await;
    assert_eq!(
        decide(&id, &agent, "approve").await.status,
        StatusCode::FORBIDDEN
    );
    let rejected = decide(&id, &token, "reject").await.json();
    assert_eq!(
        (
            rejected["data"]["status"].as_str(),
            &rejected["data"]["result"]
        ),
        (Some("rejected"), &Value::Null)
    );
    let again = decide(&id, &token, "approve").await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (StatusCode::CONFLICT, "ALREADY_DECIDED")
    );
}

/// On the page, exact arguments and all; the call itself fails, there being no server.
#[tokio::test]
async fn an_approval_is_decided_on_its_page() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.user("bob").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let arguments = json!({ "to": "<b>you</b>@sandbox.test" });
    let asked = app
        .api(
            Method::POST,
            "/api/v1/tools/send_email/call",
            &token,
            Some(arguments),
        )
        .await;
    let id = asked.json()["data"]["approval"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut browser = app.signed_in("alice").await;
    let page = browser.get("/approvals").await;
    assert!(
        page.text
            .contains("&#60;b&#62;you&#60;/b&#62;@sandbox.test"),
        "{}",
        page.text
    );
    assert!(page.text.contains("Title of send_email"));
    let mut stranger = app.signed_in("bob").await;
    assert!(
        !stranger
            .get("/approvals")
            .await
            .text
            .contains("sandbox.test")
    );
    assert_eq!(
        stranger.get(&format!("/approvals/{id}")).await.status,
        StatusCode::NOT_FOUND
    );
    let path = format!("/approvals/{id}");
    assert_eq!(
        stranger
            .post(&path, &[("decision", "approve")])
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let answer = browser.post(&path, &[("decision", "approve")]).await;
    assert_eq!(answer.header("location"), "/approvals?done=approved-failed");
    let answer = browser.post(&path, &[("decision", "approve")]).await;
    assert_eq!(answer.header("location"), "/approvals?done=already-decided");
    let listed = browser.get("/approvals").await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.text);
    assert!(
        listed.text.contains("UPSTREAM_ERROR") || listed.text.contains("UNAVAILABLE"),
        "{}",
        listed.text
    );
    assert!(
        browser.get("/").await.text.contains("Title of send_email"),
        "it is among the recent activity"
    );
}

#[tokio::test]
async fn records_are_ones_own_and_everybodys_for_an_administrator() {
    let app = TestApp::start(None).await;
    let admin = app.user("admin").await;
    let bob = app.user("bob").await;
    app.signed_in("admin").await;
    app.signed_in("bob").await;
    let users = async |token: &str| -> Vec<i64> {
        let answer = app
            .api(Method::GET, "/api/v1/audit?limit=10", token, None)
            .await
            .json();
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["user_id"].as_i64().unwrap())
            .collect()
    };
    let all = app.token(&admin, "").await;
    // The records of sign-ins are written in the background.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while users(&all).await.len() < 2 && tokio::time::Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert_eq!(users(&all).await, [bob.id.0, admin.id.0]);
    assert_eq!(
        users(&app.token(&admin, "audit:read").await).await,
        [admin.id.0],
        "the token lacks the scope admin"
    );
    let of_bob = app.token(&bob, "").await;
    assert_eq!(users(&of_bob).await, [bob.id.0]);
    let answer = app
        .api(Method::GET, "/api/v1/audit?limit=0", &of_bob, None)
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::BAD_REQUEST, "VALIDATION_ERROR")
    );
    assert_eq!(
        app.api(Method::GET, "/api/v1/admin/pool", &of_bob, None)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    let pool = app
        .api(Method::GET, "/api/v1/admin/pool", &all, None)
        .await
        .json();
    assert_eq!(pool["data"]["total_servers"], 0);
    let health = app
        .api(Method::GET, "/api/v1/admin/health", &of_bob, None)
        .await;
    assert_eq!(health.status, StatusCode::FORBIDDEN);
    let health = app
        .api(Method::GET, "/api/v1/admin/health", &all, None)
        .await
        .json();
    assert_eq!(health["data"]["level"], "healthy", "{health}");
    let components: Vec<_> = health["data"]["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["component"].as_str().unwrap())
        .collect();
    assert_eq!(components, ["mcp", "database", "queue"]);
    let usage = app
        .api(Method::GET, "/api/v1/usage?days=7", &of_bob, None)
        .await
        .json();
    assert_eq!(usage["data"]["total_queries"], 0);
    assert_eq!(
        app.api(Method::GET, "/api/v1/usage?days=0", &of_bob, None)
            .await
            .code(),
        "VALIDATION_ERROR"
    );
}

#[tokio::test]
async fn a_profile_changes_over_rest_too() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let patch = async |body: Value| {
        app.api(Method::PATCH, "/api/v1/me", &token, Some(body))
            .await
    };
    let me = patch(json!({ "language": "ru", "time_zone": "Asia/Dubai" }))
        .await
        .json();
    assert_eq!(
        me["data"],
        json!({ "username": "alice", "name": "alice", "language": "ru", "time_zone": "Asia/Dubai", "role": "admin" })
    );
    for (body, pointer) in [
        (json!({ "language": "de" }), "/language"),
        (json!({ "time_zone": "Nowhere" }), "/time_zone"),
        (json!({ "name": "" }), "/name"),
    ] {
        let answer = patch(body).await;
        assert_eq!(
            (
                answer.code().as_str(),
                answer.json()["error"]["pointer"].as_str()
            ),
            ("VALIDATION_ERROR", Some(pointer))
        );
    }
    assert_eq!(
        patch(json!({ "role": "admin" })).await.code(),
        "VALIDATION_ERROR"
    );
}

#[tokio::test]
async fn a_session_reads_and_writes_only_with_its_token() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let mut browser = app.signed_in("alice").await;
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::OK);
    let csrf = browser.get("/settings").await.csrf();
    let patch = |browser: &Browser<'_>, csrf: Option<&str>| {
        let mut request = browser.request(Method::PATCH, "/api/v1/me");
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request.body(Body::from("{\"name\":\"Alice\"}")).unwrap()
    };
    let request = patch(&browser, None);
    assert_eq!(
        browser.exchange(request).await.status,
        StatusCode::FORBIDDEN
    );
    let request = patch(&browser, Some("wrong"));
    assert_eq!(
        browser.exchange(request).await.status,
        StatusCode::FORBIDDEN
    );
    let request = patch(&browser, Some(&csrf));
    assert_eq!(
        browser.exchange(request).await.json()["data"]["name"],
        "Alice"
    );
    // A bad token is not made good by the cookie beside it.
    let request = browser
        .request(Method::GET, "/api/v1/me")
        .header("authorization", "Bearer nonsense")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        browser.exchange(request).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn records_are_filtered_and_a_strangers_are_not_found() {
    let app = TestApp::start(None).await;
    let root = app.user("root").await;
    let alice = app.user("alice").await;
    for (user, action, outcome) in [
        (&root, "tool.call", "ok"),
        (&alice, "tool.call", "TIMEOUT"),
        (&alice, "token.create", "ok"),
    ] {
        let entry = Entry {
            user: Some(user.id),
            caller: "browser".into(),
            action,
            target: "files__read".into(),
            call_id: None,
            outcome: outcome.into(),
            detail: json!({}),
        };
        app.audit.note(entry, None).await;
    }
    assert!(app.audit.flush().await);
    let token = app.token(&alice, "audit:read").await;
    let seqs = async |token: &str, query: &str| {
        let path = format!("/api/v1/audit?{query}");
        let answer = app.api(Method::GET, &path, token, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let records = answer.json()["data"].as_array().unwrap().clone();
        records
            .iter()
            .map(|r| r["seq"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(seqs(&token, "").await, [3, 2]);
    assert_eq!(seqs(&token, "action=tool").await, [2]);
    assert_eq!(seqs(&token, "outcome=failed").await, [2]);
    assert_eq!(
        seqs(&token, "outcome=ok&target=FILES&caller=brow").await,
        [3]
    );
    assert_eq!(seqs(&token, "after=2").await, [3]);
    assert_eq!(
        seqs(&token, "until=2001-01-01T00:00:00Z").await,
        Vec::<i64>::new()
    );
    let path = format!("/api/v1/audit?user_id={}", root.id.0);
    let answer = app.api(Method::GET, &path, &token, None).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
    for query in ["from=yesterday", "before=1&after=2", "before=x", "limit=0"] {
        let path = format!("/api/v1/audit?{query}");
        let answer = app.api(Method::GET, &path, &token, None).await;
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{query}");
    }
    let admin = app.token(&root, "audit:read admin").await;
    assert_eq!(seqs(&admin, "").await, [3, 2, 1]);
    assert_eq!(
        seqs(&admin, &format!("user_id={}", alice.id.0)).await,
        [3, 2]
    );
}
