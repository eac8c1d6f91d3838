//! Calls made under an idempotency key: a repeat finds the first one's outcome, or carries on
//! where it broke off.

use deputy_core::CallId;
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, NotSet,
    QueryFilter, QuerySelect,
};

use crate::entity::repeatable_calls;
use crate::{Error, Result, Tx, UserScope, from_ms, to_ms};

#[cfg(test)]
mod tests;

/// A call under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatableCall {
    /// SHA-256 of tool and canonical arguments, in hex.
    pub request_digest: String,
    /// The id under which the effect is made.
    pub call_id: CallId,
    /// How often it was begun.
    pub attempts: i32,
    /// Until when its present run counts as alive.
    pub lease_until: Timestamp,
    /// Sealed outcome, when it has one.
    pub result: Option<Vec<u8>>,
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The call of this person under `key`.
    pub async fn repeatable_call(&self, key: &str) -> Result<Option<RepeatableCall>> {
        let row = repeatable_calls::Entity::find()
            .filter(repeatable_calls::Column::UserId.eq(self.user.0))
            .filter(repeatable_calls::Column::IdempotencyKey.eq(key))
            .one(self.conn)
            .await?;
        row.map(|row| {
            Ok(RepeatableCall {
                call_id: row.call_id.parse().map_err(|_| Error::Inconsistent {
                    table: "repeatable_calls",
                    column: "call_id",
                    row: row.id.to_string(),
                })?,
                request_digest: row.request_digest,
                attempts: row.attempts,
                lease_until: from_ms(row.lease_until),
                result: row.result,
            })
        })
        .transpose()
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// How many bytes the sealed outcomes of this person's calls have.
    pub async fn repeatable_calls_bytes(&self) -> Result<u64> {
        let bytes: Option<Option<i64>> = repeatable_calls::Entity::find()
            .select_only()
            .column_as(Expr::cust("SUM(LENGTH(result))"), "bytes")
            .filter(repeatable_calls::Column::UserId.eq(self.user.0))
            .into_tuple()
            .one(self.conn)
            .await?;
        Ok(u64::try_from(bytes.flatten().unwrap_or(0)).unwrap_or(0))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Begins a call under a new key; [`Error::Conflict`] when the key is taken.
    pub async fn repeatable_call_begin(
        &self,
        key: &str,
        call: &RepeatableCall,
        now: Timestamp,
    ) -> Result<()> {
        repeatable_calls::Entity::insert(repeatable_calls::ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            idempotency_key: Set(key.to_owned()),
            request_digest: Set(call.request_digest.clone()),
            call_id: Set(call.call_id.to_string()),
            attempts: Set(1),
            lease_until: Set(to_ms(call.lease_until)),
            result: Set(None),
            created_at: Set(to_ms(now)),
        })
        .exec(self.conn)
        .await?;
        Ok(())
    }

    /// Takes over a call whose run has lapsed; false when another was faster.
    pub async fn repeatable_call_resume(
        &self,
        key: &str,
        seen: &RepeatableCall,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<bool> {
        let done = repeatable_calls::Entity::update_many()
            .col_expr(
                repeatable_calls::Column::Attempts,
                Expr::value(seen.attempts + 1),
            )
            .col_expr(
                repeatable_calls::Column::LeaseUntil,
                Expr::value(to_ms(lease_until)),
            )
            .filter(repeatable_calls::Column::UserId.eq(self.user.0))
            .filter(repeatable_calls::Column::IdempotencyKey.eq(key))
            .filter(repeatable_calls::Column::Attempts.eq(seen.attempts))
            .filter(repeatable_calls::Column::LeaseUntil.lte(to_ms(now)))
            .filter(repeatable_calls::Column::Result.is_null())
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Keeps the claim on a call that is under way; false when it was lost.
    pub async fn repeatable_call_keep(
        &self,
        key: &str,
        attempts: i32,
        lease_until: Timestamp,
    ) -> Result<bool> {
        let done = repeatable_calls::Entity::update_many()
            .col_expr(
                repeatable_calls::Column::LeaseUntil,
                Expr::value(to_ms(lease_until)),
            )
            .filter(repeatable_calls::Column::UserId.eq(self.user.0))
            .filter(repeatable_calls::Column::IdempotencyKey.eq(key))
            .filter(repeatable_calls::Column::Attempts.eq(attempts))
            .filter(repeatable_calls::Column::Result.is_null())
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Stores the outcome.
    pub async fn repeatable_call_finish(&self, key: &str, result: Vec<u8>) -> Result<()> {
        repeatable_calls::Entity::update_many()
            .col_expr(repeatable_calls::Column::Result, Expr::value(result))
            .filter(repeatable_calls::Column::UserId.eq(self.user.0))
            .filter(repeatable_calls::Column::IdempotencyKey.eq(key))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Gives up run `attempts` of a call, so that a repeat may carry on at once; not if another took
    /// it over.
    pub async fn repeatable_call_release(
        &self,
        key: &str,
        attempts: i32,
        now: Timestamp,
    ) -> Result<()> {
        repeatable_calls::Entity::update_many()
            .col_expr(
                repeatable_calls::Column::LeaseUntil,
                Expr::value(to_ms(now)),
            )
            .filter(repeatable_calls::Column::UserId.eq(self.user.0))
            .filter(repeatable_calls::Column::IdempotencyKey.eq(key))
            .filter(repeatable_calls::Column::Attempts.eq(attempts))
            .filter(repeatable_calls::Column::Result.is_null())
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Forgets a call that certainly had no effect, so that the key may be used again; not if another
    /// took it over after run `attempts`.
    pub async fn repeatable_call_forget(&self, key: &str, attempts: i32) -> Result<()> {
        repeatable_calls::Entity::delete_many()
            .filter(repeatable_calls::Column::UserId.eq(self.user.0))
            .filter(repeatable_calls::Column::IdempotencyKey.eq(key))
            .filter(repeatable_calls::Column::Attempts.eq(attempts))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}

impl Tx {
    /// Deletes calls begun before `keep_since`.
    pub async fn repeatable_calls_sweep(&self, keep_since: Timestamp) -> Result<()> {
        repeatable_calls::Entity::delete_many()
            .filter(repeatable_calls::Column::CreatedAt.lt(to_ms(keep_since)))
            .exec(self.conn())
            .await?;
        Ok(())
    }
}
