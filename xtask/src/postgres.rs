//! A PostgreSQL server of the tests' own: a fresh cluster in a temporary folder, on a free port of
//! the loopback interface, with a password that nobody else on the machine knows.
//!
//! It must not outlive the run, however that ends. So it is started under a shell that waits on a
//! pipe from this process: Ctrl-C, a crash and kill -9 all close the pipe, and the shell then stops
//! the server and removes the folder. The shell has a process group of its own, which the
//! terminal's Ctrl-C does not reach.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{machine, process};

/// How long a stop may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the server, says so, and stops it when standard input ends. Arguments: the folder, `pg_ctl`.
const KEEPER: &str = r#"
trap '' INT TERM HUP
"$2" start -D "$1/data" -l "$1/log" -w -t 30 >"$1/start" 2>&1 </dev/null || exit
echo ready
read -r _
"$2" stop -D "$1/data" -m immediate -w >/dev/null 2>&1
rm -rf "$1"
"#;

/// The folder of the newest server's programs.
pub(crate) fn binaries() -> Option<PathBuf> {
    // Debian keeps them off the PATH, a folder for each major version.
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        });
    let newest = debian
        .filter(|(_, folder)| is_whole(folder))
        .max_by_key(|(version, _)| *version)
        .map(|(_, folder)| folder);
    newest.or_else(|| {
        process::output("pg_config", &["--bindir"])
            .map(PathBuf::from)
            .filter(|folder| is_whole(folder))
    })
}

fn is_whole(folder: &Path) -> bool {
    ["initdb", "postgres", "pg_ctl"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

/// A running server.
pub(crate) struct Cluster {
    keeper: Child,
    url: String,
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub(crate) fn start(binaries: &Path) -> Result<Self> {
        let started = Instant::now();
        let owner = if machine::is_root() {
            Some(unprivileged_user()?)
        } else {
            None
        };
        let mut last = None;
        // Another program may take the port between our look and the server's start.
        for attempt in 0..3 {
            let folder = std::env::temp_dir()
                .join(format!("deputy-postgres-{}-{attempt}", std::process::id()));
            match Self::start_in(&folder, binaries, owner) {
                Ok(cluster) => {
                    eprintln!(
                        "PostgreSQL runs for the tests ({:.1} s)",
                        started.elapsed().as_secs_f32()
                    );
                    return Ok(cluster);
                }
                Err(error) => {
                    let _ = fs::remove_dir_all(&folder);
                    last = Some(error);
                }
            }
        }
        Err(last.context("not tried")?)
    }

    fn start_in(folder: &Path, binaries: &Path, owner: Option<(u32, u32)>) -> Result<Self> {
        DirBuilder::new()
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("making {}", folder.display()))?;
        let password = random_hex()?;
        let password_file = folder.join("password");
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&password_file)?
            .write_all(password.as_bytes())?;
        if let Some((uid, gid)) = owner {
            chown(folder, Some(uid), Some(gid))?;
            chown(&password_file, Some(uid), Some(gid))?;
        }
        let data = folder.join("data");

        let mut initdb = Command::new(binaries.join("initdb"));
        // The password goes over the loopback interface in the clear: hashing it would cost every
        // connection of the tests, in an unoptimised build, some milliseconds.
        initdb.args([
            "--username=postgres",
            "--auth=password",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        initdb
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data);
        let made = as_user(&mut initdb, owner)
            .stdin(Stdio::null())
            .output()
            .context("starting initdb")?;
        if !made.status.success() {
            bail!(
                "initdb failed: {}",
                String::from_utf8_lossy(&made.stderr).trim()
            );
        }

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut config = OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))?;
        // Nothing here has to survive a loss of power.
        write!(
            config,
            "\nport = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
             max_connections = 200\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
        )?;
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "keeper"])
            .arg(folder)
            .arg(binaries.join("pg_ctl"));
        keeper
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut keeper = as_user(&mut keeper, owner).spawn().context("starting sh")?;
        let mut said = String::new();
        if let Some(out) = keeper.stdout.take() {
            BufReader::new(out).read_line(&mut said)?;
        }
        if said.trim() != "ready" {
            let _ = keeper.wait();
            let text = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
            bail!("{}\n{}", text("start").trim(), text("log").trim());
        }
        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        Ok(Self { keeper, url })
    }

    /// The URL of its database `postgres`, password included.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The keeper reads the end of its input, and ends when the server has.
        drop(self.keeper.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.keeper.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                eprintln!(
                    "PostgreSQL did not stop within {} s; it goes on stopping by itself",
                    PATIENCE.as_secs()
                );
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn as_user(command: &mut Command, owner: Option<(u32, u32)>) -> &mut Command {
    if let Some((uid, gid)) = owner {
        // Supplementary groups go with it.
        command.uid(uid).gid(gid);
    }
    // The present folder may be one that the user can't enter.
    command.current_dir("/")
}

/// Somebody to run the server as, since it refuses to run as root.
fn unprivileged_user() -> Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| ids(&users, name))
        .context("there is no user postgres and no user nobody to run it as")
}

/// User and group id of a user in the text of `/etc/passwd`.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?
        .split(':')
        .skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests;
