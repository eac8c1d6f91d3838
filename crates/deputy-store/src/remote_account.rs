//! Accounts at remote MCP servers: one row per person and server of theirs.
//!
//! A row begins when a server asks for authorization (what it asked for is kept until the person
//! consents) or when a consent is completed. It goes with its server. `generation` works as for
//! [`crate::oauth_token`]: whoever replaces or removes tokens names the generation that was read.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::entity::remote_accounts::{ActiveModel, Column, Entity, Model};
use crate::oauth_token::{DueForRefresh, words};
use crate::{Result, Store, UserScope, from_ms, to_ms};

/// An account as it is stored; what is secret is sealed by the caller.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteAccount {
    /// The server's number.
    pub server_id: i64,
    /// The URL that the tokens are for. Another URL is another server.
    pub server_url: String,
    /// Who gave the tokens; at most 512 characters.
    pub issuer: Option<String>,
    /// The client and the endpoints, sealed.
    pub client: Option<Vec<u8>>,
    /// The access token, sealed; `None` when consent is needed.
    pub access_token: Option<Vec<u8>>,
    /// The refresh token, sealed; `None` where there is none.
    pub refresh_token: Option<Vec<u8>>,
    /// When the access token expires, where the authorization server said so.
    pub expires_at: Option<Timestamp>,
    /// The scopes that were granted or, where the answer was silent, asked for.
    pub scopes: Vec<String>,
    /// The scopes that the server asked for since.
    pub wanted_scopes: Vec<String>,
    /// Where the server said its metadata is; not checked.
    pub metadata_url: Option<String>,
    /// How often in a row the server asked for scopes that it had been granted.
    pub step_ups: i32,
    /// Whether that was counted since the last consent: until the next one, more is the same.
    pub asked_again: bool,
    /// Grows with every change of the tokens.
    pub generation: i64,
    /// When the person connected it first.
    pub connected_at: Option<Timestamp>,
    /// When the access token was obtained.
    pub refreshed_at: Timestamp,
    /// When it was used last, to the hour or so.
    pub last_used_at: Timestamp,
    /// How many refreshes failed since one succeeded.
    pub failures: i32,
    /// No refresh before this instant, after one that failed.
    pub retry_at: Timestamp,
    /// The error code that the last refresh was refused with; `None` where it succeeded or merely
    /// failed. At most 64 characters.
    pub refusal: Option<String>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was changed.
    pub updated_at: Timestamp,
}

/// What a refresh brought.
#[derive(Clone)]
pub struct RefreshedAccount {
    /// The new access token, sealed.
    pub access_token: Vec<u8>,
    /// A new refresh token, sealed; `None` keeps the old one.
    pub refresh_token: Option<Vec<u8>>,
    /// When the access token expires, where it is known.
    pub expires_at: Option<Timestamp>,
    /// The scopes as they are now.
    pub scopes: Vec<String>,
    /// When it was obtained.
    pub refreshed_at: Timestamp,
}

fn from_row(row: Model) -> RemoteAccount {
    RemoteAccount {
        server_id: row.server_id,
        server_url: row.server_url,
        issuer: row.issuer,
        client: row.client,
        access_token: row.access_token,
        refresh_token: row.refresh_token,
        expires_at: row.expires_at.map(from_ms),
        scopes: words(&row.scopes),
        wanted_scopes: words(&row.wanted_scopes),
        metadata_url: row.metadata_url,
        step_ups: row.step_ups,
        asked_again: row.asked_again,
        generation: row.generation,
        connected_at: row.connected_at.map(from_ms),
        refreshed_at: from_ms(row.refreshed_at),
        last_used_at: from_ms(row.last_used_at),
        failures: row.failures,
        retry_at: from_ms(row.retry_at),
        refusal: row.refusal,
        created_at: from_ms(row.created_at),
        updated_at: from_ms(row.updated_at),
    }
}

fn to_row(user: UserId, account: RemoteAccount) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        user_id: Set(user.0),
        server_id: Set(account.server_id),
        server_url: Set(account.server_url),
        issuer: Set(account.issuer),
        client: Set(account.client),
        access_token: Set(account.access_token),
        refresh_token: Set(account.refresh_token),
        expires_at: Set(account.expires_at.map(to_ms)),
        scopes: Set(account.scopes.join(" ")),
        wanted_scopes: Set(account.wanted_scopes.join(" ")),
        metadata_url: Set(account.metadata_url),
        step_ups: Set(account.step_ups),
        asked_again: Set(account.asked_again),
        generation: Set(account.generation),
        connected_at: Set(account.connected_at.map(to_ms)),
        refreshed_at: Set(to_ms(account.refreshed_at)),
        last_used_at: Set(to_ms(account.last_used_at)),
        failures: Set(account.failures),
        retry_at: Set(to_ms(account.retry_at)),
        refusal: Set(account.refusal),
        created_at: Set(to_ms(account.created_at)),
        updated_at: Set(to_ms(account.updated_at)),
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// This person's account at their server.
    pub async fn remote_account(&self, server: i64) -> Result<Option<RemoteAccount>> {
        let row = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .one(self.conn)
            .await?;
        Ok(row.map(from_row))
    }

    /// All of this person's accounts.
    pub async fn remote_accounts(&self) -> Result<Vec<RemoteAccount>> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .order_by_asc(Column::ServerId)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Like [`UserScope::remote_account`], and on PostgreSQL nobody else changes the row until this
    /// transaction ends.
    pub async fn remote_account_for_update(&self, server: i64) -> Result<Option<RemoteAccount>> {
        let mut query = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server));
        if self.locks_rows() {
            query = query.lock_exclusive();
        }
        Ok(query.one(self.conn).await?.map(from_row))
    }

    /// Adds an account where this person has the server and no account there; false where they
    /// don't have the server.
    pub async fn remote_account_add(&self, account: RemoteAccount) -> Result<bool> {
        if self.own_server_by_id(account.server_id).await?.is_none() {
            return Ok(false);
        }
        Entity::insert(to_row(self.user, account))
            .exec_without_returning(self.conn)
            .await?;
        Ok(true)
    }

    /// Replaces a whole account, if its row still is at generation `seen`.
    pub async fn remote_account_replace(&self, account: RemoteAccount, seen: i64) -> Result<bool> {
        let server = account.server_id;
        let done = Entity::update_many()
            .set(to_row(self.user, account))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .filter(Column::Generation.eq(seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Stores what a refresh brought, if the row still is at generation `seen`; the generation
    /// grows by one.
    pub async fn remote_account_refresh(
        &self,
        server: i64,
        seen: i64,
        new: RefreshedAccount,
    ) -> Result<bool> {
        let at = to_ms(new.refreshed_at);
        let mut update = Entity::update_many()
            .col_expr(Column::AccessToken, Expr::value(new.access_token))
            .col_expr(Column::ExpiresAt, Expr::value(new.expires_at.map(to_ms)))
            .col_expr(Column::Scopes, Expr::value(new.scopes.join(" ")))
            .col_expr(Column::RefreshedAt, Expr::value(at))
            .col_expr(Column::UpdatedAt, Expr::value(at))
            .col_expr(Column::Generation, Expr::value(seen + 1))
            .col_expr(Column::Failures, Expr::value(0))
            .col_expr(Column::RetryAt, Expr::value(0i64))
            .col_expr(Column::Refusal, Expr::value(None::<String>));
        if let Some(refresh_token) = new.refresh_token {
            update = update.col_expr(Column::RefreshToken, Expr::value(refresh_token));
        }
        let done = update
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .filter(Column::Generation.eq(seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes that a refresh failed, if the row still is at generation `seen`; `refusal` is the code
    /// where it was refused.
    pub async fn remote_account_refresh_failed(
        &self,
        server: i64,
        seen: i64,
        failures: i32,
        retry_at: Timestamp,
        refusal: Option<&str>,
    ) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::Failures, Expr::value(failures))
            .col_expr(Column::RetryAt, Expr::value(to_ms(retry_at)))
            .col_expr(Column::Refusal, Expr::value(refusal.map(str::to_owned)))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .filter(Column::Generation.eq(seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes a use.
    pub async fn remote_account_used(&self, server: i64, at: Timestamp) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(to_ms(at)))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Deletes the account, if its row still is at generation `seen`.
    pub async fn remote_account_delete(&self, server: i64, seen: i64) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .filter(Column::Generation.eq(seen))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

impl Store {
    /// Whose accounts, and at which servers, a sweep should refresh: those that failed last or never
    /// first, so that what keeps failing holds nobody up, and of these those that expire first.
    /// Accounts without a refresh token, and those that are not known to expire, are left out.
    pub async fn remote_accounts_due(&self, due: DueForRefresh) -> Result<Vec<(UserId, i64)>> {
        let found: Vec<(i64, i64)> = Entity::find()
            .select_only()
            .column(Column::UserId)
            .column(Column::ServerId)
            .filter(Column::AccessToken.is_not_null())
            .filter(Column::RefreshToken.is_not_null())
            .filter(Column::RetryAt.lte(to_ms(due.now)))
            .filter(Column::ExpiresAt.lt(to_ms(due.expiring_before)))
            .filter(
                Condition::any()
                    .add(Column::LastUsedAt.gt(to_ms(due.used_after)))
                    .add(Column::RefreshedAt.lt(to_ms(due.stale_before))),
            )
            .order_by_asc(Column::RetryAt)
            .order_by_asc(Column::ExpiresAt)
            .limit(due.limit)
            .into_tuple()
            .all(self.read())
            .await?;
        Ok(found
            .into_iter()
            .map(|(user, server)| (UserId(user), server))
            .collect())
    }
}

#[cfg(test)]
mod tests;
