//! Authorization codes: what a client redeems once for tokens. Only a hash is stored.
//!
//! A used code stays until it expires, so that a second use can be told from a wrong one.

use jiff::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, Func, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Grant, HASH, live_at};
use crate::entity::oauth_codes::{ActiveModel, Column, Entity, Model};
use crate::entity::oauth_grants;
use crate::oauth_client::MAX_REDIRECT_URI;
use crate::{Result, Store, Tx, fits, from_ms, is_storable, to_ms};

const TABLE: &str = "oauth_codes";
/// Longest PKCE challenge, in bytes (RFC 7636 section 4.2).
const MAX_CHALLENGE: usize = 128;

/// An authorization code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// SHA-256 of the code, hex.
    pub code_hash: String,
    /// What it is redeemed for.
    pub grant_id: i64,
    /// Where the person was sent back to, as the client sent it.
    pub redirect_uri: String,
    /// Whether the request for authorization had a redirect URI.
    pub redirect_given: bool,
    /// The PKCE challenge, S256.
    pub challenge: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was redeemed; `None` before.
    pub used_at: Option<Timestamp>,
}

/// A code to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCode {
    /// SHA-256 of the code, hex.
    pub code_hash: String,
    /// What it is redeemed for.
    pub grant_id: i64,
    /// Where the person is sent back to, as the client sent it.
    pub redirect_uri: String,
    /// Whether the request for authorization had a redirect URI.
    pub redirect_given: bool,
    /// The PKCE challenge, S256.
    pub challenge: String,
    /// The present.
    pub at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl From<Model> for Code {
    fn from(row: Model) -> Self {
        Self {
            code_hash: row.code_hash,
            grant_id: row.grant_id,
            redirect_uri: row.redirect_uri,
            redirect_given: row.redirect_given,
            challenge: row.challenge,
            created_at: from_ms(row.created_at),
            expires_at: from_ms(row.expires_at),
            used_at: row.used_at.map(from_ms),
        }
    }
}

impl Store {
    /// The code of this hash and its grant: used and expired ones too.
    pub async fn oauth_code(&self, code_hash: &str) -> Result<Option<(Code, Grant)>> {
        if !is_storable(code_hash) {
            return Ok(None);
        }
        let found = Entity::find_by_id(code_hash)
            .find_also_related(oauth_grants::Entity)
            .one(self.read())
            .await?;
        match found {
            Some((code, Some(grant))) => Ok(Some((code.into(), grant.try_into()?))),
            _ => Ok(None),
        }
    }
}

impl Tx {
    /// Adds a code. [`crate::Error::Dangling`] when the grant is gone.
    pub async fn insert_oauth_code(&self, code: NewCode) -> Result<()> {
        fits(TABLE, "code_hash", &code.code_hash, HASH)?;
        fits(TABLE, "redirect_uri", &code.redirect_uri, MAX_REDIRECT_URI)?;
        fits(TABLE, "challenge", &code.challenge, MAX_CHALLENGE)?;
        Entity::insert(ActiveModel {
            code_hash: Set(code.code_hash),
            grant_id: Set(code.grant_id),
            redirect_uri: Set(code.redirect_uri),
            redirect_given: Set(code.redirect_given),
            challenge: Set(code.challenge),
            created_at: Set(to_ms(code.at)),
            expires_at: Set(to_ms(code.expires_at)),
            used_at: Set(None),
        })
        .exec_without_returning(self.conn())
        .await?;
        Ok(())
    }

    /// Marks a code as used and its grant as redeemed. True for exactly one caller, and only while
    /// the code and its grant are live at `at`.
    pub async fn use_oauth_code(&self, code_hash: &str, at: Timestamp) -> Result<bool> {
        if !is_storable(code_hash) {
            return Ok(false);
        }
        let at = to_ms(at);
        let of = Query::select()
            .column(Column::GrantId)
            .from(Entity)
            .and_where(Column::CodeHash.eq(code_hash))
            .to_owned();
        self.hold_grant(of.clone()).await?;
        let done = Entity::update_many()
            .col_expr(Column::UsedAt, Expr::value(at))
            .filter(Column::CodeHash.eq(code_hash))
            .filter(Column::UsedAt.is_null())
            .filter(Column::ExpiresAt.gt(at))
            .filter(Column::GrantId.in_subquery(live_at(from_ms(at))))
            .exec(self.conn())
            .await?;
        if done.rows_affected == 0 {
            return Ok(false);
        }
        let first = Func::coalesce([Expr::col(oauth_grants::Column::RedeemedAt), Expr::value(at)]);
        oauth_grants::Entity::update_many()
            .col_expr(oauth_grants::Column::RedeemedAt, first.into())
            .filter(oauth_grants::Column::Id.in_subquery(of))
            .exec(self.conn())
            .await?;
        Ok(true)
    }
}
