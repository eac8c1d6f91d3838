//! Gmail: every tool, with and without files, as a new mail and as an answer.

use serde_json::{Value, json};

use super::user::{User, text};
use crate::support::App;

pub(super) async fn use_every_tool(app: &App, alice: &User<'_>, bob: &User<'_>) {
    send(alice, &bob.person.account()).await;
    let id = read_and_answer(bob).await;
    draft(alice, bob, &id).await;
    lose_answers(app, alice, bob).await;
}

fn file() -> Value {
    json!({ "filename": "Счёт.txt", "mime_type": "text/plain", "content_base64": "0J/RgNC40LLRltGC" })
}

async fn send(alice: &User<'_>, to: &str) {
    let from = alice.person.account();
    alice
        .call(
            "send_email",
            json!({ "to": to, "subject": "Звіт", "body": "Готово" }),
        )
        .await;
    alice
        .call(
            "send_email",
            json!({
                "to": [to, "carol@sandbox.test"], "cc": from, "bcc": ["dave@sandbox.test"], "subject": "Files", "body": "See",
                "html": "<p>See</p>", "attachments": [file(), { "filename": "b.bin", "content_base64": "AAEC" }]
            }),
        )
        .await;
}

/// Reads and answers a mail with files; gives its id.
async fn read_and_answer(bob: &User<'_>) -> String {
    let unread = bob
        .pages("list_unread_emails", json!({ "max_results": 1 }), "emails")
        .await;
    // With the invitations.
    assert!(
        ["Звіт", "Files"]
            .iter()
            .all(|subject| unread.iter().any(|m| m["subject"] == *subject)),
        "{unread:?}"
    );
    let found = bob
        .pages(
            "search_emails",
            json!({ "query": "subject:Files has:attachment" }),
            "emails",
        )
        .await;
    let id = text(&found[0]["id"]);
    let read = bob.call("read_email", json!({ "message_id": id })).await;
    bob.call(
        "read_email",
        json!({ "message_id": id, "include_html": false }),
    )
    .await;
    let attachment = read["email"]["attachments"][0]["attachment_id"].clone();
    bob.call(
        "get_attachment",
        json!({ "message_id": id, "attachment_id": attachment }),
    )
    .await;
    bob.call(
        "reply_to_email",
        json!({ "message_id": id, "body": "Thanks" }),
    )
    .await;
    bob.call("reply_to_email", json!({ "message_id": id, "body": "All", "html": true, "reply_all": true, "attachments": [file()] })).await;
    bob.fails("read_email", json!({ "message_id": "00000000000000ff" }))
        .await;
    id
}

async fn draft(alice: &User<'_>, bob: &User<'_>, id: &str) {
    let to = bob.person.account();
    let draft = alice
        .call(
            "create_email_draft",
            json!({ "to": to, "subject": "Draft", "body": "Later", "attachments": [file()] }),
        )
        .await;
    alice
        .call("create_email_draft", json!({ "body": "Nobody yet" }))
        .await;
    let answer = json!({ "body": "Answer", "reply_to_message_id": id, "reply_all": true });
    bob.call("create_email_draft", answer).await;
    let sent = json!({ "draft_id": draft["draft_id"] });
    alice.call("send_email_draft", sent.clone()).await;
    alice.fails("send_email_draft", sent).await;
}

/// Google does what it is told, and its answer gets lost: what happened is looked up.
async fn lose_answers(app: &App, alice: &User<'_>, bob: &User<'_>) {
    let (from, to) = (alice.person.account(), bob.person.account());
    for method in ["gmail.users.drafts.create", "gmail.users.drafts.send"] {
        app.fault(json!({ "fault": "commit_then_drop", "method": method, "account": from }))
            .await;
    }
    alice
        .call(
            "send_email",
            json!({ "to": to, "subject": "Lost and found", "body": "once" }),
        )
        .await;
    let found = bob
        .call(
            "search_emails",
            json!({ "query": "subject:\"Lost and found\"" }),
        )
        .await;
    assert_eq!(found["emails"].as_array().unwrap().len(), 1);
}
