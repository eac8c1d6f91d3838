//! The endpoints for programs: documents, bodies, headers.

use super::*;

const ENDPOINTS: [&str; 4] = [
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/register",
    "/oauth/introspect",
];
const DOCUMENTS: [&str; 6] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-protected-resource/mcp/files",
    "/.well-known/oauth-protected-resource/api",
];

#[tokio::test]
async fn documents_say_where_and_for_what_and_one_has_a_second_address() {
    let app = TestApp::start(None).await;
    let mut browser = app.browser();
    let server = browser.get(DOCUMENTS[0]).await;
    let document = server.json();
    assert_eq!(document["issuer"], ORIGIN);
    for endpoint in ["authorize", "token", "register", "revoke", "introspect"] {
        let url = format!("{ORIGIN}/oauth/{endpoint}");
        let named = document.as_object().unwrap().values();
        assert!(named.into_iter().any(|value| *value == url), "{endpoint}");
    }
    // An alias for who looks only there. Not a document of OpenID Connect, and it pretends nothing.
    assert_eq!(browser.get(DOCUMENTS[1]).await.json(), document);
    for provider in [
        "jwks_uri",
        "userinfo_endpoint",
        "id_token_signing_alg_values_supported",
    ] {
        assert!(document.get(provider).is_none(), "{provider}");
    }
    for (path, resource) in [
        (DOCUMENTS[2], "/mcp"),
        (DOCUMENTS[3], "/mcp"),
        (DOCUMENTS[4], "/mcp/files"),
        (DOCUMENTS[5], "/api"),
        ("/.well-known/oauth-protected-resource/mcp/", "/mcp"),
        (
            "/.well-known/oauth-protected-resource/mcp/files/",
            "/mcp/files",
        ),
        ("/.well-known/oauth-protected-resource/api/", "/api"),
    ] {
        let document = browser.get(path).await.json();
        assert_eq!(document["resource"], format!("{ORIGIN}{resource}"));
        assert_eq!(document["authorization_servers"], json!([ORIGIN]));
    }
    for path in DOCUMENTS {
        let answer = browser.get(path).await;
        assert!(
            answer
                .header("content-type")
                .starts_with("application/json"),
            "{path}"
        );
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=300",
            "{path}"
        );
        assert!(answer.headers.get("set-cookie").is_none(), "{path}");
    }
    for path in [
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource//",
        "/.well-known/oauth-protected-resource/mcp//",
        "/.well-known/oauth-protected-resource/mcp/files//",
        "/.well-known/oauth-protected-resource/mcp/Files",
        "/.well-known/oauth-protected-resource/mcp/a/b",
        "/.well-known/oauth-protected-resource/mcp/%66iles",
        "/.well-known/oauth-protected-resource/../api",
        "/.well-known/oauth-protected-resource/settings",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/anything",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["error"], "not_found", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
}

/// What a page of `origin` is told that it may do.
async fn preflight(app: &TestApp, path: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri(path)
        .header(header::HOST, "127.0.0.1:8484")
        .header(header::ORIGIN, "https://inspector.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,mcp-protocol-version",
        )
        .body(Body::empty())
        .unwrap();
    app.send(request).await
}

async fn from_page(app: &TestApp, method: Method, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "127.0.0.1:8484")
        .header(header::ORIGIN, "https://inspector.example")
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("grant_type=x"))
        .unwrap();
    app.send(request).await
}

#[tokio::test]
async fn pages_of_other_sites_may_use_these_and_no_others() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    for path in ENDPOINTS[..3].iter().chain(&DOCUMENTS) {
        let told = preflight(&app, path).await;
        assert_eq!(told.status, StatusCode::OK, "{path}");
        assert_eq!(told.header("access-control-allow-origin"), "*", "{path}");
        assert!(told.header("access-control-allow-methods").contains("POST"));
        assert_eq!(
            told.header("access-control-allow-headers"),
            "content-type,mcp-protocol-version"
        );
        assert!(
            told.headers
                .get("access-control-allow-credentials")
                .is_none()
        );
        let method = if path.starts_with("/oauth") {
            Method::POST
        } else {
            Method::GET
        };
        let answer = from_page(&app, method, path).await;
        assert_ne!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let exposed = answer.header("access-control-expose-headers");
        assert!(
            exposed.contains("www-authenticate") && exposed.contains("retry-after"),
            "{exposed}"
        );
        // Also what the frame around the handlers refuses.
        let answer = from_page(&app, Method::PUT, path).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.json()["error"], "invalid_request");
    }
    for path in [
        "/oauth/authorize",
        "/login",
        "/settings",
        "/admin",
        "/oauth/introspect",
        "/api/v1/me",
    ] {
        for answer in [
            preflight(&app, path).await,
            from_page(&app, Method::POST, path).await,
        ] {
            let allowed = answer
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("access-control"));
            assert!(!allowed, "{path}: {:?}", answer.headers);
        }
    }
}

#[tokio::test]
async fn endpoints_answer_in_json_whatever_comes() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let form = "application/x-www-form-urlencoded";
    let large = "a".repeat(16 * 1024 + 1);
    let fitting = "a".repeat(16 * 1024);
    for path in ENDPOINTS {
        let mut answers = vec![
            (
                StatusCode::PAYLOAD_TOO_LARGE,
                app.post(path, form, &large).await,
            ),
            (
                StatusCode::METHOD_NOT_ALLOWED,
                app.browser().get(path).await,
            ),
        ];
        for kind in [
            "",
            "text/plain",
            ";;;",
            "application/",
            "application/x-www-form-urlencoded; charset=\"\u{e9}",
        ] {
            let answer = app.post(path, kind, &fitting).await;
            answers.push((answer.status, answer));
        }
        for body in [
            "%",
            "a=b&a=c",
            "\u{0}",
            "{}",
            "[",
            "token=%00",
            "client_id=a&client_id=b",
        ] {
            let answer = app.post(path, form, body).await;
            answers.push((answer.status, answer));
        }
        for (status, answer) in answers {
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            let allowed = answer.header("access-control-allow-origin") == "*";
            assert_eq!(allowed, path != "/oauth/introspect", "{path}");
            assert!(status.is_client_error(), "{path}: {status} {}", answer.text);
            assert!(
                answer.json()["error"].is_string(),
                "{path}: {}",
                answer.text
            );
            assert!(answer.json()["error_description"].is_string(), "{path}");
            assert!(
                answer.header("cache-control").contains("no-store"),
                "{path}"
            );
            assert_eq!(
                answer.header("pragma"),
                "no-cache",
                "{path}: {}",
                answer.text
            );
            assert!(answer.headers.get("set-cookie").is_none(), "{path}");
        }
        let twice = Request::post(path)
            .header(header::HOST, "127.0.0.1:8484")
            .header(header::CONTENT_TYPE, form)
            .header(header::AUTHORIZATION, "Basic YTo=")
            .header(header::AUTHORIZATION, "Basic Yjo=")
            .body(Body::from("token=x"))
            .unwrap();
        assert_eq!(
            app.send(twice).await.status,
            StatusCode::BAD_REQUEST,
            "{path}"
        );
    }
    // What stands in the query is not looked at.
    let query = "/oauth/token?grant_type=authorization_code&client_id=deputy-cli&code=x";
    let answer = app.form(query, &[("client_id", "deputy-cli")]).await;
    assert_eq!(answer.json()["error"], "invalid_request", "{}", answer.text);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let app = TestApp::start(None).await;
    let body = json!({ "redirect_uris": [CALLBACK] }).to_string();
    let mut refused = None;
    for _ in 0..80 {
        let answer = app.post("/oauth/register", "application/json", &body).await;
        if answer.status != StatusCode::CREATED {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    assert_eq!(
        refused.status,
        StatusCode::TOO_MANY_REQUESTS,
        "{}",
        refused.text
    );
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3600).contains(&after));
    // A page can read that too.
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    assert!(
        refused
            .header("access-control-expose-headers")
            .contains("retry-after")
    );
    assert!(refused.json()["error"].is_string());
    let written = app.recorded("client.register").await;
    assert_eq!(written.len(), 60, "each that succeeded");
}

#[tokio::test]
async fn tokens_are_given_back_and_asked_about() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let (token, refresh) = app.log_in(&mut browser, &client, &Wish::of(&client)).await;
    let ask = async |by: &str, token: &str| {
        let mut request = Request::post("/oauth/introspect")
            .header(header::HOST, "127.0.0.1:8484")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if !by.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {by}"));
        }
        let body = Body::from(format!("token={token}"));
        app.send(request.body(body).unwrap()).await
    };
    let (hers, his) = (
        app.token(&alice, "chat").await,
        app.token(&bob, "chat").await,
    );
    let told = ask(&hers, &token).await;
    assert_eq!(told.json()["active"], true, "{}", told.text);
    assert_eq!(told.json()["client_id"], client.as_str());
    assert_eq!(ask(&his, &token).await.json(), json!({ "active": false }));
    assert_eq!(ask(&token, &token).await.json()["active"], true);
    for nobody in [NOTHING, "x", &refresh] {
        let refused = ask(nobody, &token).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.json()["error"], "invalid_token");
        assert!(refused.header("www-authenticate").starts_with("Bearer "));
    }
    let back = app
        .form(
            "/oauth/revoke",
            &[("token", &refresh), ("client_id", &client)],
        )
        .await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text);
    assert_eq!(ask(&hers, &token).await.json(), json!({ "active": false }));
    let refused = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(
        refused
            .header("www-authenticate")
            .contains("gave its access back")
    );
    let again = app.form("/oauth/revoke", &[("token", &refresh)]).await;
    assert_eq!(again.status, StatusCode::OK, "as good as revoked");
    assert_eq!(app.recorded("access.end").await.len(), 1);
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_it_gave_and_is_on_record() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let client = app.registered("Notes", &[CALLBACK]).await;
    let mut browser = app.signed_in("alice").await;
    let code = browser.allow(&Wish::of(&client)).await;
    let tokens = app.redeem(&client, &code, CALLBACK).await;
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    // The program itself, a moment ago.
    let again = app.redeem(&client, &code, CALLBACK).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(again.json()["error"], "invalid_grant");
    let goes_on = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(goes_on.status, StatusCode::OK);
    // Somebody who has the code without the verifier.
    let wrong = "x".repeat(43);
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", client.as_str()),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", wrong.as_str()),
    ];
    let again = app.form("/oauth/token", &fields).await;
    assert_eq!(again.json()["error"], "invalid_grant");
    let refused = app.api(Method::GET, "/api/v1/me", &token, None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.recorded("access.reuse").await.len(), 1);
}
