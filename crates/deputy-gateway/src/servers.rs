//! The MCP servers that people bring along.
//!
//! A server is a template, a person's configuration of it and the person's secrets. Deputy runs it
//! for that person only: what is started is found by the person's id and the server's number, never
//! by its name.
//!
//! * `change`: adding, changing, switching off, removing; what was given is checked by the template;
//!   `merge`: a change in what is stored; `seal`: secrets, never to be shown again;
//! * `draft`: what would be run, before it is added;
//! * `launch`: how a stored server is started or reached;
//! * `read`: its tools, read from the running server and held against what the person agreed to
//!   ([`pins`]); no call reaches a fresh process before that;
//! * `tools`: what the person sees of them, agrees to and says about them;
//! * `resolve`: from `SERVER__TOOL` to something that can be called;
//! * `about`: what they say about themselves, as far as it is handed on;
//! * `elsewhere`: what another replica did to those that run here;
//! * `folders`: what stays of people and servers that are gone;
//! * `first`: the first look at a server that was added, while nobody waits;
//! * `trial`: a real start with a report; `health`: how servers are, written down lazily;
//! * [`names`]: names of servers and of their tools towards models;
//!   [`definition`]: what a server says of a tool, cut to size and cleaned.
//!
//! Several replicas may serve one person. Nothing that decides is kept in memory but under the
//! server's `generation`, which the row has and every read of it brings along.

mod about;
mod cache;
mod change;
pub mod definition;
mod draft;
mod elsewhere;
mod error;
mod first;
mod folders;
mod health;
mod launch;
mod merge;
pub(crate) mod mirrors;
pub mod names;
pub mod pins;
mod read;
mod refused;
mod resolve;
mod rules;
mod seal;
mod tools;
mod trial;
mod view;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Caller, Clock, Lifecycle, Principal, Rng, Role, Scope, Secret, UserId};
use deputy_store::Store;
use deputy_store::own_server::OwnServer;
use deputy_templates::{Commands, PlainHttp, Registry};
use deputy_vault::Vault;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use url::Url;

pub use definition::Definition;
pub use draft::{Draft, Drafted, Missing, OWN_FOLDER, Runs};
pub use error::ServerError;
pub use launch::RemoteServer;
pub use view::{
    Change, NewServer, Seen, Server, ServerTool, Shown, Status, TestReport, TestedTool, ToolChange,
    ToolKind, ToolRule, ToolState,
};

pub(crate) use folders::SweepError;
pub(crate) use health::without_printed;
pub(crate) use launch::Open;
pub(crate) use read::LookError;
pub(crate) use refused::{Refused, Renewals};
pub(crate) use resolve::Known;
pub(crate) use trial::{advised, explained};

use crate::audit::{Audit, Entry};
use crate::breaker::Breakers;
use crate::credentials::{Credentials, RemoteCredentials};
use crate::error::MissingScope;
use crate::policy::rules::Rules as PolicyRules;
use crate::pool::{Pool, ServerInfo};
use cache::Bounded;

/// Limits and places of people's own servers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Below it each server has a folder of its own: `USER/NUMBER`.
    pub folder: PathBuf,
    /// Below it each person has a folder for what they keep, if that is Deputy's to make and to remove: `USER`.
    pub files: Option<PathBuf>,
    /// How firmly their processes are held.
    pub level: deputy_jail::Level,
    /// Deputy's own data, which no process gets by way of the program that it is: the database, keys.
    pub closed: Vec<PathBuf>,
    /// Folders under which a person may point a server; `{user}` is the person's id.
    pub files_roots: Vec<PathBuf>,
    /// Which commands people may run as servers.
    pub commands: Commands,
    /// Where `http://` is accepted for a server's URL.
    pub plain_http: PlainHttp,
    /// The environment that all their processes get, beside their own variables.
    pub env: Vec<(String, String)>,
    /// Most servers of one person. Default 10.
    pub most: u64,
    /// How long a look at a server's status counts. Default 5 min.
    pub status_for: Duration,
    /// How often the tools of a server that runs on are read again. Default 5 min.
    pub read_every: Duration,
    /// How long a test waits. Default 2 min; a start that fetches packages goes on after that.
    pub test_deadline: Duration,
}

impl Config {
    /// Defaults: nothing of the machine is open to people.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            files: None,
            level: deputy_jail::Level::default(),
            closed: Vec::new(),
            files_roots: Vec::new(),
            commands: Commands::None,
            plain_http: PlainHttp::Never,
            env: Vec::new(),
            most: 10,
            status_for: Duration::from_mins(5),
            read_every: Duration::from_mins(5),
            test_deadline: Duration::from_mins(2),
        }
    }

    /// What is Deputy's own, and wherever servers write.
    fn closed(&self) -> Vec<PathBuf> {
        let mut closed = self.closed.clone();
        closed.push(self.folder.clone());
        closed.extend_from_slice(&self.files_roots);
        closed
    }
}

/// What [`Servers`] work with.
pub(crate) struct Tools {
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) pool: Pool,
    pub(crate) breakers: Breakers,
    pub(crate) audit: Audit,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) remote: Arc<dyn RemoteCredentials>,
    pub(crate) templates: Arc<Registry>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) public_url: Url,
    /// Whose list of tools is another one now.
    pub(crate) changes: broadcast::Sender<UserId>,
}

type Secrets = Arc<BTreeMap<String, Secret<String>>>;

/// People's own servers. Cheap to clone.
#[derive(Clone)]
pub struct Servers {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    with: Tools,
    policies: PolicyRules,
    /// Opened secrets, by number and generation.
    opened: Mutex<Bounded<(i64, i64), Secrets>>,
    /// Definitions that were agreed to, by digest.
    known: Mutex<Bounded<String, Arc<Known>>>,
    /// Which process of a server has had its tools looked at.
    looked: Mutex<HashMap<i64, Arc<read::Looked>>>,
    /// What servers said about themselves when they last ran, by number and generation.
    infos: Mutex<Bounded<(i64, i64), Arc<ServerInfo>>>,
    /// What is to be written down of how servers are.
    health: Mutex<health::Pending>,
    /// Those whose tools are to be read for the first time.
    first: first::Line,
}

/// Servers whose secrets are kept opened.
const OPENED: usize = 512;
/// Definitions that are kept ready, and how many bytes of them as JSON: what is made of them is some times that.
const KNOWN: usize = 4096;
const KNOWN_BYTES: usize = 16 * 1024 * 1024;
/// Servers whose words about themselves are remembered, and how many bytes of them.
const INFOS: usize = 2048;
const INFOS_BYTES: usize = 16 * 1024 * 1024;

impl Servers {
    pub(crate) fn new(config: Config, with: Tools) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                policies: PolicyRules::new(with.store.clone()),
                with,
                // A configuration, its secrets included, is bounded where it is taken.
                opened: Mutex::new(Bounded::new(OPENED, usize::MAX)),
                known: Mutex::new(Bounded::new(KNOWN, KNOWN_BYTES)),
                infos: Mutex::new(Bounded::new(INFOS, INFOS_BYTES)),
                looked: Mutex::default(),
                health: Mutex::default(),
                first: first::Line::new(),
            }),
        }
    }

    /// The kinds of servers there are.
    pub fn templates(&self) -> &Registry {
        &self.inner.with.templates
    }

    /// This person's servers, by name.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<Server>, ServerError> {
        may_read(principal)?;
        let rows = self
            .with()
            .store
            .user(principal.user_id)
            .own_servers()
            .await?;
        let shown = rows.iter().map(|row| self.shown_to(principal, row));
        shown.collect()
    }

    /// This person's server of this name.
    pub async fn get(&self, principal: &Principal, name: &str) -> Result<Server, ServerError> {
        may_read(principal)?;
        let row = self.row(principal.user_id, name).await?;
        self.shown_to(principal, &row)
    }

    /// A server as this caller may see it: what it printed is for who may manage it.
    fn shown_to(&self, principal: &Principal, row: &OwnServer) -> Result<Server, ServerError> {
        let mut server = self.view(row)?;
        if let Some(error) = &mut server.error_message
            && !principal.may(Scope::ServersManage)
        {
            without_printed(error);
        }
        Ok(server)
    }

    /// The page of a server.
    pub fn page(&self, name: &str) -> String {
        self.url(&format!("servers/{name}"))
    }

    /// Where a person allows a server the access that it wants.
    pub fn connect_url(&self, name: &str) -> String {
        self.url(&format!("servers/{name}/connect"))
    }

    fn url(&self, path: &str) -> String {
        let root = &self.with().public_url;
        root.join(path).unwrap_or_else(|_| root.clone()).into()
    }

    fn with(&self) -> &Tools {
        &self.inner.with
    }

    pub(crate) fn policies(&self) -> &PolicyRules {
        &self.inner.policies
    }

    async fn row(&self, user: UserId, name: &str) -> Result<OwnServer, ServerError> {
        self.with()
            .store
            .user(user)
            .own_server(name)
            .await?
            .ok_or_else(|| ServerError::no_server(name))
    }

    /// Does the rest of something to its end, also when whoever asked for it leaves meanwhile: a commit and what
    /// follows from it are one.
    async fn to_the_end<T, F>(&self, rest: F) -> Result<T, ServerError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ServerError>> + Send + 'static,
    {
        match self.with().lifecycle.spawn(rest).await {
            Ok(Some(outcome)) => outcome,
            // The program ends.
            Ok(None) => Err(ServerError::Unavailable {
                message: "Deputy is stopping; look whether it was done".to_owned(),
                retry_after: Duration::from_secs(5),
            }),
            Err(error) => Err(ServerError::internal(&error, "doing the rest")),
        }
    }

    /// Tells clients of this person that the list of tools is another one now.
    fn tools_changed(&self, user: UserId) {
        // Nobody listening is fine.
        let _ = self.with().changes.send(user);
    }

    /// An error while nothing can be put on record: then nothing is changed either.
    async fn recordable(&self) -> Result<(), ServerError> {
        let able = self.with().audit.able().await;
        able.map_err(|_| crate::approval::audit_unavailable().into())
    }

    /// Puts on record what was done. It stays done if that fails, so the record is kept for the next try.
    async fn done(
        &self,
        principal: &Principal,
        action: &'static str,
        name: &str,
        detail: serde_json::Value,
    ) {
        let recorded = self.record(principal, action, name, detail.clone()).await;
        if recorded.is_err() {
            tracing::error!(action, server = name, "what was done is not on record yet");
            let entry = entry(principal, action, name, detail);
            self.with().audit.note(entry, None).await;
        }
    }

    /// Puts a change on record.
    async fn record(
        &self,
        principal: &Principal,
        action: &'static str,
        name: &str,
        detail: serde_json::Value,
    ) -> Result<(), ServerError> {
        self.with()
            .audit
            .record(entry(principal, action, name, detail))
            .await
            .map_err(|_| crate::approval::audit_unavailable().into())
    }
}

fn entry(
    principal: &Principal,
    action: &'static str,
    name: &str,
    detail: serde_json::Value,
) -> Entry {
    Entry {
        user: Some(principal.user_id),
        caller: principal.caller.label(),
        action,
        target: name.to_owned(),
        call_id: None,
        outcome: "ok".to_owned(),
        detail,
    }
}

fn may_read(principal: &Principal) -> Result<(), ServerError> {
    // Who may change them may look at them.
    if principal.may(Scope::ServersManage) {
        return Ok(());
    }
    Ok(MissingScope::unless(
        principal,
        Scope::ToolsRead,
        "looking at servers",
    )?)
}

fn may_manage(principal: &Principal) -> Result<(), ServerError> {
    Ok(MissingScope::unless(
        principal,
        Scope::ServersManage,
        "changing servers",
    )?)
}

/// Whether the person acts, and not something that was given a right: signed in, or with the right to decide approvals.
fn is_in_person(principal: &Principal) -> bool {
    matches!(principal.caller, Caller::Browser { .. }) || principal.may(Scope::ApprovalsDecide)
}

/// What asks its person is not made to ask no more by who may not decide in the person's place.
fn may_loosen(principal: &Principal) -> Result<(), ServerError> {
    if is_in_person(principal) {
        return Ok(());
    }
    Err(ServerError::Forbidden(
        "allowing more than before needs the scope approvals:decide as well, or the web pages"
            .to_owned(),
    ))
}

pub(crate) fn may_administer(principal: &Principal) -> Result<(), ServerError> {
    if principal.role != Role::Admin {
        // No token of theirs can have the scope.
        let why = "rules for everybody are an administrator's";
        return Err(ServerError::Forbidden(why.to_owned()));
    }
    Ok(MissingScope::unless(
        principal,
        Scope::Admin,
        "making rules for everybody",
    )?)
}

#[cfg(test)]
mod tests;
