//! What this machine allows: the port through which the crate learns about folders, commands and plain HTTP.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use deputy_core::http::PrivateHosts;
use url::Url;

/// Why a folder may not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderProblem {
    /// The path doesn't begin at the root.
    NotAbsolute,
    /// The path has `..` in it.
    Malformed,
    /// It is outside of the folders that this person may use; these are the ones inside which it may be.
    Outside(Vec<PathBuf>),
    /// It is allowed, but doesn't exist.
    Missing,
    /// It is allowed, but is a file.
    NotAFolder,
    /// It is allowed, but can't be read.
    Unreadable,
}

/// Answers for folders. Implemented by whoever may look at the file system.
pub trait Folders: Send + Sync {
    /// The canonical path (no links, no `..`) of an allowed folder that exists. What is outside is said to be outside
    /// whether it exists or not, so that nobody learns the machine's files by asking.
    fn allowed(&self, path: &str) -> Result<PathBuf, FolderProblem>;
}

impl<F> Folders for F
where
    F: Fn(&str) -> Result<PathBuf, FolderProblem> + Send + Sync,
{
    fn allowed(&self, path: &str) -> Result<PathBuf, FolderProblem> {
        self(path)
    }
}

/// Which commands people may run as servers of their own (`DEPUTY_CUSTOM_COMMANDS`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Commands {
    /// None.
    #[default]
    None,
    /// Exactly these, as they are written.
    Only(BTreeSet<String>),
    /// Any.
    Any,
}

impl Commands {
    /// From the setting: names separated by commas; `*` allows any, nothing allows none.
    pub fn from_setting(setting: &str) -> Self {
        let names: BTreeSet<String> = setting
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        if names.contains("*") {
            Self::Any
        } else if names.is_empty() {
            Self::None
        } else {
            Self::Only(names)
        }
    }

    /// Whether `command` may be run. The names are compared as written: `/tmp/npx` isn't `npx`.
    pub fn allow(&self, command: &str) -> bool {
        match self {
            Self::None => false,
            Self::Only(names) => names.contains(command),
            Self::Any => true,
        }
    }
}

/// Where `http://` is accepted for a server's URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Nowhere.
    #[default]
    Never,
    /// At the hosts and ports that the administrator allows although they are private.
    Allowed(PrivateHosts),
}

impl PlainHttp {
    /// Whether this `http://` URL is accepted.
    pub fn allows(&self, url: &Url) -> bool {
        match self {
            Self::Never => false,
            Self::Allowed(hosts) => hosts.contains(url),
        }
    }
}

/// What is allowed to one person on this machine.
#[derive(Clone)]
pub struct Rules {
    /// Which folders.
    pub folders: Arc<dyn Folders>,
    /// Which commands.
    pub commands: Commands,
    /// Which `http://` URLs.
    pub plain_http: PlainHttp,
    /// The folder of the server itself, for templates that keep something (`${data:path}`); needed by
    /// [`crate::Template::render`] only, and to be made by who gives it.
    pub data: Option<PathBuf>,
}

impl Rules {
    /// No folder, no command, no plain HTTP.
    pub fn nothing() -> Self {
        Self {
            folders: Arc::new(|_: &str| Err(FolderProblem::Outside(Vec::new()))),
            commands: Commands::None,
            plain_http: PlainHttp::Never,
            data: None,
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("commands", &self.commands)
            .field("plain_http", &self.plain_http)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}
