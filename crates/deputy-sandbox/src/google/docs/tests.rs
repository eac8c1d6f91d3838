//! Documents over HTTP.

use serde_json::{Value, json};

use crate::google::tests::client::{Person, Sandbox};

const ALL: &[&str] = &[
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/documents",
];

async fn create(person: &Person<'_>, title: &str) -> Value {
    let (status, document) = person.post("v1/documents", json!({"title": title})).await;
    assert_eq!(status, 200, "{document}");
    document
}

fn path(document: &Value) -> String {
    format!("v1/documents/{}", document["documentId"].as_str().unwrap())
}

#[tokio::test]
async fn a_document_is_made_edited_and_read() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let document = create(&demo, "Notes").await;
    assert_eq!(document["title"], "Notes");
    let content = document["body"]["content"].as_array().unwrap();
    assert_eq!(
        (
            content[0]["endIndex"].as_i64(),
            content[0].get("startIndex")
        ),
        (Some(1), None)
    );
    assert_eq!(
        content[1]["paragraph"]["elements"][0]["textRun"]["content"],
        "\n"
    );
    let requests = json!({"requests": [
        {"insertText": {"location": {"index": 1}, "text": "Title\nText"}},
        {"updateParagraphStyle": {"range": {"startIndex": 1, "endIndex": 2}, "paragraphStyle": {"namedStyleType": "HEADING_1"}, "fields": "namedStyleType"}},
        {"replaceAllText": {"containsText": {"text": "Text"}, "replaceText": "Content"}},
    ]});
    let (status, done) = demo
        .post(&format!("{}:batchUpdate", path(&document)), requests)
        .await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(
        done["replies"],
        json!([{}, {}, {"replaceAllText": {"occurrencesChanged": 1}}])
    );
    let (_, read) = demo.get(&path(&document)).await;
    assert_eq!(
        read["revisionId"],
        done["writeControl"]["requiredRevisionId"]
    );
    assert_ne!(read["revisionId"], document["revisionId"]);
    let title = &read["body"]["content"][1]["paragraph"];
    assert_eq!(title["paragraphStyle"]["namedStyleType"], "HEADING_1");
    let (_, tabs) = demo
        .get(&format!("{}?includeTabsContent=true", path(&document)))
        .await;
    assert_eq!(tabs.get("body"), None);
    assert_eq!(tabs["tabs"][0]["documentTab"]["body"], read["body"]);
    let (_, some) = demo
        .get(&format!(
            "{}?fields=title,body/content/paragraph/elements/textRun/content",
            path(&document)
        ))
        .await;
    assert_eq!(some["title"], "Notes");
    let id = document["documentId"].as_str().unwrap();
    let exported = demo.request(
        reqwest::Method::GET,
        &format!("drive/v3/files/{id}/export?mimeType=text/markdown"),
    );
    assert_eq!(
        exported.send().await.unwrap().text().await.unwrap(),
        "# Title\n\nContent\n"
    );
}

#[tokio::test]
async fn a_refused_batch_changes_nothing_and_says_why() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let document = create(&demo, "D").await;
    let update = format!("{}:batchUpdate", path(&document));
    let requests = json!({"requests": [
        {"insertText": {"location": {"index": 1}, "text": "Hello world"}},
        {"insertText": {"location": {"index": 900}, "text": "x"}},
    ]});
    let (status, refused) = demo.post(&update, requests).await;
    assert_eq!(
        (status, refused["error"]["status"].as_str()),
        (400, Some("INVALID_ARGUMENT"))
    );
    assert_eq!(
        refused["error"]["message"],
        "Invalid requests[1].insertText: Index 900 must be less than the end index of the referenced segment, 13."
    );
    assert_eq!(refused["error"].get("errors"), None);
    let (_, read) = demo.get(&path(&document)).await;
    assert_eq!(read["revisionId"], document["revisionId"]);
}

#[tokio::test]
async fn revisions_guard_against_lost_updates() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let document = create(&demo, "D").await;
    let update = format!("{}:batchUpdate", path(&document));
    let insert = |control: Value| json!({"requests": [{"insertText": {"endOfSegmentLocation": {}, "text": "x"}}], "writeControl": control});
    let positioned = |control: Value| json!({"requests": [{"insertText": {"location": {"index": 1}, "text": "x"}}], "writeControl": control});
    let first = &document["revisionId"];
    let (status, _) = demo
        .post(&update, insert(json!({"requiredRevisionId": first})))
        .await;
    assert_eq!(status, 200);
    let (status, stale) = demo
        .post(&update, insert(json!({"requiredRevisionId": first})))
        .await;
    assert_eq!(status, 400, "{stale}");
    let (status, _) = demo
        .post(&update, insert(json!({"targetRevisionId": first})))
        .await;
    assert_eq!(status, 200);
    let (status, _) = demo
        .post(&update, positioned(json!({"targetRevisionId": first})))
        .await;
    assert_eq!(status, 400);
    let (status, _) = demo
        .post(&update, insert(json!({"targetRevisionId": "ALm37Bnone"})))
        .await;
    assert_eq!(status, 400);
    let (status, _) = demo
        .post(&update, insert(json!({"writeMode": "SUGGEST"})))
        .await;
    assert_eq!(status, 400);
    let (_, read) = demo.get(&path(&document)).await;
    assert_eq!(
        read["body"]["content"][1]["paragraph"]["elements"][0]["textRun"]["content"],
        "xx\n"
    );
}

#[tokio::test]
async fn strangers_and_other_files_are_refused() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let document = create(&demo, "D").await;
    let id = document["documentId"].as_str().unwrap();
    assert_eq!(guest.get(&path(&document)).await.0, 403);
    let (status, missing) = guest.get("v1/documents/nothing").await;
    assert_eq!(
        (status, missing["error"]["message"].as_str()),
        (404, Some("Requested entity was not found."))
    );
    let share = json!({"type": "user", "role": "reader", "emailAddress": "guest@sandbox.test"});
    demo.post(&format!("drive/v3/files/{id}/permissions"), share)
        .await;
    assert_eq!(guest.get(&path(&document)).await.0, 200);
    let edit = json!({"requests": [{"insertText": {"endOfSegmentLocation": {}, "text": "x"}}]});
    let (status, denied) = guest
        .post(&format!("{}:batchUpdate", path(&document)), edit)
        .await;
    assert_eq!(
        (status, denied["error"]["status"].as_str()),
        (403, Some("PERMISSION_DENIED"))
    );
    let (_, folder) = demo
        .post(
            "drive/v3/files",
            json!({"mimeType": "application/vnd.google-apps.folder"}),
        )
        .await;
    let (status, wrong) = demo
        .get(&format!("v1/documents/{}", folder["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        (status, wrong["error"]["status"].as_str()),
        (400, Some("FAILED_PRECONDITION"))
    );
}
