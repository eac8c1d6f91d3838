//! What will be run for a server, said before it is, and a server between being filled in and being
//! added.
//!
//! A page shows what was filled in as what it comes to, and adds it when the person says so. What
//! was filled in travels through that page sealed: it opens for its person alone, for a while, and
//! nothing is stored of what is never added.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use deputy_core::{Principal, Secret, UserId};
use deputy_templates::{
    Auth, Commands, DefaultPolicy, Definition, Network, Template, Text, Transport,
};
use deputy_vault::Place;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{NewServer, ServerError, Servers, may_manage, may_read};

/// How long a draft can be added.
const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// Longest draft, as text.
const MAX_DRAFT: usize = 128 * 1024;
/// What stands for the folder of a server's own where something is only shown: which it is is decided when it is
/// there, and where Deputy keeps it is nothing to a person.
pub const OWN_FOLDER: &str = "${data:path}";
/// What stands for a secret where something is only shown.
const MASK: &str = "•••";

/// What is run for a server, or where it is reached. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// A process.
    Process {
        /// The program and its arguments.
        command: Vec<String>,
        /// Variables of its own; none: a secret.
        env: Vec<(String, Option<String>)>,
        /// Folders that it may read and write, beside its own.
        folders: Vec<PathBuf>,
        /// Whether it has a folder of its own; where a value names it, it is [`OWN_FOLDER`].
        own_folder: bool,
        /// Whether it has the network.
        network: bool,
    },
    /// Streamable HTTP.
    Http {
        /// Where.
        url: String,
        /// Names of the headers that requests carry.
        headers: Vec<String>,
        /// Whether its person allows the access at its authorization server.
        oauth: bool,
    },
}

/// A server to be, checked.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What will be run.
    pub runs: Runs,
    /// What was filled in, sealed, as text for [`Servers::from_draft`].
    pub sealed: String,
}

/// A draft that was opened again, for [`Servers::create_drafted`].
#[derive(Clone, Debug)]
pub struct Drafted {
    /// What was filled in.
    pub new: NewServer,
    /// The server that it becomes, however often it is sent.
    pub(super) uid: Uuid,
}

/// What a kind of server lacks on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A program.
    Program(String),
    /// `DEPUTY_CUSTOM_COMMANDS` allows none.
    Commands,
    /// `DEPUTY_FILES_ROOTS` allows none.
    Folders,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    uid: Uuid,
    name: String,
    server_type: String,
    config: Value,
    default_policy: Option<DefaultPolicy>,
    /// Until when, in milliseconds.
    until: i64,
}

impl Servers {
    /// Checks a server as [`Servers::create`] does and says what would be run. Nothing is stored.
    pub async fn draft(&self, principal: &Principal, new: NewServer) -> Result<Draft, ServerError> {
        may_manage(principal)?;
        let user = principal.user_id;
        let template = self.template(&new.server_type)?;
        let checked = self.checked(principal, &template, &new)?;
        let scope = self.with().store.user(user);
        if scope.own_server(&new.name).await?.is_some() {
            return Err(ServerError::Conflict(format!(
                "you already have a server named '{}'",
                new.name
            )));
        }
        if scope.count_own_servers().await? >= self.inner.config.most {
            return Err(ServerError::LimitReached(self.inner.config.most));
        }
        let set = checked.secrets.keys().cloned().collect();
        let runs = self.laid_out(user, &template, &checked.config, &set)?;
        let with = self.with();
        let kept = Kept {
            uid: deputy_core::id::uuid_v7(&*with.clock, &*with.rng),
            name: new.name,
            server_type: new.server_type,
            config: new.config,
            default_policy: new.default_policy,
            until: (with.clock.now() + LIFETIME).as_millisecond(),
        };
        let plain = serde_json::to_vec(&kept).map(Secret::new);
        let plain = plain.map_err(|e| ServerError::internal(&e, "writing a draft"))?;
        let sealed = with.vault.seal(&place(user), plain.expose()).await;
        let sealed = sealed.map_err(|e| ServerError::internal(&e, "sealing a draft"))?;
        Ok(Draft {
            runs,
            sealed: BASE64_URL_SAFE_NO_PAD.encode(sealed),
        })
    }

    /// What was filled in, for [`Servers::create_drafted`]. One that was not made for this person, or
    /// too long ago, is [`ServerError::Validation`].
    pub async fn from_draft(
        &self,
        principal: &Principal,
        sealed: &str,
    ) -> Result<Drafted, ServerError> {
        may_manage(principal)?;
        let lapsed = || ServerError::invalid("/draft", "it has lapsed; fill in the form again");
        if sealed.len() > MAX_DRAFT {
            return Err(lapsed());
        }
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(sealed)
            .map_err(|_| lapsed())?;
        let place = place(principal.user_id);
        let plain = self.with().vault.open(&place, &bytes);
        let plain = plain.await.map_err(|_| lapsed())?;
        let kept: Kept = serde_json::from_slice(plain.expose()).map_err(|_| lapsed())?;
        if kept.until < self.with().clock.now().as_millisecond() {
            return Err(lapsed());
        }
        Ok(Drafted {
            new: NewServer {
                name: kept.name,
                server_type: kept.server_type,
                config: kept.config,
                default_policy: kept.default_policy,
            },
            uid: kept.uid,
        })
    }

    /// What is run for a server that is there. [`ServerError::Validation`] where its settings are
    /// not accepted any more.
    pub async fn what_runs(&self, principal: &Principal, name: &str) -> Result<Runs, ServerError> {
        may_read(principal)?;
        let row = self.row(principal.user_id, name).await?;
        let template = self.template(&row.server_type)?;
        let bad = |e: serde_json::Error| ServerError::internal(&e, "reading a server's row");
        let config = serde_json::from_str(&row.config).map_err(bad)?;
        let set = serde_json::from_str(&row.secrets_set).map_err(bad)?;
        self.laid_out(row.user, &template, &config, &set)
    }

    fn laid_out(
        &self,
        user: UserId,
        template: &Template,
        config: &Map<String, Value>,
        set: &BTreeSet<String>,
    ) -> Result<Runs, ServerError> {
        let masked: BTreeMap<String, Secret<String>> = set
            .iter()
            .map(|name| (name.clone(), Secret::from(MASK)))
            .collect();
        let google = template.needs_google().then(|| Secret::from(MASK));
        let own = PathBuf::from(OWN_FOLDER);
        let rules = self.rules_of(user, Some(own.clone()));
        let definition = template
            .render(config, &masked, google.as_ref(), &rules)
            .map_err(|error| ServerError::invalid("/config", error.to_string()))?;
        Ok(match definition {
            Definition::Process(process) => Runs::Process {
                command: std::iter::once(process.program)
                    .chain(process.args)
                    .collect(),
                env: process
                    .env
                    .into_iter()
                    .map(|(name, value)| match value {
                        Text::Plain(text) => (name, Some(text)),
                        Text::Secret(_) => (name, None),
                    })
                    .collect(),
                own_folder: process.folders.contains(&own),
                folders: process
                    .folders
                    .into_iter()
                    .filter(|folder| *folder != own)
                    .collect(),
                network: process.network == Network::Open,
            },
            Definition::Http(http) => Runs::Http {
                url: http.url.to_string(),
                headers: http.headers.into_iter().map(|(name, _)| name).collect(),
                oauth: matches!(http.auth, Auth::OAuth { .. }),
            },
        })
    }

    /// Whether processes are held to what is said of them: not where `DEPUTY_SANDBOX` is `off`.
    pub fn are_confined(&self) -> bool {
        self.inner.config.level != deputy_jail::Level::Off
    }

    /// The folders inside which this person may point a server.
    pub fn folders(&self, user: UserId) -> Vec<PathBuf> {
        deputy_jail::own_roots(&self.inner.config.files_roots, user.0)
    }

    /// What this kind lacks on this machine to be run here.
    pub fn missing(&self, template: &Template) -> Option<Missing> {
        let config = &self.inner.config;
        if !template.needs.folders.is_empty() && config.files_roots.is_empty() {
            return Some(Missing::Folders);
        }
        let Transport::Stdio(_) = &template.transport else {
            return None;
        };
        let Some(program) = template.program() else {
            return (config.commands == Commands::None).then_some(Missing::Commands);
        };
        let search = self.with().pool.search();
        let found = deputy_jail::is_installed(program.as_ref(), search);
        (!found).then(|| Missing::Program(program.to_owned()))
    }
}

fn place(user: UserId) -> Place<'static> {
    Place::of_user(user, "user_mcp_servers", "draft", "secrets", "draft")
}
