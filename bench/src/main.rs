//! Tool calls through `/mcp` under load: latency, throughput, memory, and what a further connected
//! person costs; beside it, in the same run, the same server called directly, and another gateway in
//! front of it. `cargo run --release -p deputy-bench -- --peer PATH`; docs/performance.md says how to
//! read it.
//!
//! Two tools are called. `list_calendars` is the product as it is: `deputy serve`, its Google
//! Calendar server, an emulated Google. `echo` is the gateway alone: the same path through the
//! product ([`host`]) in front of a server that does nothing ([`echo`]).
//!
//! The targets take turns, in two rounds, and every answer is looked at. On a busy machine times say
//! little; processor time per call is steadier, and the ratios of one run.

mod churn;
mod echo;
mod host;
mod http;
mod load;
mod parts;
mod people;
mod pipe;
mod processes;
mod report;
mod targets;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Load on tool calls through /mcp")]
struct Args {
    /// The program mcp-gateway 2.9.1 (`cargo install mcp-gateway --version 2.9.1 --locked`), to be measured beside.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Seconds of load for each target, once with 1 call in flight and once with 16.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How many further people are connected; 0 leaves that part out.
    #[arg(long, default_value_t = 200)]
    people: usize,
    /// The program `deputy`; without it, it is built first.
    #[arg(long)]
    deputy: Option<PathBuf>,
    /// Where the figures go as JSON; by default beside this program.
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The other runs, and what this program is when it starts itself.
#[derive(Debug, Subcommand)]
enum Part {
    /// Many people with servers of their own, for minutes: processes, memory, latencies.
    Churn(churn::ChurnArgs),
    /// The gateway in front of `echo`.
    #[command(hide = true)]
    Host(host::HostArgs),
    /// The server that does nothing.
    #[command(hide = true)]
    Echo,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]
fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match args.part {
        Some(Part::Echo) => return echo::run(),
        Some(Part::Host(args)) => return tokio::runtime::Runtime::new()?.block_on(host::run(args)),
        Some(Part::Churn(args)) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            return tokio::task::LocalSet::new().block_on(&runtime, churn::run(args));
        }
        None => {}
    }
    let own = std::env::current_exe()?;
    let deputy = match args.deputy {
        Some(path) => path
            .canonicalize()
            .with_context(|| path.display().to_string())?,
        None => build(&own.with_file_name("deputy"))?,
    };
    let peer = args
        .peer
        .map(|path| {
            path.canonicalize()
                .with_context(|| path.display().to_string())
        })
        .transpose()?;
    let run = targets::Run {
        deputy,
        own: own.clone(),
        peer,
        each: Duration::from_secs_f64(args.seconds),
        people: args.people,
    };
    // One thread makes the load, so that it takes the same part of the machine from every target.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = tokio::task::LocalSet::new().block_on(&runtime, run.make())?;
    println!("{}", report.table()?);
    let path = args
        .json
        .unwrap_or_else(|| own.with_file_name("deputy-bench.json"));
    std::fs::write(&path, serde_json::to_vec_pretty(&report)?)?;
    eprintln!("figures: {}", path.display());
    Ok(())
}

/// Builds the product as this program was built, and gives its path.
fn build(deputy: &std::path::Path) -> anyhow::Result<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo, before anything is measured"
    )]
    let mut cargo =
        std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let built = cargo
        .args(["build", "--release", "-p", "deputy"])
        .status()
        .context("starting cargo")?;
    anyhow::ensure!(
        built.success(),
        "building deputy failed; name a built one with --deputy"
    );
    Ok(deputy.to_owned())
}
