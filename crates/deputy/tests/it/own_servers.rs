//! People's own servers, from outside: a folder that is served and nothing beside it, servers that die, that change
//! under their person's hands or whose person goes, and servers of npm and `PyPI` as they are.

mod folders;
mod kinds;
mod life;
mod limits;
mod packages;
mod survive;

use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, Engine, Options, Person, runners};

/// Adds a server and tests it; the report.
pub(crate) async fn add(
    person: &Person,
    name: &str,
    kind: &str,
    config: Value,
    policy: &str,
) -> Value {
    let body = json!({
        "server_name": name, "server_type": kind, "config": config, "default_policy": policy,
    });
    let added = person.post("api/v1/servers", &body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    test(person, name).await
}

pub(crate) async fn test(person: &Person, name: &str) -> Value {
    let path = format!("api/v1/servers/{name}/test");
    let tested = person.post(&path, &json!({})).await;
    assert_eq!(tested.status, StatusCode::OK, "{tested:?}");
    let report = tested.data().clone();
    assert_eq!(report["ok"], json!(true), "{report}");
    report
}

/// The text of a call's answer.
pub(crate) async fn text(person: &Person, tool: &str, arguments: &Value) -> String {
    let answer = person.try_call(tool, arguments).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let data = answer.data();
    assert_eq!(data["is_error"], json!(false), "{answer:?}");
    data["content"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect()
}

/// The text of an answer that says it failed.
async fn refusal(person: &Person, tool: &str, arguments: &Value) -> String {
    let answer = person.try_call(tool, arguments).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.data()["is_error"], json!(true), "{answer:?}");
    answer.data()["content"].to_string()
}

pub(crate) async fn tool_names(person: &Person) -> Vec<String> {
    person
        .get("api/v1/tools")
        .await
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

/// An installation with a kind of server of its own, `notes` (`tests/servers`), a person, and the
/// file with what their server says of its tool `read_note`. Nothing without Node.
pub(crate) async fn with_notes(engine: Engine) -> Option<(App, Person, PathBuf)> {
    let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers");
    let options = Options::on(engine)
        .with("PATH", &runners()?)
        .with("DEPUTY_TEMPLATES_DIR", &servers.display().to_string());
    let app = App::start(options).await;
    let alice = app.person("alice").await;
    let folder = app.folder.path().join("data/files/1/notes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(servers.join("notes.mjs"), folder.join("notes.mjs")).unwrap();
    let description = folder.join("description");
    std::fs::write(&description, "Reads a note").unwrap();
    add(
        &alice,
        "notes",
        "notes",
        json!({ "folder": folder }),
        "auto",
    )
    .await;
    Some((app, alice, description))
}

/// The process of the one server that is running for this person.
pub(crate) async fn pid_of(person: &Person) -> i32 {
    let said = text(person, "notes__read_note", &json!({})).await;
    said.rsplit(' ').next().unwrap().parse().unwrap()
}
