//! Connections: a person's tokens at a third party.
//!
//! One row per person and provider. `generation` grows with every change of the tokens, over the
//! life of the installation: a new connection starts above every generation of the one before it.
//! Each write that replaces or removes tokens names the generation that it saw, so that of two who
//! race only one wins, and a connection made meanwhile is never lost to news about its predecessor.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::entity::oauth_tokens;
use crate::{Result, Store, UserScope, from_ms, to_ms};

/// A connection as it is stored; the tokens are sealed by the caller.
#[derive(Clone, PartialEq, Eq)]
pub struct OAuthToken {
    /// The row's number.
    pub id: i64,
    /// The third party, e.g. `google`.
    pub provider: String,
    /// The access token, sealed.
    pub access_token: Vec<u8>,
    /// The refresh token, sealed; `None` where the third party gave none.
    pub refresh_token: Option<Vec<u8>>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// The scopes that the third party granted.
    pub scopes: Vec<String>,
    /// The services that the person asked for and has not dropped.
    pub services: Vec<String>,
    /// Grows with every change of the tokens.
    pub generation: i64,
    /// The account's e-mail address, where it is known.
    pub account: Option<String>,
    /// When the person connected it first.
    pub connected_at: Timestamp,
    /// When the refresh token was granted.
    pub granted_at: Timestamp,
    /// When the access token was obtained.
    pub refreshed_at: Timestamp,
    /// When the refresh token expires, where the third party said so.
    pub refresh_expires_at: Option<Timestamp>,
    /// When it was used last, to the hour or so.
    pub last_used_at: Timestamp,
    /// How many refreshes failed since one succeeded.
    pub failures: i32,
    /// No refresh before this instant, after one that failed.
    pub retry_at: Timestamp,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was changed.
    pub updated_at: Timestamp,
}

/// What a refresh brought.
#[derive(Clone)]
pub struct RefreshedToken {
    /// The new access token, sealed.
    pub access_token: Vec<u8>,
    /// A new refresh token, sealed; `None` keeps the old one.
    pub refresh_token: Option<Vec<u8>>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// The scopes as they are now.
    pub scopes: Vec<String>,
    /// When the refresh token expires, where it is known.
    pub refresh_expires_at: Option<Timestamp>,
    /// When it was obtained.
    pub refreshed_at: Timestamp,
}

/// A stored set: words with blanks between them.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn from_row(row: oauth_tokens::Model) -> OAuthToken {
    OAuthToken {
        id: row.id,
        provider: row.provider,
        access_token: row.access_token,
        refresh_token: row.refresh_token,
        expires_at: from_ms(row.expires_at),
        scopes: words(&row.scopes),
        services: words(&row.services),
        generation: row.generation,
        account: row.account,
        connected_at: from_ms(row.connected_at),
        granted_at: from_ms(row.granted_at),
        refreshed_at: from_ms(row.refreshed_at),
        refresh_expires_at: row.refresh_expires_at.map(from_ms),
        last_used_at: from_ms(row.last_used_at),
        failures: row.failures,
        retry_at: from_ms(row.retry_at),
        created_at: from_ms(row.created_at),
        updated_at: from_ms(row.updated_at),
    }
}

fn to_row(user: UserId, token: OAuthToken) -> oauth_tokens::ActiveModel {
    oauth_tokens::ActiveModel {
        id: NotSet,
        user_id: Set(user.0),
        provider: Set(token.provider),
        access_token: Set(token.access_token),
        refresh_token: Set(token.refresh_token),
        expires_at: Set(to_ms(token.expires_at)),
        scopes: Set(token.scopes.join(" ")),
        services: Set(token.services.join(" ")),
        generation: Set(token.generation),
        account: Set(token.account),
        connected_at: Set(to_ms(token.connected_at)),
        granted_at: Set(to_ms(token.granted_at)),
        refreshed_at: Set(to_ms(token.refreshed_at)),
        refresh_expires_at: Set(token.refresh_expires_at.map(to_ms)),
        last_used_at: Set(to_ms(token.last_used_at)),
        failures: Set(token.failures),
        retry_at: Set(to_ms(token.retry_at)),
        created_at: Set(to_ms(token.created_at)),
        updated_at: Set(to_ms(token.updated_at)),
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// This person's connection to `provider`.
    pub async fn oauth_token(&self, provider: &str) -> Result<Option<OAuthToken>> {
        let row = oauth_tokens::Entity::find()
            .filter(oauth_tokens::Column::UserId.eq(self.user.0))
            .filter(oauth_tokens::Column::Provider.eq(provider))
            .one(self.conn)
            .await?;
        Ok(row.map(from_row))
    }

    /// All of this person's connections.
    pub async fn oauth_tokens(&self) -> Result<Vec<OAuthToken>> {
        let rows = oauth_tokens::Entity::find()
            .filter(oauth_tokens::Column::UserId.eq(self.user.0))
            .order_by_asc(oauth_tokens::Column::Provider)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Like [`UserScope::oauth_token`], and on PostgreSQL nobody else changes the row until this
    /// transaction ends.
    pub async fn oauth_token_for_update(&self, provider: &str) -> Result<Option<OAuthToken>> {
        let mut query = oauth_tokens::Entity::find()
            .filter(oauth_tokens::Column::UserId.eq(self.user.0))
            .filter(oauth_tokens::Column::Provider.eq(provider));
        if self.locks_rows() {
            query = query.lock_exclusive();
        }
        Ok(query.one(self.conn).await?.map(from_row))
    }

    /// The row, if it still is as it was seen.
    fn as_seen(&self, id: i64, generation: i64) -> Condition {
        Condition::all()
            .add(oauth_tokens::Column::UserId.eq(self.user.0))
            .add(oauth_tokens::Column::Id.eq(id))
            .add(oauth_tokens::Column::Generation.eq(generation))
    }

    /// Adds a connection; `id` is ignored. [`crate::Error::Conflict`] when there is one already.
    pub async fn oauth_token_add(&self, token: OAuthToken) -> Result<()> {
        oauth_tokens::Entity::insert(to_row(self.user, token))
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Replaces a whole connection, if its row still is `token.id` at generation `seen`.
    pub async fn oauth_token_replace(&self, token: OAuthToken, seen: i64) -> Result<bool> {
        let id = token.id;
        let done = oauth_tokens::Entity::update_many()
            .set(to_row(self.user, token))
            .filter(self.as_seen(id, seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Stores what a refresh brought, if the row still is at generation `seen`; the generation
    /// grows by one.
    pub async fn oauth_token_refresh(
        &self,
        id: i64,
        seen: i64,
        new: RefreshedToken,
    ) -> Result<bool> {
        let mut update = oauth_tokens::Entity::update_many()
            .col_expr(
                oauth_tokens::Column::AccessToken,
                Expr::value(new.access_token),
            )
            .col_expr(
                oauth_tokens::Column::ExpiresAt,
                Expr::value(to_ms(new.expires_at)),
            )
            .col_expr(
                oauth_tokens::Column::Scopes,
                Expr::value(new.scopes.join(" ")),
            )
            .col_expr(
                oauth_tokens::Column::RefreshExpiresAt,
                Expr::value(new.refresh_expires_at.map(to_ms)),
            )
            .col_expr(
                oauth_tokens::Column::RefreshedAt,
                Expr::value(to_ms(new.refreshed_at)),
            )
            .col_expr(
                oauth_tokens::Column::UpdatedAt,
                Expr::value(to_ms(new.refreshed_at)),
            )
            .col_expr(oauth_tokens::Column::Generation, Expr::value(seen + 1))
            .col_expr(oauth_tokens::Column::Failures, Expr::value(0))
            .col_expr(oauth_tokens::Column::RetryAt, Expr::value(0i64));
        if let Some(refresh_token) = new.refresh_token {
            update = update.col_expr(
                oauth_tokens::Column::RefreshToken,
                Expr::value(refresh_token),
            );
        }
        let done = update
            .filter(self.as_seen(id, seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes that a refresh failed, if the row still is at generation `seen`.
    pub async fn oauth_token_refresh_failed(
        &self,
        id: i64,
        seen: i64,
        failures: i32,
        retry_at: Timestamp,
    ) -> Result<bool> {
        let done = oauth_tokens::Entity::update_many()
            .col_expr(oauth_tokens::Column::Failures, Expr::value(failures))
            .col_expr(oauth_tokens::Column::RetryAt, Expr::value(to_ms(retry_at)))
            .filter(self.as_seen(id, seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Changes which services the connection is for; the tokens stay.
    pub async fn oauth_token_services(
        &self,
        id: i64,
        services: &[String],
        at: Timestamp,
    ) -> Result<bool> {
        let done = oauth_tokens::Entity::update_many()
            .col_expr(
                oauth_tokens::Column::Services,
                Expr::value(services.join(" ")),
            )
            .col_expr(oauth_tokens::Column::UpdatedAt, Expr::value(to_ms(at)))
            .filter(oauth_tokens::Column::UserId.eq(self.user.0))
            .filter(oauth_tokens::Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes a use.
    pub async fn oauth_token_used(&self, id: i64, at: Timestamp) -> Result<bool> {
        let done = oauth_tokens::Entity::update_many()
            .col_expr(oauth_tokens::Column::LastUsedAt, Expr::value(to_ms(at)))
            .filter(oauth_tokens::Column::UserId.eq(self.user.0))
            .filter(oauth_tokens::Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Deletes the connection, if its row still is `id` at generation `seen`.
    pub async fn oauth_token_delete(&self, id: i64, seen: i64) -> Result<bool> {
        let done = oauth_tokens::Entity::delete_many()
            .filter(self.as_seen(id, seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

/// Which connections a sweep refreshes.
#[derive(Clone, Copy, Debug)]
pub struct DueForRefresh {
    /// The present: connections whose last refresh failed are left until their `retry_at`.
    pub now: Timestamp,
    /// Of those used since `used_after`, the ones that expire before this instant.
    pub expiring_before: Timestamp,
    /// See `expiring_before`.
    pub used_after: Timestamp,
    /// And of all, those whose access token was obtained before this instant.
    pub stale_before: Timestamp,
    /// The most rows.
    pub limit: u64,
}

impl Store {
    /// The people whose connection to `provider` a sweep should refresh, those that expire first
    /// first. Connections without a refresh token are left out.
    pub async fn oauth_tokens_due(
        &self,
        provider: &str,
        due: DueForRefresh,
    ) -> Result<Vec<UserId>> {
        let ids: Vec<i64> = oauth_tokens::Entity::find()
            .select_only()
            .column(oauth_tokens::Column::UserId)
            .filter(oauth_tokens::Column::Provider.eq(provider))
            .filter(oauth_tokens::Column::RefreshToken.is_not_null())
            .filter(oauth_tokens::Column::RetryAt.lte(to_ms(due.now)))
            .filter(oauth_tokens::Column::ExpiresAt.lt(to_ms(due.expiring_before)))
            .filter(
                Condition::any()
                    .add(oauth_tokens::Column::LastUsedAt.gt(to_ms(due.used_after)))
                    .add(oauth_tokens::Column::RefreshedAt.lt(to_ms(due.stale_before))),
            )
            .order_by_asc(oauth_tokens::Column::ExpiresAt)
            .limit(due.limit)
            .into_tuple()
            .all(self.read())
            .await?;
        Ok(ids.into_iter().map(UserId).collect())
    }
}

#[cfg(test)]
mod tests;
