//! Fuzzing: each parser of what comes from outside under libFuzzer, a few seconds each in every test run, and one of them
//! for as long as somebody likes (docs/testing.md, "Fuzzing").
//!
//! Begins with the inputs in `fuzz/corpus/TARGET` and takes words from `fuzz/dictionary/TARGET` where there is such a
//! file. What an input must not do is in the crates themselves, in modules named `fuzzing`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::{instrument, machine, process};

/// How long a target runs in a test run, in seconds, and at most how often.
const SHORT: u64 = 4;
const SHORT_RUNS: u64 = 400_000;
/// How long one runs that is run alone, unless told otherwise, in seconds.
pub(crate) const LONG: u64 = 300;
/// The longest input, in bytes; an input may take so many seconds, and the program so much memory, in MiB.
const LONGEST: usize = 4096;
const SLOWEST: u64 = 10;
const MEMORY: usize = 2048;

/// Which target says the variable.
const TARGET: &str = "DEPUTY_FUZZ_TARGET";

/// One target for `seconds`; without a name, says which there are. What it learns is kept in the cache folder.
pub(crate) fn long(name: Option<&str>, seconds: u64) -> Result<bool> {
    let program = build()?;
    let known = targets(&program)?;
    let Some(name) = name else {
        println!("{}", known.join("\n"));
        return Ok(true);
    };
    if !known.iter().any(|target| target == name) {
        bail!("there is no target '{name}': cargo xtask fuzz lists them");
    }
    let kept = machine::cache()?.join("fuzz").join(name);
    let mut command = command(&program, name, &kept)?;
    command.args([
        format!("-max_total_time={seconds}"),
        // Slower, and gets past comparisons byte by byte.
        "-use_value_profile=1".to_owned(),
    ]);
    process::succeeds(&mut command)
}

/// All targets for some seconds; true if nothing was found.
pub(crate) fn short() -> Result<bool> {
    let program = build()?;
    let names = targets(&program)?;
    let kept = machine::cache()?.join("fuzz-short");
    let left = Mutex::new(names.iter());
    let whole = AtomicBool::new(true);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers.min(names.len()) {
            scope.spawn(|| {
                while let Some(name) = next(&left) {
                    if let Err(error) = one(&program, name, &kept.join(name)) {
                        eprintln!("{name}: {error:#}");
                        whole.store(false, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Ok(whole.into_inner())
}

fn next<'n>(left: &Mutex<impl Iterator<Item = &'n String>>) -> Option<&'n String> {
    left.lock().ok()?.next()
}

/// A short run, of which nothing is shown unless something was found.
fn one(program: &Path, name: &str, kept: &Path) -> Result<()> {
    // Each run begins with the same inputs, wherever it runs.
    if kept.exists() {
        std::fs::remove_dir_all(kept)?;
    }
    let mut command = command(program, name, kept)?;
    command.args([
        format!("-max_total_time={SHORT}"),
        format!("-runs={SHORT_RUNS}"),
        // The same inputs each time, as far as four seconds go: red is what a change made red.
        "-seed=1".to_owned(),
    ]);
    let out = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    if out.status.success() {
        let done = said.lines().rfind(|line| line.starts_with("Done "));
        eprintln!("{name}: {}", done.unwrap_or("done"));
        return Ok(());
    }
    let again = found(&said).into_iter().map(|file| {
        format!(
            "to run it again: {TARGET}={name} {} {file}\n\
             once it is mended, keep it: cp {file} fuzz/corpus/{name}/",
            program.display()
        )
    });
    let again: Vec<String> = again.collect();
    bail!("{}\n{said}\n{}", out.status, again.join("\n"));
}

/// The files that libFuzzer says it wrote.
fn found(said: &str) -> Vec<&str> {
    said.lines()
        .filter_map(|line| line.split_once("Test unit written to "))
        .map(|(_, file)| file.trim())
        .collect()
}

/// A run of one target that keeps what it learns, and what it finds, in `kept`.
fn command(program: &Path, name: &str, kept: &Path) -> Result<Command> {
    let folder = machine::root().join("fuzz");
    let seeds = folder.join("corpus").join(name);
    if !seeds.is_dir() {
        bail!("{} is missing: {name} begins with nothing", seeds.display());
    }
    let (inputs, crashes) = (kept.join("inputs"), kept.join("found"));
    for new in [&inputs, &crashes] {
        std::fs::create_dir_all(new).with_context(|| format!("making {}", new.display()))?;
    }
    let mut command = Command::new(program);
    command.env(TARGET, name).args([
        format!("-max_len={LONGEST}"),
        format!("-timeout={SLOWEST}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-artifact_prefix={}/", crashes.display()),
    ]);
    let words = folder.join("dictionary").join(name);
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    // New inputs go to the first.
    command.args([inputs, seeds]);
    Ok(command)
}

/// Builds the program, the repository's own crates with coverage; where it is.
fn build() -> Result<PathBuf> {
    let ourselves = std::env::current_exe().context("finding this program")?;
    let mut command = process::cargo();
    command
        // Of the whole workspace, or dependencies would be built once more with fewer features.
        .args(["build", "--workspace", "--bin", "deputy-fuzz"])
        .args(["--features", "deputy-fuzz/fuzz"])
        .args(machine::locked())
        .env("RUSTC_WORKSPACE_WRAPPER", &ourselves)
        .env(instrument::VARIABLE, "1");
    process::run(&mut command)?;
    // Cargo puts them into one folder.
    Ok(ourselves.with_file_name("deputy-fuzz"))
}

/// Their names; the program knows them.
fn targets(program: &Path) -> Result<Vec<String>> {
    let names = process::output(program, &[]).context("the fuzz program does not run")?;
    Ok(names.lines().map(str::to_owned).collect())
}
