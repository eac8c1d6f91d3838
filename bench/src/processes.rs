//! The programs under test: started in groups of their own, ended with their handle, and what they
//! cost while they run.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a program may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command with an empty environment but for what programs need anywhere.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the pool's spawner is under test; these are its surroundings"
    )]
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// A running program and its children.
pub(crate) struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    /// Starts it. What it prints goes to `log`, and line by line to [`Program::line_with`].
    pub(crate) fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let errors = fs::File::create(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let (sender, lines) = mpsc::channel();
        let out = child.stdout.take().context("no standard output")?;
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The first line of its standard output that contains `text`.
    pub(crate) fn line_with(&self, text: &str) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(text) => return Ok(line),
                Ok(_) => {}
                Err(_) => bail!("a program did not say '{text}'"),
            }
        }
    }

    /// Its process id, which is its group's too.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and waits for it, some seconds.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.pid()) {
            // Gone already is fine.
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The children of the programs under test are in groups of their own: asked to stop, their
        // parents end them.
        let children = children(self.pid());
        self.stop();
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
        for (pid, started) in children {
            if stat(pid).is_some_and(|s| s.started == started)
                && let Ok(pid) = i32::try_from(pid)
            {
                let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// What of `/proc/PID/stat` is wanted (proc(5)).
struct Stat {
    parent: u32,
    /// User and system time, in clock ticks.
    ticks: u64,
    /// Since boot, in clock ticks.
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)?,
        started: number(19)?,
    })
}

/// All processes below `pid`, with when they were started.
fn children(pid: u32) -> Vec<(u32, u64)> {
    let all: Vec<(u32, Stat)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect();
    let mut found = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for (pid, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            found.push((*pid, stat.started));
            parents.push(*pid);
        }
    }
    found
}

/// All processes below `pid`, each with what tells it from a later one of the same number.
pub(crate) fn descendants(pid: u32) -> Vec<(u32, u64)> {
    children(pid)
}

/// Whether it is still there.
pub(crate) fn is_alive((pid, started): (u32, u64)) -> bool {
    stat(pid).is_some_and(|s| s.started == started)
}

/// Processor time of a program so far, and of its children, in microseconds.
pub(crate) fn cpu_us(pid: u32) -> (u64, u64) {
    // USER_HZ is 100 on every Linux that Rust runs on.
    let us = |pid| stat(pid).map_or(0, |s| s.ticks * 10_000);
    (us(pid), children(pid).iter().map(|(pid, _)| us(*pid)).sum())
}

/// Resident memory of a program, and of its children, in KiB.
pub(crate) fn rss_kib(pid: u32) -> (u64, u64) {
    (
        status_kib(pid, "VmRSS:"),
        children(pid)
            .iter()
            .map(|(pid, _)| status_kib(*pid, "VmRSS:"))
            .sum(),
    )
}

/// Memory of a program, and of its children, in KiB: what several share is divided among them.
pub(crate) fn shared_kib(pid: u32) -> (u64, u64) {
    let of = |pid| kib(&format!("/proc/{pid}/smaps_rollup"), "Pss:");
    (of(pid), children(pid).iter().map(|(pid, _)| of(*pid)).sum())
}

/// Number of processes below `pid`.
pub(crate) fn count_children(pid: u32) -> usize {
    children(pid).len()
}

fn status_kib(pid: u32, field: &str) -> u64 {
    kib(&format!("/proc/{pid}/status"), field)
}

fn kib(file: &str, field: &str) -> u64 {
    fs::read_to_string(file)
        .ok()
        .and_then(|text| {
            text.lines().find_map(|l| {
                l.strip_prefix(field)?
                    .trim()
                    .strip_suffix(" kB")?
                    .parse()
                    .ok()
            })
        })
        .unwrap_or(0)
}

/// Waits until a program has nothing left to do (records are written after the answers): no
/// processor time for 150 ms, at most 5 s.
pub(crate) async fn settle(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut before = cpu_us(pid);
    while Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = cpu_us(pid);
        if now == before {
            return;
        }
        before = now;
    }
}

/// The model of the processor, how many there are, and how busy the machine is before the run.
pub(crate) fn machine() -> (String, usize, f64) {
    let model = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|t| {
            t.lines().find_map(|l| {
                Some(
                    l.strip_prefix("model name")?
                        .split_once(':')?
                        .1
                        .trim()
                        .to_owned(),
                )
            })
        })
        .unwrap_or_else(|| "unknown".to_owned());
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|t| t.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0);
    (model, count, load)
}
