//! Whose server it is, and what it takes to reach it.

use std::fmt;
use std::path::PathBuf;

use deputy_core::{Secret, UserId};
use deputy_jail::Confinement;
use serde::Serialize;
use url::Url;

use super::masks::Masks;

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// One process for everybody; it is told per request for whom it acts.
    Shared,
    /// This person's own process.
    User(UserId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::User(user) => user.fmt(f),
        }
    }
}

/// What a process is found by. Never a name alone: two people's servers may have the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolKey {
    /// Whose it is.
    pub owner: Owner,
    /// The server's name, unique for that owner.
    pub server: String,
}

/// How the name of a person's own server begins; none of ours does.
const OWN: &str = "own:";

impl PoolKey {
    /// The person's own server of this id. The id and not the name, so that a name used again is another
    /// server.
    pub fn own(user: UserId, server: i64) -> Self {
        Self {
            owner: Owner::User(user),
            server: format!("{OWN}{server}"),
        }
    }

    /// The id of a person's own server.
    pub(super) fn own_id(&self) -> Option<i64> {
        self.server.strip_prefix(OWN)?.parse().ok()
    }

    /// Whether the server is a person's own, written by who knows whom.
    pub fn is_own(&self) -> bool {
        self.server.starts_with(OWN)
    }
}

impl fmt::Display for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.server)
    }
}

/// The value of an environment variable.
#[derive(Clone)]
pub enum EnvValue {
    /// May be shown.
    Plain(String),
    /// Is cut out of what the server prints before that is shown to anybody.
    Secret(Secret<String>),
}

impl EnvValue {
    /// The value as the process gets it.
    pub(crate) fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose(),
        }
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => value.fmt(f),
            Self::Secret(_) => f.write_str("***"),
        }
    }
}

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Launch {
    /// By starting it, or over the network.
    pub how: How,
    /// Grows whenever something in `how` changes (a refreshed token): a server of an older generation
    /// is replaced after its last call, and a caller with an older generation uses the newer one.
    pub generation: u64,
}

impl Launch {
    /// Cuts out of a text what the server gets of secrets, `bearer` among them.
    pub(crate) fn mask(&self, bearer: Option<&Secret<String>>, text: &mut String) {
        let mut secrets: Vec<Secret<String>> = match &self.how {
            How::Process(process) => {
                let values = process.env.iter().map(|(_, value)| value);
                let secret = |value: &EnvValue| match value {
                    EnvValue::Secret(secret) => Some(secret.clone()),
                    EnvValue::Plain(_) => None,
                };
                values.filter_map(secret).collect()
            }
            How::Http(http) => http.headers.iter().map(|(_, it)| it.clone()).collect(),
        };
        secrets.extend(bearer.cloned());
        Masks::of(&secrets).cut(text);
    }

    /// The folder where the server keeps what it keeps.
    pub(super) fn home(&self) -> Option<PathBuf> {
        match &self.how {
            How::Process(process) => process.confinement.as_ref()?.home.clone(),
            How::Http(_) => None,
        }
    }
}

/// Where a server is.
#[expect(
    clippy::large_enum_variant,
    reason = "one for each start, and most are the larger"
)]
#[derive(Clone, Debug)]
pub enum How {
    /// A process of ours, which speaks over its pipes.
    Process(ProcessLaunch),
    /// Somewhere in the network, behind a URL.
    Http(HttpLaunch),
}

/// How a process is started.
#[derive(Clone, Debug)]
pub struct ProcessLaunch {
    /// The program; a bare name is looked up in the `PATH` of `env`.
    pub program: PathBuf,
    /// Its arguments. Everybody on the machine can read them: no secrets here.
    pub args: Vec<String>,
    /// Its whole environment: nothing is inherited.
    pub env: Vec<(String, EnvValue)>,
    /// Where it runs. Default: where Deputy runs; confined, its own folder or the first it may write to.
    pub working_dir: Option<PathBuf>,
    /// What it may reach of this machine. Without one it may do what Deputy may: for our own programs.
    pub confinement: Option<Confinement>,
    /// Is run once before the first start. Wants a confinement.
    pub prepare: Option<Prepare>,
}

/// A command that is run once before a server starts for the first time: fetches the packages it is made of.
/// It has the network open, an empty home and none of the server's secrets.
#[derive(Clone, Debug)]
pub struct Prepare {
    /// The program; a bare name is looked up in the `PATH` of the server's environment.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder of all packages of this person, which no server may write. npm installs globally and uv
    /// installs tools into a folder in it, one for each `program` and `args`. Servers that are prepared by the
    /// same read the same.
    pub folder: PathBuf,
    /// What of that is started instead of the server's program.
    pub installs: Option<Installs>,
}

/// A program that a package brings.
#[derive(Clone, Debug)]
pub struct Installs {
    /// Its name.
    pub name: String,
    /// Whether it has to be that name: otherwise the only program of the package is meant, whatever its name.
    pub exactly: bool,
    /// Its arguments.
    pub args: Vec<String>,
}

/// How a server in the network is reached.
#[derive(Clone)]
pub struct HttpLaunch {
    /// The server's endpoint (MCP, "Streamable HTTP").
    pub url: Url,
    /// Sent with each request, beside those of the protocol, which win.
    pub headers: Vec<(String, Secret<String>)>,
}

impl fmt::Debug for HttpLaunch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a URL may hold a key in its query
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpLaunch")
            .field("origin", &self.url.origin().ascii_serialization())
            .field("headers", &names)
            .finish()
    }
}
