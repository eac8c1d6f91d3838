//! Confinement: what a server that somebody else wrote may reach on this machine.
//!
//! A person's MCP server is a program of a stranger, and it runs under Deputy's own account. An empty
//! environment does not hold it: the same account may read Deputy's memory, its database and the folders
//! of everybody else. So it is started by way of this program itself: `deputy __sandbox-exec` takes the
//! rights away from itself that the server is not to have, and then becomes the server. What was taken
//! away once does not come back, for children neither.
//!
//! A helper program, because between `fork` and `exec` of a threaded program nothing may be allocated
//! (signal-safety(7)), and because it can be tried alone. The server's environment reaches the helper under
//! other names ([`wrapped_name`]), so that no `LD_PRELOAD` in it decides what the helper does.
//!
//! * [`Level::Strict`]: files by Landlock, sockets and dangerous system calls by seccomp, signals and
//!   abstract sockets by Landlock's scopes, resource limits. Linux 6.12 and later.
//! * [`Level::Basic`]: files by Landlock, resource limits. Linux 6.2 and later.
//! * [`Level::Off`]: nothing at all.
//!
//! Where the kernel can't do what a level promises, nothing is started: [`Error::Unsupported`]. Elsewhere
//! than on Linux there is only [`Level::Off`].
//!
//! What becomes the server is a child of the helper, which stays: `warden` sees to it that nothing that came of
//! the server outlives it, or Deputy.
//!
//! `rules` says which files, `syscalls` which system calls, `programs` how the folders of an interpreter
//! are found, `closed` what is never opened in that way, [`folders`] which folder a person may choose.

mod abilities;
mod closed;
mod enter;
pub mod folders;
mod programs;
#[cfg(target_os = "linux")]
mod rules;
#[cfg(target_os = "linux")]
mod syscalls;
#[cfg(target_os = "linux")]
mod warden;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use abilities::{Abilities, abilities};
pub use closed::Closed;
pub use enter::{EXIT_CONFINEMENT, EXIT_PROGRAM, enter};
pub use folders::{PathFault, allowed_folder, create_private, own_roots, remove_all};
pub use programs::is_installed;

/// The hidden subcommand whose arguments [`command`] makes and [`enter`] takes.
pub const SUBCOMMAND: &str = "__sandbox-exec";

/// Where programs are looked for when the environment of a server has no `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How firmly a server is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not at all.
    Off,
    /// Files and resources.
    Basic,
    /// Files, network, signals, system calls and resources. The default.
    #[default]
    Strict,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Basic => "basic",
            Self::Strict => "strict",
        })
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "basic" => Ok(Self::Basic),
            "strict" => Ok(Self::Strict),
            _ => Err(UnknownLevel),
        }
    }
}

/// A text that names no [`Level`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of strict, basic, off")]
pub struct UnknownLevel;

/// What a server may reach by network. Held at [`Level::Strict`]; at [`Level::Basic`] only TCP is, and
/// only where the kernel can (Linux 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing, this machine neither.
    #[default]
    None,
    /// TCP and UDP to anywhere, this machine included; no Unix sockets.
    Open,
}

/// Resources of each process of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Open files. Default 4096.
    pub open_files: u64,
    /// The largest file it may write, in bytes. Default 1 GiB.
    pub file_size: u64,
    /// Processes and threads of the whole *account*, Deputy and all servers together: a last resort
    /// against a fork bomb. The kernel exempts root. Default 16,384.
    pub processes: u64,
    /// Memory that it may write to, in bytes, used or not (`RLIMIT_DATA`). Not its address space, of which
    /// Node reserves much more than it uses. Default 4 GiB.
    pub data: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_files: 4096,
            file_size: 1 << 30,
            processes: 16_384,
            data: 4 << 30,
        }
    }
}

/// What a server gets of the machine, beside the system's programs and libraries and the program it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// How firmly.
    pub level: Level,
    /// What it may reach by network.
    pub network: Network,
    /// Files and folders that it may read and execute. Links are followed: paths of the administrator.
    pub read: Vec<PathBuf>,
    /// Is started instead of the program, which then says only what is needed to run it: something that
    /// the program (a runner of packages) put into a folder in `read`.
    #[serde(skip)]
    pub instead: Option<PathBuf>,
    /// Folders with which it may do anything. They have to exist, and no part of the path may be a link:
    /// a person's own server could have put it there ([`allowed_folder`] gives such paths).
    pub write: Vec<PathBuf>,
    /// What no server gets by way of the program that it is: Deputy's own data, and every place where
    /// servers write. A program that lies in one of them is not started, and nothing of them, in them or
    /// around them is opened because it is beside a program. `{user}` stands for the number of any person.
    /// Not held at [`Level::Off`].
    #[serde(skip)]
    pub closed: Vec<PathBuf>,
    /// The server's own folder: `HOME`, caches and temporary files. Made if it is missing, and writable;
    /// [`home_env`] says which variables then point into it.
    pub home: Option<PathBuf>,
    /// Resources.
    pub limits: Limits,
}

/// How to start a confined program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The program to start: this one, or at [`Level::Off`] the server itself.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that the server needs beside its own; its own win.
    pub env: Vec<(String, String)>,
    /// Where it runs unless the launch says otherwise: its own folder, or the first it may write to.
    pub working_dir: Option<PathBuf>,
    /// The names of all variables have to go through [`wrapped_name`].
    pub wrapped: bool,
}

/// Why a program can't be confined, so that it is not started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is nowhere to be found.
    #[error("the program {} was not found in {searched}", program.display())]
    ProgramNotFound {
        /// As it was named.
        program: PathBuf,
        /// The `PATH`.
        searched: String,
    },
    /// A path with `/` in it that does not begin with one.
    #[error("the program {} must be a name or a full path", .0.display())]
    ProgramRelative(PathBuf),
    /// A program, a link to it or what runs it lies in what is closed to it.
    #[error(
        "the program {} lies where people's own servers may write, or among Deputy's own data; install \
         it elsewhere",
        .0.display()
    )]
    ProgramClosed(PathBuf),
    /// What is closed lies in what every server may read.
    #[error(
        "every server may read {}, and Deputy's own data or people's folders are there; move them",
        .0.display()
    )]
    Exposed(PathBuf),
    /// This machine can't do what the level promises.
    #[error("this machine can't hold a server at the level '{level}': {missing}")]
    Unsupported {
        /// The level that was asked for.
        level: Level,
        /// What is missing, and what the administrator can do.
        missing: String,
    },
    /// A folder is not as it has to be.
    #[error("the folder {}: {error}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// The confinement could not be written down (a path that is no UTF-8).
    #[error("the confinement can't be passed on: {0}")]
    Encoding(#[from] serde_json::Error),
}

/// The name under which a variable of the server's environment is given to the helper.
pub fn wrapped_name(name: &str) -> String {
    format!("{WRAPPED}{name}")
}

const WRAPPED: &str = "DEPUTY_ENV_";

/// The folders of a server's own home, below it.
const HOME_FOLDERS: &[&str] = &["tmp", "cache", "config", "data", "state", "npm", "uv"];

/// The variables that make `home` the place of everything that a program keeps for itself.
pub fn home_env(home: &Path) -> Vec<(String, String)> {
    let place = |name: &str, below: &str| {
        let path = if below.is_empty() {
            home.to_owned()
        } else {
            home.join(below)
        };
        (name.to_owned(), path.display().to_string())
    };
    vec![
        place("HOME", ""),
        place("TMPDIR", "tmp"),
        place("XDG_CACHE_HOME", "cache"),
        place("XDG_CONFIG_HOME", "config"),
        place("XDG_DATA_HOME", "data"),
        place("XDG_STATE_HOME", "state"),
        place("npm_config_cache", "npm"),
        place("UV_CACHE_DIR", "uv"),
    ]
}

/// Makes `home` with its folders, for its owner alone, and gives its canonical path.
fn make_home(home: &Path) -> Result<PathBuf, Error> {
    let fault = |error| Error::Folder {
        path: home.to_owned(),
        error,
    };
    for below in HOME_FOLDERS {
        folders::create_private(&home.join(below)).map_err(fault)?;
    }
    home.canonicalize().map_err(fault)
}

/// How to start `program` with `args`, held by `confinement`.
///
/// `helper` is the program whose subcommand [`SUBCOMMAND`] calls [`enter`]; `search` is the `PATH` of the
/// server's environment.
///
/// Looks at the file system, and makes `confinement.home`.
pub fn command(
    helper: &Path,
    confinement: &Confinement,
    program: &Path,
    args: &[String],
    search: Option<&str>,
) -> Result<Invocation, Error> {
    if let Some(missing) = abilities().missing(confinement.level) {
        return Err(Error::Unsupported {
            level: confinement.level,
            missing,
        });
    }
    let search = search.unwrap_or(DEFAULT_PATH);
    let closed = if confinement.level == Level::Off {
        Closed::default()
    } else {
        Closed::new(&confinement.closed)
    };
    let system = programs::SYSTEM.iter().map(|path| (Path::new(path), false));
    let read = confinement.read.iter().map(|path| (path.as_path(), true));
    for (path, may_be_within) in system.chain(read) {
        if let Ok(real) = path.canonicalize()
            && closed.touches(&real)
            && !(may_be_within && closed.surrounds(&real))
        {
            return Err(Error::Exposed(path.to_owned()));
        }
    }
    let found = programs::find(program, search, &closed)?;
    let mut env = found.env;
    let mut confinement = confinement.clone();
    let start = confinement.instead.take().unwrap_or(found.path);
    if let Some(home) = &confinement.home {
        let home = make_home(home)?;
        env.extend(home_env(&home));
        confinement.home = Some(home);
    }
    let own = confinement
        .home
        .iter()
        .chain(&confinement.write)
        .next()
        .cloned();
    if confinement.level == Level::Off {
        return Ok(Invocation {
            program: start,
            args: args.to_vec(),
            env,
            working_dir: own,
            wrapped: false,
        });
    }
    confinement.read.extend(found.reads);
    let text = serde_json::to_string(&confinement)?;
    let path = serde_json::to_value(&start)?; // refuses what is no UTF-8
    let mut all = vec![SUBCOMMAND.to_owned(), text, "--".to_owned()];
    all.extend(path.as_str().map(str::to_owned));
    all.extend_from_slice(args);
    Ok(Invocation {
        program: helper.to_owned(),
        args: all,
        env,
        working_dir: own,
        wrapped: true,
    })
}

#[cfg(test)]
mod tests;
