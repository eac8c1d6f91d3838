//! What is run before a server starts for the first time: fetching the packages it is made of.
//!
//! Code of a package may run while it is fetched (npm's scripts, Python's builds), with the network open. So
//! it runs without what the server keeps secret and in a home that is empty and thrown away afterwards. No
//! server ever writes where it looks: what a server left in its own home decides nothing here, or a package
//! that has no network could leave orders for the step that has one. What it fetches goes into a folder that
//! servers read and none can change, and that it was done is remembered beside that folder, where no server
//! reaches.
//!
//! Such a folder is one person's. Servers of theirs that are made of the very same packages share it; it goes
//! when none of them does any more.
//!
//! ```text
//! PACKAGES/HASH/files      what was fetched: `bin`, `lib` (npm), `tools` (uv)
//!               home       of the step, while it runs
//!               done       remembers that it was done
//!               used/ID    for each server that is made of it
//! ```
//!
//! One at a time in each folder, whoever asks.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deputy_jail::{Confinement, Network, create_private, remove_all};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::launch::{EnvValue, Installs, PoolKey, Prepare, ProcessLaunch};
use super::spawn::{Started, read_output};
use super::{Inner, UpstreamError};

const FILES: &str = "files";
const HOME: &str = "home";
const DONE: &str = "done";
const USED: &str = "used";

/// The most programs of a package that are looked at.
const SHOWN: usize = 1000;

/// Has npm and uv use what they have.
const OFFLINE: [(&str, &str); 2] = [("npm_config_offline", "true"), ("UV_OFFLINE", "1")];

/// How long packages are kept that nobody uses: a process that is being replaced may still read them.
const KEPT: SignedDuration = SignedDuration::from_mins(10);

fn failed(reason: String, stderr_tail: String) -> UpstreamError {
    UpstreamError::NotStarted {
        reason,
        stderr_tail,
    }
}

fn of_folder(folder: &Path) -> impl FnOnce(io::Error) -> UpstreamError {
    let folder = folder.display().to_string();
    move |error| failed(format!("{folder}: {error}"), String::new())
}

/// Work with files.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// Sees to it that what `launch` of the server `key` wants prepared is, and gives what is to be started then;
/// nothing if that is `launch` itself.
pub(super) async fn ready(
    inner: &Arc<Inner>,
    key: &PoolKey,
    launch: &ProcessLaunch,
    mark: &str,
    abort: &CancellationToken,
) -> Result<Option<ProcessLaunch>, UpstreamError> {
    let Some(prepare) = &launch.prepare else {
        return Ok(None);
    };
    let Some(confinement) = &launch.confinement else {
        return Err(failed(
            "a server that is prepared has to be confined".to_owned(),
            String::new(),
        ));
    };
    let package = prepare.folder.join(name(prepare, &launch.env));
    let turn = inner.preparing.of(&package);
    let guard = tokio::select! {
        biased;
        () = abort.cancelled() => return Err(failed("it was stopped".to_owned(), String::new())),
        guard = turn.lock() => guard,
    };
    let done = tokio::fs::try_exists(package.join(DONE)).await;
    if !done.unwrap_or(false) {
        fetch(inner, launch, confinement, prepare, &package, mark, abort).await?;
    }
    let Some(user) = key.own_id() else {
        return Err(failed(
            "only a person's own server is prepared".to_owned(),
            String::new(),
        ));
    };
    let user = user.to_string();
    let (at, folder) = (package.clone(), prepare.folder.clone());
    blocking(move || note_use(&folder, &at, &user))
        .await
        .map_err(of_folder(&package))?;
    let started = installed(launch, confinement, prepare, &package).await;
    drop(guard);
    started.map(Some)
}

/// Fetches into `package`, from nothing.
async fn fetch(
    inner: &Arc<Inner>,
    launch: &ProcessLaunch,
    confinement: &Confinement,
    prepare: &Prepare,
    package: &Path,
    mark: &str,
    abort: &CancellationToken,
) -> Result<(), UpstreamError> {
    let at = package.to_owned();
    blocking(move || {
        remove_all(&at)?;
        [FILES, HOME, USED]
            .iter()
            .try_for_each(|name| create_private(&at.join(name)))?;
        at.canonicalize()
    })
    .await
    .map_err(of_folder(package))?;
    run(inner, launch, confinement, prepare, package, mark, abort).await?;
    let at = package.to_owned();
    blocking(move || {
        remove_all(&at.join(HOME))?;
        settle(&at)?;
        std::fs::File::create_new(at.join(DONE)).map(drop)
    })
    .await
    .map_err(of_folder(package))
}

/// Has the disk hold what was fetched: after a crash of the machine nothing half written is taken for done.
fn settle(at: &Path) -> io::Result<()> {
    let folder = std::fs::File::open(at)?;
    #[cfg(target_os = "linux")]
    nix::unistd::syncfs(&folder)?;
    #[cfg(not(target_os = "linux"))]
    {
        nix::unistd::sync();
        drop(folder);
    }
    Ok(())
}

/// What `prepare` is found by: what is run, and what tells the package managers where to fetch.
fn name(prepare: &Prepare, env: &[(String, EnvValue)]) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let program = prepare.program.as_os_str().as_encoded_bytes();
    let args = prepare.args.iter().map(String::as_bytes);
    let ours = places(Path::new(""));
    let ours = |name: &str| ours.iter().any(|(known, _)| known == name);
    let mut told: Vec<_> = env
        .iter()
        .filter_map(|(name, value)| match value {
            EnvValue::Plain(value) if is_of_managers(name) && !ours(name) => {
                Some([name.as_bytes(), value.as_bytes()])
            }
            _ => None,
        })
        .collect();
    told.sort_unstable();
    for part in std::iter::once(program)
        .chain(args)
        .chain(told.into_iter().flatten())
    {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(part);
    }
    hex::encode(&context.finish().as_ref()[..16])
}

fn is_of_managers(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["npm_config_", "uv_", "pip_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Has the package managers put what they fetch into `files`.
fn places(files: &Path) -> [(String, EnvValue); 9] {
    let place = |name: &str, below: &str| {
        let path = files.join(below).display().to_string();
        (name.to_owned(), EnvValue::Plain(path))
    };
    let plain = |name: &str, value: &str| (name.to_owned(), EnvValue::Plain(value.to_owned()));
    [
        (
            "npm_config_prefix".to_owned(),
            EnvValue::Plain(files.display().to_string()),
        ),
        plain("npm_config_update_notifier", "false"),
        plain("npm_config_audit", "false"),
        plain("npm_config_fund", "false"),
        place("UV_TOOL_DIR", "tools"),
        place("UV_TOOL_BIN_DIR", "bin"),
        place("UV_PYTHON_INSTALL_DIR", "python"),
        // nothing can be compiled there later
        plain("UV_COMPILE_BYTECODE", "1"),
        plain("UV_NO_PROGRESS", "1"),
    ]
}

async fn run(
    inner: &Arc<Inner>,
    launch: &ProcessLaunch,
    confinement: &Confinement,
    prepare: &Prepare,
    package: &Path,
    mark: &str,
    abort: &CancellationToken,
) -> Result<(), UpstreamError> {
    let what = prepare.program.display();
    tracing::info!(program = %what, args = ?prepare.args, "preparing a server");
    let real = tokio::fs::canonicalize(package)
        .await
        .map_err(of_folder(package))?;
    let (files, home) = (real.join(FILES), real.join(HOME));
    let places = places(&files);
    let own = |name: &str| places.iter().any(|(known, _)| known == name);
    let plain = launch
        .env
        .iter()
        .filter(|(name, value)| matches!(value, EnvValue::Plain(_)) && !own(name))
        .cloned();
    let step = ProcessLaunch {
        program: prepare.program.clone(),
        args: prepare.args.clone(),
        env: plain.chain(places.clone()).collect(),
        working_dir: Some(home.clone()),
        confinement: Some(Confinement {
            network: Network::Open,
            home: Some(home),
            // what the server works on is none of the packages' business
            write: vec![files],
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

/// What is started once `package` is there: a program of it, or `launch` with the packages to read.
async fn installed(
    launch: &ProcessLaunch,
    confinement: &Confinement,
    prepare: &Prepare,
    package: &Path,
) -> Result<ProcessLaunch, UpstreamError> {
    let files = package.join(FILES);
    let files = tokio::fs::canonicalize(&files)
        .await
        .map_err(of_folder(&files))?;
    let mut launch = launch.clone();
    launch.prepare = None;
    let mut confinement = confinement.clone();
    confinement.read.push(files.clone());
    if let Some(installs) = &prepare.installs {
        let bin = files.join("bin");
        let at = bin.clone();
        let names = blocking(move || {
            // a link could lead anywhere, and the names there are nobody's to see
            if !std::fs::symlink_metadata(&at)?.is_dir() {
                return Ok(Vec::new());
            }
            std::fs::read_dir(at)?
                .take(SHOWN)
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<io::Result<Vec<String>>>()
        })
        .await
        .unwrap_or_default();
        confinement.instead = Some(bin.join(choose(installs, names)?));
        launch.args.clone_from(&installs.args);
    } else {
        launch.env.extend(places(&files));
        if confinement.network == Network::None {
            // it was fetched before, and is not to be looked for
            launch.env.extend(
                OFFLINE.map(|(name, value)| (name.to_owned(), EnvValue::Plain(value.to_owned()))),
            );
        }
    }
    launch.confinement = Some(confinement);
    Ok(launch)
}

/// The program that is started of those that a package brings, as npx chooses.
fn choose(installs: &Installs, mut names: Vec<String>) -> Result<String, UpstreamError> {
    names.sort();
    if names.contains(&installs.name) {
        return Ok(installs.name.clone());
    }
    match &names[..] {
        [one] if !installs.exactly => Ok(one.clone()),
        [] => Err(failed(
            "the package brings no program".to_owned(),
            String::new(),
        )),
        _ => Err(failed(
            format!(
                "the package brings no program '{}', but {}; name one (npx -y -p PACKAGE NAME, uvx --from \
                 PACKAGE NAME)",
                installs.name,
                names.join(", ")
            ),
            String::new(),
        )),
    }
}

/// Remembers that the server `user` is made of `package`, and of no other in `folder`.
fn note_use(folder: &Path, package: &Path, user: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if path != package {
            let _ = std::fs::remove_file(path.join(USED).join(user));
        }
    }
    create_private(&package.join(USED))?;
    match std::fs::File::create_new(package.join(USED).join(user)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Removes the packages in `folder` of which no server is made that `exists` knows, and what is left of
/// attempts that failed.
pub(super) async fn sweep(
    inner: &Arc<Inner>,
    folder: &Path,
    exists: &(dyn Fn(i64) -> bool + Sync),
) {
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else {
        return;
    };
    let before = inner.clock.now() - KEPT;
    while let Ok(Some(entry)) = entries.next_entry().await {
        let package = entry.path();
        let turn = inner.preparing.of(&package);
        // who prepares it now uses it
        let Ok(guard) = turn.try_lock() else { continue };
        let mut used = false;
        let place = package.join(USED);
        if let Ok(mut users) = tokio::fs::read_dir(&place).await {
            while let Ok(Some(user)) = users.next_entry().await {
                let name = user.file_name();
                let id = name.to_str().and_then(|name| name.parse().ok());
                if id.is_some_and(exists) {
                    used = true;
                } else {
                    let _ = tokio::fs::remove_file(user.path()).await;
                }
            }
        }
        if !used && is_old(&place, &package, before).await {
            let at = package.clone();
            match blocking(move || remove_all(&at)).await {
                Ok(()) => {
                    tracing::info!(package = %package.display(), "packages that no server uses were removed");
                }
                Err(error) => {
                    tracing::warn!(%error, package = %package.display(), "packages stay behind");
                }
            }
        }
        drop(guard);
    }
}

/// Whether nobody came or went since then.
async fn is_old(used: &Path, package: &Path, before: Timestamp) -> bool {
    let of = async |path: &Path| tokio::fs::symlink_metadata(path).await?.modified();
    let changed = match of(used).await {
        Ok(changed) => Ok(changed),
        Err(_) => of(package).await,
    };
    changed
        .ok()
        .and_then(|changed| Timestamp::try_from(changed).ok())
        .is_some_and(|changed| changed < before)
}

/// Those who prepare, by folder: each waits for its turn.
#[derive(Default)]
pub(super) struct Turns(parking_lot::Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    fn of(&self, folder: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock();
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(folder.to_owned()).or_default().clone()
    }
}
