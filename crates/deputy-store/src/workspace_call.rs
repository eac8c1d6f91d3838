//! Rows of `workspace_calls`: what calls of the built-in tools that changed something came to.
//!
//! Written in the transaction of the change, so that a call that comes again under the same id, after
//! a crash or a lost answer, gets the first answer and changes nothing twice.

use deputy_core::CallId;
use jiff::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};

use crate::entity::workspace_calls::{ActiveModel, Column, Entity};
use crate::{Result, Tx, UserScope, to_ms};

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// What this call came to, if it changed something.
    pub async fn workspace_call(&self, call: CallId) -> Result<Option<String>> {
        let row = Entity::find_by_id((self.user.0, call.to_string()))
            .one(self.conn)
            .await?;
        Ok(row.map(|row| row.answer))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Keeps what this call came to. [`crate::Error::Conflict`] when the same call did so just now.
    pub async fn keep_workspace_call(
        &self,
        call: CallId,
        answer: String,
        at: Timestamp,
    ) -> Result<()> {
        Entity::insert(ActiveModel {
            user_id: Set(self.user.0),
            call_id: Set(call.to_string()),
            answer: Set(answer),
            created_at: Set(to_ms(at)),
        })
        .exec_without_returning(self.conn)
        .await?;
        Ok(())
    }
}

impl Tx {
    /// Forgets calls made before `before`.
    pub async fn workspace_calls_sweep(&self, before: Timestamp) -> Result<u64> {
        let done = Entity::delete_many()
            .filter(Column::CreatedAt.lt(to_ms(before)))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests;
