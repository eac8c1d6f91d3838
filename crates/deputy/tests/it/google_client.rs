//! Google's own Python client finds a Google in the emulator: OAuth, Calendar, Gmail, Drive, Docs.

use serde_json::Value;

use crate::support::{Process, deputy, python, succeed};

#[tokio::test(flavor = "multi_thread")]
async fn it_behaves_as_its_client_expects() {
    let Some(mut client) = python("google_client.py") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let mut google = Process::start(deputy(&[
        "emulate",
        "google",
        "--listen",
        "127.0.0.1:0",
        "--data",
        &data,
        "--json",
    ]));
    let facts: Value = serde_json::from_str(&google.line_with("\"url\"")).unwrap();
    client.arg(facts["url"].as_str().unwrap());
    succeed(client).await;
}
