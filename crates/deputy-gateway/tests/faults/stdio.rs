//! Servers that are processes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deputy_gateway::pool::{Launch, PoolKey, ToolResult, UpstreamError};
use deputy_jail::{Confinement, Level, Limits, Network, abilities};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

use crate::measure::Pulse;
use crate::support::{LONG, World, is_gone, own, pids_in, process, request, until};
use crate::{AT_ONCE, DEADLINE, IN_TIME, Outcome, TURN, obliging, shown};

/// One thing that a server does.
#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    faults: &'static [&'static str],
    tool: &'static str,
    arguments: &'static str,
    outcome: Outcome,
    then: Then,
}

/// What the calls after it come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Answers, by this process or another one; one more may fail first.
    Works,
    /// Answers, once the pool has looked and found it mute.
    Replaced,
    /// The same again.
    Same,
}

const fn start(name: &'static str, faults: &'static [&'static str], outcome: Outcome) -> Fault {
    let then = match outcome {
        Outcome::Fine => Then::Works,
        _ => Then::Same,
    };
    Fault {
        then,
        ..call(name, faults, "echo", "{}", outcome)
    }
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
        then: Then::Works,
    }
}

/// One that hears nothing any more.
const fn stuck(fault: Fault) -> Fault {
    Fault {
        then: Then::Replaced,
        ..fault
    }
}

const FIFTEEN_MIB: &str = r#"{"bytes":15728640}"#;
const SEVENTEEN_MIB: &str = r#"{"bytes":17825792}"#;
/// In MiB; the servers that swallow large messages need some.
const MEMORY: u64 = 256;
const FILE: u64 = 8;
const DISK: u64 = 64;

#[rustfmt::skip]
const TABLE: &[Fault] = &[
    start("never answers initialize", &["mute-at-start"], Outcome::NotStarted("in time")),
    start("answers initialize late", &["late"], Outcome::Fine),
    start("exits before initialize", &["exit-at-start"], Outcome::NotStarted("status 3")),
    start("exits at initialize", &["exit-at-initialize"], Outcome::NotStarted("status 4")),
    call("exits 0 in a call", &[], "exit", r#"{"status":0}"#, Outcome::Died("status 0")),
    call("exits 1 in a call", &[], "exit", r#"{"status":1}"#, Outcome::Died("status 1")),
    call("is killed in a call", &[], "kill", "{}", Outcome::Died("SIGKILL")),
    call("hangs in a call", &[], "hang", "{}", Outcome::Timeout),
    start("prints before, between and after messages", &["banner"], Outcome::Fine),
    call("prints inside a message", &[], "log-inside", "{}", Outcome::Timeout),
    start("pauses within messages", &["halves"], Outcome::Fine),
    call("half a message, then the end", &[], "half-exit", "{}", Outcome::Died("status 0")),
    start("a byte at a time", &["bytewise"], Outcome::Fine),
    call("15 MiB", &[], "big", FIFTEEN_MIB, Outcome::Fine),
    call("17 MiB", &[], "big", SEVENTEEN_MIB, Outcome::Protocol("more than 16 MiB")),
    stuck(call("a line without end", &[], "endless-line", "{}", Outcome::Timeout)),
    call("100,000 notifications", &[], "flood", r#"{"n":100000}"#, Outcome::Fine),
    call("100,000 changes", &[], "say", r#"{"n":100000,"method":"notifications/tools/list_changed"}"#, Outcome::Fine),
    call("broken UTF-8", &[], "broken-utf8", "{}", Outcome::Fine),
    start("a byte order mark and CR LF", &["windows"], Outcome::Fine),
    call("an answer twice", &[], "twice", "{}", Outcome::Fine),
    call("answers to nothing, ids as text", &[], "text-id", "{}", Outcome::Fine),
    call("an id as a fraction", &[], "fraction-id", "{}", Outcome::Fine),
    call("an id that is null", &[], "id", r#"{"id":null}"#, Outcome::Timeout),
    call("an id that is a fraction", &[], "id", r#"{"id":1.5}"#, Outcome::Timeout),
    call("another JSON-RPC", &[], "version", "{}", Outcome::Fine),
    start("prints errors for ever", &["stderr-flood"], Outcome::Fine),
    call("closes its output and lives", &["ignore-term"], "close-stdout", "{}", Outcome::Died("closed its output")),
    call("closes its input", &["single"], "close-stdin", "{}", Outcome::Fine),
    start("ignores every polite end", &["ignore-term"], Outcome::Fine),
    start("has a grandchild in its group", &["helper"], Outcome::Fine),
    start("has a grandchild outside its group", &["double-fork"], Outcome::Fine),
    call("dies with a grandchild outside its group", &["double-fork"], "kill", "{}", Outcome::Died("SIGKILL")),
    stuck(call("spins", &["single"], "spin", "{}", Outcome::Timeout)),
    call("eats memory", &[], "eat", r#"{"mib":320}"#, Outcome::Died("more than the 256 MiB")),
    call("fills its disk with one file", &["held"], "fill", r#"{"files":1,"mib":16}"#, Outcome::Died("SIGXFSZ")),
    call("fills its disk with many files", &["held"], "fill", r#"{"files":12,"mib":7,"stay":1}"#, Outcome::Died("more than the 64 MiB of files")),
    call("asks for ever", &[], "ask-for-ever", "{}", Outcome::Timeout),
    call("asks and does not listen", &[], "ask-unheard", r#"{"n":5000}"#, Outcome::Fine),
    Fault { then: Then::Same, ..call("a crash loop", &["die-at-call"], "echo", "{}", Outcome::BackingOff) },
];

/// A fault's server.
struct Server {
    key: PoolKey,
    launch: Launch,
    pids: PathBuf,
}

impl Server {
    fn new(world: &World, id: i64, fault: &Fault) -> Self {
        let folder = world.folder().join(id.to_string());
        std::fs::create_dir(&folder).unwrap();
        let folder = folder.canonicalize().unwrap();
        let pids = folder.join("pids");
        let faults: Vec<_> = fault
            .faults
            .iter()
            .filter(|it| **it != "held")
            .copied()
            .collect();
        let mut launch = World::launch_noting(&faults, &pids);
        if faults.len() < fault.faults.len() {
            process(&mut launch).confinement = Some(Confinement {
                level: Level::Strict,
                network: Network::None,
                home: Some(folder.join("home")),
                write: vec![folder],
                limits: Limits {
                    file_size: FILE << 20,
                    ..Limits::default()
                },
                ..Confinement::default()
            });
        }
        Self {
            key: own(2, id),
            launch,
            pids,
        }
    }

    async fn call(
        &self,
        world: &World,
        fault: &Fault,
        tool: &str,
    ) -> Result<ToolResult, UpstreamError> {
        let arguments = if tool == fault.tool {
            fault.arguments
        } else {
            "{}"
        };
        let mut calling = request(tool, arguments);
        calling.inbound = Some(obliging());
        let given = match fault.outcome {
            Outcome::Timeout => DEADLINE,
            _ => IN_TIME,
        };
        calling.deadline = Instant::now() + given;
        let begun = Instant::now();
        let result = world.pool.call(&self.key, &self.launch, calling).await;
        let took = begun.elapsed();
        assert!(
            took < given + Duration::from_secs(2),
            "{}: {took:?}",
            fault.name
        );
        result
    }

    /// The next calls work.
    async fn works(&self, world: &World, fault: &Fault) {
        let mut last = self.call(world, fault, "echo").await;
        if last.is_err() {
            last = self.call(world, fault, "echo").await;
        }
        assert!(
            Outcome::Fine.fits(&last),
            "after {}: {}",
            fault.name,
            shown(&last)
        );
    }

    /// Nothing of it is left, not even a zombie.
    async fn end(&self, world: &World, fault: &Fault) {
        world.pool.stop_server(&self.key).await;
        let pids = pids_in(&self.pids);
        assert!(!pids.is_empty(), "{}", fault.name);
        until(fault.name, || pids.iter().all(|pid| is_gone(*pid))).await;
    }
}

async fn one(world: &World, id: i64, fault: &'static Fault) -> (&'static str, Instant, Instant) {
    let begun = Instant::now();
    let server = Server::new(world, id, fault);
    let mut result = server.call(world, fault, fault.tool).await;
    if matches!(fault.outcome, Outcome::BackingOff) {
        for _ in 0..2 {
            result = server.call(world, fault, fault.tool).await;
        }
    }
    assert!(
        fault.outcome.fits(&result),
        "{}: {}",
        fault.name,
        shown(&result)
    );
    let status = world.pool.state(&server.key).unwrap();
    match fault.outcome {
        Outcome::NotStarted(text) | Outcome::Died(text) => {
            let reason = status.reason.unwrap_or_default();
            assert!(reason.contains(text), "{}: {reason}", fault.name);
            assert!(status.failures > 0, "{}", fault.name);
        }
        Outcome::BackingOff => assert!(status.backoff_until.is_some(), "{}", fault.name),
        _ => {}
    }
    if fault.then == Then::Works {
        server.works(world, fault).await;
    }
    if fault.then != Then::Replaced {
        server.end(world, fault).await;
    }
    (fault.name, begun, Instant::now())
}

/// Whether this machine can hold servers; where it has to, it is an error if not.
#[expect(
    clippy::disallowed_methods,
    reason = "whether tests may be left out is the environment's to say"
)]
fn can_hold() -> bool {
    let missing = abilities().missing(Level::Strict);
    assert!(
        missing.is_none() || std::env::var("CI").as_deref() != Ok("true"),
        "{missing:?}"
    );
    missing.is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_its_name_and_harms_nobody_else() {
    let _turn = TURN.lock().await;
    let world = Arc::new(World::with(|config| {
        config.handshake = Duration::from_secs(4);
        config.probe = Duration::from_secs(1);
        config.memory = MEMORY << 20;
        config.disk = DISK << 20;
        config.helper = env!("CARGO_BIN_EXE_mcp-fixture").into();
    }));
    let faults: Vec<_> = (100..)
        .zip(TABLE)
        .filter(|(_, fault)| !fault.faults.contains(&"held") || can_hold())
        .collect();
    // somebody else's server, and another one of the person whose servers misbehave
    let good = world.launch(&[]);
    let pulse = Pulse::start({
        let (world, good) = (world.clone(), good.clone());
        move || {
            let (world, good) = (world.clone(), good.clone());
            async move {
                world.ask(&own(1, 1), &good, "echo", "{}").await;
                world.ask(&own(2, 1), &good, "echo", "{}").await;
            }
            .boxed()
        }
    })
    .await;

    let misbehaving = futures_util::stream::iter(&faults)
        .map(|(id, fault)| one(&world, *id, fault))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>();
    // as the pool does by itself from time to time
    let looking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            world.pool.look().await;
        }
    };
    let windows = tokio::select! {
        windows = misbehaving => windows,
        () = looking => unreachable!(),
    };

    for _ in 0..2 {
        world.advance(Duration::from_mins(1));
        world.pool.look().await;
    }
    for (id, fault) in faults
        .iter()
        .filter(|(_, fault)| fault.then == Then::Replaced)
    {
        let folder = world.folder().join(id.to_string());
        let server = Server {
            key: own(2, *id),
            launch: World::launch_noting(fault.faults, &folder.join("pids")),
            pids: folder.join("pids"),
        };
        server.works(&world, fault).await;
        assert_eq!(
            world.pool.state(&server.key).unwrap().failures,
            0,
            "{}: it did not end by itself",
            fault.name
        );
        server.end(&world, fault).await;
    }

    lists(&world).await;
    let left = pulse.assert_kept(&windows, 256).await;
    world.pool.shutdown().await;
    world.assert_nothing_left().await;
    left.assert_nothing().await;
}

async fn lists(world: &World) {
    let list = async |id: i64, fault: &str| {
        let (key, launch) = (own(2, id), world.launch(&[fault]));
        let list = world
            .pool
            .list_tools(&key, &launch, Instant::now() + LONG)
            .await;
        world.pool.stop_server(&key).await;
        list
    };
    // what a schema refers to is not looked at here: `servers/definition.rs`
    assert_eq!(list(10, "many-tools").await.unwrap().len(), 10_000);
    assert_eq!(list(11, "deep-schema").await.unwrap().len(), 1);
    let endless = list(12, "endless-list").await;
    assert!(matches!(endless, Err(UpstreamError::Protocol { .. })));
}
