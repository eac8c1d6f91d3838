//! `/api/v1/servers`, `/templates` and `/admin/policies`.

use super::*;

#[tokio::test]
async fn a_server_goes_through_its_life_over_rest() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.add_files(&alice).await;
    let api = async |method, path: &str, body| {
        let path = format!("/api/v1/servers{path}");
        app.api(method, &path, &token, body).await
    };
    let all = api(Method::GET, "", None).await.json();
    let server = &all["data"][0];
    assert_eq!(server["server_name"], "files");
    is_described(server, "ServerBody", &[]);
    for (field, value) in [
        ("server_type", json!("filesystem")),
        ("default_policy", json!("ask_writes")),
        ("is_enabled", json!(true)),
        ("status", json!("inactive")),
        ("last_used", Value::Null),
        ("last_activity", Value::Null),
        ("last_status_check", Value::Null),
        ("error_count", json!(0)),
        ("retry_after", Value::Null),
        ("error_message", Value::Null),
    ] {
        assert_eq!(server.get(field), Some(&value), "{field}");
    }
    let answer = api(
        Method::PATCH,
        "/files",
        Some(json!({ "default_policy": "ask" })),
    )
    .await;
    assert_eq!(
        answer.json()["data"]["default_policy"],
        "ask",
        "{}",
        answer.text
    );
    let answer = api(Method::POST, "/files/disable", None).await;
    assert_eq!(answer.json()["data"]["status"], "disabled");
    let answer = api(Method::POST, "/files/enable", None).await;
    assert_eq!(answer.json()["data"]["is_enabled"], true);
    let answer = api(Method::POST, "/files/test", None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["data"]["ok"], false);
    assert!(answer.json()["data"]["error"].is_string());
    is_described(
        &answer.json()["data"],
        "TestBody",
        &["connect_url", "notes"],
    );
    let answer = api(Method::GET, "/files/log", None).await;
    assert!(answer.json()["data"]["log"].is_string(), "{}", answer.text);

    let answer = api(Method::DELETE, "/files", None).await;
    assert_eq!(answer.json()["data"]["deleted"], true);
    assert_eq!(
        api(Method::GET, "/files", None).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn tools_are_listed_ruled_and_agreed_to_over_rest() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.add_files(&alice).await;
    let api = async |method, path: &str, body| {
        let path = format!("/api/v1/servers{path}");
        app.api(method, &path, &token, body).await
    };
    app.tools(alice.id).await;
    let tools = api(Method::GET, "/files/tools", None).await.json();
    let states: Vec<_> = tools["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["state"].clone())
        .collect();
    assert_eq!(states, ["accepted", "changed", "new"]);
    let changed = &tools["data"][1];
    is_described(changed, "ServerToolBody", &[]);
    is_described(&changed["change"], "ToolChangeBody", &[]);
    is_described(&changed["change"]["now"], "DefinitionBody", &[]);
    assert_eq!(
        tools["data"][1]["change"]["before"]["description"],
        "Lists a folder"
    );
    let answer = api(
        Method::PUT,
        "/files/tools/tool_0",
        Some(json!({ "policy": "deny" })),
    )
    .await;
    assert_eq!(
        answer.json()["data"]["effective"],
        "deny",
        "{}",
        answer.text
    );
    let answer = api(
        Method::PUT,
        "/files/tools/tool_0",
        Some(json!({ "policy": null })),
    )
    .await;
    assert_eq!(
        answer.json()["data"]["policy"],
        Value::Null,
        "{}",
        answer.text
    );
    let seen = json!({ "tools": [{ "name": "tool_1", "digest": "of something else" }] });
    let answer = api(Method::POST, "/files/accept", Some(seen)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::CONFLICT, "CONFLICT")
    );
    let seen = json!({ "tools": [{ "name": "tool_1", "digest": tools["data"][1]["digest"] }] });
    let answer = api(Method::POST, "/files/accept", Some(seen)).await;
    assert_eq!(
        answer.json()["data"][1]["state"],
        "accepted",
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_wrong_server_is_refused_with_the_field_and_nothing_is_added() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let config = json!({ "allowed_path": app.files(&alice) });
    let files = |name: &str, config: &Value| json!({ "server_name": name, "server_type": "filesystem", "config": config });
    for (body, pointer, field) in [
        (files("Files", &config), "/server_name", "server_name"),
        (files("calendar", &config), "/server_name", "server_name"),
        (
            files("f", &json!({})),
            "/config/allowed_path",
            "allowed_path",
        ),
        (
            files("f", &json!({ "allowed_path": "/etc" })),
            "/config/allowed_path",
            "allowed_path",
        ),
        (
            files(
                "f",
                &json!({ "allowed_path": config["allowed_path"], "x": 1 }),
            ),
            "/config/x",
            "x",
        ),
        (
            json!({ "server_name": "f", "server_type": "file" }),
            "/server_type",
            "server_type",
        ),
        (
            json!({ "server_name": "f", "server_type": "filesystem", "config": config, "default_policy": "never" }),
            "/default_policy",
            "default_policy",
        ),
        (
            json!({ "server_name": "f", "server_type": "github", "config": { "access_token": "ghp_wrong" } }),
            "",
            "",
        ),
    ] {
        let answer = app
            .api(Method::POST, "/api/v1/servers", &token, Some(body.clone()))
            .await;
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["code"]),
            (StatusCode::BAD_REQUEST, &json!("VALIDATION_ERROR")),
            "{body}"
        );
        if !pointer.is_empty() {
            assert_eq!(
                (&error["pointer"], &error["field"]),
                (&json!(pointer), &json!(field)),
                "{body}"
            );
        }
        assert!(
            !answer.text.contains("ghp_wrong"),
            "a value may be a secret"
        );
    }
    let all = app.api(Method::GET, "/api/v1/servers", &token, None).await;
    assert_eq!(all.json()["data"], json!([]));
    app.add_files(&alice).await;
    let body = files("files", &config);
    let answer = app
        .api(Method::POST, "/api/v1/servers", &token, Some(body))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::CONFLICT, "CONFLICT")
    );
    for n in 1..10 {
        let body = files(&format!("files-{n}"), &config);
        let answer = app
            .api(Method::POST, "/api/v1/servers", &token, Some(body))
            .await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let body = files("one-more", &config);
    let answer = app
        .api(Method::POST, "/api/v1/servers", &token, Some(body))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::CONFLICT, "LIMIT_REACHED")
    );
}

/// Every route about servers that acts on one: method, path, a body that would do.
fn routes() -> Vec<(Method, &'static str, Option<Value>)> {
    vec![
        (Method::GET, "/api/v1/servers/files", None),
        (
            Method::PATCH,
            "/api/v1/servers/files",
            Some(json!({ "is_enabled": false })),
        ),
        (Method::DELETE, "/api/v1/servers/files", None),
        (Method::POST, "/api/v1/servers/files/test", None),
        (Method::POST, "/api/v1/servers/files/enable", None),
        (Method::POST, "/api/v1/servers/files/disable", None),
        (Method::GET, "/api/v1/servers/files/tools", None),
        (
            Method::PUT,
            "/api/v1/servers/files/tools/tool_0",
            Some(json!({ "policy": "deny" })),
        ),
        (
            Method::POST,
            "/api/v1/servers/files/accept",
            Some(json!({ "tools": [] })),
        ),
        (Method::GET, "/api/v1/servers/files/log", None),
    ]
}

#[tokio::test]
async fn strangers_find_no_server_and_tokens_need_the_scope() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    app.add_files(&alice).await;
    let bobs = app.token(&bob, "").await;
    let reads = app.token(&alice, "tools:read").await;
    let audits = app.token(&alice, "audit:read").await;
    for (method, path, body) in routes() {
        let answer = app.api(method.clone(), path, "", body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let answer = app.api(method.clone(), path, &bobs, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::NOT_FOUND, "NOT_FOUND"),
            "{method} {path}"
        );
        // What is wrong with the body tells a stranger nothing either.
        if body.is_some() {
            let answer = app
                .api(method.clone(), path, &bobs, Some(json!({ "x": 1 })))
                .await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
        // What a server printed is for who may manage it.
        let expected = if method == Method::GET && !path.ends_with("/log") {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        let answer = app.api(method.clone(), path, &reads, body.clone()).await;
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text);
        let answer = app.api(method.clone(), path, &audits, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    for path in ["/api/v1/servers", "/api/v1/server-setup"] {
        let answer = app.api(Method::POST, path, &reads, Some(json!({}))).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        let manages = app.token(&alice, "servers:manage").await;
        let answer = app
            .api(Method::POST, path, &manages, Some(json!({ "x": 1 })))
            .await;
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{path}");
    }
    let mut browser = app.signed_in("alice").await;
    let request = browser
        .request(Method::DELETE, "/api/v1/servers/files")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        browser.exchange(request).await.code(),
        "FORBIDDEN",
        "a cookie alone changes nothing"
    );
}

#[tokio::test]
async fn templates_speak_the_callers_language() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "tools:read").await;
    let answer = app
        .api(Method::GET, "/api/v1/templates?language=uk", &token, None)
        .await;
    let data = answer.json()["data"].clone();
    let of = |kind: &str| {
        data.as_array()
            .unwrap()
            .iter()
            .find(|t| t["server_type"] == kind)
            .cloned()
            .unwrap()
    };
    let files = of("filesystem");
    is_described(&files, "TemplateBody", &["unavailable_reason"]);
    assert_eq!(files["title"], "Файли");
    assert_eq!(
        (&files["available"], files.get("unavailable_reason")),
        (&json!(true), None)
    );
    assert!(files["config_schema"]["properties"]["allowed_path"].is_object());
    assert!(
        files["command"]
            .as_str()
            .unwrap()
            .starts_with("npx -y @modelcontextprotocol/server-filesystem@")
    );
    let answer = app
        .api(Method::GET, "/api/v1/templates?language=de", &token, None)
        .await;
    assert_eq!(answer.json()["error"]["field"], "language");
    let audits = app.token(&alice, "audit:read").await;
    let answer = app
        .api(Method::GET, "/api/v1/templates", &audits, None)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_administrators_make_rules_for_everybody() {
    let app = TestApp::start(None).await;
    let root = app.user("root").await;
    let alice = app.user("alice").await;
    let (root, alice) = (app.token(&root, "").await, app.token(&alice, "").await);
    let path = "/api/v1/admin/policies";
    let rule = json!({ "server": "filesystem", "tool": "write_file", "policy": "deny" });
    for method in [Method::GET, Method::PUT] {
        let answer = app.api(method, path, &alice, Some(rule.clone())).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let answer = app.api(Method::PUT, path, &root, Some(rule.clone())).await;
    assert_eq!(answer.json()["data"], json!([rule]), "{}", answer.text);
    is_described(&answer.json()["data"][0], "RuleBody", &[]);
    let bad = json!({ "server": "filesystem", "tool": "*", "policy": "maybe" });
    let answer = app.api(Method::PUT, path, &root, Some(bad)).await;
    assert_eq!(answer.json()["error"]["field"], "policy");
    for (server, tool, field) in [
        ("nothing", "*", "server"),
        ("gmail", "send_nothing", "tool"),
    ] {
        let never = json!({ "server": server, "tool": tool, "policy": "deny" });
        let answer = app.api(Method::PUT, path, &root, Some(never)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.json()["error"]["field"], field);
    }
    let gone = json!({ "server": "filesystem", "tool": "write_file", "policy": null });
    let answer = app.api(Method::PUT, path, &root, Some(gone)).await;
    assert_eq!(answer.json()["data"], json!([]));
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_with_its_field() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.add_files(&alice).await;
    let post = |path: &'static str, body| (Method::POST, path, body);
    for ((method, path, body), field) in [
        (post("", json!({ "server_type": "memory" })), "server_name"),
        (post("", json!({ "server_name": "m" })), "server_type"),
        (
            post("", json!({ "server_name": 1, "server_type": "memory" })),
            "server_name",
        ),
        (
            post(
                "",
                json!({ "server_name": "m", "server_type": ["memory"], "config": {} }),
            ),
            "server_type",
        ),
        (
            post(
                "",
                json!({ "server_name": "m", "server_type": "memory", "more": 1 }),
            ),
            "more",
        ),
        (
            post("", json!({ "server_name": "M", "server_type": "memory" })),
            "server_name",
        ),
        (
            (
                Method::PATCH,
                "/files",
                json!({ "is_enabled": "yes", "default_policy": "ask" }),
            ),
            "is_enabled",
        ),
        ((Method::PATCH, "/files", json!({ "config": [] })), "config"),
        (
            (Method::PUT, "/files/tools/x", json!({ "policy": 1 })),
            "policy",
        ),
        (
            post(
                "/files/accept",
                json!({ "tools": vec![json!({ "name": "a", "digest": "b" }); 501] }),
            ),
            "tools",
        ),
        (
            post(
                "/files/accept",
                json!({ "tools": [{ "name": "a".repeat(2000), "digest": "b" }] }),
            ),
            "tools",
        ),
    ] {
        let path = format!("/api/v1/servers{path}");
        let answer = app
            .api(method.clone(), &path, &token, Some(body.clone()))
            .await;
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["code"], &error["field"]),
            (
                StatusCode::BAD_REQUEST,
                &json!("VALIDATION_ERROR"),
                &json!(field)
            ),
            "{method} {path} {body}: {error}"
        );
        assert!(
            !error["message"].as_str().unwrap().contains("/name)"),
            "{error}"
        );
    }
    let all = app.api(Method::GET, "/api/v1/servers", &token, None).await;
    assert_eq!(all.json()["data"].as_array().unwrap().len(), 1);
}
