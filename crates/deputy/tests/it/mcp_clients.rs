//! Other people's MCP clients on `/mcp`: the official ones for Python and TypeScript, in both
//! protocol eras, for two people at once. What they do is in `tests/clients`.

use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{App, PASSWORD, Person, both, client, for_two, node, python, succeed};

/// A token as people give it to a client: it can't approve.
fn client_token(app: &App, person: &Person) -> String {
    let (code, token, err) = app.run(&["token", "create", "--user", &person.name], "");
    assert_eq!(code, 0, "{err}");
    token.trim().to_owned()
}

/// Runs a client for Alice, who has everything connected, and Bob, who has the calendar alone. `more`: variables that it
/// gets besides.
pub(crate) async fn drive(app: &App, script: fn() -> Option<Command>, more: &[(&str, &str)]) {
    let alice = app.connected("alice").await;
    let bob = app.person("bob").await;
    let mut browser = app.browser();
    browser.sign_in("bob", PASSWORD).await;
    browser
        .connect_google(&app.google, &bob.account(), "calendar")
        .await;
    let mut command = script().unwrap();
    for_two(
        &mut command,
        (&alice, &client_token(app, &alice)),
        (&bob, &client_token(app, &bob)),
    );
    command.envs(more.iter().copied());
    let said = succeed(command).await;
    // What a client warns of, people see.
    assert!(!said.contains("unknown format"), "{said}");
}

/// The same on both engines.
async fn drive_on_both(script: fn() -> Option<Command>) {
    if script().is_some() {
        both(|app| async move { drive(&app, script, &[]).await }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_in_both_eras() {
    drive_on_both(|| python("mcp_client.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_typescript_client() {
    drive_on_both(|| node("mcp_v1.mjs")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_typescript_client_in_both_eras() {
    drive_on_both(|| node("mcp_v2.mjs")).await;
}

/// A message to `/mcp`, as somebody; `headers` beside what every client sends.
async fn send(
    person: &Person,
    method: Method,
    body: Option<&Value>,
    headers: &[(&str, &str)],
) -> reqwest::Response {
    let mut request = client()
        .request(method, person.url.join("mcp").unwrap())
        .bearer_auth(&person.token)
        .header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    request.send().await.unwrap()
}

fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
    } })
}

fn list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" })
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_s_session_does_not_exist() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let begun = send(&alice, Method::POST, Some(&initialize()), &[]).await;
        assert_eq!(begun.status(), StatusCode::OK);
        let id = begun.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let version = ("mcp-protocol-version", "2025-11-25");
        let in_session: &[(&str, &str)] = &[("mcp-session-id", &id), version];
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(
            send(&alice, Method::POST, Some(&ready), in_session)
                .await
                .status(),
            StatusCode::ACCEPTED
        );
        for (method, body) in [
            (Method::POST, Some(list())),
            (Method::GET, None),
            (Method::DELETE, None),
        ] {
            let stolen = send(&bob, method.clone(), body.as_ref(), in_session).await;
            assert_eq!(stolen.status(), StatusCode::NOT_FOUND, "{method}");
        }
        let listed = send(&alice, Method::POST, Some(&list()), in_session).await;
        assert_eq!(listed.status(), StatusCode::OK, "it lives on");
        let made_up: &[(&str, &str)] = &[("mcp-session-id", "made-up"), version];
        assert_eq!(
            send(&alice, Method::POST, Some(&list()), made_up)
                .await
                .status(),
            StatusCode::NOT_FOUND
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_and_nobody_are_refused() {
    both(|app| async move {
        let alice = app.person("alice").await;
        let own = app.url.origin().ascii_serialization();
        let refused: [&[(&str, &str)]; 4] = [
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("host", "evil.example")],
            &[("host", "evil.example"), ("origin", "http://evil.example")],
        ];
        for headers in refused {
            for method in [Method::POST, Method::GET, Method::DELETE] {
                let body = (method == Method::POST).then(initialize);
                let answer = send(&alice, method.clone(), body.as_ref(), headers).await;
                assert_eq!(
                    answer.status(),
                    StatusCode::FORBIDDEN,
                    "{method} {headers:?}"
                );
            }
        }
        let answer = send(
            &alice,
            Method::POST,
            Some(&initialize()),
            &[("origin", &own)],
        )
        .await;
        assert_eq!(answer.status(), StatusCode::OK, "its own pages may");
        for nobody in [
            "",
            "made-up",
            "dpt_pat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let answer = send(
                &alice.with_token(nobody),
                Method::POST,
                Some(&initialize()),
                &[],
            )
            .await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
        }
    })
    .await;
}

/// The one message of an answer, as JSON or as a stream.
fn message(body: &str) -> Value {
    let mut events = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let data = events.find(|data| data.contains("jsonrpc"));
    serde_json::from_str(data.unwrap_or(body)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_at_the_end_of_the_address_makes_no_difference() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let (code, reads, err) = app.run(
            &[
                "token",
                "create",
                "--user",
                "alice",
                "--scope",
                "tools:read",
            ],
            "",
        );
        assert_eq!(code, 0, "{err}");
        let version = ("mcp-protocol-version", "2025-11-25");
        let post = async |path: &str, token: &str, session: Option<&str>, body: &Value| {
            let mut request = client()
                .post(app.url.join(path).unwrap())
                .header("accept", "application/json, text/event-stream")
                .header(version.0, version.1)
                .json(body);
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            if let Some(session) = session {
                request = request.header("mcp-session-id", session);
            }
            request.send().await.unwrap()
        };
        for plain in ["mcp", "mcp/calendar"] {
            let slash = format!("{plain}/");
            let about = format!(".well-known/oauth-protected-resource/{plain}");
            let about = format!("resource_metadata=\"{}\"", app.url.join(&about).unwrap());
            let says = |answer: &reqwest::Response| {
                let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
                assert!(challenge.contains(&about), "{slash}: {challenge}");
            };
            let refused = post(&slash, "", None, &initialize()).await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{slash}");
            says(&refused);

            // A session is the same at both.
            let begun = post(&slash, &alice.token, None, &initialize()).await;
            assert_eq!(begun.status(), StatusCode::OK, "{slash}");
            let session = begun.headers()["mcp-session-id"].to_str().unwrap();
            let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
            let accepted = post(&slash, &alice.token, Some(session), &ready).await;
            assert_eq!(accepted.status(), StatusCode::ACCEPTED, "{slash}");
            let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {
                "name": "list_calendars", "arguments": {}
            } });
            let mut listed = Vec::new();
            for path in [plain, &slash] {
                let answer = post(path, &alice.token, Some(session), &list()).await;
                assert_eq!(answer.status(), StatusCode::OK, "{path}");
                listed.push(message(&answer.text().await.unwrap()));
                let called = post(path, &alice.token, Some(session), &call).await;
                let called = message(&called.text().await.unwrap());
                assert_eq!(called["result"]["isError"], false, "{path}: {called}");
            }
            let tools = listed[0]["result"]["tools"].to_string();
            assert!(tools.contains("list_calendars"), "{tools}");
            assert_eq!(listed[0], listed[1]);

            // What a token lacks is asked for at the plain address.
            let begun = post(&slash, reads.trim(), None, &initialize()).await;
            let session = begun.headers()["mcp-session-id"].to_str().unwrap();
            let refused = post(&slash, reads.trim(), Some(session), &call).await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{slash}");
            says(&refused);
        }
        let nothing = post("mcp/nothing/", &alice.token, None, &initialize()).await;
        assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
        assert_eq!(nothing.headers()["content-type"], "application/json");
    })
    .await;
}
