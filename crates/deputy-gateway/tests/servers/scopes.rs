//! What each scope opens at `/mcp` and `/mcp/{server}`, and what a client is told that lacks one.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use deputy_core::{Caller, Principal, Scope, Scopes};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::client::{Client, NEWER, OLDER, front};
use crate::support::{World, both};

/// An agent of this person with these scopes.
fn agent(who: &Principal, scopes: &[Scope]) -> Principal {
    Principal {
        scopes: Scopes(scopes.iter().copied().collect()),
        caller: Caller::Token {
            id: 7,
            name: "agent".to_owned(),
        },
        ..who.clone()
    }
}

/// A request, and what it takes; none: whoever is let in may make it.
type Case = (&'static str, Value, Option<Scope>);

fn of_tools(reads: &str, writes: &str) -> Vec<Case> {
    let call = |name: &str| json!({ "name": name, "arguments": {} });
    vec![
        ("tools/list", json!({}), Some(Scope::ToolsRead)),
        ("tools/call", call(reads), Some(Scope::ToolsCall)),
        ("tools/call", call(writes), Some(Scope::ToolsWrite)),
        ("tools/call", call("no-such-tool"), None),
        ("tools/call", json!({}), None),
    ]
}

fn of_servers() -> Vec<Case> {
    let uri = json!({ "uri": "test://a" });
    let name = json!({ "name": "a" });
    let argument = json!({ "ref": { "type": "ref/prompt", "name": "a" }, "argument": { "name": "a", "value": "" } });
    vec![
        ("resources/list", json!({}), Some(Scope::ToolsRead)),
        (
            "resources/templates/list",
            json!({}),
            Some(Scope::ToolsRead),
        ),
        ("prompts/list", json!({}), Some(Scope::ToolsRead)),
        ("resources/read", uri, Some(Scope::ToolsCall)),
        ("prompts/get", name, Some(Scope::ToolsCall)),
        ("completion/complete", argument, Some(Scope::ToolsCall)),
    ]
}

/// Makes each request with each scope alone.
async fn each_alone(
    world: &World,
    anna: &Principal,
    path: &'static str,
    revision: &'static str,
    cases: &[Case],
) {
    let front = front(world);
    for held in Scope::ALL {
        let mut client =
            Client::open(&front, &agent(anna, &[held]), path, revision, json!({})).await;
        for (method, params, needed) in cases {
            let case = format!("{revision} {path} {method} {params} with {held} alone");
            let mut answer = client.send(method, params.clone()).await;
            if needed.is_none_or(|needed| needed == held) {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{case}");
                let said = answer.answer().await.to_string();
                assert!(!said.contains("FORBIDDEN"), "{case}: {said}");
                continue;
            }
            let needed = needed.unwrap();
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{case}");
            let scopes = Scopes([held, needed].into());
            let challenge = answer.challenge.clone().unwrap();
            assert!(challenge.starts_with("Bearer "), "{challenge}");
            for part in [
                r#"error="insufficient_scope""#.to_owned(),
                format!(r#"scope="{scopes}""#),
                format!(
                    r#"resource_metadata="https://deputy.example.org/.well-known/oauth-protected-resource{path}""#
                ),
            ] {
                assert!(challenge.contains(&part), "{case}: {part} in {challenge}");
            }
            let said = answer.answer().await;
            assert!(said["id"].is_number(), "{case}: {said}");
            let text = said["error"]["message"].as_str().unwrap();
            assert!(text.contains(needed.as_str()), "{case}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scope_alone_opens_what_is_its_own_in_both_eras() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.ready(&anna, "fx", "fx").await;
        for revision in [OLDER, NEWER] {
            let all = of_tools("fx__echo", "fx__note");
            each_alone(world, &anna, "/mcp", revision, &all).await;
            let mut one = of_tools("echo", "note");
            one.extend(of_servers());
            each_alone(world, &anna, "/mcp/fx", revision, &one).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lacks_a_scope_is_told_before_anything_happens_and_no_other_request_suffers() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.ready(&anna, "fx", "fx").await;
        let front = front(world);
        let reads = agent(&anna, &[Scope::ToolsRead, Scope::Chat]);
        let mut client = Client::open(&front, &reads, "/mcp", NEWER, json!({})).await;
        let params = json!({ "name": "fx__note", "arguments": {} });
        let refused = client.send("tools/call", params).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let asks = refused.challenge.unwrap();
        assert!(
            asks.contains(r#"scope="tools:read tools:write chat""#),
            "what it has, and what it lacks, and nothing else: {asks}"
        );
        let waiting = world.gateway.approvals(anna.user_id, 10).await.unwrap();
        assert!(waiting.is_empty(), "{waiting:?}");
        // The next one is none the worse for it.
        let listed = client.request("tools/list", json!({})).await;
        assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 2);

        let send = async |kind: &str, body: Body| {
            let request = Request::post("/mcp")
                .header("host", "localhost")
                .header("accept", "application/json, text/event-stream")
                .header("content-type", kind)
                .header("mcp-protocol-version", OLDER)
                .extension(Arc::new(reads.clone()))
                .body(body)
                .unwrap();
            front.clone().oneshot(request).await.unwrap().status()
        };
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "fx__note", "arguments": {} } });
        let call = || Body::from(call.to_string());
        let json = "application/json";
        assert_eq!(
            send("Application/JSON; charset=utf-8", call()).await,
            StatusCode::FORBIDDEN
        );
        // What is no message is refused as everybody's is.
        let unsupported = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        assert_eq!(send("text/plain", call()).await, unsupported);
        assert_eq!(send(json, Body::from("{")).await, unsupported);
        let (head, tail) = (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","x":""#,
            r#""}"#,
        );
        let large = format!("{head}{}{tail}", "x".repeat(40 << 20));
        assert_eq!(
            send(json, Body::from(large)).await,
            StatusCode::PAYLOAD_TOO_LARGE
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_does_not_have_is_unknown_whatever_the_token_lacks() {
    both(async |world| {
        let anna = world.person("anna").await;
        world.ready(&anna, "fx", "fx").await;
        let front = front(world);
        let nothing = agent(&anna, &[Scope::Chat]);
        let mut client = Client::open(&front, &nothing, "/mcp", NEWER, json!({})).await;
        for method in ["resources/list", "prompts/list"] {
            let answer = client.send(method, json!({})).await;
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method}");
        }
        let found = client.request("server/discover", json!({})).await;
        assert!(found["result"].is_object(), "{found}");
    })
    .await;
}
