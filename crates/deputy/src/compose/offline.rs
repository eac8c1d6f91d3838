//! What commands work on: the database and what needs no server around it. Nothing here starts a
//! loop of its own.

use std::sync::Arc;

use anyhow::Context as _;
use deputy_connections::Connections;
use deputy_connections::remote::Remote;
use deputy_core::{Lifecycle, SystemClock, SystemRng, http};
use deputy_identity::Identity;
use deputy_identity::oauth::AuthorizationServer;
use deputy_store::Store;
use deputy_vault::Vault;

use super::{config, database};
use crate::cli::DatabaseArgs;
use crate::settings::{Settings, Sources};

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
        let store = database::open(&settings).await?;
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
            config::remote(&self.settings),
            config::guarded(&self.settings)?,
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
