//! Which server a person has selected to ask (`user_active_context`): one each, or none.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};

use crate::entity::user_active_context::{self, Column};
use crate::{Result, UserScope, from_ms, to_ms};

/// A selected server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveContext {
    /// Its name.
    pub server: String,
    /// The row of a person's own server; none: one of ours. The context goes with that row.
    pub server_id: Option<i64>,
    /// A JSON object.
    pub settings: String,
    /// Names the session that began with the selection. At most 64 characters.
    pub session: String,
    /// When it was selected.
    pub selected_at: Timestamp,
    /// When it was used last; the selection counts.
    pub last_used_at: Timestamp,
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// What this person has selected, however long ago.
    pub async fn active_context(&self) -> Result<Option<ActiveContext>> {
        let row = user_active_context::Entity::find_by_id(self.user.0)
            .one(self.conn)
            .await?;
        Ok(row.map(|row| ActiveContext {
            server: row.selected_server,
            server_id: row.server_id,
            settings: row.context_settings,
            session: row.session_id,
            selected_at: from_ms(row.selected_at),
            last_used_at: from_ms(row.last_used_at),
        }))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Selects a server instead of what was selected before.
    pub async fn active_context_set(&self, context: ActiveContext) -> Result<()> {
        let row = user_active_context::ActiveModel {
            user_id: Set(self.user.0),
            selected_server: Set(context.server),
            server_id: Set(context.server_id),
            context_settings: Set(context.settings),
            session_id: Set(context.session),
            selected_at: Set(to_ms(context.selected_at)),
            last_used_at: Set(to_ms(context.last_used_at)),
        };
        let replace = OnConflict::column(Column::UserId)
            .update_columns([
                Column::SelectedServer,
                Column::ServerId,
                Column::ContextSettings,
                Column::SessionId,
                Column::SelectedAt,
                Column::LastUsedAt,
            ])
            .to_owned();
        user_active_context::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Notes a use of the session; false when it is no longer the one selected.
    pub async fn active_context_used(&self, session: &str, now: Timestamp) -> Result<bool> {
        let done = user_active_context::Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(to_ms(now)))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::SessionId.eq(session))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Selects nothing; with `session` only if that is what is selected. False when nothing was.
    pub async fn active_context_clear(&self, session: Option<&str>) -> Result<bool> {
        let mut delete =
            user_active_context::Entity::delete_many().filter(Column::UserId.eq(self.user.0));
        if let Some(session) = session {
            delete = delete.filter(Column::SessionId.eq(session));
        }
        Ok(delete.exec(self.conn).await?.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
