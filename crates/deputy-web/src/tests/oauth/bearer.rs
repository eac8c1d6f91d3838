//! What a token opens, and what whoever is refused is told.

use axum::response::IntoResponse as _;
use axum::routing::any;
use deputy_core::Principal;

use super::*;

/// `/mcp` and `/mcp/SERVER` behind the doorway, telling who comes in.
fn mcp(app: &TestApp) -> axum::Router {
    async fn told(
        axum::Extension(principal): axum::Extension<Arc<Principal>>,
        uri: axum::http::Uri,
    ) -> axum::response::Response {
        format!("{}:{uri}", principal.caller.label()).into_response()
    }
    let door = crate::Doorway::new(app.identity.clone(), &Url::parse(ORIGIN).unwrap());
    axum::Router::new()
        .route("/mcp", any(told))
        .route("/mcp/", any(told))
        .route("/mcp/{server}", any(told))
        .route("/mcp/{server}/", any(told))
        .layer(axum::middleware::from_fn_with_state(door, crate::bearer))
}

/// Status, challenge and body of a request with these `Authorization` headers.
async fn knock(
    router: &axum::Router,
    path: &str,
    headers: &[&str],
) -> (StatusCode, String, String) {
    let mut request = Request::builder().method(Method::POST).uri(path);
    for header in headers {
        request = request.header(header::AUTHORIZATION, *header);
    }
    let response = router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = response.status();
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let challenge = challenge
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, challenge, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_token_opens_what_it_is_for_and_nothing_else() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let router = mcp(&app);
    let mut tokens = Vec::new();
    for resource in ["/mcp", "/mcp/files", "/api"] {
        let wish = Wish::of(&client).with("resource", &format!("{ORIGIN}{resource}"));
        tokens.push((resource, app.log_in(&mut browser, &client, &wish).await.0));
    }
    for (resource, token) in &tokens {
        let bearer = format!("Bearer {token}");
        for (path, of) in [
            ("/mcp", "/mcp"),
            ("/mcp/", "/mcp"),
            ("/mcp/files", "/mcp/files"),
            ("/mcp/files/", "/mcp/files"),
            ("/mcp/other", ""),
            ("/mcp/other/", ""),
            ("/mcp/%66iles", ""),
            ("/mcp/files%2f", ""),
        ] {
            let asked = format!("{path}?a=b/");
            let (status, challenge, body) = knock(&router, &asked, &[&bearer]).await;
            if of == *resource {
                assert_eq!(status, StatusCode::OK, "{path}");
                assert!(
                    body.starts_with("client:") && body.ends_with(&format!(":Notes:{of}?a=b/")),
                    "{body}"
                );
                continue;
            }
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{resource} at {path}");
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
            assert!(challenge.contains("for another address"), "{challenge}");
            let told: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(told["error"]["code"], "UNAUTHORIZED");
        }
        let rest = app.api(Method::GET, "/api/v1/me", token, None).await;
        assert_eq!(
            rest.status == StatusCode::OK,
            *resource == "/api",
            "{resource}"
        );
    }
    let personal = format!("bearer {}", app.token(&alice, "tools:read").await);
    for path in ["/mcp", "/mcp/files"] {
        assert_eq!(knock(&router, path, &[&personal]).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_where_to_ask() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let router = mcp(&app);
    let usual = "scope=\"tools:read tools:call tools:write\"";
    for (path, metadata) in [
        ("/mcp", "/mcp"),
        ("/mcp/", "/mcp"),
        ("/mcp/files", "/mcp/files"),
        ("/mcp/files/", "/mcp/files"),
        ("/mcp/A%22b", "/mcp"),
    ] {
        let metadata = format!(
            "resource_metadata=\"{ORIGIN}/.well-known/oauth-protected-resource{metadata}\""
        );
        for headers in [&[][..], &["Basic YTpi"], &["Bearer"], &["Bearer  "]] {
            let (status, challenge, body) = knock(&router, path, headers).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            assert_eq!(
                challenge,
                format!("Bearer realm=\"deputy\", {metadata}, {usual}")
            );
            assert!(body.starts_with("{\"success\":false"), "{body}");
        }
        let unknown = format!("Bearer dpt_at_{}", "0".repeat(43));
        let (status, challenge, _) = knock(&router, path, &[&unknown]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(
            challenge.contains("error=\"invalid_token\", error_description=\"the token is unknown")
        );
        assert!(challenge.contains(&metadata), "{challenge}");
        let two = [unknown.as_str(), "Bearer other"];
        assert_eq!(knock(&router, path, &two).await.0, StatusCode::BAD_REQUEST);
    }
    let rest = app.api(Method::GET, "/api/v1/me", NOTHING, None).await;
    let metadata = format!("{ORIGIN}/.well-known/oauth-protected-resource/api");
    assert_eq!(
        rest.header("www-authenticate"),
        format!("Bearer realm=\"deputy\", resource_metadata=\"{metadata}\", {usual}")
    );
}

#[tokio::test]
async fn a_token_counts_in_its_header_alone() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let token = app.token(&alice, "").await;
    let query = format!("/api/v1/me?access_token={token}");
    let answer = app.api(Method::GET, &query, NOTHING, None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // Nor does a cookie help who sends a token that is none.
    let browser = app.signed_in("alice").await;
    for headers in [vec!["Bearer x"], vec!["Basic x"], vec!["Bearer x", &token]] {
        let mut request = browser.request(Method::GET, "/api/v1/me");
        for header in &headers {
            request = request.header(header::AUTHORIZATION, *header);
        }
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert!(answer.status.is_client_error(), "{headers:?}");
    }
}

#[tokio::test]
async fn what_a_token_lacks_is_named_with_what_it_has() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let (token, _) = app.log_in(&mut browser, &client, &Wish::of(&client)).await;
    for (method, path, body, lacking) in [
        (Method::GET, "/api/v1/audit", None, "audit:read"),
        (Method::GET, "/api/v1/admin/clients", None, "admin"),
        (
            Method::POST,
            "/api/v1/tools/list_mail/call",
            Some(json!({})),
            "tools:call",
        ),
        (
            Method::POST,
            "/api/v1/servers",
            Some(json!({ "server_name": "x", "server_type": "filesystem", "config": {} })),
            "servers:manage",
        ),
    ] {
        let answer = app.api(method, path, &token, body).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{path}: {}",
            answer.text
        );
        assert_eq!(answer.code(), "FORBIDDEN");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_scope\""),
            "{path}: {challenge}"
        );
        let (_, scope) = challenge.split_once("scope=\"").unwrap();
        let scope: Vec<&str> = scope.trim_end_matches('"').split(' ').collect();
        assert_eq!(scope.len(), 3, "{challenge}");
        for word in ["tools:read", "chat", lacking] {
            assert!(scope.contains(&word), "{path}: {challenge}");
        }
    }
    // A browser has no token to ask more for.
    app.user("bob").await;
    let refused = app
        .signed_in("bob")
        .await
        .get("/api/v1/admin/clients")
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.header("www-authenticate"), "");
}

#[tokio::test]
async fn what_is_taken_away_is_dead_at_once_and_says_why() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let client = "Notes".to_owned();
    app.added(&client, &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let wish = Wish::of(&client);
    let (token, refresh) = app.log_in(&mut browser, &client, &wish).await;
    let (others, _) = app.log_in(&mut browser, &client, &wish).await;
    let page = browser.get("/settings").await;
    for said in [
        "Programs that have access",
        "program.example",
        "Notes",
        "Talk to the assistant",
    ] {
        assert!(page.text.contains(said), "{said}");
    }
    let grants = app.authorization.grants(alice.id).await.unwrap();
    assert_eq!(grants.len(), 2);
    let path = format!("/settings/access/{}/end", grants[1].id);
    let ended = browser.post(&path, &[]).await;
    assert_eq!(
        ended.header("location"),
        "/settings?done=access-ended#access"
    );
    let refused = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let challenge = refused.header("www-authenticate");
    assert!(
        challenge.contains("access was taken away on /settings"),
        "{challenge}"
    );
    let told = refused.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(told.contains("taken away on /settings"), "{told}");
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client.as_str()),
        ("refresh_token", refresh.as_str()),
    ];
    let refused = app.form("/oauth/token", &fields).await;
    assert_eq!(refused.json()["error"], "invalid_grant");
    // That one alone; and the program has to ask again.
    let other = app.api(Method::GET, "/api/v1/me", &others, None).await;
    assert_eq!(other.status, StatusCode::OK);
    let page = browser.follow(&wish.path(), "cross-site").await;
    assert_eq!(page.status, StatusCode::OK, "the consent is forgotten");
    assert_eq!(browser.post(&path, &[]).await.status, StatusCode::NOT_FOUND);
    let on_record = app.recorded("access.end").await;
    assert_eq!(on_record.len(), 2, "before and after: {on_record:?}");
}

#[tokio::test]
async fn grants_over_rest_are_the_persons_and_a_program_sees_its_own() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    // The id of which all installations share, so that a later login ends no earlier one.
    let client = "notes".to_owned();
    app.added(&client, &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let wish = Wish::of(&client).with("scope", "tools:read integrations:manage");
    let (one, _) = app.log_in(&mut browser, &client, &wish).await;
    let (two, _) = app.log_in(&mut browser, &client, &wish).await;
    let grants = app.authorization.grants(alice.id).await.unwrap();
    let (second, first) = (grants[0].id, grants[1].id);
    let ids = |answer: &Answer| -> Vec<i64> {
        let data = answer.json()["data"].as_array().unwrap().clone();
        data.iter()
            .map(|grant| grant["id"].as_i64().unwrap())
            .collect()
    };
    let own = app.api(Method::GET, "/api/v1/grants", &one, None).await;
    assert_eq!(ids(&own), [first]);
    let grant = &own.json()["data"][0];
    assert_eq!(grant["client_id"], client.as_str());
    assert_eq!(grant["redirect_host"], "program.example");
    assert_eq!(
        grant["scopes"],
        json!(["tools:read", "integrations:manage"])
    );
    assert_eq!(grant["resources"], json!([format!("{ORIGIN}/api")]));
    let path = |id: i64| format!("/api/v1/grants/{id}");
    let refused = app.api(Method::DELETE, &path(second), &one, None).await;
    assert_eq!(
        refused.status,
        StatusCode::NOT_FOUND,
        "another's, though the same person's"
    );
    let narrow = app.token(&alice, "tools:read tools:write").await;
    let refused = app.api(Method::GET, "/api/v1/grants", &narrow, None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(
        app.api(Method::DELETE, &path(first), &narrow, None)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    let wide = app.token(&alice, "integrations:manage").await;
    assert_eq!(
        ids(&app.api(Method::GET, "/api/v1/grants", &wide, None).await),
        [second, first]
    );
    assert_eq!(ids(&browser.get("/api/v1/grants").await), [second, first]);
    // A program may leave.
    let left = app.api(Method::DELETE, &path(first), &one, None).await;
    assert_eq!(left.json()["data"], json!({ "ended": true, "id": first }));
    let gone = app.api(Method::GET, "/api/v1/grants", &one, None).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    let ended = app.api(Method::DELETE, &path(second), &wide, None).await;
    assert_eq!(ended.status, StatusCode::OK);
    let gone = app.api(Method::GET, "/api/v1/grants", &two, None).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    let again = app.api(Method::DELETE, &path(second), &wide, None).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}
