//! The tools against the emulated Google, through an MCP client.

mod documents;
mod faults;
mod files;

use serde_json::{Value, json};

use crate::testing::{Client, Sandbox, at_once, attempt, call_id, failed, succeeded};

/// The account whose Drive it is.
const ME: &str = "demo@sandbox.test";
/// Somebody else.
const GUEST: &str = "guest@sandbox.test";

async fn drive(sandbox: &Sandbox, account: &str) -> Client {
    sandbox.client("drive", account).await
}

async fn created(client: &Client, title: &str, content: &str) -> Value {
    client
        .call(
            "create_document",
            json!({"title": title, "content": content}),
        )
        .await["document"]
        .clone()
}

/// The document's text as Markdown, without the space at its end.
async fn content(client: &Client, document: &Value) -> String {
    let answer = client
        .call("read_document", json!({"document_id": document["id"]}))
        .await;
    answer["content"].as_str().unwrap().trim_end().to_owned()
}

/// Names of all files in the top folder, the latest changed first.
async fn names(client: &Client) -> Vec<String> {
    let answer = client.call("list_files", json!({"max_results": 250})).await;
    answer["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["name"].as_str().unwrap().to_owned())
        .collect()
}
