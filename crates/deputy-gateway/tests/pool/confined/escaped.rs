//! What a server starts that leaves its group, its session and its environment.

use std::time::Duration;

use deputy_gateway::pool::{Launch, UpstreamError};

use crate::support::{LONG, World, is_dead, is_gone, key, process, until};

use super::{Folders, able, held, helper, world};

/// A shell script that starts what leaves its group, its session and its environment and then does `what`, and
/// becomes the fixture.
fn with_escapee(folders: &Folders, what: &str) -> String {
    let (fixture, pid) = (
        env!("CARGO_BIN_EXE_mcp-fixture"),
        folders.at("home/escaped"),
    );
    let pid = pid.display();
    format!(
        "(setsid env -i /bin/sh -c \"echo \\$\\$ > {pid}; {what}\" > /dev/null 2>&1 < /dev/null &)\n\
         exec {fixture} \"$@\""
    )
}

fn escapee(world: &World, folders: &Folders, what: &str) -> Launch {
    let mut launch = held(world, folders, &[]);
    let process = process(&mut launch);
    let script = with_escapee(folders, what);
    let confinement = process.confinement.as_mut().unwrap();
    confinement
        .read
        .push(std::mem::replace(&mut process.program, "/bin/sh".into()));
    let args = ["-c".to_owned(), script, "sh".to_owned()];
    process.args.splice(0..0, args);
    launch
}

/// The process that escaped.
async fn escaped(folders: &Folders) -> u32 {
    let file = folders.at("home/escaped");
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    until("it escaped", || read().ends_with('\n')).await;
    let pid = read().trim().parse().unwrap();
    std::fs::remove_file(file).unwrap();
    pid
}

#[tokio::test]
async fn who_left_group_session_and_environment_ends_with_its_server_and_not_before() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let key = key(1, "escapes");
    let launch = escapee(&world, &folders, "exec sleep 1000");
    for end in ["stop", "exit", "kill"] {
        world.pid(&key, &launch).await;
        let pid = escaped(&folders).await;
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(
            environ.is_empty() || !environ.starts_with(b"DEPUTY"),
            "{environ:?}"
        );
        world.pool.look().await;
        assert!(!is_gone(pid), "its server is there");
        if end == "stop" {
            world.pool.stop_server(&key).await;
            assert!(is_gone(pid), "at once");
        } else {
            let error = world.call(&key, &launch, end, "{}").await.unwrap_err();
            assert!(matches!(error, UpstreamError::Died { .. }), "{error:?}");
            until("it is gone", || is_gone(pid)).await;
            world.advance(Duration::from_hours(1));
        }
    }
    world.pool.shutdown().await;
}

#[tokio::test]
async fn who_left_its_server_counts_for_its_memory() {
    if !able() {
        return;
    }
    let world = World::with(|config| {
        helper(config);
        config.memory = 256 << 20;
    });
    let folders = Folders::new();
    let key = key(1, "hides");
    let what = "x=\\$(head -c 400000000 /dev/zero | tr '\\\\0' x); exec sleep 1000";
    let launch = escapee(&world, &folders, what);
    let server = u32::try_from(world.pid(&key, &launch).await).unwrap();
    let pid = escaped(&folders).await;
    let deadline = std::time::Instant::now() + LONG;
    while !is_gone(server) || !is_gone(pid) {
        assert!(std::time::Instant::now() < deadline, "it was not found");
        world.pool.look().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let next = world.call(&key, &launch, "echo", "{}").await;
    let said = format!("{next:?}");
    assert!(next.is_ok() || said.contains("256 MiB"), "{said}");
    world.pool.shutdown().await;
}

#[tokio::test]
async fn a_killed_deputy_leaves_nothing_of_a_held_server() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let mut launch = escapee(&world, &folders, "exec sleep 1000");
    let process = process(&mut launch);
    let confinement = process.confinement.as_ref().unwrap();
    // the list of processes is written to a folder of its own, which this one has not
    process.args.truncate(2);
    #[expect(clippy::disallowed_methods, reason = "the program that is killed")]
    let mut host = tokio::process::Command::new(env!("CARGO_BIN_EXE_pool-host"));
    let mut host = host
        .arg("--held")
        .arg(folders.at("home"))
        .arg(env!("CARGO_BIN_EXE_mcp-fixture"))
        .arg(confinement.read.last().unwrap())
        .arg(&process.program)
        .args(&process.args)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = tokio::io::BufReader::new(host.stdout.take().unwrap());
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut stdout, &mut line)
        .await
        .unwrap();
    assert_eq!(line, "ready\n");
    let pid = escaped(&folders).await;
    assert!(!is_gone(pid));
    host.kill().await.unwrap();
    until("it is dead", || is_dead(pid)).await;
}

/// What was not held and lost its server is ended too, by who looks now and then.
#[tokio::test]
async fn who_escaped_without_a_confinement_is_ended_with_its_server() {
    let (world, folders) = (world(), Folders::new());
    std::fs::create_dir(folders.at("home")).unwrap();
    let key = key(1, "free");
    let mut launch = escapee(&world, &folders, "exec sleep 1000");
    process(&mut launch).confinement = None;
    world.pid(&key, &launch).await;
    let pid = escaped(&folders).await;
    world.pool.stop_server(&key).await;
    until("it is gone", || is_gone(pid)).await;
    world.pool.shutdown().await;
}
