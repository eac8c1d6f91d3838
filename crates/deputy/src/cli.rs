//! The command line.

mod admin;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub(crate) use self::admin::{
    AuditAction, ClientAction, DbAction, KeyAction, ListArgs, TokenAction, UserAction,
};
use crate::agent::store::Place;
use crate::settings::Overrides;

/// A self-hosted secretary and MCP gateway: acts for each of its people, with their rights.
#[derive(Parser)]
#[command(
    name = "deputy",
    version,
    about,
    max_term_width = 100,
    propagate_version = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine, with an emulated Google: no account and no key needed
    Sandbox(SandboxArgs),
    /// Run the server
    Serve(ServeArgs),
    /// Run one emulator of the sandbox on its own
    Emulate(EmulateArgs),
    /// Run one of the first-party MCP servers, on stdio or over HTTP
    Mcp(McpArgs),
    /// Add, list, change and delete users
    User {
        #[command(subcommand)]
        action: UserAction,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Make, list and revoke personal access tokens
    Token {
        #[command(subcommand)]
        action: TokenAction,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Add, list and remove OAuth clients that are known beforehand
    ///
    /// Most clients need none of this: they register themselves, or name the document that says who
    /// they are. Add those that can do neither, or that you want people to know by name.
    Client {
        #[command(subcommand)]
        action: ClientAction,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Make a root key, or change it
    Key {
        #[command(subcommand)]
        action: KeyAction,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Schema migrations of the database
    Db {
        #[command(subcommand)]
        action: DbAction,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Check or write out the audit log
    Audit {
        #[command(subcommand)]
        action: AuditAction,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Log in to a server in your browser, so that commands act as you
    Login(LoginArgs),
    /// Log out of a server: the server ends the access, and this machine forgets it
    Logout(LogoutArgs),
    /// List the tools you can call on a server
    Tools {
        #[command(flatten)]
        server: ServerArgs,
        /// Print the server's JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Call a tool on a server
    Call(CallArgs),
    /// Say as whom you act on a server
    Whoami {
        #[command(flatten)]
        server: ServerArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Be an MCP server on standard input and output that forwards to a server's /mcp
    #[command(long_about = BRIDGE)]
    Bridge(BridgeArgs),
    /// Check configuration, database, key and what is configured
    Doctor {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Print a completion script for your shell
    #[command(visible_alias = "completion")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Where the database is.
#[derive(Args, Clone, Default)]
pub(crate) struct DatabaseArgs {
    /// Folder of the embedded database and of a sandbox's key
    #[arg(long, value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Settings file [default: deputy.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

impl DatabaseArgs {
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            data: self.data.clone(),
            listen: None,
        }
    }
}

#[derive(Args)]
pub(crate) struct SandboxArgs {
    /// Address to listen on; loopback only [default: 127.0.0.1:8484]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Folder that keeps the sandbox's data [default: ./data]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Settings file; the sandbox reads none unless it is named
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object with the addresses and the token first
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1:8484]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Args)]
pub(crate) struct EmulateArgs {
    /// What to emulate
    pub(crate) what: Emulator,
    /// Address to listen on; loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Folder that keeps its state [default: ./data]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Print `{"url": …}` first
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emulator {
    /// Google's OAuth, Calendar, Gmail, Drive and Docs
    Google,
}

#[derive(Args)]
pub(crate) struct McpArgs {
    /// Which server
    pub(crate) server: GoogleServer,
    /// Serve streamable HTTP on this address (path /mcp) instead of stdio; each request then
    /// brings its own Google access token in Authorization
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Take a credential with each request from the parent process
    #[arg(long, hide = true, conflicts_with = "http")]
    pub(crate) credentials_per_request: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoogleServer {
    /// Google Calendar
    GoogleCalendar,
    /// Gmail
    Gmail,
    /// Google Drive and Docs
    GoogleDrive,
}

impl GoogleServer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GoogleCalendar => "google-calendar",
            Self::Gmail => "gmail",
            Self::GoogleDrive => "google-drive",
        }
    }
}

const BRIDGE: &str = "\
Be an MCP server on standard input and output that forwards to a server's /mcp

For MCP clients that start a program and can't speak HTTP or log in by themselves. Give them the
command `deputy bridge` (with --url for another server than that of your last login); it acts as
the person who logged in with `deputy login`. Messages pass as they are, in both directions and in
every version of the protocol; what there is to say beside them goes to standard error.";

/// Which server, as whom.
#[derive(Args, Clone)]
pub(crate) struct ServerArgs {
    /// Address of the server [default: that of your last login, else http://127.0.0.1:8484]
    #[arg(long, env = "DEPUTY_URL", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
    /// Personal access token instead of a login; better in the environment, where other users
    /// can't see it
    #[arg(
        long,
        env = "DEPUTY_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub(crate) token: Option<String>,
}

#[derive(Args)]
pub(crate) struct LoginArgs {
    /// Address of the server [default: that of your last login, else http://127.0.0.1:8484]
    #[arg(env = "DEPUTY_URL", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
    /// What to ask for, instead of everything but `approvals:decide` and `admin`; repeatable, or
    /// separated by commas
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(deputy_core::Scope::ALL.map(deputy_core::Scope::as_str))
    )]
    pub(crate) scopes: Vec<String>,
    /// A server of yours whose own address `/mcp/NAME` the login is for too, for `deputy bridge
    /// --server NAME`; repeatable
    #[arg(long = "server", value_name = "NAME", value_parser = server_name)]
    pub(crate) servers: Vec<String>,
    /// Print the link, and don't open a browser
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// For a browser on another machine (SSH): print the link, and read from the terminal where the
    /// browser ended
    #[arg(long)]
    pub(crate) paste: bool,
    /// Where to keep the login [default: the system's key store; a file where there is none]
    #[arg(long, value_name = "PLACE")]
    pub(crate) store: Option<Place>,
    /// Print one JSON object about the login
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LogoutArgs {
    /// Address of the server [default: that of your last login, else http://127.0.0.1:8484]
    #[arg(env = "DEPUTY_URL", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
}

#[derive(Args)]
pub(crate) struct BridgeArgs {
    /// Forward to this server of yours alone (`/mcp/NAME`), under the names that it gave its tools
    #[arg(long = "server", value_name = "NAME", value_parser = server_name)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Args)]
pub(crate) struct CallArgs {
    /// The tool, e.g. list_calendar_events
    pub(crate) tool: String,
    /// Its arguments as a JSON object; `-` reads them from standard input
    #[arg(default_value = "{}")]
    pub(crate) arguments: String,
    /// Print the whole answer of the server as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Make a repeat with the same key give the first answer
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// The name of a server, as it stands in its address.
fn server_name(text: &str) -> Result<String, String> {
    let mut letters = text.bytes();
    let fits = text.len() <= 32
        && letters.next().is_some_and(|b| b.is_ascii_lowercase())
        && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a server's name has small letters, digits and hyphens, at most 32".to_owned())
    }
}
