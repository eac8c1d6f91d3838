//! The subcommands, a file each. What a script wants is alone on stdout; everything said to a
//! person goes to stderr.

pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod emulate;
pub(crate) mod key;
pub(crate) mod mcp;
pub(crate) mod record;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod user;

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

/// Writes a completion script.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut crate::cli::Cli::command(),
        "deputy",
        &mut script,
    );
    // As with `say`.
    let _ = std::io::stdout().write_all(&script);
    ExitCode::SUCCESS
}

/// What was typed can't be meant: it ends the program with code 2, as an unknown option does.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// A list on stdout: a line for each, or one JSON array.
pub(crate) fn say_all<T>(
    list: &crate::cli::ListArgs,
    items: &[T],
    line: impl Fn(&T) -> String,
    value: impl Fn(&T) -> serde_json::Value,
) {
    if list.json {
        say(&items
            .iter()
            .map(value)
            .collect::<serde_json::Value>()
            .to_string());
    } else {
        for item in items {
            say(&line(item));
        }
    }
}

/// One line on stdout; a reader that went away is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
