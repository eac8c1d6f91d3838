//! Servers of npm and `PyPI` as they are. Each is fetched as it is first started, so they are tried at once.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{add, text};
use crate::support::{App, Options, Person, node_dir, node_program, postgres_server, runners};

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_npm_and_pypi_work_as_they_are() {
    let (Some(folder), Some(path)) = (node_dir(), runners()) else {
        return;
    };
    let options = Options::default()
        .with("DEPUTY_CUSTOM_COMMANDS", "*")
        .with("PATH", &path);
    let app = App::start(options).await;
    let alice = app.person("alice").await;
    tokio::join!(
        everything(&alice, &folder),
        memory(&alice),
        time(&alice),
        base(&app, &alice),
        db(&alice)
    );
}

/// One that is there already.
async fn everything(alice: &Person, folder: &Path) {
    let program = folder.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let config = json!({ "command": node_program(folder), "args": [program, "stdio"] });
    add(alice, "everything", "custom", config, "auto").await;
    let said = text(
        alice,
        "everything__echo",
        &json!({ "message": "over there" }),
    )
    .await;
    assert!(said.contains("over there"), "{said}");
}

async fn memory(alice: &Person) {
    add(alice, "memory", "memory", json!({}), "auto").await;
    let entities = json!({ "entities": [{ "name": "Ada", "entityType": "person", "observations": ["likes tea"] }] });
    text(alice, "memory__create_entities", &entities).await;
    // What it remembers outlives its process.
    for act in ["disable", "enable"] {
        alice
            .post(&format!("api/v1/servers/memory/{act}"), &json!({}))
            .await;
    }
    let graph = text(alice, "memory__read_graph", &json!({})).await;
    assert!(graph.contains("likes tea"), "{graph}");
}

async fn time(alice: &Person) {
    let time = json!({ "command": "uvx", "args": ["mcp-server-time@2026.10.19", "--local-timezone", "UTC"] });
    add(alice, "time", "custom", time, "auto").await;
    let now = text(
        alice,
        "time__get_current_time",
        &json!({ "timezone": "Europe/Kyiv" }),
    )
    .await;
    assert!(now.contains("Europe/Kyiv"), "{now}");
}

/// A kind without network, which writes.
async fn base(app: &App, alice: &Person) {
    let folder = app.folder.path().join("data/files/1/base");
    std::fs::create_dir_all(&folder).unwrap();
    let config = json!({ "folder": folder, "file": "notes.db" });
    add(alice, "base", "sqlite", config, "auto").await;
    let policy = "api/v1/servers/base/tools/execute_sql";
    let set = alice
        .request(Method::PUT, policy, Some(&json!({ "policy": "auto" })), &[])
        .await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    for sql in [
        "CREATE TABLE notes (text TEXT)",
        "INSERT INTO notes VALUES ('buy bread')",
        "SELECT text FROM notes",
    ] {
        let said = text(alice, "base__execute_sql", &json!({ "sql": sql })).await;
        let found = said.contains("\"buy bread\"");
        assert_eq!(found, sql.starts_with("SELECT"), "{said}");
    }
    assert!(folder.join("notes.db").metadata().unwrap().len() > 0);
}

async fn db(alice: &Person) {
    let Some(server) = postgres_server() else {
        return;
    };
    let config = json!({ "connection_string": server });
    add(alice, "db", "postgres", config, "auto").await;
    // Whoever runs statements is asked first, until they say otherwise.
    let statement = json!({ "sql": "SELECT 40 + 2 AS answer" });
    let asked = alice.try_call("db__execute_sql", &statement).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    let policy = "api/v1/servers/db/tools/execute_sql";
    let set = alice
        .request(Method::PUT, policy, Some(&json!({ "policy": "auto" })), &[])
        .await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    let rows = text(alice, "db__execute_sql", &statement).await;
    assert!(rows.contains("42"), "{rows}");
    // The password and the rest of the address come out nowhere.
    let shown = alice.get("api/v1/servers/db").await;
    assert!(!shown.body.to_string().contains(&server), "{shown:?}");
}
