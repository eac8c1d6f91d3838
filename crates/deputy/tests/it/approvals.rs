//! Calls that ask: shown, decided once, by their person alone, carried out once.

use serde_json::{Value, json};

use crate::support::{App, Engine, Options, Person, both, client};

fn mail() -> Value {
    json!({ "to": "bob@sandbox.test", "subject": "Звіт", "body": "Готово" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_its_person_and_is_then_sent_once() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let asked = alice.try_call("send_email", &mail()).await;
        assert_eq!(asked.status.as_u16(), 202, "{asked:?}");
        let approval = asked.data()["approval"].clone();
        let id = approval["id"].as_str().unwrap();
        assert_eq!(approval["arguments"], mail());
        assert_eq!(approval["status"], "pending");

        // Asking again is the same question.
        let again = alice.try_call("send_email", &mail()).await;
        assert_eq!(again.data()["approval"]["id"], approval["id"]);

        // Bob sees nothing of it.
        assert!(
            bob.get("api/v1/approvals")
                .await
                .data()
                .as_array()
                .unwrap()
                .is_empty()
        );
        assert_eq!(bob.decide(id, "approve").await.status.as_u16(), 404);
        let unread = bob.call("list_unread_emails", &json!({})).await;
        assert!(unread["emails"].as_array().unwrap().is_empty());

        let decided = alice.decide(id, "approve").await;
        assert_eq!(decided.status.as_u16(), 200, "{decided:?}");
        assert_eq!(decided.data()["status"], "done");
        let late = alice.decide(id, "reject").await;
        assert_eq!(
            (late.status.as_u16(), late.code()),
            (409, "ALREADY_DECIDED")
        );

        let unread = bob.call("list_unread_emails", &json!({})).await;
        assert_eq!(unread["emails"].as_array().unwrap().len(), 1);
        assert_eq!(unread["emails"][0]["subject"], "Звіт");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_call_is_never_made() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let asked = alice.try_call("send_email", &mail()).await;
        let id = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
        let decided = alice.decide(&id, "reject").await;
        assert_eq!(
            decided.data(),
            &json!({ "id": id, "status": "rejected", "result": null })
        );
        assert!(
            bob.call("list_unread_emails", &json!({})).await["emails"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_decisions_at_once_count_once() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let asked = alice.try_call("send_email", &mail()).await;
        let id = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
        let decisions = (0..10).map(|_| {
            let (alice, id) = (alice.clone(), id.clone());
            async move { alice.decide(&id, "approve").await.status.as_u16() }
        });
        let statuses = futures_util::future::join_all(decisions).await;
        assert_eq!(
            statuses.iter().filter(|s| **s == 200).count(),
            1,
            "{statuses:?}"
        );
        assert_eq!(
            statuses.iter().filter(|s| **s == 409).count(),
            9,
            "{statuses:?}"
        );
        assert_eq!(
            bob.call("list_unread_emails", &json!({})).await["emails"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_right_can_not_decide() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let (_, token, _) = app.run(&["token", "create", "--user", "alice"], "");
        let agent = alice.with_token(token.trim());
        let asked = agent.try_call("send_email", &mail()).await;
        let id = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
        let refused = agent.decide(&id, "approve").await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (403, "FORBIDDEN")
        );
        // The person approves elsewhere; the agent repeats its call and has the result, once.
        assert_eq!(alice.decide(&id, "approve").await.status.as_u16(), 200);
        let collected = agent.try_call("send_email", &mail()).await;
        assert_eq!(collected.status.as_u16(), 200, "{collected:?}");
        assert_eq!(
            agent.try_call("send_email", &mail()).await.status.as_u16(),
            202
        );
    })
    .await;
}

/// Calls a tool over `/mcp` in the protocol of 2026-07-28, as a client that can't open links.
async fn over_mcp(person: &Person, tool: &str, arguments: &Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments, "_meta": meta },
    });
    let response = client()
        .post(person.url.join("mcp").unwrap())
        .bearer_auth(&person.token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .json(&body)
        .send()
        .await
        .unwrap();
    response.json::<Value>().await.unwrap()["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_client_gets_its_result_also_when_its_own_token_decides_over_rest() {
    both(|app| async move {
        let alice = app.connected("alice").await;
        let bob = app.connected("bob").await;
        let asked = over_mcp(&alice, "send_email", &mail()).await;
        assert_eq!(asked["isError"], true, "{asked}");
        let waiting = alice.get("api/v1/approvals").await;
        let id = waiting.data()[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(alice.decide(&id, "approve").await.status.as_u16(), 200);
        let result = over_mcp(&alice, "send_email", &mail()).await;
        assert_eq!(result["isError"], false, "{result}");
        assert!(result["structuredContent"]["message_id"].is_string());
        let again = over_mcp(&alice, "send_email", &mail()).await;
        assert_eq!(
            again["isError"], true,
            "the result was given twice: {again}"
        );
        let unread = bob.call("list_unread_emails", &json!({})).await;
        assert_eq!(unread["emails"].as_array().unwrap().len(), 1);
    })
    .await;
}

/// As large as Gmail takes them: 18 MiB, which are 24 on their way through here.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_attachment_gets_through() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    let alice = app.connected("alice").await;
    let mut mail = mail();
    let content = "AAAA".repeat(18 * 1024 * 1024 / 3);
    mail["attachments"] = json!([{ "filename": "large.bin", "content_base64": content }]);
    let stored = alice.call("create_email_draft", &mail).await;
    assert!(stored.is_object(), "{stored}");
}
