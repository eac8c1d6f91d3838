//! This program as cargo's `RUSTC_WORKSPACE_WRAPPER`: builds the repository's own crates so that libFuzzer sees which
//! code an input reaches. Flags for the whole build (`RUSTFLAGS`) would have every dependency built a second time.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Says that it is run as such.
pub(crate) const VARIABLE: &str = "DEPUTY_XTASK_INSTRUMENT";

/// What `cargo fuzz` gives the compiler as well; nothing of it needs a nightly one.
const FLAGS: [&str; 8] = [
    "--cfg",
    "fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
];

/// Runs the compiler that cargo asks for; `None` where this is an ordinary run.
pub(crate) fn run() -> Option<ExitCode> {
    std::env::var_os(VARIABLE)?;
    let mut args = std::env::args_os().skip(1);
    let Some(rustc) = args.next() else {
        return Some(ExitCode::from(2));
    };
    let args: Vec<OsString> = args.collect();
    // What runs while building has no libFuzzer to report to.
    let runs_now = args
        .iter()
        .any(|arg| arg == "proc-macro" || arg.to_string_lossy().starts_with("build_script_"));
    let mut command = Command::new(rustc);
    command.args(&args);
    if !runs_now {
        command.args(FLAGS);
    }
    let code = match command.status() {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()),
        Err(error) => {
            eprintln!("xtask: the compiler can't be started: {error}");
            None
        }
    };
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
