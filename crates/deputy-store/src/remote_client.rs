//! OAuth clients that were registered for a person at an authorization server.
//!
//! One per person, issuer and redirect: what one person was given as a client is never presented
//! for another, nor to another issuer (MCP 2026-07-28, "Authorization Server Binding").

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};

use crate::entity::remote_clients;
use crate::surplus::Columns;
use crate::{Result, UserScope, from_ms, to_ms};

/// A registered client.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteClient {
    /// The authorization server; at most 512 characters.
    pub issuer: String,
    /// Where it sends people back to; at most 512 characters.
    pub redirect_uri: String,
    /// Its id, secret and method, sealed by the caller.
    pub client: Vec<u8>,
    /// When the secret lapses; `None` when it doesn't.
    pub expires_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// This person's client at `issuer` for `redirect_uri`.
    pub async fn remote_client(
        &self,
        issuer: &str,
        redirect_uri: &str,
    ) -> Result<Option<RemoteClient>> {
        let row = remote_clients::Entity::find()
            .filter(remote_clients::Column::UserId.eq(self.user.0))
            .filter(remote_clients::Column::Issuer.eq(issuer))
            .filter(remote_clients::Column::RedirectUri.eq(redirect_uri))
            .one(self.conn)
            .await?;
        Ok(row.map(|row| RemoteClient {
            issuer: row.issuer,
            redirect_uri: row.redirect_uri,
            client: row.client,
            expires_at: row.expires_at.map(from_ms),
            created_at: from_ms(row.created_at),
        }))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Stores a client in place of the one there was, and forgets this person's oldest beyond
    /// `keep`.
    pub async fn remote_client_put(&self, client: RemoteClient, keep: u64) -> Result<()> {
        remote_clients::Entity::insert(remote_clients::ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            issuer: Set(client.issuer),
            redirect_uri: Set(client.redirect_uri),
            client: Set(client.client),
            expires_at: Set(client.expires_at.map(to_ms)),
            created_at: Set(to_ms(client.created_at)),
        })
        .on_conflict(
            OnConflict::columns([
                remote_clients::Column::UserId,
                remote_clients::Column::Issuer,
                remote_clients::Column::RedirectUri,
            ])
            .update_columns([
                remote_clients::Column::Client,
                remote_clients::Column::ExpiresAt,
                remote_clients::Column::CreatedAt,
            ])
            .to_owned(),
        )
        .exec_without_returning(self.conn)
        .await?;
        let columns = Columns {
            user: remote_clients::Column::UserId,
            id: remote_clients::Column::Id,
            created: remote_clients::Column::CreatedAt,
        };
        self.delete_surplus::<remote_clients::Entity, i64>(columns, keep)
            .await
    }

    /// Forgets a client that the authorization server has forgotten.
    pub async fn remote_client_delete(&self, issuer: &str, redirect_uri: &str) -> Result<bool> {
        let done = remote_clients::Entity::delete_many()
            .filter(remote_clients::Column::UserId.eq(self.user.0))
            .filter(remote_clients::Column::Issuer.eq(issuer))
            .filter(remote_clients::Column::RedirectUri.eq(redirect_uri))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
