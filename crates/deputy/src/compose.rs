//! Puts the crates together: the only file that knows every one of them. Read it from top to
//! bottom to see what the program is made of.

pub(crate) mod config;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::serve::ListenerExt as _;
use deputy_connections::remote::{self, Remote};
use deputy_connections::{ConnectionEventKind, Connections};
use deputy_core::throttle::Throttle;
use deputy_core::{Clock, Lifecycle, Rng, Secret, SystemClock, SystemRng, http};
use deputy_gateway::audit::Audit;
use deputy_gateway::catalog::Catalog;
use deputy_gateway::pool::Pool;
use deputy_gateway::{Gateway, mcp};
use deputy_identity::Identity;
use deputy_identity::oauth::AuthorizationServer;
use deputy_store::Store;
use deputy_store::server_template::ServerTemplateRow;
use deputy_templates::Registry;
use deputy_vault::Vault;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::broadcast::error::RecvError;

use crate::cli::DatabaseArgs;
use crate::settings::{SettingError, Settings, Sources};

/// How long requests under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(20);

/// The database and what works on it without a server: for commands.
pub(crate) struct Offline {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
}

impl Offline {
    /// Opens the database that the settings name; its schema must be up to date.
    pub(crate) async fn open(args: &DatabaseArgs) -> anyhow::Result<Self> {
        let offline = Self::open_unmigrated(args).await?;
        // What a server would do at its start; a server that runs already has done it.
        offline
            .store
            .migrate()
            .await
            .context("bringing the schema up to date")?;
        Ok(offline)
    }

    /// Opens the database as it is.
    pub(crate) async fn open_unmigrated(args: &DatabaseArgs) -> anyhow::Result<Self> {
        crate::telemetry::init_logs(crate::telemetry::COMMAND_LOGS);
        let settings = Settings::load(Sources::All, &args.overrides())?;
        let store = open_store(&settings).await?;
        Ok(Self { settings, store })
    }

    /// The vault, with the key of the settings or of a sandbox's folder.
    pub(crate) fn vault(&self) -> anyhow::Result<Vault> {
        let config = config::vault(&self.settings, self.settings.key_or_sandbox()?.as_ref())?;
        Ok(Vault::new(
            self.store.clone(),
            &config,
            Arc::new(SystemClock),
            Arc::new(SystemRng),
        ))
    }

    /// People.
    pub(crate) fn identity(&self) -> Identity {
        // Shredding works on rows; only a running server has keys in memory to forget.
        Identity::new(
            self.store.clone(),
            None,
            config::identity(&self.settings),
            Arc::new(SystemClock),
            Arc::new(SystemRng),
        )
    }

    /// How programs log in as people. Fetches nothing.
    pub(crate) fn authorization(&self) -> AuthorizationServer {
        AuthorizationServer::new(
            self.identity(),
            self.store.clone(),
            None,
            config::oauth(&self.settings, false),
            Arc::new(SystemClock),
            Arc::new(SystemRng),
        )
    }

    /// People's accounts, where Google is configured and the key is at hand.
    pub(crate) fn connections(&self, lifecycle: &Lifecycle) -> anyhow::Result<Option<Connections>> {
        let Some(config) = config::connections(&self.settings)? else {
            return Ok(None);
        };
        Ok(Some(Connections::new(
            self.store.clone(),
            self.vault()?,
            Some(config),
            http::trusted(http::Limits::default())?,
            lifecycle.clone(),
            Arc::new(SystemClock),
            Arc::new(SystemRng),
        )))
    }

    /// People's accounts at remote servers.
    pub(crate) fn remote(&self, lifecycle: &Lifecycle) -> anyhow::Result<Remote> {
        Ok(Remote::new(
            self.store.clone(),
            self.vault()?,
            remote_config(&self.settings),
            guarded(&self.settings)?,
            lifecycle.clone(),
            Arc::new(SystemClock),
            Arc::new(SystemRng),
        ))
    }

    /// Folds SQLite's log into the file.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        Ok(self.store.close().await?)
    }
}

/// This installation as a client of people's remote servers.
fn remote_config(settings: &Settings) -> remote::Config {
    let mut config = remote::Config::new(&settings.public_url);
    if let Some(url) = &settings.client_metadata_url {
        config.metadata_url = Some(url.clone());
    }
    config
}

/// Opens the database, making the folder of an embedded one.
async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    if let Some(file) = settings.embedded_file()
        && let Some(folder) = file.parent().filter(|p| !p.as_os_str().is_empty())
    {
        private_folder(folder)?;
    }
    let config = deputy_store::Config::new(&settings.database_url);
    Store::connect(&config)
        .await
        .with_context(|| match settings.database_url.split_once("://") {
            Some(("sqlite", path)) => format!("opening the database {path}"),
            // The URL may hold a password.
            _ => "reaching the database of DATABASE_URL".to_owned(),
        })
}

/// Makes a folder that only its owner can enter.
pub(crate) fn private_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("making the folder {}", folder.display()))
}

/// The key of the audit chain.
pub(crate) async fn audit_key(store: &Store, vault: &Vault) -> anyhow::Result<Secret<Vec<u8>>> {
    store.ping().await?;
    Ok(vault.installation_key("audit-hmac").await?)
}

/// What everything else stands on.
#[derive(Clone)]
struct Ground {
    lifecycle: Lifecycle,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    store: Store,
    vault: Vault,
}

impl Ground {
    /// Opens the database, migrates it, and looks whether the key is its own.
    async fn lay(settings: &Settings, key: Option<&Secret<String>>) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let store = open_store(settings).await?;
        store
            .migrate()
            .await
            .context("bringing the schema up to date")?;
        let vault = Vault::new(
            store.clone(),
            &config::vault(settings, key)?,
            Arc::clone(&clock),
            Arc::clone(&rng),
        );
        vault
            .check()
            .await
            .map_err(|e| SettingError(e.to_string()))?;
        Ok(Self {
            lifecycle: Lifecycle::new(),
            clock,
            rng,
            store,
            vault,
        })
    }

    /// Who people are.
    fn identity(&self, settings: &Settings) -> Identity {
        let identity = Identity::new(
            self.store.clone(),
            Some(self.vault.clone()),
            config::identity(settings),
            Arc::clone(&self.clock),
            Arc::clone(&self.rng),
        );
        identity.run(&self.lifecycle);
        identity
    }

    /// People's accounts at Google.
    fn connections(&self, settings: &Settings) -> anyhow::Result<Connections> {
        let connections = Connections::new(
            self.store.clone(),
            self.vault.clone(),
            config::connections(settings)?,
            http::trusted(http::Limits::default())?,
            self.lifecycle.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.rng),
        );
        connections.start_sweep();
        Ok(connections)
    }

    /// People's accounts at remote servers.
    fn remote(&self, settings: &Settings) -> anyhow::Result<Remote> {
        let remote = Remote::new(
            self.store.clone(),
            self.vault.clone(),
            remote_config(settings),
            guarded(settings)?,
            self.lifecycle.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.rng),
        );
        remote.start_sweep();
        Ok(remote)
    }

    /// What programs log in at.
    fn authorization(
        &self,
        settings: &Settings,
        identity: &Identity,
        is_sandbox: bool,
    ) -> anyhow::Result<AuthorizationServer> {
        let authorization = AuthorizationServer::new(
            identity.clone(),
            self.store.clone(),
            Some(documents(settings)?),
            config::oauth(settings, is_sandbox),
            Arc::clone(&self.clock),
            Arc::clone(&self.rng),
        );
        authorization.run(&self.lifecycle);
        Ok(authorization)
    }

    /// The tools, with what they are called with.
    async fn gateway(
        self,
        settings: &Settings,
        connections: &Connections,
        remote: &Remote,
    ) -> anyhow::Result<Gateway> {
        let key = audit_key(&self.store, &self.vault).await?;
        let clock = self.clock;
        let audit = Audit::start(
            self.store.clone(),
            &key,
            Arc::clone(&clock),
            &self.lifecycle,
        );
        let pool = Pool::new(
            config::pool(settings),
            self.lifecycle.clone(),
            Arc::clone(&clock),
        );
        let throttle = Throttle::new(
            settings.calls_per_min,
            Duration::from_mins(1),
            Arc::clone(&clock),
        );
        let parts = deputy_gateway::Parts {
            catalog: Catalog::new(deputy_google::servers())?,
            credentials: Arc::new(deputy_web::Accounts(connections.clone())),
            remote: Arc::new(deputy_web::RemoteAccounts(remote.clone())),
            templates: Arc::new(templates(settings, &self.store).await?),
            pool,
            audit,
            throttle: Arc::new(throttle),
            store: self.store,
            vault: self.vault,
            lifecycle: self.lifecycle,
            clock,
            rng: self.rng,
        };
        Ok(Gateway::new(config::gateway(settings)?, parts))
    }
}

/// A server that is ready to take requests.
pub(crate) struct Server {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) identity: Identity,
    pub(crate) connections: Connections,
    pub(crate) router: Router,
    gateway: Gateway,
    store: Store,
}

/// What differs between `serve` and `sandbox`.
pub(crate) struct Options {
    /// The root key's text.
    pub(crate) key: Option<Secret<String>>,
    /// What the pages say about the sandbox.
    pub(crate) sandbox: Option<deputy_web::Sandbox>,
    /// What `/metrics` shows.
    pub(crate) metrics: PrometheusHandle,
}

impl Server {
    /// Builds everything from the settings, and migrates the database.
    pub(crate) async fn build(settings: &Settings, options: Options) -> anyhow::Result<Self> {
        let ground = Ground::lay(settings, options.key.as_ref()).await?;
        let lifecycle = ground.lifecycle.clone();
        let store = ground.store.clone();
        let clock = Arc::clone(&ground.clock);

        let identity = ground.identity(settings);
        let connections = ground.connections(settings)?;
        let remote = ground.remote(settings)?;
        let authorization = ground.authorization(settings, &identity, options.sandbox.is_some())?;

        let gateway = ground.gateway(settings, &connections, &remote).await?;
        gateway.run();
        follow_connections(&lifecycle, &connections, &gateway);

        let web = deputy_web::router(deputy_web::Deps {
            config: config::web(settings, options.sandbox),
            store: store.clone(),
            identity: identity.clone(),
            authorization,
            connections: connections.clone(),
            remote,
            gateway: gateway.clone(),
            clock,
            lifecycle: lifecycle.clone(),
            metrics: Some(options.metrics),
        });
        let mcp = mcp::router(gateway.clone(), config::endpoint(settings)).layer(
            axum::middleware::from_fn_with_state(
                deputy_web::Doorway::new(identity.clone(), &settings.public_url),
                deputy_web::bearer,
            ),
        );
        Ok(Self {
            router: web.merge(mcp),
            lifecycle,
            identity,
            connections,
            gateway,
            store,
        })
    }

    /// Takes requests until `stop`, then ends in order: no new request, those under way finish, the
    /// servers behind the tools end, the last records are written.
    pub(crate) async fn run(
        self,
        listener: tokio::net::TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let soft = self.lifecycle.soft().clone();
        let lifecycle = self.lifecycle.clone();
        let app = self
            .router
            .into_make_service_with_connect_info::<std::net::SocketAddr>();
        let stopping = async move {
            stop.await;
            // Streams end by themselves on this.
            soft.cancel();
        };
        let listener = listener.tap_io(|stream| {
            // Small answers must not wait for Nagle's algorithm.
            let _ = stream.set_nodelay(true);
        });
        let serve = axum::serve(listener, app).with_graceful_shutdown(stopping);
        let mut serving =
            tokio_util::task::AbortOnDropHandle::new(lifecycle.spawn(async move { serve.await }));
        let told = self.lifecycle.soft().clone();
        tokio::select! {
            ended = &mut serving => {
                ended?.unwrap_or(Ok(()))?;
            }
            () = async { told.cancelled().await; tokio::time::sleep(GRACE).await; } => {
                tracing::warn!("requests under way were cut off");
            }
        }
        drop(serving);
        self.gateway.drain(GRACE).await;
        self.gateway.pool().shutdown().await;
        self.gateway.audit().close().await;
        self.lifecycle.stop(Duration::from_secs(5)).await;
        self.store.close().await?;
        Ok(())
    }
}

/// The client for what people's servers and their authorization servers name.
fn guarded(settings: &Settings) -> anyhow::Result<http::Guarded> {
    guarded_within(settings, http::GuardLimits::default())
}

/// The client for the documents in which OAuth clients say who they are.
pub(crate) fn documents(settings: &Settings) -> anyhow::Result<http::Guarded> {
    guarded_within(settings, deputy_identity::oauth::document_limits())
}

fn guarded_within(settings: &Settings, limits: http::GuardLimits) -> anyhow::Result<http::Guarded> {
    let private_hosts = settings.private_hosts.clone();
    Ok(http::guarded(http::GuardConfig {
        private_hosts,
        limits,
    })?)
}

/// The kinds of servers that people may add: those built in, those of the table, those of the
/// administrator's folder. A faulty one is left out and said in the log.
async fn templates(settings: &Settings, store: &Store) -> anyhow::Result<Registry> {
    let registry = registry(settings, store.server_templates().await?);
    for fault in registry.faults() {
        tracing::error!(%fault, "a template of a server is left out");
    }
    Ok(registry)
}

/// The same, of these rows of the table.
pub(crate) fn registry(settings: &Settings, rows: Vec<ServerTemplateRow>) -> Registry {
    let rows = rows.into_iter().map(|row| deputy_templates::Row {
        server_type: row.server_type,
        display_name: row.display_name,
        description: row.description,
        command_template: row.command_template,
        args_template: row.args_template,
        env_template: row.env_template,
        config_schema: row.config_schema,
        setup_instructions: row.setup_instructions,
        is_active: row.is_active,
    });
    let mut registry = Registry::builtin().with_rows(rows);
    if let Some(folder) = &settings.servers.templates_dir {
        registry = registry.with_folder(folder);
    }
    registry
}

/// What a change of a connection means for the tools: servers that run with the old credentials
/// stop at once, and clients are told that the list is another.
fn follow_connections(lifecycle: &Lifecycle, connections: &Connections, gateway: &Gateway) {
    let mut events = connections.subscribe();
    let gateway = gateway.clone();
    lifecycle.spawn(
        lifecycle
            .soft()
            .clone()
            .run_until_cancelled_owned(async move {
                loop {
                    match events.recv().await {
                        Ok(event) => match event.kind {
                            ConnectionEventKind::TokenRefreshed => {}
                            // What is left keeps running: the front that dropped a service has
                            // stopped that one.
                            ConnectionEventKind::Connected
                            | ConnectionEventKind::ServicesChanged => {
                                gateway.tools_changed(event.user_id);
                            }
                            ConnectionEventKind::Disconnected => {
                                gateway.stop_google(event.user_id).await;
                                gateway.tools_changed(event.user_id);
                            }
                        },
                        Err(RecvError::Lagged(missed)) => {
                            tracing::warn!(missed, "changes of connections were missed");
                        }
                        Err(RecvError::Closed) => return,
                    }
                }
            }),
    );
}
