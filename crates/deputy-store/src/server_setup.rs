//! Guided setups of servers under way: what a person answered so far, sealed by the caller.
//!
//! A setup that lapsed is not found, though its row may still wait for the sweep.

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    ExprTrait as _, QueryFilter,
};
use uuid::Uuid;

use crate::entity::server_setups;
use crate::surplus::Columns;
use crate::{Result, Tx, UserScope, from_ms, to_ms};

/// A setup under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSetup {
    /// Which.
    pub id: Uuid,
    /// The template it is for.
    pub server_type: String,
    /// The answers, sealed.
    pub state: Vec<u8>,
    /// Grows with each answer, from 1.
    pub version: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The setup, if this person began it and it hasn't lapsed.
    pub async fn server_setup(&self, id: Uuid, now: Timestamp) -> Result<Option<ServerSetup>> {
        let row = server_setups::Entity::find_by_id(id.to_string())
            .filter(server_setups::Column::UserId.eq(self.user.0))
            .filter(server_setups::Column::ExpiresAt.gt(to_ms(now)))
            .one(self.conn)
            .await?;
        Ok(row.map(|row| ServerSetup {
            id,
            server_type: row.server_type,
            state: row.state,
            version: row.version,
            created_at: from_ms(row.created_at),
            expires_at: from_ms(row.expires_at),
        }))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Remembers a setup that begins, and forgets this person's oldest beyond `keep`.
    pub async fn server_setup_add(&self, setup: ServerSetup, keep: u64) -> Result<()> {
        server_setups::Entity::insert(server_setups::ActiveModel {
            id: Set(setup.id.to_string()),
            user_id: Set(self.user.0),
            server_type: Set(setup.server_type),
            state: Set(setup.state),
            version: Set(setup.version),
            created_at: Set(to_ms(setup.created_at)),
            expires_at: Set(to_ms(setup.expires_at)),
        })
        .exec_without_returning(self.conn)
        .await?;
        let columns = Columns {
            user: server_setups::Column::UserId,
            id: server_setups::Column::Id,
            created: server_setups::Column::CreatedAt,
        };
        self.delete_surplus::<server_setups::Entity, String>(columns, keep)
            .await
    }

    /// Replaces the answers of the version that was read; false when there is another version by now, or no such setup
    /// of this person.
    pub async fn server_setup_save(&self, id: Uuid, version: i64, state: Vec<u8>) -> Result<bool> {
        let done = server_setups::Entity::update_many()
            .col_expr(server_setups::Column::State, Expr::value(state))
            .col_expr(
                server_setups::Column::Version,
                Expr::col(server_setups::Column::Version).add(1),
            )
            .filter(server_setups::Column::Id.eq(id.to_string()))
            .filter(server_setups::Column::UserId.eq(self.user.0))
            .filter(server_setups::Column::Version.eq(version))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Forgets a setup; false when this person has none of that id.
    pub async fn server_setup_delete(&self, id: Uuid) -> Result<bool> {
        let done = server_setups::Entity::delete_many()
            .filter(server_setups::Column::Id.eq(id.to_string()))
            .filter(server_setups::Column::UserId.eq(self.user.0))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

impl Tx {
    /// Deletes the setups that lapsed before `before`; returns how many.
    pub async fn server_setups_delete_lapsed(&self, before: Timestamp) -> Result<u64> {
        let done = server_setups::Entity::delete_many()
            .filter(server_setups::Column::ExpiresAt.lt(to_ms(before)))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests;
