//! Tokens at the wrong door, other people's tokens, and whatever is sent to the endpoints.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::open;
use crate::support::{App, CALLBACK, PASSWORD, Program, VERIFIER, client, parameter};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_it_is_for() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let program = Program::shared(&app, "program-of-alice");
    let mut browser = app.browser();
    let mut tokens = Vec::new();
    for resource in [None, Some("mcp"), Some("mcp/files"), Some("api")] {
        let named = resource.map(|path| app.url.join(path).unwrap());
        let link = match &named {
            Some(url) => program.link(&[("resource", url.as_str())]),
            None => program.link(&[]),
        };
        let sent_to = browser.answer(link, "alice", "allow", None).await.unwrap();
        let code = parameter(&sent_to, "code").unwrap();
        let given = program.redeem(&code).await.unwrap();
        tokens.push((resource.unwrap_or("mcp"), given.text("access_token")));
    }
    for (resource, token) in &tokens {
        for (of, path) in [
            ("mcp", "mcp"),
            ("mcp/files", "mcp/files"),
            ("mcp/mail", "mcp/mail"),
            ("api", "api/v1/me"),
        ] {
            let (status, challenge) = program.try_token(token, path).await.unwrap();
            if of == *resource {
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{resource} at {path}");
                continue;
            }
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{resource} at {path}");
            let about = app
                .url
                .join(&format!(".well-known/oauth-protected-resource/{of}"))
                .unwrap();
            let about = format!("resource_metadata=\"{about}\"");
            assert!(challenge.contains(&about), "{path}: {challenge}");
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
    }

    // In the address or in the body it is not looked at, and no password opens anything.
    let (_, token) = tokens.last().unwrap();
    for path in [
        format!("api/v1/me?access_token={token}"),
        format!("api/v1/me?token={token}"),
    ] {
        let answer = client().get(app.url.join(&path).unwrap()).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    for header in [
        format!("Basic {token}"),
        format!("bearer  {token}x"),
        format!("Bearer {}", token.to_uppercase()),
        "Bearer".to_owned(),
    ] {
        let request = client().get(app.url.join("api/v1/me").unwrap());
        let answer = request.header("authorization", &header).send().await;
        assert_eq!(
            answer.unwrap().status(),
            StatusCode::UNAUTHORIZED,
            "{header}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_s_tokens_do_not_exist() {
    let app = App::start(open()).await;
    app.person("alice").await;
    app.person("bob").await;
    let program = Program::register(&app.url, "A shared one").await;
    let alice = program.log_in(&mut app.browser(), "alice").await;
    let bob = program.log_in(&mut app.browser(), "bob").await;

    // Looked at with another's token: as if it were not there.
    let introspect = async |bearer: &str, token: &str| {
        let to = app.url.join("oauth/introspect").unwrap();
        let form = [("token", token)];
        let request = client().post(to).bearer_auth(bearer).form(&form);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json::<Value>().await.unwrap())
    };
    let (own, other) = (bob.text("access_token"), alice.text("access_token"));
    for token in [&other, &alice.text("refresh_token"), "made-up"] {
        let (_, seen) = introspect(&own, token).await;
        assert_eq!(seen, json!({ "active": false }));
    }
    let (_, seen) = introspect(&own, &own).await;
    assert_eq!(seen["active"], true, "{seen}");
    let (status, _) = introspect("made-up", &own).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // Given up by another client: nothing happens, and nothing is said.
    let stranger = Program::register(&app.url, "Another").await;
    for token in [&other, &alice.text("refresh_token")] {
        let form = [("token", &**token), ("client_id", &stranger.id)];
        let reply = stranger.form("oauth/revoke", &form).await.unwrap();
        assert!(!reply.status.is_server_error(), "{reply:?}");
        assert!(program.works(&other).await, "{reply:?}");
    }
    let made_up = format!("dpt_rt_{}", "A".repeat(43));
    for token in ["made-up", &made_up] {
        let form = [("token", token), ("client_id", &program.id)];
        let reply = program.form("oauth/revoke", &form).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    }
    // Bob sees and ends his own alone.
    let mut browser = app.browser();
    browser.sign_in("bob", PASSWORD).await;
    browser.take_away("A shared one").await;
    assert!(!program.works(&own).await);
    assert!(program.works(&other).await, "Alice's is hers");
    let refreshed = program.refresh(&alice.text("refresh_token")).await.unwrap();
    assert_eq!(refreshed.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_to_the_endpoints_is_answered_in_their_manner() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let refresh = program
        .log_in(&mut app.browser(), "alice")
        .await
        .text("refresh_token");
    let good = format!(
        "grant_type=refresh_token&refresh_token={refresh}&client_id={}",
        program.id
    );
    let plain = "application/x-www-form-urlencoded";
    let long = "x".repeat(1 << 20);
    let cases: &[(&str, &str, &str)] = &[
        ("json", "application/json", "{}"),
        ("no type", "", &good),
        ("a type that is none", ";;;=", &good),
        ("a type of bytes", "text/plain", &good),
        ("nothing", plain, ""),
        ("twice", plain, &format!("{good}&{good}")),
        ("not UTF-8", plain, "grant_type=%ff%fe&client_id=%00"),
        ("half escapes", plain, "grant_type=%&client_id=%2"),
        ("another grant", plain, "grant_type=password&username=alice"),
        ("large", plain, &long),
    ];
    for path in ["oauth/token", "oauth/revoke", "oauth/introspect"] {
        for (what, kind, body) in cases {
            if path != "oauth/token" && *what == "another grant" {
                continue;
            }
            let mut request = client().post(app.url.join(path).unwrap());
            if !kind.is_empty() {
                request = request.header("content-type", *kind);
            }
            let answer = request.body((*body).to_owned()).send().await.unwrap();
            let (status, headers) = (answer.status(), answer.headers().clone());
            let text = answer.text().await.unwrap();
            assert!(status.is_client_error(), "{path} {what}: {status} {text}");
            let said: Value = serde_json::from_str(&text)
                .unwrap_or_else(|_| panic!("{path} {what}: {status}: {text}"));
            assert!(said["error"].is_string(), "{path} {what}: {said}");
            assert!(!text.contains(&refresh), "{path} {what} repeats the secret");
            let cache = headers["cache-control"].to_str().unwrap();
            assert!(cache.contains("no-store"), "{path} {what}: {cache}");
        }
    }
    // In the address it does not count.
    let mut url = app.url.join("oauth/token").unwrap();
    url.set_query(Some(&good));
    let none: [(&str, &str); 0] = [];
    let answer = client().post(url.clone()).form(&none).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);

    for (what, body) in [
        ("no JSON", "redirect_uris"),
        ("a list", "[]"),
        ("nothing", "{}"),
        ("no redirect", "{\"redirect_uris\":[]}"),
        ("a number", "{\"redirect_uris\":[1]}"),
        ("a script", "{\"redirect_uris\":[\"javascript:alert(1)\"]}"),
        (
            "a fragment",
            "{\"redirect_uris\":[\"https://a.example/#x\"]}",
        ),
        ("large", &long),
    ] {
        let request = client().post(app.url.join("oauth/register").unwrap());
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let status = answer.status();
        let said: Value = answer.json().await.unwrap();
        assert!(status.is_client_error(), "{what}: {status} {said}");
        assert!(said["error"].is_string(), "{what}: {said}");
    }
    // After all of it, it still works: nothing was spent.
    let reply = program.refresh(&refresh).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_is_another_gives_nothing() {
    let app = App::start(open()).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "Program of Alice").await;
    let mut browser = app.browser();
    let wrong = VERIFIER.replace('d', "e");
    let short = "x".repeat(42);
    for verifier in [
        &*wrong,
        "",
        &short,
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    ] {
        let code = program.code(&mut browser, "alice").await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        let reply = program.token(&form).await.unwrap();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reply:?}");
        let reply = program.token(&form[..3]).await.unwrap();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reply:?}");
    }
    // No challenge, no link.
    for more in [("code_challenge", ""), ("code_challenge_method", "plain")] {
        let answer = browser
            .answer(program.link(&[more]), "alice", "allow", None)
            .await;
        match answer {
            Ok(sent_to) => {
                assert!(parameter(&sent_to, "code").is_none(), "{sent_to}");
                assert!(parameter(&sent_to, "error").is_some(), "{sent_to}");
            }
            Err(page) => assert!(page.status.is_client_error(), "{page:?}"),
        }
    }
}
