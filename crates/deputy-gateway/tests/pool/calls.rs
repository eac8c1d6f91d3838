//! What goes in comes out, and a call ends the way its caller wants.

use std::time::Duration;

use deputy_gateway::pool::{Notice, Progress, ToolResult, UpstreamError};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{World, answer, key, process, request, secret, soon};

#[tokio::test]
async fn results_come_through_as_they_are() {
    let (world, key) = (World::new(), key(1, "a"));
    let odd = answer(world.call(&key, &world.launch(&[]), "odd", "{}").await);
    assert_eq!(odd.content.get(), r#"[{"type":"hologram","depth":1.10}]"#);
    assert_eq!(
        odd.structured.unwrap().get(),
        "[123456789012345678901234567890,1e400]"
    );
    assert_eq!(odd.meta.unwrap().get(), r#"{"b":1,"a":2}"#);
    assert!(!odd.is_error);
    let unknown = answer(world.call(&key, &world.launch(&[]), "nonsense", "{}").await);
    assert!(unknown.is_error);
    let input = world.call(&key, &world.launch(&[]), "input", "{}").await;
    assert!(
        matches!(&input, Ok(ToolResult::InputRequired(raw)) if raw.get().contains("requestState")),
        "{input:?}"
    );
}

#[tokio::test]
async fn arguments_and_meta_arrive_in_both_eras() {
    for faults in [&[][..], &["modern"]] {
        let world = World::with(|config| config.probe = Duration::from_secs(10));
        let mut request = request("echo", "{\n \"text\": \"ж\\n\" }");
        request
            .meta
            .insert("deputy.dev/call".to_owned(), json!({ "attempt": 2 }));
        let result = world
            .pool
            .call(&key(1, "a"), &world.launch(faults), request)
            .await;
        let echo = crate::support::structured(&answer(result));
        assert_eq!(echo["arguments"], json!({ "text": "ж\n" }));
        assert_eq!(echo["meta"]["deputy.dev/call"], json!({ "attempt": 2 }));
        let version = &echo["meta"]["io.modelcontextprotocol/protocolVersion"];
        assert_eq!(
            version.as_str(),
            faults.first().map(|_| "2026-07-28"),
            "{echo}"
        );
        assert!(echo["meta"].get("progressToken").is_none());
    }
}

#[tokio::test]
async fn a_process_gets_its_own_environment_and_nothing_of_ours() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let mut launch = world.launch(&[]);
    process(&mut launch).env = vec![("FIXTURE_TOKEN".to_owned(), secret("s3cr3t-token"))];
    process(&mut launch).working_dir = Some(dir.path().to_owned());
    let _ours = std::fs::File::open("/proc/self/status").unwrap();
    let seen = world.ask(&key(1, "a"), &launch, "env", "{}").await;
    let names: Vec<_> = seen["env"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"FIXTURE_TOKEN") && names.contains(&"DEPUTY_PROCESS"));
    assert_eq!(seen["cwd"], json!(dir.path().canonicalize().unwrap()));
    let limits = seen["limits"].as_str().unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_ascii_whitespace().nth(4), Some("0"), "{core}");
    let open: Vec<_> = seen["open"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|l| l.as_str())
        .collect();
    assert_eq!(
        open.iter().filter(|l| l.starts_with("pipe:")).count(),
        3,
        "{open:?}"
    );
    assert!(
        !open
            .iter()
            .any(|l| l.contains("/status") || l.contains("socket:")),
        "{open:?}"
    );
}

#[tokio::test]
async fn all_progress_is_there_before_the_result() {
    let world = World::new();
    let (sink, mut progress) = mpsc::channel(1000);
    let mut request = request("progress", r#"{"steps":500}"#);
    request.progress = Some(sink);
    answer(
        world
            .pool
            .call(&key(1, "a"), &world.launch(&[]), request)
            .await,
    );
    let mut steps = Vec::new();
    while let Ok(step) = progress.try_recv() {
        steps.push(step);
    }
    assert_eq!(steps.len(), 500);
    assert_eq!(
        steps[499],
        Progress {
            progress: 500.0,
            total: Some(500.0),
            message: Some("on it".to_owned())
        }
    );
    assert!(steps.is_sorted_by(|a, b| a.progress < b.progress));
}

#[tokio::test]
async fn the_server_is_told_of_cancelled_dropped_and_late_calls() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&[]);
    world.pid(&key, &launch).await;

    let cancelled = request("hang", "{}");
    let token = cancelled.cancel.clone();
    let (result, ()) = tokio::join!(world.pool.call(&key, &launch, cancelled), async {
        world.under_way().await;
        token.cancel();
    });
    assert!(
        matches!(result, Err(UpstreamError::Cancelled)),
        "{result:?}"
    );

    let mut late = request("hang", "{}");
    late.deadline = Instant::now() + Duration::from_millis(100);
    let result = world.pool.call(&key, &launch, late).await;
    assert!(
        matches!(result, Err(UpstreamError::Timeout { sent: true })),
        "{result:?}"
    );

    let dropped = world.pool.call(&key, &launch, request("hang", "{}"));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), dropped)
            .await
            .is_err()
    );

    let told = async {
        loop {
            let told = world.ask(&key, &launch, "cancelled", "{}").await;
            if told["cancelled"].as_array().unwrap().len() == 3 {
                return told;
            }
            tokio::task::yield_now().await;
        }
    };
    soon(Duration::from_secs(10), told).await;
    assert_eq!(
        world.pool.stats().servers[0].restarts,
        0,
        "the server lives on"
    );
    assert_eq!(world.pool.stats().servers[0].in_flight, 0);
}

#[tokio::test]
async fn a_hanging_call_holds_up_no_other() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&[]);
    let mut hanging = request("hang", "{}");
    hanging.deadline = Instant::now() + Duration::from_secs(2);
    let others = async {
        for _ in 0..20 {
            world.pid(&key, &launch).await;
        }
        Instant::now()
    };
    let deadline = hanging.deadline;
    let (hung, others_done) = tokio::join!(world.pool.call(&key, &launch, hanging), others);
    assert!(matches!(hung, Err(UpstreamError::Timeout { sent: true })));
    assert!(others_done < deadline);
}

#[tokio::test]
async fn errors_of_the_server_keep_their_parts() {
    let (world, key) = (World::new(), key(1, "a"));
    let launch = world.launch(&[]);
    match world.call(&key, &launch, "rpc-error", "{}").await {
        Err(UpstreamError::Rpc {
            code: -32050,
            message,
            data: Some(data),
        }) => {
            assert_eq!(
                (message.as_str(), data),
                ("no such thing", json!({ "hint": 1 }))
            );
        }
        other => panic!("{other:?}"),
    }
    let none = world.call(&key, &launch, "no-result", "{}").await;
    assert!(
        matches!(&none, Err(UpstreamError::Protocol { reason }) if reason.contains("without content")),
        "{none:?}"
    );
}

#[tokio::test]
async fn lists_are_read_to_their_end_and_not_further() {
    let (world, key) = (World::new(), key(1, "a"));
    let deadline = Instant::now() + crate::support::LONG;
    let tools = world
        .pool
        .list_tools(&key, &world.launch(&[]), deadline)
        .await
        .unwrap();
    let tools: Vec<_> = tools.iter().map(|tool| tool.get()).collect();
    assert_eq!(tools.len(), 3);
    assert_eq!(
        tools[2],
        r#"{"name":"tool2","inputSchema":{"type":"object"},"x-odd":1}"#
    );

    let endless = crate::support::key(1, "endless");
    let result = world
        .pool
        .list_tools(&endless, &world.launch(&["endless-list"]), deadline)
        .await;
    assert!(
        matches!(&result, Err(UpstreamError::Protocol { reason }) if reason.contains("without end")),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_change_of_tools_is_announced() {
    let (world, key) = (World::new(), key(1, "a"));
    let mut changed = world.pool.notices();
    answer(world.call(&key, &world.launch(&[]), "changed", "{}").await);
    let (who, notice) = changed.try_recv().unwrap();
    assert_eq!(who, key);
    assert!(matches!(notice, Notice::ToolsChanged));
}
