//! The official conformance suite of MCP, against a server behind Deputy (`/mcp/{server}`) and by way of the code with
//! which Deputy connects to servers.
//!
//! The server behind is one that has everything the suite asks for, as a server of the older era and as one of the
//! newer: so that each set of requirements crosses Deputy with and without a change of era. What may fail is in
//! `tests/conformance`, with reasons; a listed line that passes fails the run.

mod authorization;
mod client;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::{App, Options, Person, Proxy, client_package, output};

/// The server that the suite asks for, built beside the tests.
pub(crate) fn fixture() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let program = folder.join("mcp-conformance-server");
    if !program.exists() {
        // A run of this package alone does not build those of others.
        let build = [
            "build",
            "-p",
            "deputy-gateway",
            "--bin",
            "mcp-conformance-server",
        ];
        let done = Command::new(env!("CARGO")).args(build).status().unwrap();
        assert!(done.success() && program.exists(), "{}", program.display());
    }
    program
}

/// An installation on which people may run the fixture.
pub(crate) async fn installation() -> App {
    let options = Options::default()
        .with("DEPUTY_CUSTOM_COMMANDS", fixture().to_str().unwrap())
        .with("DEPUTY_SANDBOX", "basic");
    App::start(options).await
}

/// Adds the fixture as somebody's server, and agrees to its tools.
pub(crate) async fn add(person: &Person, name: &str, era: &str) {
    let server = json!({
        "server_name": name,
        "server_type": "custom",
        "config": { "command": fixture(), "args": ["--era", era] },
        "default_policy": "auto",
    });
    let added = person.post("api/v1/servers", &server).await;
    assert_eq!(added.status, 201, "{added:?}");
    let tested = person
        .post(&format!("api/v1/servers/{name}/test"), &json!({}))
        .await;
    assert_eq!(tested.data()["ok"], true, "{tested:?}");
}

fn baseline(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/conformance")
        .join(name)
}

/// Runs the server requirements of a revision against a fixture of an era behind Deputy.
async fn server_requirements(revision: &str, era: &str, expected: &str) {
    let Some(mut suite) = client_package("@modelcontextprotocol/conformance/dist/index.js") else {
        return;
    };
    let app = installation().await;
    let alice = app.person("alice").await;
    add(&alice, "fixture", era).await;
    let proxy = Proxy::start(&alice, "mcp/fixture").await;
    let results = tempfile::tempdir().unwrap();
    suite
        .args([
            "server",
            "--url",
            proxy.url.as_str(),
            "--requirements",
            revision,
        ])
        .arg("--expected-failures")
        .arg(baseline(expected))
        .arg("-o")
        .arg(results.path());
    let (done, said) = output(suite).await;
    let summary = said.find("=== SUMMARY").map_or(&*said, |at| &said[at..]);
    assert!(
        done.status.success(),
        "{summary}\n{}",
        failures(results.path())
    );
    eprintln!("{summary}");
}

/// The checks that failed or are warned of, from the suite's records: a folder for each scenario, or for scenarios of a
/// group.
fn failures(results: &Path) -> String {
    let mut failed = Vec::new();
    for folder in std::fs::read_dir(results).unwrap().map(Result::unwrap) {
        let path = folder.path();
        if !path.is_dir() {
            continue;
        }
        let Ok(checks) = std::fs::read_to_string(path.join("checks.json")) else {
            failed.push(failures(&path));
            continue;
        };
        let checks: serde_json::Value = serde_json::from_str(&checks).unwrap();
        for check in checks.as_array().into_iter().flatten() {
            if check["status"] == "FAILURE" || check["status"] == "WARNING" {
                let scenario = folder.file_name();
                failed.push(format!("{}: {check}\n", scenario.to_string_lossy()));
            }
        }
    }
    failed.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn older_clients_and_a_server_of_their_era() {
    server_requirements("2025-11-25", "legacy", "server-2025-11-25.yml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_clients_and_a_server_of_the_newer_era() {
    server_requirements("2025-11-25", "modern", "server-2025-11-25.yml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_clients_and_a_server_of_their_era() {
    server_requirements("2026-07-28", "modern", "server-2026-07-28.yml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_clients_and_a_server_of_the_older_era() {
    server_requirements("2026-07-28", "legacy", "server-2026-07-28-older.yml").await;
}
