//! Consents under way: what is remembered between sending a person to a third party and their coming
//! back.
//!
//! Only a hash of the nonce is stored; the row is marked when it is used and stays until it is swept,
//! so that a second visit can be told from a forged one.

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter,
};

use crate::entity::oauth_states;
use crate::surplus::Columns;
use crate::{Result, Tx, UserScope, from_ms, to_ms};

/// A consent under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthState {
    /// SHA-256 of the nonce, in hex.
    pub nonce_hash: String,
    /// Who is asked, e.g. `google`.
    pub provider: String,
    /// What is asked for.
    pub services: Vec<String>,
    /// The PKCE verifier, sealed by the caller.
    pub verifier: Vec<u8>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// When it was used, if it was.
    pub consumed_at: Option<Timestamp>,
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The consent with this nonce, if this person began it.
    pub async fn oauth_state(&self, nonce_hash: &str) -> Result<Option<OAuthState>> {
        let row = oauth_states::Entity::find_by_id(nonce_hash)
            .filter(oauth_states::Column::UserId.eq(self.user.0))
            .one(self.conn)
            .await?;
        Ok(row.map(|row| OAuthState {
            nonce_hash: row.nonce_hash,
            provider: row.provider,
            services: crate::oauth_token::words(&row.services),
            verifier: row.verifier,
            created_at: from_ms(row.created_at),
            expires_at: from_ms(row.expires_at),
            consumed_at: row.consumed_at.map(from_ms),
        }))
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// How many consents at `provider` this person has begun at `since` or later and nobody has come
    /// back from.
    pub async fn oauth_states_unanswered(&self, provider: &str, since: Timestamp) -> Result<u64> {
        Ok(oauth_states::Entity::find()
            .filter(oauth_states::Column::UserId.eq(self.user.0))
            .filter(oauth_states::Column::Provider.eq(provider))
            .filter(oauth_states::Column::CreatedAt.gte(to_ms(since)))
            .filter(oauth_states::Column::ConsumedAt.is_null())
            .count(self.conn)
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Remembers a consent that begins, and forgets this person's oldest beyond `keep`.
    pub async fn oauth_state_add(&self, state: OAuthState, keep: u64) -> Result<()> {
        oauth_states::Entity::insert(oauth_states::ActiveModel {
            nonce_hash: Set(state.nonce_hash),
            user_id: Set(self.user.0),
            provider: Set(state.provider),
            services: Set(state.services.join(" ")),
            verifier: Set(state.verifier),
            created_at: Set(to_ms(state.created_at)),
            expires_at: Set(to_ms(state.expires_at)),
            consumed_at: Set(None),
        })
        .exec_without_returning(self.conn)
        .await?;
        let columns = Columns {
            user: oauth_states::Column::UserId,
            id: oauth_states::Column::NonceHash,
            created: oauth_states::Column::CreatedAt,
        };
        self.delete_surplus::<oauth_states::Entity, String>(columns, keep)
            .await
    }

    /// Forgets the consents of this person at `provider`, used or not: their answers count no more.
    pub async fn oauth_states_forget(&self, provider: &str) -> Result<u64> {
        let done = oauth_states::Entity::delete_many()
            .filter(oauth_states::Column::UserId.eq(self.user.0))
            .filter(oauth_states::Column::Provider.eq(provider))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected)
    }

    /// Marks a consent as used; false when it was used before or isn't this person's.
    pub async fn oauth_state_consume(&self, nonce_hash: &str, at: Timestamp) -> Result<bool> {
        let done = oauth_states::Entity::update_many()
            .col_expr(oauth_states::Column::ConsumedAt, Expr::value(to_ms(at)))
            .filter(oauth_states::Column::UserId.eq(self.user.0))
            .filter(oauth_states::Column::NonceHash.eq(nonce_hash))
            .filter(oauth_states::Column::ConsumedAt.is_null())
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

impl Tx {
    /// Deletes the consents that lapsed before `before`, used or not; returns how many.
    pub async fn oauth_states_delete_lapsed(&self, before: Timestamp) -> Result<u64> {
        let done = oauth_states::Entity::delete_many()
            .filter(oauth_states::Column::ExpiresAt.lt(to_ms(before)))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests;
