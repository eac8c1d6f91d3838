//! Rows of `oauth_consents`: what a person last allowed a client, so that they need not be asked
//! the same again.
//!
//! One per person and client. Nothing opens with it: it only spares a question, and only where the
//! next request asks for no more.

use deputy_core::Scopes;
use jiff::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::entity::oauth_consents::{ActiveModel, Column, Entity, Model};
use crate::oauth_client::{MAX_CLIENT_ID, MAX_REDIRECT_URI};
use crate::oauth_grant::joined;
use crate::oauth_token::words;
use crate::{Error, Result, Store, UserScope, fits, from_ms, is_storable, to_ms};

const TABLE: &str = "oauth_consents";

/// A person's last consent to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The client.
    pub client_id: String,
    /// Where the person was sent back to.
    pub redirect_uri: String,
    /// What was allowed.
    pub scopes: Scopes,
    /// For what: URLs.
    pub resources: Vec<String>,
    /// When.
    pub allowed_at: Timestamp,
}

impl TryFrom<Model> for Consent {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let scopes = row.scopes.parse().map_err(|_| Error::Inconsistent {
            table: TABLE,
            column: "scopes",
            row: format!("{} {}", row.user_id, row.client_id),
        })?;
        Ok(Self {
            client_id: row.client_id,
            redirect_uri: row.redirect_uri,
            scopes,
            resources: words(&row.resources),
            allowed_at: from_ms(row.allowed_at),
        })
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// This person's last consent to the client.
    pub async fn oauth_consent(&self, client_id: &str) -> Result<Option<Consent>> {
        if !is_storable(client_id) {
            return Ok(None);
        }
        Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ClientId.eq(client_id))
            .one(self.conn)
            .await?
            .map(TryInto::try_into)
            .transpose()
    }
}

impl Store {
    /// The clients whose ids begin so and that anybody's consent is remembered for.
    pub async fn oauth_client_ids_with_consents(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::ClientId)
            .distinct()
            .filter(Column::ClientId.starts_with(prefix))
            .order_by_asc(Column::ClientId)
            .into_tuple()
            .all(self.read())
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Remembers a consent in place of the person's last one to this client. [`Error::Dangling`]
    /// when the person is gone.
    pub async fn put_oauth_consent(&self, consent: Consent) -> Result<()> {
        fits(TABLE, "client_id", &consent.client_id, MAX_CLIENT_ID)?;
        fits(
            TABLE,
            "redirect_uri",
            &consent.redirect_uri,
            MAX_REDIRECT_URI,
        )?;
        Entity::insert(ActiveModel {
            user_id: Set(self.user.0),
            client_id: Set(consent.client_id),
            redirect_uri: Set(consent.redirect_uri),
            scopes: Set(consent.scopes.to_string()),
            resources: Set(joined(TABLE, &consent.resources)?),
            allowed_at: Set(to_ms(consent.allowed_at)),
        })
        .on_conflict(
            OnConflict::columns([Column::UserId, Column::ClientId])
                .update_columns([
                    Column::RedirectUri,
                    Column::Scopes,
                    Column::Resources,
                    Column::AllowedAt,
                ])
                .to_owned(),
        )
        .exec_without_returning(self.conn)
        .await?;
        Ok(())
    }

    /// Forgets the person's consent to the client. False when there was none.
    pub async fn delete_oauth_consent(&self, client_id: &str) -> Result<bool> {
        if !is_storable(client_id) {
            return Ok(false);
        }
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ClientId.eq(client_id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Forgets all that the person consented to; how many.
    pub async fn delete_oauth_consents(&self) -> Result<u64> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests;
