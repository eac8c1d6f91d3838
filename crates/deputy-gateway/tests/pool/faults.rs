//! Servers that break the rules: each fault has a named outcome, in time, and leaves nothing behind.

use std::time::Duration;

use deputy_gateway::pool::{Launch, UpstreamError};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{LONG, World, answer, key, own, process, request, secret, soon, until};

async fn outcome(world: &World, launch: &Launch, tool: &str) -> UpstreamError {
    let key = key(1, "a");
    let call = world.call(&key, launch, tool, "{}");
    match soon(Duration::from_secs(15), call).await {
        Err(error) => error,
        Ok(result) => panic!("{result:?}"),
    }
}

#[tokio::test]
async fn a_program_that_is_not_there() {
    let world = World::new();
    let mut launch = world.launch(&[]);
    process(&mut launch).program = "/nonexistent/server".into();
    let error = outcome(&world, &launch, "echo").await;
    assert!(
        matches!(&error, UpstreamError::NotStarted { reason, .. } if reason.contains("/nonexistent/server")),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_exit_before_the_handshake_shows_what_was_printed_but_no_secret() {
    let world = World::new();
    let mut launch = world.launch(&["exit-at-start"]);
    process(&mut launch).env = vec![("FIXTURE_TOKEN".to_owned(), secret("s3cr3t-token"))];
    match outcome(&world, &launch, "echo").await {
        UpstreamError::NotStarted {
            reason,
            stderr_tail,
        } => {
            assert!(reason.contains("exited with status 3"), "{reason}");
            assert_eq!(stderr_tail, "fatal: no configuration; token was ***");
        }
        other => panic!("{other:?}"),
    }
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_refusal_of_the_handshake_shows_no_secret_either() {
    let world = World::new();
    let mut launch = world.launch(&["repeats-secrets", "ignore-term"]);
    process(&mut launch).env = vec![("FIXTURE_TOKEN".to_owned(), secret("s3cr3t-token"))];
    match outcome(&world, &launch, "echo").await {
        UpstreamError::NotStarted { reason, .. } => {
            assert!(reason.contains("bad key ***"), "{reason}");
            assert!(!reason.contains("s3cr3t"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_exit_during_the_handshake() {
    let world = World::new();
    let error = outcome(&world, &world.launch(&["exit-at-initialize"]), "echo").await;
    assert!(
        matches!(&error, UpstreamError::NotStarted { reason, .. } if reason.contains("status 4")),
        "{error:?}"
    );
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn silence_in_the_handshake_ends_at_its_deadline() {
    let world = World::with(|config| {
        config.probe = Duration::from_millis(300);
        config.handshake = Duration::from_millis(900);
    });
    let start = Instant::now();
    let error = outcome(&world, &world.launch(&["mute-at-start"]), "echo").await;
    assert!(
        matches!(&error, UpstreamError::NotStarted { reason, .. } if reason.contains("in time")),
        "{error:?}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_callers_deadline_ends_its_wait_for_a_start_but_not_the_start() {
    let world = World::new();
    let (key, launch) = (key(1, "a"), world.launch(&["slow-start"]));
    let mut hasty = request("echo", "{}");
    hasty.deadline = Instant::now() + Duration::from_millis(50);
    let error = world.pool.call(&key, &launch, hasty).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Timeout { sent: false }),
        "{error:?}"
    );
    assert!(error.is_unsent());
    world.pid(&key, &launch).await;
    assert_eq!(world.pids().len(), 1, "it is the same start");
}

#[tokio::test]
async fn a_server_that_exits_on_discover_is_spoken_to_the_old_way_from_then_on() {
    let (world, launch) = {
        let world = World::new();
        let launch = world.launch(&["exit-on-discover"]);
        (world, launch)
    };
    world.pid(&key(1, "a"), &launch).await;
    assert_eq!(world.pids().len(), 2, "one for the attempt");
    world.pid(&key(2, "a"), &launch).await;
    assert_eq!(world.pids().len(), 3, "remembered for the other person's");
}

#[tokio::test]
async fn a_server_that_is_silent_on_discover_costs_the_probe_once() {
    let world = World::with(|config| config.probe = Duration::from_millis(700));
    let launch = world.launch(&["silent-on-discover"]);
    world.pid(&key(1, "a"), &launch).await;
    assert_eq!(world.pids().len(), 2);
    let start = Instant::now();
    world.pid(&key(2, "a"), &launch).await;
    assert_eq!(world.pids().len(), 3);
    assert!(
        start.elapsed() < Duration::from_millis(700),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_knows_only_the_new_way() {
    let world = World::with(|config| config.probe = Duration::from_secs(10));
    world
        .pid(&key(1, "a"), &world.launch(&["modern-only"]))
        .await;
    assert_eq!(world.pids().len(), 1);
}

#[tokio::test]
async fn an_end_during_a_call_reaches_all_who_wait_and_the_next_call_gets_a_fresh_one() {
    let (world, key) = (World::new(), key(1, "a"));
    let mut launch = world.launch(&[]);
    process(&mut launch).env = vec![("FIXTURE_TOKEN".to_owned(), secret("s3cr3t-token"))];
    let first = world.pid(&key, &launch).await;
    let hang = || world.call(&key, &launch, "hang", "{}");
    let kill = async {
        until("two wait", || world.pool.stats().servers[0].in_flight == 2).await;
        world.call(&key, &launch, "kill", "{}").await
    };
    let start = Instant::now();
    let (a, b, c) = soon(
        Duration::from_secs(10),
        Box::pin(async { tokio::join!(hang(), hang(), kill) }),
    )
    .await;
    for error in [a, b, c].map(Result::unwrap_err) {
        match error {
            UpstreamError::Died {
                reason,
                stderr_tail,
            } => {
                assert!(reason.contains("SIGKILL"), "{reason}");
                assert_eq!(stderr_tail, "about to go, ***");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_ne!(world.pid(&key, &launch).await, first);
    assert_eq!(world.pool.stats().servers[0].restarts, 1);
    world.pool.shutdown().await;
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_server_killed_from_outside_between_calls_is_replaced_unnoticed() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&[]);
    let pid = world.pid(&key, &launch).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    until("the pool noticed", || world.pool.stats().total_servers == 0).await;
    world.pid(&key, &launch).await;
}

#[tokio::test]
async fn what_was_written_before_the_end_still_counts() {
    let world = World::new();
    answer(
        world
            .call(&key(1, "a"), &world.launch(&[]), "last-words", "{}")
            .await,
    );
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let world = World::new();
    let error = outcome(&world, &world.launch(&[]), "half-exit").await;
    assert!(
        matches!(&error, UpstreamError::Died { reason, .. } if reason.contains("status 0")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_closes_its_output_but_lives_is_ended() {
    let world = World::new();
    let error = outcome(&world, &world.launch(&["ignore-term"]), "close-stdout").await;
    assert!(
        matches!(&error, UpstreamError::Died { reason, .. } if reason.contains("closed its output")),
        "{error:?}"
    );
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn untidy_output_is_understood() {
    for fault in ["banner", "windows", "bytewise", "halves", "stderr-flood"] {
        let world = World::new();
        let launch = world.launch(&[fault]);
        let echo = world
            .ask(&key(1, "a"), &launch, "echo", r#"{"text":"ж"}"#)
            .await;
        assert_eq!(echo["arguments"], json!({ "text": "ж" }), "{fault}");
        world.pool.shutdown().await;
        world.assert_nothing_left().await;
    }
}

#[tokio::test]
async fn broken_text_ids_as_text_and_answers_to_nothing() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&[]);
    let broken = answer(world.call(&key, &launch, "broken-utf8", "{}").await);
    assert_eq!(
        broken.content.get(),
        "[{\"type\":\"text\",\"text\":\"a\u{fffd}\u{fffd}b\"}]"
    );
    assert!(answer(world.call(&key, &launch, "text-id", "{}").await).is_error);
    answer(world.call(&key, &launch, "ask-back", "{}").await);
    answer(world.call(&key, &launch, "flood", r#"{"n":100000}"#).await);
    world.pid(&key, &launch).await;
    assert_eq!(world.pids().len(), 1);
}

#[tokio::test]
async fn an_answer_over_the_limit_fails_its_call_and_no_other() {
    let world = World::with(|config| config.max_message = 1 << 20);
    let (key, launch) = (key(1, "a"), world.launch(&[]));
    let big = world
        .call(&key, &launch, "big", r#"{"bytes":900000}"#)
        .await;
    assert_eq!(answer(big).content.get().len(), 900_027);
    let error = soon(
        Duration::from_secs(10),
        world.call(&key, &launch, "big", r#"{"bytes":3000000}"#),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&error, UpstreamError::Protocol { reason } if reason.contains("more than 1 MiB")),
        "{error:?}"
    );
    world.pid(&key, &launch).await;
    assert_eq!(world.pids().len(), 1);
}

#[tokio::test]
async fn a_mute_server_times_its_calls_out_and_is_replaced_at_the_next_look() {
    for faults in [&["mute"][..], &["mute", "modern"]] {
        let world = World::with(|config| {
            config.probe = Duration::from_millis(300);
            config.health_answer = Duration::from_millis(200);
        });
        let (key, launch) = (key(1, "a"), world.launch(faults));
        world
            .pool
            .info(&key, &launch, None, Instant::now() + LONG)
            .await
            .unwrap();
        let mut call = request("echo", "{}");
        call.deadline = Instant::now() + Duration::from_millis(300);
        let error = world.pool.call(&key, &launch, call).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::Timeout { sent: true }),
            "{error:?}"
        );
        let pid = world.pool.stats().servers[0].pid.expect("it lives");

        world.pool.look().await;
        assert_eq!(world.pool.stats().servers[0].pid, Some(pid), "not due yet");
        world.advance(Duration::from_mins(1));
        world.pool.look().await;
        // the handshake was a sign of life, so it takes a second look
        world.advance(Duration::from_mins(1));
        world.pool.look().await;
        until("it is gone", || world.pool.stats().total_servers == 0).await;
        world.assert_nothing_left().await;
    }
}

#[tokio::test]
async fn a_quiet_but_healthy_server_passes_every_look() {
    for faults in [&[][..], &["modern"]] {
        let world = World::with(|config| config.probe = Duration::from_secs(10));
        let (key, launch) = (key(1, "a"), world.launch(faults));
        let pid = world.pid(&key, &launch).await;
        for _ in 0..8 {
            world.advance(Duration::from_mins(1));
            world.pool.look().await;
        }
        assert_eq!(world.pid(&key, &launch).await, pid);
    }
}

#[tokio::test]
async fn arguments_over_the_limit_fail_their_call_only() {
    let world = World::with(|config| {
        config.max_message = 1 << 20;
        config.max_request = 4 << 20;
    });
    let launch = world.launch(&[]);
    let long = |mib: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(mib << 20));
    // a person's own server, and one of ours, which is sent more
    for (key, given, most) in [(own(1, 1), 2, 1 << 20), (key(1, "a"), 5, 4 << 20)] {
        let pid = world.pid(&key, &launch).await;
        let error = world
            .call(&key, &launch, "slow", &long(given))
            .await
            .unwrap_err();
        assert!(
            matches!(error, UpstreamError::TooLarge { most: Some(it) } if it == most),
            "{error:?}"
        );
        assert!(error.is_unsent());
        assert_eq!(world.pid(&key, &launch).await, pid);
    }
    let taken = world.call(&key(1, "a"), &launch, "slow", &long(3)).await;
    answer(taken);
}

/// 18 MiB of attachments, which a mail may have, are 24 in base64.
#[tokio::test]
async fn our_own_servers_are_sent_what_they_promise_to_take() {
    let (world, key) = (World::new(), key(1, "gmail"));
    let launch = world.launch(&[]);
    let arguments = json!({ "content_base64": "x".repeat(24 << 20), "ms": 0 }).to_string();
    answer(world.call(&key, &launch, "slow", &arguments).await);
}

#[tokio::test]
async fn a_mute_server_with_a_call_under_way_takes_no_more_and_ends_after_it() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&["single"]);
    let pid = world.pid(&key, &launch).await;
    let slow = world.call(&key, &launch, "slow", r#"{"ms":1500}"#);
    let others = async {
        world.under_way().await;
        for _ in 0..2 {
            world.advance(Duration::from_mins(1));
            world.pool.look().await;
        }
        world.pid(&key, &launch).await
    };
    let (slow, other) = tokio::join!(slow, others);
    assert_eq!(
        crate::support::structured(&answer(slow))["pid"],
        pid,
        "it was not cut short"
    );
    assert_ne!(other, pid, "new calls go elsewhere");
    until("the old one ended", || {
        world.pool.stats().total_servers == 1
    })
    .await;
}

#[tokio::test]
async fn a_server_that_ignores_every_polite_end() {
    let (world, key) = (World::new(), key(1, "a"));
    world.pid(&key, &world.launch(&["ignore-term"])).await;
    soon(Duration::from_secs(10), world.pool.stop_server(&key)).await;
    world.assert_nothing_left().await;
    assert_eq!(world.pool.stats().total_servers, 0);
}

#[tokio::test]
async fn grandchildren_go_with_it_even_those_that_left_the_group() {
    for fault in ["helper", "double-fork"] {
        for tool in ["exit", "kill", "none"] {
            let (world, key) = (World::new(), key(1, "a"));
            let launch = world.launch(&[fault]);
            world.pid(&key, &launch).await;
            until("the grandchild is there", || world.pids().len() == 2).await;
            if tool == "none" {
                world.pool.stop_server(&key).await;
            } else {
                let error = world.call(&key, &launch, tool, "{}").await.unwrap_err();
                assert!(matches!(error, UpstreamError::Died { .. }), "{error:?}");
            }
            world.assert_nothing_left().await;
        }
    }
}

#[tokio::test]
async fn a_crash_loop_backs_off_and_says_so() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&["die-at-call"]);
    for _ in 0..2 {
        let error = world.call(&key, &launch, "echo", "{}").await.unwrap_err();
        assert!(
            matches!(&error, UpstreamError::Died { reason, .. } if reason.contains("status 5")),
            "{error:?}"
        );
    }
    let refused = |error: &UpstreamError| match error {
        UpstreamError::BackingOff {
            retry_after,
            reason,
        } => {
            assert!(reason.contains("status 5"), "{reason}");
            *retry_after
        }
        other => panic!("{other:?}"),
    };
    let first = refused(&world.call(&key, &launch, "echo", "{}").await.unwrap_err());
    assert!((500..=1250).contains(&first.as_millis()), "{first:?}");
    until("no process is left", || {
        world.pool.stats().total_servers == 0
    })
    .await;
    assert_eq!(json!(world.pool.stats().servers[0])["state"], "backing_off");

    let mut pauses = vec![first];
    for _ in 0..10 {
        world.advance(Duration::from_mins(7));
        let _ = world.call(&key, &launch, "echo", "{}").await.unwrap_err();
        pauses.push(refused(
            &world.call(&key, &launch, "echo", "{}").await.unwrap_err(),
        ));
    }
    assert!(
        pauses.windows(2).take(6).all(|pair| pair[0] < pair[1]),
        "{pauses:?}"
    );
    let last = pauses.last().unwrap().as_secs();
    assert!((220..=375).contains(&last), "{pauses:?}");

    // another person's server of that name is not held up
    world
        .pid(&crate::support::key(2, "a"), &world.launch(&[]))
        .await;
    // and a change of settings is tried at once
    let mut mended = world.launch(&[]);
    mended.generation = 2;
    world.pid(&key, &mended).await;
}
