//! Drive and Docs: documents made, read, changed and filled in; files listed and found.

use serde_json::{Value, json};

use super::user::{User, text};
use crate::support::{App, Person, client};

pub(super) async fn use_every_tool(app: &App, alice: &User<'_>) {
    let folder = folder(app, alice.person).await;
    let id = write(alice, &folder).await;
    let template = fill_in(alice, &folder).await;
    find(alice, &folder).await;
    // Google does what it is told, and its answer gets lost.
    for method in [
        "drive.files.create",
        "drive.files.copy",
        "docs.documents.batchUpdate",
    ] {
        app.fault(json!({ "fault": "commit_then_drop", "method": method }))
            .await;
    }
    alice
        .call(
            "create_document",
            json!({ "title": "Lost and found", "content": "once" }),
        )
        .await;
    alice
        .attempt(
            "edit_document",
            json!({ "document_id": id, "content": "once" }),
        )
        .await;
    alice
        .attempt(
            "create_from_template",
            json!({ "template_id": template, "title": "Copy", "replacements": { "name": "x" } }),
        )
        .await;
}

/// A folder, which no tool makes.
async fn folder(app: &App, owner: &Person) -> String {
    let scopes = ["https://www.googleapis.com/auth/drive"];
    let token = app
        .control(
            "tokens",
            json!({ "action": "issue", "account": owner.account(), "scopes": scopes }),
        )
        .await;
    let body = json!({ "name": "Folder", "mimeType": "application/vnd.google-apps.folder" });
    let request = client()
        .post(app.google.join("drive/v3/files").unwrap())
        .bearer_auth(token["access_token"].as_str().unwrap());
    text(
        &request
            .json(&body)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap()["id"],
    )
}

const MARKDOWN: &str = "# План\n\nSome **bold**, *slanted* and `code` with [a link](https://example.org).\n\n\
    * one\n* two\n    * deeper\n\n1. first\n2. second\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\n```\nlet x = 1;\n```\n";

/// Makes and changes documents; gives the id of one.
async fn write(alice: &User<'_>, folder: &str) -> String {
    let made = alice
        .call(
            "create_document",
            json!({ "title": "План", "content": MARKDOWN }),
        )
        .await;
    let id = text(&made["document"]["id"]);
    alice
        .call(
            "create_document",
            json!({ "title": "Empty", "content": "" }),
        )
        .await;
    alice
        .call(
            "create_document",
            json!({ "title": "Inside", "content": "x", "folder_id": folder }),
        )
        .await;
    alice
        .call("read_document", json!({ "document_id": id }))
        .await;
    alice
        .call(
            "edit_document",
            json!({ "document_id": id, "content": "## More\n\n* **three**\n* 😀 four\n\nEnd." }),
        )
        .await;
    alice
        .call(
            "edit_document",
            json!({ "document_id": id, "content": MARKDOWN, "mode": "append" }),
        )
        .await;
    alice
        .call(
            "edit_document",
            json!({ "document_id": id, "content": MARKDOWN, "mode": "replace" }),
        )
        .await;
    id
}

/// Fills in a template; gives its id.
async fn fill_in(alice: &User<'_>, folder: &str) -> String {
    let template =
        json!({ "title": "Template", "content": "Dear {{name}}, see you on {{day}}. {{name}}!" });
    let template = text(&alice.call("create_document", template).await["document"]["id"]);
    let filled = json!({ "template_id": template, "title": "Letter", "replacements": { "name": "Анна", "day": "Monday" } });
    let letter = alice.call("create_from_template", filled.clone()).await;
    let content = alice
        .call(
            "read_document",
            json!({ "document_id": letter["document"]["id"] }),
        )
        .await;
    assert!(text(&content["content"]).contains("Анна"), "{content}");
    let mut inside = filled;
    inside["folder_id"] = json!(folder);
    alice.call("create_from_template", inside).await;
    template
}

async fn find(alice: &User<'_>, folder: &str) {
    for kind in ["document", "spreadsheet", "presentation", "all"] {
        alice.call("list_files", json!({ "file_type": kind })).await;
        alice
            .call(
                "search_files",
                json!({ "query": "План it's", "file_type": kind }),
            )
            .await;
    }
    assert_eq!(
        alice
            .pages(
                "list_files",
                json!({ "folder_id": folder, "max_results": 1 }),
                "files"
            )
            .await
            .len(),
        2
    );
    alice
        .pages(
            "search_files",
            json!({ "query": "Dear", "max_results": 1 }),
            "files",
        )
        .await;
    alice
        .fails(
            "read_document",
            json!({ "document_id": "no-such-document" }),
        )
        .await;
    alice
        .fails(
            "edit_document",
            json!({ "document_id": "no-such-document", "content": "x" }),
        )
        .await;
}
