//! One folder is served, to its person, and nothing beside it.

use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{add, refusal, text, tool_names};
use crate::support::{App, Options, Person, for_two, node, one_engine, runners, succeed};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_serves_one_folder_and_nobody_reaches_beyond_it() {
    let Some(path) = runners() else { return };
    // What the engine keeps of it, `deputy-gateway/tests/servers` tries on both.
    let app = App::start(Options::on(one_engine()).with("PATH", &path)).await;
    let (alice, bob) = tokio::join!(app.person("alice"), app.person("bob"));
    let root = app.folder.path().join("data/files/1");
    std::fs::create_dir_all(root.join("reports")).unwrap();
    let secret = app.folder.path().join("secret.txt");
    std::fs::write(&secret, "nobody's business").unwrap();
    std::fs::write(root.join("reports/june.txt"), "it was warm").unwrap();
    std::os::unix::fs::symlink(&secret, root.join("reports/way-out")).unwrap();
    std::os::unix::fs::symlink(app.folder.path(), root.join("all")).unwrap();

    ways_out_are_refused(&alice, app.folder.path(), &root).await;
    let reports = root.join("reports");
    a_folder_is_served(&alice, &reports, &secret).await;
    a_write_asks(&alice, &bob, &reports).await;
    nothing_is_there_for(&bob, &reports).await;
    let mut client = node("folder.mjs").unwrap();
    for_two(&mut client, (&alice, &alice.token), (&bob, &bob.token));
    client.env("FOLDER", &reports);
    succeed(client).await;
}

/// What people try first: their way out of the roots.
async fn ways_out_are_refused(alice: &Person, outside: &Path, root: &Path) {
    for (path, what) in [
        (outside.to_owned(), "a folder beyond the roots"),
        (root.join("../2"), "another person's"),
        (root.join("all"), "a link that leads out"),
        (root.join("nowhere"), "no folder"),
        (PathBuf::from("reports"), "a path from nowhere"),
        (PathBuf::from("/"), "everything"),
    ] {
        let body = json!({
            "server_name": "files", "server_type": "filesystem", "config": { "allowed_path": path },
        });
        let refused = alice.post("api/v1/servers", &body).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{what}: {refused:?}"
        );
        assert_eq!(refused.code(), "VALIDATION_ERROR", "{what}");
        assert!(
            refused.body.to_string().contains("allowed_path"),
            "{what}: {refused:?}"
        );
    }
    assert_eq!(
        alice.get("api/v1/servers").await.data(),
        &json!([]),
        "nothing changed"
    );
}

async fn a_folder_is_served(alice: &Person, reports: &Path, secret: &Path) {
    let report = add(
        alice,
        "files",
        "filesystem",
        json!({ "allowed_path": reports }),
        "ask_writes",
    )
    .await;
    assert!(
        report["tools"].to_string().contains("list_directory"),
        "{report}"
    );

    let listed = text(alice, "files__list_directory", &json!({ "path": reports })).await;
    assert!(listed.contains("june.txt"), "{listed}");
    let read = text(
        alice,
        "files__read_text_file",
        &json!({ "path": reports.join("june.txt") }),
    )
    .await;
    assert!(read.contains("it was warm"));
    for (path, what) in [
        (reports.join("../../../../secret.txt"), "dots"),
        (reports.join("way-out"), "a link to a file"),
        (secret.to_owned(), "a path beyond"),
        (PathBuf::from("/etc/passwd"), "the system"),
    ] {
        let said = refusal(alice, "files__read_text_file", &json!({ "path": path })).await;
        assert!(
            !said.contains("nobody's business") && !said.contains("root:"),
            "{what}: {said}"
        );
        assert!(said.to_lowercase().contains("denied"), "{what}: {said}");
    }
}

async fn a_write_asks(alice: &Person, bob: &Person, reports: &Path) {
    let write = json!({ "path": reports.join("july.txt"), "content": "hot" });
    let asked = alice.try_call("files__write_file", &write).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    assert!(!reports.join("july.txt").exists());
    let id = asked.data()["approval"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        bob.decide(&id, "approve").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(alice.decide(&id, "approve").await.status, StatusCode::OK);
    assert_eq!(
        std::fs::read_to_string(reports.join("july.txt")).unwrap(),
        "hot"
    );
}

async fn nothing_is_there_for(bob: &Person, reports: &Path) {
    assert_eq!(bob.get("api/v1/servers").await.data(), &json!([]));
    assert!(
        !tool_names(bob)
            .await
            .iter()
            .any(|name| name.starts_with("files__"))
    );
    let call = bob
        .try_call("files__list_directory", &json!({ "path": reports }))
        .await;
    assert_eq!(
        (call.status, call.code()),
        (StatusCode::NOT_FOUND, "UNKNOWN_TOOL")
    );
    for (method, path) in [
        (Method::GET, "api/v1/servers/files"),
        (Method::PATCH, "api/v1/servers/files"),
        (Method::DELETE, "api/v1/servers/files"),
        (Method::POST, "api/v1/servers/files/test"),
        (Method::POST, "api/v1/servers/files/enable"),
        (Method::POST, "api/v1/servers/files/disable"),
        (Method::GET, "api/v1/servers/files/tools"),
        (Method::GET, "api/v1/servers/files/log"),
    ] {
        let answer = bob
            .request(method.clone(), path, Some(&json!({})), &[])
            .await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{method} {path}: {answer:?}"
        );
    }
}

/// Whoever may name any command may not bring one along, with links to what they would like to read beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_a_persons_making_opens_nothing() {
    let app = App::start(Options::default().with("DEPUTY_CUSTOM_COMMANDS", "*")).await;
    let alice = app.person("alice").await;
    let data = app.folder.path().join("data");
    let program = data.join("files/1/p/bin/run");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::copy("/bin/sh", &program).unwrap();
    std::os::unix::fs::symlink("/", data.join("files/1/p/lib")).unwrap();
    let script = format!("cat {}/deputy.db >&2; exit 1", data.display());
    let system = json!({ "command": "/bin/sh", "args": ["-c", script] });
    let own = json!({ "command": program, "args": ["-c", script] });
    for (name, config, said) in [
        ("system", system, "ermission denied"),
        ("own", own, "install it elsewhere"),
    ] {
        let body = json!({ "server_name": name, "server_type": "custom", "config": config });
        let added = alice.post("api/v1/servers", &body).await;
        assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
        let path = format!("api/v1/servers/{name}/test");
        let tested = alice.post(&path, &json!({})).await;
        let report = tested.body.to_string();
        assert!(
            report.contains(said) && !report.contains("SQLite"),
            "{report}"
        );
    }
}
