//! Access tokens: what a client presents with each request. Only a hash is stored.

use deputy_core::Scopes;
use jiff::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;

use super::{Grant, HASH, joined};
use crate::entity::oauth_access_tokens::{ActiveModel, Entity, Model};
use crate::entity::{oauth_grants, users};
use crate::oauth_token::words;
use crate::user::User;
use crate::{Error, Result, Store, Tx, fits, from_ms, is_storable, to_ms};

const TABLE: &str = "oauth_access_tokens";

/// An access token, without what opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// What it hangs on.
    pub grant_id: i64,
    /// What it may do, at most.
    pub scopes: Scopes,
    /// What it is for: URLs.
    pub resources: Vec<String>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// An access token to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccessToken {
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// What it hangs on.
    pub grant_id: i64,
    /// What it may do, at most.
    pub scopes: Scopes,
    /// What it is for: URLs.
    pub resources: Vec<String>,
    /// The present.
    pub at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl TryFrom<Model> for AccessToken {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let scopes = row.scopes.parse().map_err(|_| Error::Inconsistent {
            table: TABLE,
            column: "scopes",
            row: row.token_hash.clone(),
        })?;
        Ok(Self {
            token_hash: row.token_hash,
            grant_id: row.grant_id,
            scopes,
            resources: words(&row.resources),
            created_at: from_ms(row.created_at),
            expires_at: from_ms(row.expires_at),
        })
    }
}

impl Store {
    /// The token of this hash, its grant and the person, in one query by keys: every request asks.
    /// Expired tokens and ended grants too, so that the caller can be told.
    pub async fn access_token(
        &self,
        token_hash: &str,
    ) -> Result<Option<(AccessToken, Grant, User)>> {
        if !is_storable(token_hash) {
            return Ok(None);
        }
        let found = Entity::find_by_id(token_hash)
            .find_also_related(oauth_grants::Entity)
            .and_also_related(users::Entity)
            .one(self.read())
            .await?;
        match found {
            Some((token, Some(grant), Some(user))) => Ok(Some((
                token.try_into()?,
                grant.try_into()?,
                user.try_into()?,
            ))),
            _ => Ok(None),
        }
    }
}

impl Tx {
    /// Adds a token. [`Error::Dangling`] when the grant is gone.
    pub async fn insert_access_token(&self, token: NewAccessToken) -> Result<()> {
        fits(TABLE, "token_hash", &token.token_hash, HASH)?;
        Entity::insert(ActiveModel {
            token_hash: Set(token.token_hash),
            grant_id: Set(token.grant_id),
            scopes: Set(token.scopes.to_string()),
            resources: Set(joined(TABLE, &token.resources)?),
            created_at: Set(to_ms(token.at)),
            expires_at: Set(to_ms(token.expires_at)),
        })
        .exec_without_returning(self.conn())
        .await?;
        Ok(())
    }

    /// Deletes a token; its grant stays. False when there is none.
    pub async fn delete_access_token(&self, token_hash: &str) -> Result<bool> {
        if !is_storable(token_hash) {
            return Ok(false);
        }
        let done = Entity::delete_by_id(token_hash).exec(self.conn()).await?;
        Ok(done.rows_affected == 1)
    }
}
