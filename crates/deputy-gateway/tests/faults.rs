//! Everything that a server may do wrong, one after the other, and what it comes to; while another person's
//! server keeps its pace, and with nothing left at the end. In a program of its own, because what is left is
//! counted for the whole program.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail like its tests")]

#[path = "pool/support.rs"]
#[expect(dead_code, reason = "most of it is for the pool's other tests")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deputy_gateway::pool::{Inbound, ToolResult, UpstreamError};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;

use support::{LONG, World, own, request};

/// One thing that a server does.
struct Fault {
    name: &'static str,
    faults: &'static [&'static str],
    tool: &'static str,
    arguments: &'static str,
    outcome: Outcome,
}

/// What a caller gets.
enum Outcome {
    /// An answer.
    Fine,
    /// `NotStarted`, for a reason with this in it.
    NotStarted(&'static str),
    /// `Died`, for a reason with this in it.
    Died(&'static str),
    /// `Protocol`, for a reason with this in it.
    Protocol(&'static str),
    /// `Timeout` of a call that was sent.
    Timeout,
    /// `BackingOff`, after some calls.
    BackingOff,
}

const fn fault(name: &'static str, faults: &'static [&'static str], outcome: Outcome) -> Fault {
    call(name, faults, "echo", "{}", outcome)
}

const fn call(
    name: &'static str,
    faults: &'static [&'static str],
    tool: &'static str,
    arguments: &'static str,
    outcome: Outcome,
) -> Fault {
    Fault {
        name,
        faults,
        tool,
        arguments,
        outcome,
    }
}

const FIFTEEN_MIB: &str = r#"{"bytes":15728640}"#;
const SEVENTEEN_MIB: &str = r#"{"bytes":17825792}"#;

#[rustfmt::skip]
const TABLE: &[Fault] = &[
    fault("exits before initialize", &["exit-at-start"], Outcome::NotStarted("status 3")),
    fault("exits at initialize", &["exit-at-initialize"], Outcome::NotStarted("status 4")),
    fault("never answers initialize", &["mute-at-start"], Outcome::NotStarted("in time")),
    fault("answers initialize late", &["late"], Outcome::Fine),
    call("exits 0 in a call", &[], "exit", r#"{"status":0}"#, Outcome::Died("status 0")),
    call("exits 1 in a call", &[], "exit", r#"{"status":1}"#, Outcome::Died("status 1")),
    call("is killed in a call", &[], "kill", "{}", Outcome::Died("SIGKILL")),
    call("hangs in a call", &[], "hang", "{}", Outcome::Timeout),
    fault("prints before, between and after messages", &["banner"], Outcome::Fine),
    fault("pauses within messages", &["halves"], Outcome::Fine),
    call("half a message, then the end", &[], "half-exit", "{}", Outcome::Died("status 0")),
    fault("a byte at a time", &["bytewise"], Outcome::Fine),
    call("15 MiB", &[], "big", FIFTEEN_MIB, Outcome::Fine),
    call("17 MiB", &[], "big", SEVENTEEN_MIB, Outcome::Protocol("more than 16 MiB")),
    call("a line without end", &[], "endless-line", "{}", Outcome::Timeout),
    call("100,000 notifications", &[], "flood", r#"{"n":100000}"#, Outcome::Fine),
    call("100,000 changes", &[], "say", r#"{"n":100000,"method":"notifications/tools/list_changed"}"#, Outcome::Fine),
    call("broken UTF-8", &[], "broken-utf8", "{}", Outcome::Fine),
    fault("a byte order mark and CR LF", &["windows"], Outcome::Fine),
    call("an answer twice", &[], "twice", "{}", Outcome::Fine),
    call("answers to nothing, ids as text", &[], "text-id", "{}", Outcome::Fine),
    call("an id that is null", &[], "id", r#"{"id":null}"#, Outcome::Timeout),
    call("an id that is a fraction", &[], "id", r#"{"id":1.5}"#, Outcome::Timeout),
    call("another JSON-RPC", &[], "version", "{}", Outcome::Fine),
    fault("prints errors for ever", &["stderr-flood"], Outcome::Fine),
    call("closes its output and lives", &["ignore-term"], "close-stdout", "{}", Outcome::Died("closed its output")),
    call("closes its input", &["single"], "close-stdin", "{}", Outcome::Fine),
    fault("ignores every polite end", &["ignore-term"], Outcome::Fine),
    fault("has a grandchild outside its group", &["double-fork"], Outcome::Fine),
    call("spins", &["single"], "spin", "{}", Outcome::Timeout),
    call("asks for ever", &[], "ask-for-ever", "{}", Outcome::Timeout),
    call("asks and does not listen", &[], "ask-unheard", r#"{"n":5000}"#, Outcome::Fine),
    call("a crash loop", &["die-at-call"], "echo", "{}", Outcome::BackingOff),
];

fn fits(outcome: &Outcome, result: &Result<ToolResult, UpstreamError>) -> bool {
    match (outcome, result) {
        (Outcome::Fine, Ok(ToolResult::Complete(_)))
        | (Outcome::Timeout, Err(UpstreamError::Timeout { sent: true }))
        | (Outcome::BackingOff, Err(UpstreamError::BackingOff { .. })) => true,
        (Outcome::NotStarted(text), Err(UpstreamError::NotStarted { reason, .. }))
        | (Outcome::Died(text), Err(UpstreamError::Died { reason, .. }))
        | (Outcome::Protocol(text), Err(UpstreamError::Protocol { reason })) => {
            reason.contains(text)
        }
        _ => false,
    }
}

/// Somebody who answers everything.
fn obliging() -> mpsc::Sender<Inbound> {
    let (sink, mut inbox) = mpsc::channel::<Inbound>(16);
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    tokio::spawn(async move {
        while let Some(inbound) = inbox.recv().await {
            let said = RawValue::from_string("{}".to_owned()).unwrap();
            let _ = inbound.answer.send(Ok(said));
        }
    });
    sink
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_its_name_and_harms_nobody_else() {
    let world = Arc::new(World::with(|config| {
        config.handshake = Duration::from_secs(6);
        config.probe = Duration::from_secs(1);
    }));
    // the first ones of what is made once
    let good = own(1, 1);
    let launch = world.launch(&[]);
    world.pid(&good, &launch).await;
    let (descriptors_before, memory_before) = (descriptors(), resident_mib());

    let over = Arc::new(AtomicBool::new(false));
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    let pace = tokio::spawn({
        let (world, over) = (world.clone(), over.clone());
        async move {
            let mut took = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                world.ask(&good, &launch, "echo", "{}").await;
                took.push(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            took.sort_unstable();
            (took[took.len() * 95 / 100], took.len())
        }
    });

    for (number, fault) in (100..).zip(TABLE) {
        let (key, launch) = (own(2, number), world.launch(fault.faults));
        let mut result = Err(UpstreamError::Cancelled);
        for _ in 0..if matches!(fault.outcome, Outcome::BackingOff) {
            3
        } else {
            1
        } {
            let mut calling = request(fault.tool, fault.arguments);
            calling.inbound = Some(obliging());
            calling.deadline = match fault.outcome {
                Outcome::Timeout => Instant::now() + Duration::from_secs(1),
                _ => Instant::now() + LONG,
            };
            result = world.pool.call(&key, &launch, calling).await;
        }
        let shown = format!("{result:?}").chars().take(300).collect::<String>();
        assert!(fits(&fault.outcome, &result), "{}: {shown}", fault.name);
        world.pool.stop_server(&key).await;
    }

    // lists
    let deadline = || Instant::now() + LONG;
    let list = async |number: i64, fault: &str| {
        let (key, launch) = (own(2, number), world.launch(&[fault]));
        let list = world.pool.list_tools(&key, &launch, deadline()).await;
        world.pool.stop_server(&key).await;
        list
    };
    assert_eq!(list(1, "many-tools").await.unwrap().len(), 10_000);
    assert_eq!(list(2, "deep-schema").await.unwrap().len(), 1);
    assert!(matches!(
        list(3, "endless-list").await,
        Err(UpstreamError::Protocol { .. })
    ));

    over.store(true, Ordering::Relaxed);
    let (p95, calls) = pace.await.unwrap();
    println!("p95 of {calls} calls of a good server meanwhile: {p95:?}");
    assert!(
        p95 < Duration::from_millis(250),
        "{p95:?} over {calls} calls"
    );

    world.pool.shutdown().await;
    world.assert_nothing_left().await;
    let open = || {
        let all = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let links: Vec<_> = all
            .filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .collect();
        format!("{descriptors_before} before, now {links:?}")
    };
    let closed = tokio::time::timeout(LONG, async {
        while descriptors() > descriptors_before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(closed.await.is_ok(), "{}", open());
    let grown = resident_mib().saturating_sub(memory_before);
    println!("memory grew by {grown} MiB");
    assert!(grown < 256, "{grown} MiB");
}
