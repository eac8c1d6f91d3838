//! Many people with servers of their own, for minutes: how many processes there are, what they
//! hold, and how long a call takes while servers come and go under a cap.
//!
//! Everybody calls one of their servers, thinks for a while (exponentially distributed), and calls
//! again. There are more servers than the cap allows processes, so that a call often finds its server
//! asleep: it is started, and the one that was idle longest ends. The same people, servers and calls
//! go through the peers that are named, one target after the other in one run.

mod plot;
mod targets;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use deputy_core::{Lifecycle, SystemRng, random};
use futures_util::future::join_all;
use serde::Serialize;

use crate::processes::{Program, count_children, machine, shared_kib};
use crate::report::Machine;
use targets::{Person, Place};

/// How often processes and memory are counted.
const EVERY: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct ChurnArgs {
    /// How many people.
    #[arg(long, default_value_t = 200)]
    people: usize,
    /// How many servers each of them has.
    #[arg(long, default_value_t = 3)]
    servers: usize,
    /// How many of the people have a Node server as the last of theirs.
    #[arg(long, default_value_t = 6)]
    node_people: usize,
    /// The script of that server: `dist/index.js` of @modelcontextprotocol/server-everything. Without it
    /// nobody has one.
    #[arg(long)]
    node_script: Option<PathBuf>,
    /// Most servers that Deputy runs at the same time, of everybody together.
    #[arg(long, default_value_t = 256)]
    cap: u32,
    /// Minutes of churn through Deputy; 0 leaves it out.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Minutes through each peer.
    #[arg(long, default_value_t = 2.0)]
    peer_minutes: f64,
    /// Seconds that a person thinks between two calls, on average.
    #[arg(long, default_value_t = 6.0)]
    think: f64,
    /// mcp-gateway 2.9.1.
    #[arg(long)]
    mcp_gateway: Option<PathBuf>,
    /// mcp-proxy 0.13 of PyPI.
    #[arg(long)]
    mcp_proxy: Option<PathBuf>,
    /// The program `deputy`, built with `--release`.
    #[arg(long)]
    deputy: PathBuf,
    /// The folder for `churn.json` and the plots.
    #[arg(long)]
    out: PathBuf,
}

/// The whole run.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    people: usize,
    servers_each: usize,
    think_s: f64,
    /// Most servers that Deputy ran at the same time. The peers have no such cap.
    cap: u32,
    targets: Vec<Churned>,
}

/// What one target did.
#[derive(Debug, Serialize)]
struct Churned {
    target: &'static str,
    minutes: f64,
    calls: usize,
    failures: Vec<(String, usize)>,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// Largest numbers seen.
    most_processes: usize,
    gateway_mib: f64,
    children_mib: f64,
    /// Processes still there ten seconds after the program was told to end.
    left_behind: usize,
    windows: Vec<Window>,
}

/// Some seconds of a run.
#[derive(Debug, Serialize)]
struct Window {
    at_s: f64,
    processes: usize,
    gateway_mib: f64,
    children_mib: f64,
    calls: usize,
    p50_ms: f64,
    p99_ms: f64,
}

/// What the callers of one target saw.
#[derive(Default)]
struct Seen {
    /// Since the beginning, and how long it took.
    calls: Vec<(Duration, Duration)>,
    failures: Vec<String>,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]
pub(crate) async fn run(args: ChurnArgs) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    std::fs::create_dir_all(&args.out)?;
    let lifecycle = Lifecycle::new();
    let (processor, processors, load_before) = machine();
    let mut report = Report {
        machine: Machine {
            processor,
            processors,
            load_before,
        },
        people: args.people,
        servers_each: args.servers,
        think_s: args.think,
        cap: args.cap,
        targets: Vec::new(),
    };
    let plan = targets::Plan {
        own: &own,
        deputy: &args.deputy,
        people: args.people,
        servers: args.servers,
        cap: args.cap,
        node: args
            .node_script
            .as_deref()
            .map(|script| (script, args.node_people)),
    };
    let scratch = tempfile::tempdir()?;
    let mut turns: Vec<(&'static str, f64, Option<&Path>)> = vec![("deputy", args.minutes, None)];
    if let Some(program) = &args.mcp_gateway {
        turns.push(("mcp-gateway", args.peer_minutes, Some(program)));
    }
    if let Some(program) = &args.mcp_proxy {
        turns.push(("mcp-proxy", args.peer_minutes, Some(program)));
    }
    turns.retain(|(_, minutes, _)| *minutes > 0.0);
    for (target, minutes, program) in turns {
        eprintln!("{target}: {minutes} minutes");
        let folder = scratch.path().join(target);
        std::fs::create_dir_all(&folder)?;
        let (running, places) = plan
            .start(target, program, &folder, &lifecycle)
            .await
            .with_context(|| format!("starting {target}"))?;
        report.targets.push(
            churn(target, minutes, &args, running, places, &lifecycle)
                .await
                .with_context(|| target.to_owned())?,
        );
    }
    lifecycle.stop(Duration::from_millis(100)).await;
    std::fs::write(
        args.out.join("churn.json"),
        serde_json::to_vec_pretty(&report)?,
    )?;
    plot::all(&args.out, &report.targets)?;
    println!("{}", table(&report));
    Ok(())
}

/// Everybody calls, thinks and calls again until the time is over.
async fn churn(
    target: &'static str,
    minutes: f64,
    args: &ChurnArgs,
    mut running: Program,
    places: Vec<Vec<Place>>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Churned> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let pid = running.pid();
    let begun = Instant::now();
    let time = Duration::from_secs_f64(minutes * 60.0);
    let calling = join_all(places.into_iter().map(|places| {
        let seen = Rc::clone(&seen);
        let think = args.think;
        async move {
            let mut person = Person::new(places);
            loop {
                let pause = Duration::from_secs_f64(think * exponential());
                if begun.elapsed() + pause >= time {
                    return;
                }
                tokio::time::sleep(pause).await;
                let which = usize::from(u16::from_be_bytes(random::bytes(&SystemRng)));
                let before = Instant::now();
                let outcome = person.call(which, lifecycle).await;
                let mut seen = seen.borrow_mut();
                match outcome {
                    Ok(()) => seen.calls.push((before - begun, before.elapsed())),
                    Err(error) => seen
                        .failures
                        .push(format!("{error:#}").chars().take(160).collect()),
                }
            }
        }
    }));
    let looking = async {
        let mut looks = Vec::new();
        while begun.elapsed() < time {
            tokio::time::sleep(EVERY).await;
            let (gateway, children) = shared_kib(pid);
            looks.push((begun.elapsed(), count_children(pid), gateway, children));
        }
        looks
    };
    let (_, looks) = tokio::join!(calling, looking);
    let below = crate::processes::descendants(pid);
    running.stop();
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut left_behind = below.clone();
    while !left_behind.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        left_behind.retain(|process| crate::processes::is_alive(*process));
    }
    drop(running);
    let seen = std::mem::take(&mut *seen.borrow_mut());
    Ok(summary(target, minutes, &seen, &looks, left_behind.len()))
}

/// A pause's length in units of its average.
fn exponential() -> f64 {
    let raw = u32::from_be_bytes(random::bytes(&SystemRng));
    let unit = (f64::from(raw) + 1.0) / (f64::from(u32::MAX) + 2.0);
    -unit.ln()
}

type Look = (Duration, usize, u64, u64);

#[expect(clippy::cast_precision_loss, reason = "sizes of one run")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn summary(
    target: &'static str,
    minutes: f64,
    seen: &Seen,
    looks: &[Look],
    left_behind: usize,
) -> Churned {
    let mut windows = Vec::new();
    let mut from = Duration::ZERO;
    for (at, processes, gateway, children) in looks {
        let within: Vec<Duration> = seen
            .calls
            .iter()
            .filter(|(began, _)| *began >= from && began < at)
            .map(|(_, took)| *took)
            .collect();
        windows.push(Window {
            at_s: at.as_secs_f64(),
            processes: *processes,
            gateway_mib: mib(*gateway),
            children_mib: mib(*children),
            calls: within.len(),
            p50_ms: rank(within.clone(), 500),
            p99_ms: rank(within, 990),
        });
        from = *at;
    }
    let all: Vec<Duration> = seen.calls.iter().map(|(_, took)| *took).collect();
    let mut failures: Vec<(String, usize)> = Vec::new();
    for failure in &seen.failures {
        match failures.iter_mut().find(|(known, _)| known == failure) {
            Some((_, count)) => *count += 1,
            None => failures.push((failure.clone(), 1)),
        }
    }
    let most = |of: fn(&Window) -> f64| windows.iter().map(of).fold(0.0, f64::max);
    Churned {
        target,
        minutes,
        calls: all.len(),
        failures,
        p50_ms: rank(all.clone(), 500),
        p90_ms: rank(all.clone(), 900),
        p99_ms: rank(all.clone(), 990),
        max_ms: rank(all, 1000),
        most_processes: windows.iter().map(|w| w.processes).max().unwrap_or(0),
        gateway_mib: most(|w| w.gateway_mib),
        children_mib: most(|w| w.children_mib),
        left_behind,
        windows,
    }
}

/// The value at so many thousandths, in milliseconds.
fn rank(mut values: Vec<Duration>, permille: usize) -> f64 {
    values.sort_unstable();
    let at = (values.len() * permille).div_ceil(1000).saturating_sub(1);
    values.get(at).map_or(0.0, |v| v.as_secs_f64() * 1e3)
}

fn table(report: &Report) -> String {
    use std::fmt::Write as _;
    let mut out = String::from(
        "| through | minutes | calls | failed | p50 ms | p90 ms | p99 ms | max ms | processes | gateway MiB | children MiB | left behind |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for t in &report.targets {
        let failed: usize = t.failures.iter().map(|(_, count)| count).sum();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {failed} | {:.2} | {:.2} | {:.1} | {:.0} | {} | {:.0} | {:.0} | {} |",
            t.target,
            t.minutes,
            t.calls,
            t.p50_ms,
            t.p90_ms,
            t.p99_ms,
            t.max_ms,
            t.most_processes,
            t.gateway_mib,
            t.children_mib,
            t.left_behind,
        );
    }
    out
}
