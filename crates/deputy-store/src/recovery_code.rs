//! Rows of `recovery_codes`: what opens an account once when the second factor is lost. Only hashes
//! are stored; a code that was used has no row any more.

use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait as _,
    QueryFilter,
};

use crate::entity::recovery_codes::{ActiveModel, Column, Entity};
use crate::{Result, UserScope};

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// How many codes the person has left.
    pub async fn count_recovery_codes(&self) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .count(self.conn)
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Replaces the person's codes by those of these hashes; an empty list leaves none.
    pub async fn replace_recovery_codes(&self, hashes: Vec<String>) -> Result<()> {
        Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .exec(self.conn)
            .await?;
        if hashes.is_empty() {
            return Ok(());
        }
        let rows = hashes.into_iter().map(|hash| ActiveModel {
            user_id: Set(self.user.0),
            code_hash: Set(hash),
        });
        Entity::insert_many(rows)
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Uses the code of this hash up. False when the person has no such code.
    pub async fn take_recovery_code(&self, hash: &str) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::CodeHash.eq(hash))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
