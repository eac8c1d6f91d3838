//! What is run once before a server starts for the first time: fetching the packages of a server that
//! itself has no network.
//!
//! It runs in the server's confinement but with the network open, and so without what the server keeps
//! secret: code of a package that is run while it is fetched has nothing to take away. That it was done is
//! remembered by a file in the server's home, beside what was fetched, so that both go together.
//!
//! One at a time in each home, whoever asks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deputy_jail::{Confinement, Network, Prepare};
use tokio_util::sync::CancellationToken;

use super::launch::{EnvValue, ProcessLaunch};
use super::spawn::{Started, read_output};
use super::{Inner, UpstreamError};

/// The folder of the files that remember, in a home.
const DONE: &str = "prepared";

fn failed(reason: String, stderr_tail: String) -> UpstreamError {
    UpstreamError::NotStarted {
        reason,
        stderr_tail,
    }
}

/// Sees to it that what `launch` wants prepared is.
pub(super) async fn ready(
    inner: &Arc<Inner>,
    launch: &ProcessLaunch,
    mark: &str,
    abort: &CancellationToken,
) -> Result<(), UpstreamError> {
    let Some(prepare) = &launch.prepare else {
        return Ok(());
    };
    let home = launch
        .confinement
        .as_ref()
        .and_then(|confinement| confinement.home.clone());
    let (Some(confinement), Some(home)) = (&launch.confinement, home) else {
        return Err(failed(
            "a server that is prepared needs a folder of its own".to_owned(),
            String::new(),
        ));
    };
    let done = home.join(DONE).join(name(prepare));
    let turn = inner
        .preparing
        .lock()
        .entry(home.clone())
        .or_default()
        .clone();
    let result = tokio::select! {
        biased;
        () = abort.cancelled() => Err(failed("it was stopped".to_owned(), String::new())),
        guard = turn.lock() => {
            let result = if is_done(&done).await {
                Ok(())
            } else {
                match run(inner, launch, confinement, prepare, mark, abort).await {
                    Ok(()) => remember(&home, &done)
                        .await
                        .map_err(|error| failed(format!("{}: {error}", done.display()), String::new())),
                    Err(error) => Err(error),
                }
            };
            drop(guard);
            result
        }
    };
    drop(turn);
    inner
        .preparing
        .lock()
        .retain(|_, turn| Arc::strong_count(turn) > 1);
    result
}

/// What `prepare` is remembered by.
fn name(prepare: &Prepare) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let program = prepare.program.as_os_str().as_encoded_bytes();
    for part in std::iter::once(program).chain(prepare.args.iter().map(String::as_bytes)) {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(part);
    }
    hex::encode(context.finish())
}

async fn is_done(file: &Path) -> bool {
    tokio::fs::try_exists(file).await.unwrap_or(false)
}

/// Makes `file` in `home`. Nothing of the server's runs now, but it may have left links there, which are
/// not followed: what they lead to is not the server's to write to.
async fn remember(home: &Path, file: &Path) -> io::Result<()> {
    let folder = home.join(DONE);
    tokio::fs::create_dir_all(&folder).await?;
    let real = tokio::fs::canonicalize(home).await?.join(DONE);
    if tokio::fs::canonicalize(&folder).await? != real {
        return Err(io::Error::other("it is a link"));
    }
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    match options.open(file).await {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

async fn run(
    inner: &Arc<Inner>,
    launch: &ProcessLaunch,
    confinement: &Confinement,
    prepare: &Prepare,
    mark: &str,
    abort: &CancellationToken,
) -> Result<(), UpstreamError> {
    let what = prepare.program.display();
    tracing::info!(program = %what, args = ?prepare.args, "preparing a server");
    let step = ProcessLaunch {
        program: prepare.program.clone(),
        args: prepare.args.clone(),
        env: launch
            .env
            .iter()
            .filter(|(_, value)| matches!(value, EnvValue::Plain(_)))
            .cloned()
            .collect(),
        working_dir: confinement.home.clone(),
        confinement: Some(Confinement {
            network: Network::Open,
            // the packages are the home's; what the server works on is none of their business
            write: Vec::new(),
            ..confinement.clone()
        }),
        prepare: None,
    };
    let started = inner
        .spawner
        .start(&step, mark.to_owned(), &inner.config)
        .await
        .map_err(|error| failed(format!("preparing it with {what}: {error}"), String::new()))?;
    let Started {
        mut process,
        stdin,
        stdout,
        stderr,
    } = started;
    drop(stdin);
    let ring = process.printed().clone();
    let reads = [
        inner.lifecycle.spawn(read_output(stdout, ring.clone())),
        inner.lifecycle.spawn(read_output(stderr, ring)),
    ];
    let end = tokio::select! {
        biased;
        () = abort.cancelled() => Err("it was stopped".to_owned()),
        end = tokio::time::timeout(inner.config.prepare, process.status()) => match end {
            Ok(end) => end,
            Err(_) => Err(format!("it was not done within {} s", inner.config.prepare.as_secs())),
        },
    };
    process.kill().await;
    for read in reads {
        // nothing holds the pipes any more
        let _ = read.await;
    }
    match end {
        Ok(()) => Ok(()),
        Err(reason) => Err(failed(
            format!("preparing it with {what} failed: {reason}"),
            process.tail(),
        )),
    }
}

/// Those who prepare, by home: each waits for its turn.
pub(super) type Turns = std::collections::HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>;
