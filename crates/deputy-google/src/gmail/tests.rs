//! The tools against the emulated Google, through an MCP client.

mod faults;
mod reading;
mod writing;

use serde_json::{Value, json};

use crate::testing::{Client, Sandbox, at_once, attempt, call_id, failed, succeeded};

/// The account whose mailbox it is.
const ME: &str = "demo@sandbox.test";
/// Somebody else.
const GUEST: &str = "guest@sandbox.test";

async fn mailbox(sandbox: &Sandbox, account: &str) -> Client {
    sandbox.client("gmail", account).await
}

fn letter() -> Value {
    json!({"to": GUEST, "subject": "Отчёт за ноябрь — черновик", "body": "Добрый день!\n\nОтчёт готов. 🚀"})
}

/// What a search finds, newest first.
async fn found(client: &Client, query: &str) -> Vec<Value> {
    let answer = client
        .call("search_emails", json!({"query": query, "max_results": 250}))
        .await;
    answer["emails"].as_array().unwrap().clone()
}

/// The one message that a search finds.
async fn the_only(client: &Client, query: &str) -> Value {
    let mut emails = found(client, query).await;
    assert_eq!(emails.len(), 1, "{query}: {emails:?}");
    emails.remove(0)
}

async fn read(client: &Client, email: &Value) -> Value {
    client
        .call("read_email", json!({"message_id": email["id"]}))
        .await["email"]
        .clone()
}
