//! Selecting a server, and asking it.

use super::*;

async fn ask(app: &TestApp, token: &str, body: Value) -> Answer {
    app.api(Method::POST, "/api/v1/ask", token, Some(body))
        .await
}

async fn context(app: &TestApp, token: &str, method: Method, body: Option<Value>) -> Answer {
    app.api(method, "/api/v1/context", token, body).await
}

fn status(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn a_server_is_selected_shown_replaced_and_cleared_by_its_person_only() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.connect(&alice).await;
    let (of_alice, of_bob) = (app.token(&alice, "").await, app.token(&bob, "").await);
    let not_selected = (404, "CONTEXT_NOT_SELECTED".to_owned());
    let shown = context(&app, &of_alice, Method::GET, None).await;
    assert_eq!(status(&shown), not_selected);

    let settings = json!({ "tool": "list_mail", "query_argument": "to", "note": { "mine": 1 } });
    let body = json!({ "server_name": "gmail", "settings": settings });
    let selected = context(&app, &of_alice, Method::PUT, Some(body)).await;
    assert_eq!(selected.status, StatusCode::OK, "{}", selected.text);
    let shown = context(&app, &of_alice, Method::GET, None).await.json();
    assert_eq!(shown, selected.json());
    assert_eq!(shown["data"]["server_name"], "gmail");
    assert_eq!(shown["data"]["settings"], settings);
    assert!(shown["data"]["selected_at"].as_str().unwrap().contains('T'));

    let summary = app
        .api(Method::GET, "/api/v1/context/summary", &of_alice, None)
        .await
        .json();
    assert_eq!(summary["data"]["server_status"], "connected");
    assert_eq!(summary["data"]["tool_count"], 2);
    assert_eq!(summary["data"]["queries"], 0);

    // Another person sees nothing of it and clears nothing of it.
    assert_eq!(
        status(&context(&app, &of_bob, Method::GET, None).await),
        not_selected
    );
    let cleared = context(&app, &of_bob, Method::DELETE, None).await.json();
    assert_eq!(cleared["data"]["cleared"], false);
    // And has no such server.
    let theirs = context(
        &app,
        &of_bob,
        Method::PUT,
        Some(json!({ "server_name": "gmail" })),
    )
    .await;
    assert_eq!(status(&theirs), (404, "NOT_FOUND".to_owned()));
    assert_eq!(
        context(&app, &of_alice, Method::GET, None).await.json(),
        shown
    );

    let cleared = context(&app, &of_alice, Method::DELETE, None).await.json();
    assert_eq!(cleared["data"]["cleared"], true);
    assert_eq!(
        status(&context(&app, &of_alice, Method::GET, None).await),
        not_selected
    );
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_changes_nothing() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let put = async |body: Value| context(&app, &token, Method::PUT, Some(body)).await;
    let first = put(json!({ "server_name": "drive" })).await.json();
    let with = |settings: Value| json!({ "server_name": "gmail", "settings": settings });
    for (body, code, pointer) in [
        (json!({}), 400, Some("")),
        (json!({ "server_name": "gmail", "extra": 1 }), 400, Some("")),
        (with(json!("x")), 400, Some("/settings")),
        (
            with(json!({ "large": "x".repeat(16 * 1024) })),
            400,
            Some("/settings"),
        ),
        (with(json!({ "tool": 1 })), 400, Some("/settings/tool")),
        // Another server's tool.
        (
            with(json!({ "tool": "list_files" })),
            400,
            Some("/settings/tool"),
        ),
        // The tool takes `to` and `n`.
        (
            with(json!({ "tool": "list_mail" })),
            400,
            Some("/settings/query_argument"),
        ),
        (
            with(json!({ "tool": "list_mail", "query_argument": "to", "directory_argument": "d" })),
            400,
            Some("/settings/directory_argument"),
        ),
        (json!({ "server_name": "fax" }), 404, None),
        // Not among what was connected.
        (json!({ "server_name": "calendar" }), 404, None),
    ] {
        let answer = put(body.clone()).await;
        assert_eq!(answer.status.as_u16(), code, "{body}: {}", answer.text);
        assert_eq!(
            answer.json()["error"]["pointer"].as_str(),
            pointer,
            "{body}"
        );
    }
    assert_eq!(context(&app, &token, Method::GET, None).await.json(), first);
    let weak = app.token(&alice, "tools:read tools:call").await;
    for method in [Method::GET, Method::DELETE] {
        let answer = context(&app, &weak, method, None).await;
        assert_eq!(status(&answer), (403, "FORBIDDEN".to_owned()));
    }
}

#[tokio::test]
async fn a_question_goes_the_way_of_every_call() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.connect(&alice).await;
    let (token, of_bob) = (app.token(&alice, "").await, app.token(&bob, "").await);
    let question = json!({ "query": "guest@sandbox.test" });
    let answer = ask(&app, &token, question.clone()).await;
    assert_eq!(status(&answer), (409, "CONTEXT_NOT_SELECTED".to_owned()));

    let put = async |settings: Value| {
        let body = json!({ "server_name": "gmail", "settings": settings });
        let answer = context(&app, &token, Method::PUT, Some(body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    };
    put(json!({})).await;
    let answer = ask(&app, &token, question.clone()).await;
    assert_eq!(status(&answer), (409, "TOOL_NOT_SELECTED".to_owned()));
    assert!(answer.text.contains("settings"), "{}", answer.text);

    // Policy holds: sending asks first, and shows exactly what would be sent.
    put(json!({ "tool": "send_email", "query_argument": "to", "arguments": { "n": 3 } })).await;
    let answer = ask(&app, &token, question.clone()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let approval = &answer.json()["data"]["approval"];
    assert_eq!(
        approval["arguments"],
        json!({ "n": 3, "to": "guest@sandbox.test" })
    );
    assert_eq!(
        status(&ask(&app, &of_bob, question.clone()).await),
        (409, "CONTEXT_NOT_SELECTED".to_owned()),
        "another person's context is not theirs"
    );

    for (body, pointer) in [
        (json!({ "query": "" }), "/query"),
        (json!({ "query": "ї".repeat(4001) }), "/query"),
        (json!({ "query": "x", "session_id": "a b" }), "/session_id"),
        (
            json!({ "query": "x", "working_directory": "/etc" }),
            "/working_directory",
        ),
        (json!({ "question": "x" }), ""),
    ] {
        let answer = ask(&app, &token, body.clone()).await;
        assert_eq!(
            status(&answer),
            (400, "VALIDATION_ERROR".to_owned()),
            "{body}"
        );
        assert_eq!(answer.json()["error"]["pointer"], pointer, "{body}");
    }
    // Scopes hold: this caller may talk, but not write.
    let reads = app.token(&alice, "chat tools:read tools:call").await;
    assert_eq!(
        status(&ask(&app, &reads, question).await),
        (403, "FORBIDDEN".to_owned())
    );
}

#[tokio::test]
async fn questions_find_their_server_among_ones_own() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.connect(&alice).await;
    let (token, of_bob) = (app.token(&alice, "").await, app.token(&bob, "").await);
    let suggest = async |token: &str, query: &str| {
        let path = format!("/api/v1/context/suggestions{query}");
        app.api(Method::GET, &path, token, None).await
    };
    let mail = "?query=%D0%BF%D0%BE%D0%BA%D0%B0%D0%B6%D0%B8%20%D0%BF%D0%B8%D1%81%D1%8C%D0%BC%D0%B0";
    let found = suggest(&token, mail).await.json();
    assert_eq!(found["data"][0]["server_name"], "gmail", "{found}");
    assert_eq!(suggest(&of_bob, mail).await.json()["data"], json!([]));
    for query in ["", "?query=", "?query=%20"] {
        let answer = suggest(&token, query).await;
        assert_eq!(status(&answer), (400, "VALIDATION_ERROR".to_owned()));
    }
}

/// A server of Alice's own, as far as rows go.
async fn own_server(app: &TestApp, user: &User, name: &str) -> i64 {
    let tx = app.store.store.begin().await.unwrap();
    let scope = tx.user(user.id);
    let new = deputy_store::own_server::NewOwnServer {
        uid: uuid::Uuid::from_u128(u128::from(name.len() as u64)),
        name: name.to_owned(),
        server_type: "filesystem".to_owned(),
        setup: deputy_store::own_server::OwnServerSetup {
            command: "npx".to_owned(),
            args: None,
            env: None,
            config: "{}".to_owned(),
            secrets: None,
            secrets_set: String::new(),
        },
        default_policy: "ask_writes".to_owned(),
        at: SystemClock.now(),
    };
    let row = scope.own_server_add(new).await.unwrap();
    tx.commit().await.unwrap();
    row.id
}

#[tokio::test]
async fn a_selection_ends_with_its_hour_and_with_its_server() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.connect(&alice).await;
    let (token, of_bob) = (app.token(&alice, "").await, app.token(&bob, "").await);
    let get = async || context(&app, &token, Method::GET, None).await;
    let put = async |token: &str, name: &str| {
        let body = json!({ "server_name": name, "settings": { "tool": "read_file" } });
        context(&app, token, Method::PUT, Some(body)).await
    };
    let gone = (404, "CONTEXT_NOT_SELECTED".to_owned());

    let body = json!({ "server_name": "gmail" });
    assert_eq!(
        context(&app, &token, Method::PUT, Some(body)).await.status,
        StatusCode::OK
    );
    let age = async |minutes: i64| {
        let at = SystemClock.now() - jiff::SignedDuration::from_mins(minutes);
        let at = at.as_millisecond();
        let statement = format!("UPDATE user_active_context SET last_used_at = {at}");
        deputy_store::testing::execute(&app.store.url, &statement).await;
    };
    age(59).await;
    assert_eq!(get().await.status, StatusCode::OK);
    age(60).await;
    assert_eq!(status(&get().await), gone);
    let question = json!({ "query": "x" });
    assert_eq!(
        status(&ask(&app, &token, question.clone()).await),
        (409, "CONTEXT_NOT_SELECTED".to_owned())
    );

    // One's own server: nobody else's, and only while it is there and switched on.
    let id = own_server(&app, &alice, "nas").await;
    assert_eq!(
        status(&put(&of_bob, "nas").await),
        (404, "NOT_FOUND".to_owned())
    );
    assert_eq!(put(&token, "nas").await.status, StatusCode::OK);
    let switch = async |on: bool| {
        let change = deputy_store::own_server::OwnServerChange {
            is_enabled: Some(on),
            ..Default::default()
        };
        let tx = app.store.store.begin().await.unwrap();
        tx.user(alice.id)
            .own_server_change(id, change, SystemClock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    switch(false).await;
    assert_eq!(status(&get().await), gone);
    assert_eq!(
        status(&put(&token, "nas").await),
        (404, "NOT_FOUND".to_owned())
    );
    switch(true).await;
    assert_eq!(status(&get().await), gone, "it was cleared for good");
    assert_eq!(put(&token, "nas").await.status, StatusCode::OK);
    let tx = app.store.store.begin().await.unwrap();
    assert!(tx.user(alice.id).own_server_delete(id).await.unwrap());
    tx.commit().await.unwrap();
    own_server(&app, &alice, "nas").await;
    assert_eq!(
        status(&get().await),
        gone,
        "another server of the same name is another server"
    );
}

#[tokio::test]
async fn a_question_begins_the_hour_anew_and_a_look_does_not() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let get = async || context(&app, &token, Method::GET, None).await;
    let select = async || {
        let settings = json!({ "tool": "send_email", "query_argument": "to" });
        let body = json!({ "server_name": "gmail", "settings": settings });
        let answer = context(&app, &token, Method::PUT, Some(body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    };
    let later = async |minutes: i64| {
        let ms = minutes * 60_000;
        let statement =
            format!("UPDATE user_active_context SET last_used_at = last_used_at - {ms}");
        deputy_store::testing::execute(&app.store.url, &statement).await;
    };
    select().await;
    later(59).await;
    let question = json!({ "query": "guest@sandbox.test" });
    let asked = ask(&app, &token, question).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    later(2).await;
    assert_eq!(
        get().await.status,
        StatusCode::OK,
        "asked at minute 59, looked at minute 61"
    );

    select().await;
    later(59).await;
    assert_eq!(get().await.status, StatusCode::OK);
    later(2).await;
    assert_eq!(
        status(&get().await),
        (404, "CONTEXT_NOT_SELECTED".to_owned())
    );
}
