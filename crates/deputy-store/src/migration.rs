//! Schema migrations, up and down, the same text on both engines.

use sea_orm_migration::prelude::*;
use sea_orm_migration::{MigrationStatus, MigratorTrait};

use crate::{Engine, Result, Store, Tx};

mod m0001_users;
mod m0002_identity;
mod m0003_user_keys;
mod m0004_connections;
mod m0006_gateway;
mod m0007_servers;
mod m0008_remote_accounts;
mod m0009_active_context;
mod m0010_server_setups;
mod m0011_remote_refusals;
mod m0012_oauth_server;
mod m0013_oauth_blocks;
mod m0014_workspace;
mod m0015_second_factor;

/// The list, oldest first. Numbers are never reused.
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_users::Migration),
            Box::new(m0002_identity::Migration),
            Box::new(m0003_user_keys::Migration),
            Box::new(m0004_connections::Migration),
            Box::new(m0006_gateway::Migration),
            Box::new(m0007_servers::Migration),
            Box::new(m0008_remote_accounts::Migration),
            Box::new(m0009_active_context::Migration),
            Box::new(m0010_server_setups::Migration),
            Box::new(m0011_remote_refusals::Migration),
            Box::new(m0012_oauth_server::Migration),
            Box::new(m0013_oauth_blocks::Migration),
            Box::new(m0014_workspace::Migration),
            Box::new(m0015_second_factor::Migration),
        ]
    }
}

/// One migration and whether it has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name, e.g. `m0001_users`.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

impl Store {
    /// Applies what is missing. Several processes at once are safe: one applies, the others wait.
    pub async fn migrate(&self) -> Result<()> {
        let tx = self.begin_migration().await?;
        Migrator::up(tx.conn(), None).await?;
        tx.commit().await
    }

    /// Takes back the last `steps` migrations; their tables and what is in them are lost.
    pub async fn rollback(&self, steps: u32) -> Result<()> {
        let tx = self.begin_migration().await?;
        Migrator::down(tx.conn(), Some(steps)).await?;
        tx.commit().await
    }

    /// All or nothing, one process at a time: on SQLite by its one writer, on PostgreSQL by a lock
    /// that the transaction holds.
    async fn begin_migration(&self) -> Result<Tx> {
        let tx = self.begin().await?;
        if self.engine() == Engine::Postgres {
            tx.conn()
                .execute_unprepared("SELECT pg_advisory_xact_lock(4990170453)")
                .await?;
        }
        Ok(tx)
    }

    /// All migrations, oldest first.
    pub async fn migration_status(&self) -> Result<Vec<Status>> {
        let all = Migrator::get_migration_with_status(self.read()).await?;
        Ok(all
            .into_iter()
            .map(|m| Status {
                name: m.name().to_owned(),
                applied: m.status() == MigrationStatus::Applied,
            })
            .collect())
    }
}

#[cfg(test)]
mod tests;
