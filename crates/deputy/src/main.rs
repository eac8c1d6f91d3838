//! The program: reads settings, puts the crates together, offers the commands.

use std::process::ExitCode;
use std::sync::OnceLock;

use clap::Parser as _;
use nix::sys::stat::Mode;

mod agent;
mod cli;
mod commands;
mod compose;
mod settings;
mod telemetry;

use cli::{Cli, Command};

/// Of files that we write: ours alone.
const OURS: Mode = Mode::from_bits_truncate(0o077);

/// What the program was started with.
static GIVEN_UMASK: OnceLock<Mode> = OnceLock::new();

/// `EX_CONFIG` of sysexits: wrong configuration.
const EXIT_CONFIG: u8 = 78;

/// Wrong usage, as for what the command line does not know.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = become_a_server() {
        return code;
    }
    keep_to_ourselves();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("deputy: the async runtime can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            // Each cause on a line of its own: the last one is often the one to mend.
            eprintln!("deputy: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            if error.is::<settings::SettingError>() {
                ExitCode::from(EXIT_CONFIG)
            } else if error.is::<commands::UsageError>() {
                ExitCode::from(EXIT_USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// `deputy __sandbox-exec …`: this process confines itself and becomes a person's server. Before
/// anything else, since it must have no threads; and no command that people are offered.
fn become_a_server() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != deputy_jail::SUBCOMMAND {
        return None;
    }
    Some(deputy_jail::enter(args, std::env::vars_os()).into())
}

/// What we write is ours alone to read, and other programs of the same account (a person's MCP
/// server is one) can't read our environment or memory.
fn keep_to_ourselves() {
    let given = nix::sys::stat::umask(OURS);
    let _ = GIVEN_UMASK.set(given);
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        eprintln!("deputy: other programs of this account may read its memory: {error}");
    }
}

/// Does what starts a program of the person's own, which is to write files as it does otherwise. What we write
/// meanwhile names its mode.
pub(crate) fn as_we_were_started<T>(work: impl FnOnce() -> T) -> T {
    if let Some(given) = GIVEN_UMASK.get() {
        nix::sys::stat::umask(*given);
    }
    let done = work();
    nix::sys::stat::umask(OURS);
    done
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Sandbox(args) => commands::sandbox::run(args).await,
        Command::Serve(args) => commands::serve::run(args).await,
        Command::Emulate(args) => commands::emulate::run(args).await,
        Command::Mcp(args) => commands::mcp::run(args).await,
        Command::User { action, database } => {
            Box::pin(commands::user::run(action, &database)).await
        }
        Command::Token { action, database } => commands::token::run(action, &database).await,
        Command::Client { action, database } => commands::client::run(action, &database).await,
        Command::Key { action, database } => commands::key::run(action, &database).await,
        Command::Db { action, database } => commands::db::run(action, &database).await,
        Command::Audit { action, database } => commands::audit::run(action, &database).await,
        Command::Tools { server, json } => commands::agent::tools(&server, json).await,
        Command::Call(args) => commands::agent::call(args).await,
        Command::Whoami { server, json } => commands::agent::whoami(&server, json).await,
        Command::Login(args) => Box::pin(commands::agent::login(args)).await,
        Command::Logout(args) => commands::agent::logout(&args).await,
        Command::Bridge(args) => Box::pin(commands::agent::bridge(&args)).await,
        Command::Doctor { database } => commands::doctor::run(&database).await,
        Command::Completions { shell } => Ok(commands::completions(shell)),
    }
}
