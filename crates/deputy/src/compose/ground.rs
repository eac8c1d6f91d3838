//! What a server stands on, and each crate's part as it is made on it. What has loops of its own
//! (sweeps, renewals) is started as soon as it is there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use deputy_connections::Connections;
use deputy_connections::remote::Remote;
use deputy_core::throttle::Throttle;
use deputy_core::{Clock, Lifecycle, Rng, Secret, SystemClock, SystemRng, http};
use deputy_gateway::audit::Audit;
use deputy_gateway::catalog::Catalog;
use deputy_gateway::pool::Pool;
use deputy_gateway::{BuiltIns, Gateway};
use deputy_identity::Identity;
use deputy_identity::oauth::AuthorizationServer;
use deputy_store::Store;
use deputy_templates::Registry;
use deputy_vault::Vault;
use deputy_workspace::Workspace;
use deputy_workspace::tools::Tools;

use super::{audit_key, config, database};
use crate::settings::{SettingError, Settings};

/// What everything else stands on.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) lifecycle: Lifecycle,
    pub(super) clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    pub(super) store: Store,
    vault: Vault,
}

impl Ground {
    /// Opens the database, migrates it, and looks whether the key is its own.
    pub(super) async fn lay(
        settings: &Settings,
        key: Option<&Secret<String>>,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let store = database::open(settings).await?;
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
    pub(super) fn identity(&self, settings: &Settings) -> Identity {
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
    pub(super) fn connections(&self, settings: &Settings) -> anyhow::Result<Connections> {
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
    pub(super) fn remote(&self, settings: &Settings) -> anyhow::Result<Remote> {
        let remote = Remote::new(
            self.store.clone(),
            self.vault.clone(),
            config::remote(settings),
            config::guarded(settings)?,
            self.lifecycle.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.rng),
        );
        remote.start_sweep();
        Ok(remote)
    }

    /// What programs log in at.
    pub(super) fn authorization(
        &self,
        settings: &Settings,
        identity: &Identity,
        is_sandbox: bool,
    ) -> anyhow::Result<AuthorizationServer> {
        let authorization = AuthorizationServer::new(
            identity.clone(),
            self.store.clone(),
            Some(config::documents(settings)?),
            config::oauth(settings, is_sandbox),
            Arc::clone(&self.clock),
            Arc::clone(&self.rng),
        );
        authorization.run(&self.lifecycle);
        Ok(authorization)
    }

    /// The tools with what they are called with, and the workspace, which is behind some of them.
    pub(super) async fn gateway(
        self,
        settings: &Settings,
        connections: &Connections,
        remote: &Remote,
    ) -> anyhow::Result<(Gateway, Workspace)> {
        let key = audit_key(&self.store, &self.vault).await?;
        let clock = self.clock;
        let audit = Audit::start(
            self.store.clone(),
            &key,
            Arc::clone(&clock),
            &self.lifecycle,
        );
        let workspace = Workspace::new(deputy_workspace::Parts {
            store: self.store.clone(),
            clock: Arc::clone(&clock),
            record: Arc::new(deputy_web::WorkspaceRecord(audit.clone())),
            username_key: deputy_identity::name::key,
        });
        workspace.run(&self.lifecycle);
        let built_in: Arc<dyn BuiltIns> =
            Arc::new(deputy_web::WorkspaceTools(Tools::new(workspace.clone())));
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
            catalog: Catalog::new(deputy_google::servers())?.with_built_ins(&built_in)?,
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
        Ok((Gateway::new(config::gateway(settings)?, parts), workspace))
    }
}

/// The kinds of servers that people may add: those built in, those of the table, those of the
/// administrator's folder. A faulty one is left out and said in the log.
async fn templates(settings: &Settings, store: &Store) -> anyhow::Result<Registry> {
    let registry = config::registry(settings, store.server_templates().await?);
    for fault in registry.faults() {
        tracing::error!(%fault, "a template of a server is left out");
    }
    Ok(registry)
}
