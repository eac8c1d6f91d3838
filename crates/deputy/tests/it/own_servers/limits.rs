//! How many servers a person may have, what they may be called, and where their secrets are not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::both;

#[tokio::test(flavor = "multi_thread")]
async fn ten_servers_and_no_more_names_and_secrets_as_promised() {
    both(async |app| {
        let alice = app.person("alice").await;
        for (name, config, field) in [
            ("Files", json!({}), "server_name"),
            ("calendar", json!({}), "server_name"),
            ("", json!({}), "server_name"),
            ("gh", json!({}), "github_token"),
            ("gh", json!({ "github_token": "short" }), "github_token"),
            ("gh", json!({ "github_token": "ghp_0123456789012345678901234567890123456789", "more": 1 }), "more"),
        ] {
            let body = json!({ "server_name": name, "server_type": "github", "config": config });
            let refused = alice.post("api/v1/servers", &body).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"), "{body}");
            assert!(refused.body.to_string().contains(field), "{field}: {refused:?}");
            assert!(!refused.body.to_string().contains("0123456789"), "{refused:?}");
        }
        let token = "ghp_012345678901234567890123456789012345";
        let add = |n: usize| {
            let body = json!({
                "server_name": format!("gh{n}"), "server_type": "github", "config": { "github_token": token },
            });
            let alice = alice.clone();
            async move { alice.post("api/v1/servers", &body).await }
        };
        // Fifteen at once: ten fit.
        let answers = futures_util::future::join_all((0..15).map(add)).await;
        let count = |status| answers.iter().filter(|a| a.status == status).count();
        assert_eq!(count(StatusCode::CREATED), 10, "{answers:?}");
        for refused in answers.iter().filter(|a| a.status != StatusCode::CREATED) {
            assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "LIMIT_REACHED"));
        }
        let shown = alice.get("api/v1/servers").await;
        assert_eq!(shown.data().as_array().unwrap().len(), 10);
        assert!(!shown.body.to_string().contains(token), "{shown:?}");
        for file in walk(app.folder.path()) {
            let bytes = std::fs::read(&file).unwrap_or_default();
            let found = bytes.windows(token.len()).any(|w| w == token.as_bytes());
            assert!(!found, "{} holds the token", file.display());
        }
        let name = shown.data()[0]["server_name"].as_str().unwrap().to_owned();
        let deleted = alice.delete(&format!("api/v1/servers/{name}")).await;
        assert_eq!(deleted.status, StatusCode::OK, "{deleted:?}");
        let again = alice.get(&format!("api/v1/servers/{name}")).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND);
        tokio::time::timeout(Duration::from_secs(10), add(20)).await.unwrap();
    })
    .await;
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}
