//! How long servers live, and how many there are.

use std::process::Stdio;
use std::time::Duration;

use deputy_core::UserId;
use deputy_gateway::pool::{Cap, Owner, PoolKey, UpstreamError};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{World, answer, is_gone, key, own, process, soon, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_calls_at_once_start_one_process() {
    let world = World::new();
    let (key, launch) = (key(1, "a"), world.launch(&["slow-start"]));
    let pids = join_all((0..100).map(|_| world.pid(&key, &launch))).await;
    assert!(pids.iter().all(|pid| *pid == pids[0]));
    assert_eq!(world.pids().len(), 1);
    let stats = world.pool.stats();
    assert_eq!((stats.total_servers, stats.servers[0].calls), (1, 100));
}

#[tokio::test]
async fn a_failed_start_is_everybodys_and_one() {
    let world = World::new();
    let (key, launch) = (
        key(1, "a"),
        world.launch(&["slow-start", "exit-at-initialize"]),
    );
    let results = join_all((0..50).map(|_| world.call(&key, &launch, "echo", "{}"))).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(UpstreamError::NotStarted { .. })))
    );
    assert!(world.pids().len() <= 2, "one attempt in each era");
}

#[tokio::test]
async fn people_never_share_and_sessions_do() {
    let world = World::new();
    let launch = world.launch(&[]);
    let shared = PoolKey {
        owner: Owner::Shared,
        server: "a".to_owned(),
    };
    let pids = [
        world.pid(&key(1, "a"), &launch).await,
        world.pid(&key(2, "a"), &launch).await,
        world.pid(&key(1, "b"), &launch).await,
        world.pid(&shared, &launch).await,
    ];
    let mut distinct = pids.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
    assert_eq!(world.pid(&key(1, "a"), &launch).await, pids[0]);

    world.pool.look().await;
    let stats = json!(world.pool.stats());
    assert_eq!(stats["total_servers"], 4);
    assert_eq!(stats["by_server"], json!({ "a": 3, "b": 1 }));
    assert_eq!(stats["by_user"], json!({ "1": 2, "2": 1, "shared": 1 }));
    assert_eq!(stats["servers"][0]["pid"], pids[0]);
    assert!(stats["servers"][0]["rss_bytes"].as_u64().unwrap() > 100_000);
}

#[tokio::test]
async fn idle_time_counts_from_the_end_of_the_last_call() {
    let world = World::new();
    let (key, launch) = (key(1, "a"), world.launch(&[]));
    world.pid(&key, &launch).await;
    let slow = world.call(&key, &launch, "slow", r#"{"ms":600}"#);
    let looks = async {
        world.under_way().await;
        world.advance(Duration::from_hours(2));
        world.pool.look().await;
    };
    let (slow, ()) = tokio::join!(slow, looks);
    answer(slow);
    world.pool.look().await;
    assert_eq!(json!(world.pool.stats().servers[0])["state"], "running");
    world.advance(Duration::from_secs(9 * 60 + 50));
    world.pool.look().await;
    assert_eq!(json!(world.pool.stats().servers[0])["state"], "running");
    world.advance(Duration::from_secs(11));
    world.pool.look().await;
    until("it is gone", || world.pool.stats().total_servers == 0).await;
    world.assert_nothing_left().await;
    world.pid(&key, &launch).await;
    assert_eq!(world.pids().len(), 2);
}

#[tokio::test]
async fn a_new_generation_replaces_the_process_after_its_last_call() {
    let world = World::new();
    let (key, old) = (key(1, "a"), world.launch(&[]));
    let mut new = old.clone();
    new.generation = 2;
    let first = world.pid(&key, &old).await;
    let slow = world.call(&key, &old, "slow", r#"{"ms":800}"#);
    let others = async {
        world.under_way().await;
        let second = world.pid(&key, &new).await;
        assert_eq!(
            world.pid(&key, &old).await,
            second,
            "the older generation is served by the newer process"
        );
        assert!(!is_gone(u32::try_from(first).unwrap()));
        second
    };
    let (slow, second) = tokio::join!(slow, others);
    assert_eq!(crate::support::structured(&answer(slow))["pid"], first);
    assert_ne!(first, second);
    until("the old one is gone", || {
        is_gone(u32::try_from(first).unwrap())
    })
    .await;
    assert_eq!(world.pid(&key, &new).await, second);
    assert_eq!(world.pids().len(), 2);
}

#[tokio::test]
async fn at_a_cap_the_least_recently_used_idle_process_leaves() {
    let world = World::with(|config| config.per_person = 2);
    let launch = world.launch(&[]);
    let a = world.pid(&key(1, "a"), &launch).await;
    world.advance(Duration::from_secs(1));
    let b = world.pid(&key(1, "b"), &launch).await;
    world.advance(Duration::from_secs(1));
    let other = world.pid(&key(2, "a"), &launch).await;
    world.advance(Duration::from_secs(1));
    assert_eq!(world.pid(&key(1, "a"), &launch).await, a);
    world.advance(Duration::from_secs(1));
    world.pid(&key(1, "c"), &launch).await;
    until("b left", || is_gone(u32::try_from(b).unwrap())).await;
    assert_eq!(world.pid(&key(1, "a"), &launch).await, a);
    assert_eq!(world.pid(&key(2, "a"), &launch).await, other);
}

#[tokio::test]
async fn at_the_cap_of_all_it_is_the_least_recently_used_of_anybody() {
    let world = World::with(|config| config.total = 3);
    let launch = world.launch(&[]);
    let mut pids = Vec::new();
    for user in 1..=3 {
        pids.push(world.pid(&key(user, "a"), &launch).await);
        world.advance(Duration::from_secs(1));
    }
    // the first one is at work for long, and was not used since; the second one was
    let (busy, used) = (key(1, "a"), key(2, "a"));
    let slow = world.call(&busy, &launch, "slow", r#"{"ms":600}"#);
    let others = async {
        world.under_way().await;
        assert_eq!(world.pid(&used, &launch).await, pids[1]);
        world.advance(Duration::from_secs(1));
        world.pid(&key(4, "a"), &launch).await;
        until("the third left", || {
            is_gone(u32::try_from(pids[2]).unwrap())
        })
        .await;
        assert_eq!(world.pid(&used, &launch).await, pids[1]);
    };
    let (slow, ()) = tokio::join!(slow, others);
    assert_eq!(crate::support::structured(&answer(slow))["pid"], pids[0]);
}

#[tokio::test]
async fn at_a_cap_without_idle_ones_the_caller_is_told() {
    for (per_person, total, cap) in [(1, 10, Cap::Person), (10, 1, Cap::Total)] {
        let world = World::with(|config| (config.per_person, config.total) = (per_person, total));
        let (a, b, launch) = (key(1, "a"), key(1, "b"), world.launch(&[]));
        let busy = world.call(&a, &launch, "slow", r#"{"ms":1000}"#);
        let refused = async {
            world.under_way().await;
            world.call(&b, &launch, "echo", "{}").await
        };
        let (busy, refused) = tokio::join!(busy, refused);
        answer(busy);
        assert!(
            matches!(refused, Err(UpstreamError::Busy { cap: c }) if c == cap),
            "{refused:?}"
        );
        // refused is not failed
        world.pid(&b, &launch).await;
    }
}

#[tokio::test]
async fn what_was_changed_or_removed_is_not_started_as_it_was_read_before() {
    let world = World::new();
    let (key, mut launch) = (own(1, 7), world.launch(&[]));
    world.pid(&key, &launch).await;
    world.pool.bar(&key, 2);
    world.pool.stop_server(&key).await;
    let refused = world.call(&key, &launch, "echo", "{}").await;
    assert!(
        matches!(refused, Err(UpstreamError::NotStarted { .. })),
        "{refused:?}"
    );
    launch.generation = 2;
    world.pid(&key, &launch).await;
    world.pool.bar(&key, u64::MAX);
    assert!(world.call(&key, &launch, "echo", "{}").await.is_err());
    let bar = world.pool.barred(&key, 2).unwrap();
    world.pool.bar(&key, u64::MAX);
    world.pool.lift(&key, bar);
    assert!(
        world.pool.barred(&key, 2).is_some(),
        "another has come since"
    );
    let bar = world.pool.barred(&key, 2).unwrap();
    world.pool.lift(&key, bar);
    world.pid(&key, &launch).await;

    // Nobody acts on what was read that long ago, and it takes no room for ever.
    world.pool.bar(&key, u64::MAX);
    world.advance(Duration::from_secs(3601));
    world.pool.look().await;
    assert_eq!(world.pool.barred(&key, 2), None);
}

#[tokio::test]
async fn stopping_a_person_stops_all_of_theirs_and_nobody_elses() {
    let world = World::new();
    let launch = world.launch(&[]);
    let mine = [
        world.pid(&key(1, "a"), &launch).await,
        world.pid(&key(1, "b"), &launch).await,
    ];
    let theirs = world.pid(&key(2, "a"), &launch).await;
    let (a, c, slow) = (key(1, "a"), key(1, "c"), world.launch(&["slow-start"]));
    let in_flight = world.call(&a, &launch, "hang", "{}");
    let starting = world.call(&c, &slow, "echo", "{}");
    let stop = async {
        until("three are there", || world.pool.stats().by_user["1"] == 3).await;
        world.under_way().await;
        soon(Duration::from_secs(10), world.pool.stop_user(UserId(1))).await;
        for pid in mine {
            assert!(is_gone(u32::try_from(pid).unwrap()), "gone when it returns");
        }
    };
    let (in_flight, starting, ()) = tokio::join!(in_flight, starting, stop);
    assert!(
        matches!(in_flight, Err(UpstreamError::Died { .. })),
        "{in_flight:?}"
    );
    assert!(
        matches!(starting, Err(UpstreamError::NotStarted { .. })),
        "{starting:?}"
    );
    assert_eq!(world.pid(&key(2, "a"), &launch).await, theirs);
    assert_eq!(world.pool.stats().total_servers, 1);
    world.pid(&key(1, "a"), &launch).await;
}

#[tokio::test]
async fn shutdown_leaves_nothing_and_takes_nothing() {
    let world = World::new();
    let launch = world.launch(&[]);
    for user in 1..5 {
        world.pid(&key(user, "a"), &launch).await;
    }
    soon(Duration::from_secs(10), world.pool.shutdown()).await;
    assert!(world.pids().iter().all(|pid| is_gone(*pid)));
    let refused = world.call(&key(1, "a"), &launch, "echo", "{}").await;
    assert!(
        matches!(refused, Err(UpstreamError::ShuttingDown)),
        "{refused:?}"
    );
    assert!(
        soon(
            Duration::from_secs(10),
            world.lifecycle.stop(Duration::from_secs(5))
        )
        .await,
        "no task is left"
    );
}

#[tokio::test]
async fn a_soft_stop_lets_calls_end_and_starts_nothing() {
    let world = World::new();
    let launch = world.launch(&[]);
    let idle = world.pid(&key(1, "idle"), &launch).await;
    let a = key(1, "a");
    let slow = world.call(&a, &launch, "slow", r#"{"ms":500}"#);
    let stop = async {
        world.under_way().await;
        let stopping = world.lifecycle.stop(Duration::from_secs(20));
        let refused = async {
            until("the idle one left", || {
                is_gone(u32::try_from(idle).unwrap())
            })
            .await;
            world.call(&key(1, "b"), &launch, "echo", "{}").await
        };
        tokio::join!(stopping, refused)
    };
    let (slow, (in_time, refused)) = tokio::join!(slow, stop);
    answer(slow);
    assert!(in_time);
    assert!(
        matches!(refused, Err(UpstreamError::ShuttingDown)),
        "{refused:?}"
    );
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_hard_stop_kills() {
    let world = World::new();
    world
        .pid(&key(1, "a"), &world.launch(&["ignore-term", "helper"]))
        .await;
    world.lifecycle.hard().cancel();
    world.assert_nothing_left_running().await;
}

#[tokio::test]
async fn the_dead_that_a_running_server_left_to_us_are_reaped() {
    let world = World::with(|config| {
        config.tick = Duration::from_millis(50);
        config.health_every = Duration::from_millis(50);
    });
    let (key, launch) = (key(1, "a"), world.launch(&[]));
    let server = world.pid(&key, &launch).await;
    answer(world.call(&key, &launch, "double-fork", "{}").await);
    until("the daemon is there", || world.pids().len() == 2).await;
    let daemon = world.pids()[1];
    let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    until("it is reaped", || is_gone(daemon)).await;
    assert_eq!(world.pid(&key, &launch).await, server);
}

#[tokio::test]
async fn a_killed_deputy_leaves_no_process() {
    let world = World::new();
    let mut launch = world.launch(&["ignore-term"]);
    #[expect(clippy::disallowed_methods, reason = "the program that is killed")]
    let mut host = tokio::process::Command::new(env!("CARGO_BIN_EXE_pool-host"));
    let mut host = host
        .arg(&process(&mut launch).program)
        .args(&process(&mut launch).args)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = tokio::io::BufReader::new(host.stdout.take().unwrap());
    let mut line = String::new();
    soon(
        crate::support::LONG,
        tokio::io::AsyncBufReadExt::read_line(&mut stdout, &mut line),
    )
    .await
    .unwrap();
    assert_eq!(line, "ready\n");
    let server = world.pids()[0];
    assert!(!is_gone(server));
    host.kill().await.unwrap();
    world.assert_nothing_left_running().await;
}
