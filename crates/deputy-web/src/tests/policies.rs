//! A person's own word about a tool.

use http::StatusCode;

use super::*;

#[tokio::test]
async fn a_persons_word_makes_a_tool_of_ours_stricter_and_is_that_persons_alone() {
    let (app, _) = TestApp::with_google().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    app.connect(&alice).await;
    app.connect(&bob).await;
    let (hers, his) = (app.token(&alice, "").await, app.token(&bob, "").await);
    let say = async |tool: &str, word: Value| {
        let path = format!("/api/v1/tools/{tool}/policy");
        let body = json!({ "policy": word });
        app.api(Method::PUT, &path, &hers, Some(body)).await
    };
    let listed = async |token: &str, tool: &str| {
        let list = app.api(Method::GET, "/api/v1/tools", token, None).await;
        let list = list.json()["data"].clone();
        let found = list.as_array().unwrap().iter().find(|t| t["name"] == tool);
        found.map(|t| (t["policy"].clone(), t["own_policy"].clone()))
    };
    let call = async |tool: &str| {
        let path = format!("/api/v1/tools/{tool}/call");
        let answer = app.api(Method::POST, &path, &hers, Some(json!({}))).await;
        answer.status
    };
    let auto = Some((json!("auto"), Value::Null));
    assert_eq!(listed(&hers, "list_mail").await, auto);

    let said = say("list_mail", json!("ask")).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    assert_eq!(
        said.json()["data"],
        json!({ "name": "list_mail", "server": "gmail", "policy": "ask", "own_policy": "ask" })
    );
    assert_eq!(
        listed(&hers, "list_mail").await,
        Some((json!("ask"), json!("ask")))
    );
    assert_eq!(listed(&his, "list_mail").await, auto);
    assert_eq!(call("list_mail").await, StatusCode::ACCEPTED);

    // What asks by its own rule asks on.
    let said = say("send_email", json!("auto")).await.json();
    assert_eq!(
        (&said["data"]["policy"], &said["data"]["own_policy"]),
        (&json!("ask"), &json!("auto"))
    );
    assert_eq!(
        listed(&hers, "send_email").await,
        Some((json!("ask"), json!("auto")))
    );
    assert_eq!(call("send_email").await, StatusCode::ACCEPTED);

    let said = say("list_mail", json!("deny")).await.json();
    assert_eq!(said["data"]["policy"], "deny");
    assert_eq!(listed(&hers, "list_mail").await, None);
    assert_eq!(call("list_mail").await, StatusCode::FORBIDDEN);
    assert_eq!(listed(&his, "list_mail").await, auto);

    assert_eq!(
        say("list_mail", Value::Null).await.json()["data"]["own_policy"],
        Value::Null
    );
    assert_eq!(listed(&hers, "list_mail").await, auto);
}

#[tokio::test]
async fn a_word_that_cant_be_taken_changes_nothing() {
    let (app, _) = TestApp::with_google().await;
    let alice = app.user("alice").await;
    app.connect(&alice).await;
    let token = app.token(&alice, "").await;
    let say = async |tool: &str, token: &str, body: Value| {
        let path = format!("/api/v1/tools/{tool}/policy");
        let answer = app.api(Method::PUT, &path, token, Some(body)).await;
        (answer.status.as_u16(), answer.code())
    };
    let ask = json!({ "policy": "ask" });
    let invalid = (400, "VALIDATION_ERROR".to_owned());
    let bodies = [
        json!({ "policy": "never" }),
        json!({}),
        json!({ "policy": "ask", "for": "bob" }),
    ];
    for body in bodies {
        assert_eq!(say("list_mail", &token, body).await, invalid);
    }
    for unknown in ["no_such_tool", "files__read", "__"] {
        assert_eq!(
            say(unknown, &token, ask.clone()).await,
            (404, "UNKNOWN_TOOL".to_owned())
        );
    }
    let reads = app.token(&alice, "tools:read tools:write").await;
    assert_eq!(
        say("list_mail", &reads, ask).await,
        (403, "FORBIDDEN".to_owned())
    );
    let list = app.api(Method::GET, "/api/v1/tools", &token, None).await;
    for tool in list.json()["data"].as_array().unwrap() {
        assert_eq!(tool["own_policy"], Value::Null, "{tool}");
    }
}
