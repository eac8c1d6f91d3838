//! Two processes of one program on one stored refresh token, without a lock between them.

use std::process::Command;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{App, Engine, Options, Program, engines, node, succeed};

/// What the two came to, for a person of an installation of this engine.
async fn two_processes(engine: Engine, seconds: u64, pause: u64) -> Vec<Value> {
    let script = || node("oauth_shared.mjs");
    if script().is_none() {
        return Vec::new();
    }
    let options = Options::on(engine).with("DEPUTY_LIMITS_TOKEN_PER_MIN", "0");
    let app = App::start(options).await;
    app.person("alice").await;
    let program = Program::register(&app.url, "In two windows").await;
    let tokens = program.log_in(&mut app.browser(), "alice").await;
    let file = app.folder.path().join("stored.json");
    let stored = json!({ "client_id": program.id, "refresh_token": tokens.text("refresh_token") });
    std::fs::write(&file, stored.to_string()).unwrap();
    let process = || {
        let mut command: Command = script().unwrap();
        command
            .env("DEPUTY_URL", app.url.as_str())
            .env("STORE", &file)
            .env("SECONDS", seconds.to_string())
            .env("PAUSE", pause.to_string());
        succeed(command)
    };
    let said = join_all([process(), process()]).await;
    // Nothing that the server took for a theft, and the last one stored still works.
    let last: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let last = last["refresh_token"].as_str().unwrap().to_owned();
    let reply = program.refresh(&last).await.unwrap();
    assert!(reply.status.is_success(), "{reply:?}");
    let (code, out, err) = app.run(&["audit", "export"], "");
    assert_eq!(code, 0, "{err}");
    assert!(!out.contains("\"access.reuse\""));
    said.iter()
        .map(|said| serde_json::from_str(said.trim()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_stored_token_stay_logged_in() {
    let came = join_all(engines().into_iter().map(|e| two_processes(e, 2, 40))).await;
    for one in came.iter().flatten() {
        assert!(one["refreshes"].as_u64().unwrap() > 5, "{one}");
    }
}

/// `cargo xtask test --only it -- --ignored oauth_soak --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "five minutes"]
async fn for_five_minutes() {
    let came = join_all(engines().into_iter().map(|e| two_processes(e, 300, 1000))).await;
    eprintln!("{}", json!(came));
}
