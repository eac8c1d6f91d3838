//! Revocations still to be told: a connection is gone here, but the third party doesn't know yet.
//!
//! The row is written in the transaction that deletes the connection, so that a crash between the
//! two can't forget it.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::entity::oauth_revocations;
use crate::{Result, Store, UserScope, from_ms, to_ms};

/// A token that the third party is to be told to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthRevocation {
    /// The row's number.
    pub id: i64,
    /// Whose token it was.
    pub user: UserId,
    /// Who is to be told, e.g. `google`.
    pub provider: String,
    /// The token, sealed for the column of `oauth_tokens` that it was taken from.
    pub token: Vec<u8>,
    /// That column: `refresh_token` or `access_token`.
    pub token_column: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When to try next.
    pub next_at: Timestamp,
    /// When the connection was deleted.
    pub created_at: Timestamp,
}

fn from_row(row: oauth_revocations::Model) -> OAuthRevocation {
    OAuthRevocation {
        id: row.id,
        user: UserId(row.user_id),
        provider: row.provider,
        token: row.token,
        token_column: row.token_column,
        attempts: row.attempts,
        next_at: from_ms(row.next_at),
        created_at: from_ms(row.created_at),
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// How many of this person's revocations are still to be told to `provider`.
    pub async fn oauth_revocations_left(&self, provider: &str) -> Result<u64> {
        Ok(oauth_revocations::Entity::find()
            .filter(oauth_revocations::Column::UserId.eq(self.user.0))
            .filter(oauth_revocations::Column::Provider.eq(provider))
            .count(self.conn)
            .await?)
    }

    /// One revocation of this person, if it is still to be told.
    pub async fn oauth_revocation(&self, id: i64) -> Result<Option<OAuthRevocation>> {
        let row = oauth_revocations::Entity::find_by_id(id)
            .filter(oauth_revocations::Column::UserId.eq(self.user.0))
            .one(self.conn)
            .await?;
        Ok(row.map(from_row))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Remembers to tell the third party; `id`, `user` and `attempts` of `revocation` are ignored.
    /// Returns the row's number.
    pub async fn oauth_revocation_add(&self, revocation: OAuthRevocation) -> Result<i64> {
        let done = oauth_revocations::Entity::insert(oauth_revocations::ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            provider: Set(revocation.provider),
            token: Set(revocation.token),
            token_column: Set(revocation.token_column),
            attempts: Set(0),
            next_at: Set(to_ms(revocation.next_at)),
            created_at: Set(to_ms(revocation.created_at)),
        })
        .exec(self.conn)
        .await?;
        Ok(done.last_insert_id)
    }

    /// Forgets one revocation: it was told, or given up.
    pub async fn oauth_revocation_delete(&self, id: i64) -> Result<bool> {
        let done = oauth_revocations::Entity::delete_many()
            .filter(oauth_revocations::Column::UserId.eq(self.user.0))
            .filter(oauth_revocations::Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Forgets all of this person's revocations at `provider`; returns how many.
    pub async fn oauth_revocations_delete(&self, provider: &str) -> Result<u64> {
        let done = oauth_revocations::Entity::delete_many()
            .filter(oauth_revocations::Column::UserId.eq(self.user.0))
            .filter(oauth_revocations::Column::Provider.eq(provider))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected)
    }

    /// Puts a revocation off after a failed attempt.
    pub async fn oauth_revocation_delay(
        &self,
        id: i64,
        attempts: i32,
        next_at: Timestamp,
    ) -> Result<bool> {
        let done = oauth_revocations::Entity::update_many()
            .col_expr(oauth_revocations::Column::Attempts, Expr::value(attempts))
            .col_expr(
                oauth_revocations::Column::NextAt,
                Expr::value(to_ms(next_at)),
            )
            .filter(oauth_revocations::Column::UserId.eq(self.user.0))
            .filter(oauth_revocations::Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

impl Store {
    /// The revocations at `provider` that are due at `now`, oldest first, at most `limit`.
    pub async fn oauth_revocations_due(
        &self,
        provider: &str,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<OAuthRevocation>> {
        let rows = oauth_revocations::Entity::find()
            .filter(oauth_revocations::Column::Provider.eq(provider))
            .filter(oauth_revocations::Column::NextAt.lte(to_ms(now)))
            .order_by_asc(oauth_revocations::Column::NextAt)
            .limit(limit)
            .all(self.read())
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }
}

#[cfg(test)]
mod tests;
