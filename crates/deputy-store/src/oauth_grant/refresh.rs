//! Refresh tokens: what a client exchanges for the next pair. Only a hash is stored.
//!
//! A token is rotated once. It stays until it expires, so that a second use of it is known for what
//! it is; for the seconds of grace it keeps the answer that the first use got.
//!
//! Of a grant at most [`ROTATED`] rotated tokens stay; one whose row is gone is unknown, and opens as
//! little as before. Half of them are the newest, which may come again within the grace. The others are
//! those that were the current one for the longest time: a copy is taken from where a token lies for a
//! while. Were it simply the newest, a thief would hide the theft by refreshing a hundred times at once,
//! for the token that its owner comes with next would be unknown instead of used.

use jiff::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Grant, HASH, live_at};
use crate::entity::oauth_refresh_tokens::{ActiveModel, Column, Entity, Model};
use crate::entity::{oauth_grants, users};
use crate::user::User;
use crate::{Result, Store, Tx, fits, from_ms, is_storable, to_ms};

/// Most rotated tokens that a grant keeps.
const ROTATED: usize = 100;
/// How many of them are the newest.
const NEWEST: usize = ROTATED / 2;
/// Most rotated tokens that are looked through at once.
const AT_ONCE: u64 = 2000;

/// A refresh token, without what opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// What it hangs on.
    pub grant_id: i64,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was exchanged for the next; `None` before.
    pub rotated_at: Option<Timestamp>,
    /// What the exchange answered, sealed by the caller; gone when the grace is over.
    pub answer: Option<Vec<u8>>,
}

/// A refresh token to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefreshToken {
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// What it hangs on.
    pub grant_id: i64,
    /// The present.
    pub at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl From<Model> for RefreshToken {
    fn from(row: Model) -> Self {
        Self {
            token_hash: row.token_hash,
            grant_id: row.grant_id,
            created_at: from_ms(row.created_at),
            expires_at: from_ms(row.expires_at),
            rotated_at: row.rotated_at.map(from_ms),
            answer: row.answer,
        }
    }
}

async fn find(
    conn: &impl ConnectionTrait,
    token_hash: &str,
) -> Result<Option<(RefreshToken, Grant, User)>> {
    if !is_storable(token_hash) {
        return Ok(None);
    }
    let found = Entity::find_by_id(token_hash)
        .find_also_related(oauth_grants::Entity)
        .and_also_related(users::Entity)
        .one(conn)
        .await?;
    match found {
        Some((token, Some(grant), Some(user))) => {
            Ok(Some((token.into(), grant.try_into()?, user.try_into()?)))
        }
        _ => Ok(None),
    }
}

impl Store {
    /// The token of this hash, its grant and the person; rotated, expired and ended ones too.
    pub async fn refresh_token(
        &self,
        token_hash: &str,
    ) -> Result<Option<(RefreshToken, Grant, User)>> {
        find(self.read(), token_hash).await
    }
}

impl Tx {
    /// Like [`Store::refresh_token`], and nobody else redeems, rotates or ends anything of the same
    /// grant until this transaction ends.
    pub async fn refresh_token_locked(
        &self,
        token_hash: &str,
    ) -> Result<Option<(RefreshToken, Grant, User)>> {
        self.hold_grant_of_refresh_token(token_hash).await?;
        find(self.conn(), token_hash).await
    }

    /// Adds a token. [`crate::Error::Dangling`] when the grant is gone.
    pub async fn insert_refresh_token(&self, token: NewRefreshToken) -> Result<()> {
        fits(
            "oauth_refresh_tokens",
            "token_hash",
            &token.token_hash,
            HASH,
        )?;
        Entity::insert(ActiveModel {
            token_hash: Set(token.token_hash),
            grant_id: Set(token.grant_id),
            created_at: Set(to_ms(token.at)),
            expires_at: Set(to_ms(token.expires_at)),
            rotated_at: Set(None),
            answer: Set(None),
        })
        .exec_without_returning(self.conn())
        .await?;
        Ok(())
    }

    /// Marks a token as exchanged and keeps the answer for those who ask again within the grace. Of
    /// the grant's rotated tokens those beyond [`ROTATED`] are deleted. True for exactly one caller, and only while the token and its grant are live at `at`.
    pub async fn rotate_refresh_token(
        &self,
        token_hash: &str,
        at: Timestamp,
        answer: Vec<u8>,
    ) -> Result<bool> {
        if !is_storable(token_hash) {
            return Ok(false);
        }
        self.hold_grant_of_refresh_token(token_hash).await?;
        let done = Entity::update_many()
            .col_expr(Column::RotatedAt, Expr::value(to_ms(at)))
            .col_expr(Column::Answer, Expr::value(answer))
            .filter(Column::TokenHash.eq(token_hash))
            .filter(Column::RotatedAt.is_null())
            .filter(Column::ExpiresAt.gt(to_ms(at)))
            .filter(Column::GrantId.in_subquery(live_at(at)))
            .exec(self.conn())
            .await?;
        let is_first = done.rows_affected == 1;
        if is_first {
            self.forget_rotated(token_hash).await?;
        }
        Ok(is_first)
    }

    /// Deletes the rotated tokens of the same grant that are too many. The caller holds the grant.
    async fn forget_rotated(&self, token_hash: &str) -> Result<()> {
        let of = Query::select()
            .column(Column::GrantId)
            .from(Entity)
            .and_where(Column::TokenHash.eq(token_hash))
            .to_owned();
        let rotated: Vec<(String, i64, i64)> = Entity::find()
            .select_only()
            .column(Column::TokenHash)
            .column(Column::CreatedAt)
            .column(Column::RotatedAt)
            .filter(Column::GrantId.in_subquery(of))
            .filter(Column::RotatedAt.is_not_null())
            .order_by_desc(Column::RotatedAt)
            .order_by_desc(Column::CreatedAt)
            .limit(AT_ONCE)
            .into_tuple()
            .all(self.conn())
            .await?;
        if rotated.len() <= ROTATED {
            return Ok(());
        }
        let mut older = rotated;
        older.drain(..NEWEST);
        older.sort_by_key(|(_, created, rotated)| created.saturating_sub(*rotated));
        let over = older.into_iter().skip(ROTATED - NEWEST);
        Entity::delete_many()
            .filter(Column::TokenHash.is_in(over.map(|(hash, ..)| hash)))
            .exec(self.conn())
            .await?;
        Ok(())
    }

    async fn hold_grant_of_refresh_token(&self, token_hash: &str) -> Result<()> {
        if !is_storable(token_hash) {
            return Ok(());
        }
        let of = Query::select()
            .column(Column::GrantId)
            .from(Entity)
            .and_where(Column::TokenHash.eq(token_hash))
            .to_owned();
        self.hold_grant(of).await
    }
}
