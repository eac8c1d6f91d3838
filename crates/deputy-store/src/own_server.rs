//! Rows of `user_mcp_servers`: the MCP servers that a person brought along.
//!
//! What a server is started with (`config`, `secrets`) and its `generation` change together, in one
//! statement, so that whoever has read a row knows by the generation whether what it started is
//! still that. A number is never used again: what is keyed by it (processes, folders, credentials)
//! can't meet a later server of the same name.

use std::collections::HashMap;

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::{user_mcp_servers, users};
use crate::{Error, Result, Store, Tx, UserScope, from_ms, to_ms};
use user_mcp_servers::{ActiveModel, Column, Entity, Model};

/// A person's server as it is stored; `secrets` is sealed by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnServer {
    /// The number of the row; never reused.
    pub id: i64,
    /// Whose it is.
    pub user: UserId,
    /// Names the row in what is sealed for it.
    pub uid: Uuid,
    /// The name, unique for this person.
    pub name: String,
    /// The kind: a template's.
    pub server_type: String,
    /// The program or the URL, as the template has it.
    pub command: String,
    /// JSON: the arguments as the template has them.
    pub args: Option<String>,
    /// JSON: the names of variables it is started with.
    pub env: Option<String>,
    /// JSON object: the configuration without its secrets.
    pub config: String,
    /// Sealed secrets.
    pub secrets: Option<Vec<u8>>,
    /// JSON array: which secrets are set.
    pub secrets_set: String,
    /// `ask_writes`, `auto` or `ask`.
    pub default_policy: String,
    /// Whether its person has it switched on.
    pub is_enabled: bool,
    /// How it is.
    pub health: OwnServerHealth,
    /// When a call last went to it.
    pub last_used: Option<Timestamp>,
    /// Grows with every change of what it is started with.
    pub generation: i64,
    /// When its tools were last read.
    pub tools_read_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How a server was when somebody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnServerHealth {
    /// A word for it.
    pub status: String,
    /// When it last answered.
    pub last_activity: Option<Timestamp>,
    /// When somebody looked.
    pub checked_at: Option<Timestamp>,
    /// Failures in a row.
    pub error_count: i32,
    /// Not to be tried before.
    pub retry_after: Option<Timestamp>,
    /// What was wrong.
    pub error_message: Option<String>,
}

/// A server to be.
#[derive(Clone, Debug)]
pub struct NewOwnServer {
    /// Names the row in what is sealed for it.
    pub uid: Uuid,
    /// The name.
    pub name: String,
    /// The kind.
    pub server_type: String,
    /// What it is started with.
    pub setup: OwnServerSetup,
    /// For tools without a policy of their own.
    pub default_policy: String,
    /// The present.
    pub at: Timestamp,
}

/// What a server is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnServerSetup {
    /// The program or the URL, as the template has it.
    pub command: String,
    /// JSON: the arguments as the template has them.
    pub args: Option<String>,
    /// JSON: the names of variables.
    pub env: Option<String>,
    /// JSON object without secrets.
    pub config: String,
    /// Sealed secrets.
    pub secrets: Option<Vec<u8>>,
    /// JSON array: which secrets are set.
    pub secrets_set: String,
}

/// What changes; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct OwnServerChange {
    /// What it is started with: a new generation.
    pub setup: Option<OwnServerSetup>,
    /// For tools without a policy of their own.
    pub default_policy: Option<String>,
    /// On or off.
    pub is_enabled: Option<bool>,
    /// Whether it begins anew: how it was says nothing of how it is. A change of `setup` implies it.
    pub anew: bool,
}

pub(crate) fn from_row(row: Model) -> Result<OwnServer> {
    let uid = Uuid::parse_str(&row.uid).map_err(|_| Error::Inconsistent {
        table: "user_mcp_servers",
        column: "uid",
        row: row.id.to_string(),
    })?;
    Ok(OwnServer {
        id: row.id,
        user: UserId(row.user_id),
        uid,
        name: row.server_name,
        server_type: row.server_type,
        command: row.server_command,
        args: row.server_args,
        env: row.server_env,
        config: row.config,
        secrets: row.secrets,
        secrets_set: row.secrets_set,
        default_policy: row.default_policy,
        is_enabled: row.is_enabled,
        health: OwnServerHealth {
            status: row.status,
            last_activity: row.last_activity.map(from_ms),
            checked_at: row.last_status_check.map(from_ms),
            error_count: row.error_count,
            retry_after: row.retry_after.map(from_ms),
            error_message: row.error_message,
        },
        last_used: row.last_used.map(from_ms),
        generation: row.generation,
        tools_read_at: row.tools_read_at.map(from_ms),
        created_at: from_ms(row.created_at),
        updated_at: from_ms(row.updated_at),
    })
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// This person's servers, by name.
    pub async fn own_servers(&self) -> Result<Vec<OwnServer>> {
        Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .order_by_asc(Column::ServerName)
            .all(self.conn)
            .await?
            .into_iter()
            .map(from_row)
            .collect()
    }

    /// This person's server of this name.
    pub async fn own_server(&self, name: &str) -> Result<Option<OwnServer>> {
        if !crate::is_storable(name) {
            return Ok(None);
        }
        Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerName.eq(name))
            .one(self.conn)
            .await?
            .map(from_row)
            .transpose()
    }

    /// This person's server of this number.
    pub async fn own_server_by_id(&self, id: i64) -> Result<Option<OwnServer>> {
        Entity::find_by_id(id)
            .filter(Column::UserId.eq(self.user.0))
            .one(self.conn)
            .await?
            .map(from_row)
            .transpose()
    }

    /// How many servers this person has.
    pub async fn count_own_servers(&self) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .count(self.conn)
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Keeps other units of work of this person's servers waiting until this one ends. False when
    /// the person is gone.
    pub async fn lock_own_servers(&self) -> Result<bool> {
        let mut row = users::Entity::find_by_id(self.user.0)
            .select_only()
            .column(users::Column::Id);
        if self.locks_rows() {
            row = row.lock(LockType::NoKeyUpdate);
        }
        let found: Option<i64> = row.into_tuple().one(self.conn).await?;
        Ok(found.is_some())
    }

    /// Adds a server, switched on. [`Error::Conflict`] when the name is taken.
    pub async fn own_server_add(&self, new: NewOwnServer) -> Result<OwnServer> {
        let at = to_ms(new.at);
        let row = ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            uid: Set(new.uid.to_string()),
            server_name: Set(new.name),
            server_type: Set(new.server_type),
            server_command: Set(new.setup.command),
            server_args: Set(new.setup.args),
            server_env: Set(new.setup.env),
            config: Set(new.setup.config),
            secrets: Set(new.setup.secrets),
            secrets_set: Set(new.setup.secrets_set),
            default_policy: Set(new.default_policy),
            is_active: Set(true),
            is_enabled: Set(true),
            status: Set("inactive".to_owned()),
            last_used: Set(None),
            last_activity: Set(None),
            last_status_check: Set(None),
            error_count: Set(0),
            retry_after: Set(None),
            error_message: Set(None),
            generation: Set(1),
            tools_read_at: Set(None),
            created_at: Set(at),
            updated_at: Set(at),
        };
        from_row(row.insert(self.conn).await?)
    }

    /// Changes what `change` names. False when there is no such server.
    pub async fn own_server_change(
        &self,
        id: i64,
        change: OwnServerChange,
        at: Timestamp,
    ) -> Result<bool> {
        let mut update = Entity::update_many()
            .col_expr(Column::UpdatedAt, Expr::value(to_ms(at)))
            .filter(Column::Id.eq(id))
            .filter(Column::UserId.eq(self.user.0));
        if change.anew || change.setup.is_some() {
            update = update
                .col_expr(Column::Status, Expr::value("inactive"))
                .col_expr(Column::ErrorCount, Expr::value(0))
                .col_expr(Column::RetryAfter, Expr::value(None::<i64>))
                .col_expr(Column::ErrorMessage, Expr::value(None::<String>));
        }
        if let Some(setup) = change.setup {
            update = update
                .col_expr(Column::ServerCommand, Expr::value(setup.command))
                .col_expr(Column::ServerArgs, Expr::value(setup.args))
                .col_expr(Column::ServerEnv, Expr::value(setup.env))
                .col_expr(Column::Config, Expr::value(setup.config))
                .col_expr(Column::Secrets, Expr::value(setup.secrets))
                .col_expr(Column::SecretsSet, Expr::value(setup.secrets_set))
                .col_expr(Column::Generation, Expr::col(Column::Generation).add(1));
        }
        if let Some(policy) = change.default_policy {
            update = update.col_expr(Column::DefaultPolicy, Expr::value(policy));
        }
        if let Some(enabled) = change.is_enabled {
            update = update.col_expr(Column::IsEnabled, Expr::value(enabled));
        }
        Ok(update.exec(self.conn).await?.rows_affected == 1)
    }

    /// Removes a server with its tools. False when there is none.
    pub async fn own_server_delete(&self, id: i64) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id))
            .filter(Column::UserId.eq(self.user.0))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes how a server of this generation is. False when it has changed meanwhile.
    pub async fn own_server_health(
        &self,
        id: i64,
        generation: i64,
        health: OwnServerHealth,
    ) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::Status, Expr::value(health.status))
            .col_expr(
                Column::LastActivity,
                Expr::value(health.last_activity.map(to_ms)),
            )
            .col_expr(
                Column::LastStatusCheck,
                Expr::value(health.checked_at.map(to_ms)),
            )
            .col_expr(Column::ErrorCount, Expr::value(health.error_count))
            .col_expr(
                Column::RetryAfter,
                Expr::value(health.retry_after.map(to_ms)),
            )
            .col_expr(Column::ErrorMessage, Expr::value(health.error_message))
            .filter(Column::Id.eq(id))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Generation.eq(generation))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

impl Store {
    /// Those of these servers, of whomever, that are switched on: number and generation.
    pub async fn own_servers_on(&self, ids: &[i64]) -> Result<HashMap<i64, i64>> {
        let rows: Vec<(i64, i64)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Generation])
            .filter(Column::Id.is_in(ids.iter().copied()))
            .filter(Column::IsEnabled.eq(true))
            .into_tuple()
            .all(self.read())
            .await?;
        Ok(rows.into_iter().collect())
    }
}

impl Tx {
    /// Notes when servers were last called: number and instant. Those that are gone are left out.
    pub async fn own_servers_used(&self, used: &[(UserId, i64, Timestamp)]) -> Result<()> {
        for (user, id, at) in used {
            Entity::update_many()
                .col_expr(Column::LastUsed, Expr::value(to_ms(*at)))
                .filter(Column::Id.eq(*id))
                .filter(Column::UserId.eq(user.0))
                .exec(self.conn())
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
