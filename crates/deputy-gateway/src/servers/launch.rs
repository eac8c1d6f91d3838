//! How a stored server is started or reached.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deputy_core::{Principal, Secret, UserId};
use deputy_jail::{Confinement, PathFault};
use deputy_store::own_server::OwnServer;
use deputy_templates::{
    Auth, Definition, FolderProblem, HttpDefinition, Network, ProcessDefinition, RenderError,
    Rules, Text, Transport,
};
use url::Url;

use super::{ServerError, Servers, may_manage};
use crate::credentials::{AccessToken, CredentialError, RemoteError};
use crate::error::CallError;
use crate::pool::{EnvValue, How, HttpLaunch, Installs, Launch, PoolKey, Prepare, ProcessLaunch};

/// The folder of what a person's servers are made of, beside the folders of the servers, which have numbers.
pub(super) const PACKAGES: &str = "packages";

/// A server that can be spoken to.
pub(crate) struct Open {
    /// Its place in the pool.
    pub(crate) key: PoolKey,
    /// How the pool starts or reaches it.
    pub(crate) launch: Launch,
    /// The token of each request, for a server that takes one by OAuth.
    pub(crate) bearer: Option<AccessToken>,
    /// Whether it takes a token by OAuth.
    pub(crate) oauth: bool,
}

/// A person's server that takes tokens by OAuth, as far as accounts need to know it.
#[derive(Clone)]
pub struct RemoteServer {
    /// Its number.
    pub id: i64,
    /// Where it is.
    pub url: Url,
    /// Scopes to ask for; what the server says, if empty.
    pub scopes: Vec<String>,
    /// A client that is registered already.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret<String>>,
}

impl Servers {
    /// What a server needs to be spoken to: its secrets opened, its tokens at hand.
    pub(crate) async fn open(&self, row: &OwnServer) -> Result<Open, CallError> {
        let key = PoolKey::own(row.user, row.id);
        let pool = &self.with().pool;
        if let Some(bar) = pool.barred(&key, generation(row.generation, 0)) {
            self.still(row).await?;
            // Another replica switched it on again.
            pool.lift(&key, bar);
        }
        let home = self.home(row.user, row.id);
        if !self.runs(row.user, row.id) {
            self.make_folders(row, &home).await?;
        }
        let (definition, renewed) = self.definition(row).await?;
        // A refreshed token of Google is in the environment: another process.
        let generation = generation(row.generation, renewed);
        match definition {
            Definition::Process(process) => Ok(Open {
                key,
                launch: Launch {
                    how: How::Process(self.process(process, &home)),
                    generation,
                },
                bearer: None,
                oauth: false,
            }),
            Definition::Http(http) => self.http(row, key, http, generation).await,
        }
    }

    /// Makes the folders of a process, unless its server is another one by now: nobody would remove them.
    async fn make_folders(&self, row: &OwnServer, home: &Path) -> Result<(), CallError> {
        let template = self.with().templates.get(&row.server_type);
        let Some(template) =
            template.filter(|template| matches!(template.transport, Transport::Stdio(_)))
        else {
            return Ok(());
        };
        let folder = if template.needs.data {
            home.join("data")
        } else {
            home.to_owned()
        };
        let made = async {
            make_private(home).await?;
            make_private(&folder).await
        };
        made.await
            .map_err(|e| CallError::internal(&e, "making a folder"))?;
        // Only now: one that is removed from here on finds the folders there.
        if self.same(row).await? {
            return Ok(());
        }
        let scope = self.with().store.user(row.user);
        if scope.own_server_by_id(row.id).await?.is_none() {
            self.remove_folder(row.user, row.id).await;
        }
        self.still(row).await
    }

    /// How a server is started or reached, its secrets opened, and the generation of Google's token in
    /// it (0: there is none).
    async fn definition(&self, row: &OwnServer) -> Result<(Definition, i64), CallError> {
        let template =
            self.with().templates.get(&row.server_type).ok_or_else(|| {
                unusable(row, "its kind of server was removed by the administrator")
            })?;
        let secrets = self.opened(row).await.map_err(|_| CallError::Internal)?;
        let config = serde_json::from_str(&row.config)
            .map_err(|e| CallError::internal(&e, "reading a server's row"))?;
        let google = if template.needs_google() {
            Some(self.google(row).await?)
        } else {
            None
        };
        let data = self.home(row.user, row.id).join("data");
        let rules = self.rules_of(row.user, Some(data));
        let token = google.as_ref().map(|token| &token.secret);
        let definition = template
            .render(&config, &secrets, token, &rules)
            .map_err(|error| match error {
                RenderError::GoogleNotConnected => self.google_missing(row),
                other => unusable(row, &other.to_string()),
            })?;
        Ok((definition, google.map_or(0, |token| token.generation)))
    }

    /// This person's server of this name as accounts need to know it; none where it takes no token
    /// by OAuth. [`ServerError::Validation`] where its settings are not accepted any more.
    pub async fn remote(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<Option<RemoteServer>, ServerError> {
        may_manage(principal)?;
        let row = self.row(principal.user_id, name).await?;
        let template = self.with().templates.get(&row.server_type);
        if template.is_some_and(|template| template.needs_google()) {
            return Ok(None);
        }
        let definition = self.definition(&row).await;
        let (definition, _) = definition.map_err(|error| match error {
            // It was accepted once, and is not any more.
            CallError::Upstream(message) => ServerError::invalid("/config", message),
            other => other.into(),
        })?;
        Ok(match definition {
            Definition::Http(HttpDefinition {
                url,
                auth:
                    Auth::OAuth {
                        scopes,
                        client_id,
                        client_secret,
                    },
                ..
            }) => Some(RemoteServer {
                id: row.id,
                url,
                scopes,
                client_id,
                client_secret,
            }),
            _ => None,
        })
    }

    /// Where a server that takes tokens by OAuth is, as this row has it; none where it takes none.
    pub(super) async fn oauth_url(&self, row: &OwnServer) -> Result<Option<Url>, CallError> {
        let template = self.with().templates.get(&row.server_type);
        let over_http = template.is_some_and(|template| {
            matches!(template.transport, Transport::Http(_)) && !template.needs_google()
        });
        if !over_http {
            return Ok(None);
        }
        let (definition, _) = self.definition(row).await?;
        Ok(match definition {
            Definition::Http(HttpDefinition {
                url,
                auth: Auth::OAuth { .. },
                ..
            }) => Some(url),
            _ => None,
        })
    }

    fn process(&self, process: ProcessDefinition, home: &Path) -> ProcessLaunch {
        let config = &self.inner.config;
        let plain =
            |(name, value): &(String, String)| (name.clone(), EnvValue::Plain(value.clone()));
        let mut env: Vec<(String, EnvValue)> = config.env.iter().map(plain).collect();
        for (name, value) in process.env {
            env.retain(|(known, _)| *known != name);
            let value = match value {
                Text::Plain(text) => EnvValue::Plain(text),
                Text::Secret(secret) => EnvValue::Secret(secret),
            };
            env.push((name, value));
        }
        ProcessLaunch {
            program: process.program.into(),
            args: process.args,
            env,
            working_dir: None,
            confinement: Some(Confinement {
                level: config.level,
                network: match process.network {
                    Network::None => deputy_jail::Network::None,
                    Network::Open => deputy_jail::Network::Open,
                },
                // The system's programs are readable to all, and nothing else is.
                read: Vec::new(),
                write: process.folders,
                closed: config.closed(),
                instead: None,
                home: Some(home.to_owned()),
                limits: deputy_jail::Limits::default(),
            }),
            prepare: process.prepare.map(|prepare| Prepare {
                program: prepare.program.into(),
                args: prepare.args,
                folder: home.with_file_name(PACKAGES),
                installs: prepare.installs.map(|installs| Installs {
                    name: installs.name,
                    exactly: installs.exactly,
                    args: installs.args,
                }),
            }),
        }
    }

    async fn http(
        &self,
        row: &OwnServer,
        key: PoolKey,
        http: HttpDefinition,
        generation: u64,
    ) -> Result<Open, CallError> {
        let oauth = matches!(http.auth, Auth::OAuth { .. });
        let bearer = if oauth {
            let remote = &self.with().remote;
            let bearer = remote.bearer(row.user, row.id, &http.url).await;
            bearer.map_err(|error| self.of_remote(row, error))?
        } else {
            None
        };
        Ok(Open {
            key,
            launch: Launch {
                how: How::Http(HttpLaunch {
                    url: http.url,
                    headers: http.headers,
                }),
                generation,
            },
            bearer,
            oauth,
        })
    }

    /// The error of a server whose credentials can't be had.
    pub(crate) fn of_remote(&self, row: &OwnServer, error: RemoteError) -> CallError {
        match error {
            RemoteError::ConsentNeeded => {
                let connect_url = self.connect_url(&row.name);
                CallError::NotConnected {
                    service: row.name.clone(),
                    message: format!("{} needs your consent; give it at {connect_url}", row.name),
                    connect_url,
                }
            }
            RemoteError::SignInAgain(why) => {
                let connect_url = self.connect_url(&row.name);
                CallError::NotConnected {
                    service: row.name.clone(),
                    message: format!("{} needs a new sign-in, at {connect_url}: {why}", row.name),
                    connect_url,
                }
            }
            RemoteError::Temporary { retry_after } => CallError::Unavailable {
                message: format!(
                    "the authorization server of {} does not answer; nothing was done",
                    row.name
                ),
                retry_after,
            },
            RemoteError::Refused(message) => {
                CallError::Upstream(format!("{}: {message}", row.name))
            }
            RemoteError::Internal(error) => {
                CallError::internal(&*error, "reading a server's credentials")
            }
        }
    }

    async fn google(&self, row: &OwnServer) -> Result<AccessToken, CallError> {
        let token = self.with().credentials.access_token(row.user).await;
        token.map_err(|error| match error {
            CredentialError::NotConnected => self.google_missing(row),
            CredentialError::Temporary { retry_after } => CallError::Unavailable {
                message: "Google does not answer; nothing was done".to_owned(),
                retry_after,
            },
            CredentialError::Misconfigured(message) => CallError::Unavailable {
                message,
                retry_after: std::time::Duration::from_mins(5),
            },
            CredentialError::Internal(error) => CallError::internal(&*error, "reading credentials"),
        })
    }

    fn google_missing(&self, row: &OwnServer) -> CallError {
        let connect_url = self.url("connect");
        CallError::NotConnected {
            service: row.name.clone(),
            message: format!(
                "{} acts with your Google account, which is not connected; connect it at \
                 {connect_url}",
                row.name
            ),
            connect_url,
        }
    }

    /// The places in the pool of this person's servers that get the person's token at Google.
    pub(crate) async fn with_google(
        &self,
        user: UserId,
    ) -> Result<HashSet<PoolKey>, deputy_store::Error> {
        let rows = self.with().store.user(user).own_servers().await?;
        let templates = &self.with().templates;
        let act = rows.iter().filter(|row| {
            let template = templates.get(&row.server_type);
            template.is_none_or(|template| template.needs_google())
        });
        Ok(act.map(|row| PoolKey::own(user, row.id)).collect())
    }

    /// What this machine allows to a person.
    pub(crate) fn rules_of(&self, user: UserId, data: Option<PathBuf>) -> Rules {
        let config = &self.inner.config;
        let roots = config.files_roots.clone();
        Rules {
            folders: Arc::new(move |path: &str| {
                deputy_jail::allowed_folder(Path::new(path), &roots, user.0).map_err(problem)
            }),
            commands: config.commands.clone(),
            plain_http: config.plain_http.clone(),
            data,
        }
    }

    /// The folder of a server's own.
    pub(super) fn home(&self, user: UserId, server: i64) -> PathBuf {
        let config = &self.inner.config;
        config
            .folder
            .join(user.to_string())
            .join(server.to_string())
    }

    /// Removes the folder of a server that is gone.
    pub(super) async fn remove_folder(&self, user: UserId, server: i64) {
        let folder = self.home(user, server);
        match tokio::fs::remove_dir_all(&folder).await {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "a server's folder stays behind");
            }
        }
    }
}

impl From<ServerError> for CallError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Forbidden(message) => Self::Forbidden(message),
            ServerError::Unavailable {
                message,
                retry_after,
            } => Self::Unavailable {
                message,
                retry_after,
            },
            _ => Self::Internal,
        }
    }
}

fn unusable(row: &OwnServer, why: &str) -> CallError {
    CallError::Upstream(format!("{} can't be started: {why}", row.name))
}

/// What grows when the configuration changes and when a token was renewed.
pub(super) fn generation(row: i64, token: i64) -> u64 {
    let (row, token) = (row.unsigned_abs(), token.unsigned_abs());
    (row << 32) | (token & 0xffff_ffff)
}

fn problem(fault: PathFault) -> FolderProblem {
    match fault {
        PathFault::Relative => FolderProblem::NotAbsolute,
        PathFault::Malformed => FolderProblem::Malformed,
        PathFault::Missing => FolderProblem::Missing,
        PathFault::NotAFolder => FolderProblem::NotAFolder,
        PathFault::Outside { roots } => FolderProblem::Outside(roots),
        PathFault::Root { .. } => FolderProblem::Unreadable,
    }
}

/// Makes a folder that only its owner can enter.
async fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true);
    builder.mode(0o700);
    builder.create(folder).await
}
