//! Rows of `oauth_grants`: what one person allowed one client at one time. Codes and tokens hang on
//! a grant ([`code`], [`access`], [`refresh`]) and are dead at once when it ends.
//!
//! A grant that ended stays for a while and keeps the reason, so that a caller can be told why.
//!
//! # Races
//!
//! Who redeems a code, rotates a refresh token or ends a grant first is decided by one conditional
//! update. On PostgreSQL whoever writes below a grant locks the grant's row first, always in this
//! order, so that two who write below the same one wait for each other and never in a circle.

use std::collections::HashMap;

use deputy_core::{Scopes, UserId};
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, LockType, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::entity::oauth_grants::{ActiveModel, Column, Entity, Model};
use crate::entity::{oauth_codes, oauth_refresh_tokens};
use crate::oauth_client::{MAX_CLIENT_ID, MAX_CLIENT_NAME, MAX_REDIRECT_URI};
use crate::oauth_token::words;
use crate::{Engine, Error, Result, Store, Tx, UserScope, fits, from_ms, is_storable, to_ms};

pub mod access;
pub mod code;
pub mod refresh;
mod sweep;

pub use access::{AccessToken, NewAccessToken};
pub use code::{Code, NewCode};
pub use refresh::{NewRefreshToken, RefreshToken};

const TABLE: &str = "oauth_grants";

/// Length of a SHA-256 in hex.
const HASH: usize = 64;
/// Longest list of resources, with blanks between them, in bytes.
const MAX_RESOURCES: usize = 16_384;
/// Longest word for why a grant ended, in bytes.
const MAX_WHY: usize = 32;
/// Most rows that one statement names.
const AT_ONCE: usize = 1000;

/// What a person allowed a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The number of the row; never reused.
    pub id: i64,
    /// Who allowed it.
    pub user_id: UserId,
    /// The client.
    pub client_id: String,
    /// Its name at that time.
    pub client_name: String,
    /// Where the person was sent back to.
    pub redirect_uri: String,
    /// What was allowed.
    pub scopes: Scopes,
    /// For what: URLs.
    pub resources: Vec<String>,
    /// When it was allowed.
    pub created_at: Timestamp,
    /// When its code was redeemed; `None` before.
    pub redeemed_at: Option<Timestamp>,
    /// When a token of it was last used, as far as it was noted.
    pub last_used_at: Option<Timestamp>,
    /// When it lapses unless it is extended.
    pub expires_at: Timestamp,
    /// When it ended; `None` while it is live.
    pub ended_at: Option<Timestamp>,
    /// Why it ended, a word.
    pub ended_why: Option<String>,
}

/// A grant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// The client.
    pub client_id: String,
    /// Its name for display.
    pub client_name: String,
    /// Where the person is sent back to.
    pub redirect_uri: String,
    /// What is allowed.
    pub scopes: Scopes,
    /// For what: URLs.
    pub resources: Vec<String>,
    /// The present.
    pub at: Timestamp,
    /// When it lapses unless it is extended.
    pub expires_at: Timestamp,
}

impl TryFrom<Model> for Grant {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let scopes = row.scopes.parse().map_err(|_| Error::Inconsistent {
            table: TABLE,
            column: "scopes",
            row: row.id.to_string(),
        })?;
        Ok(Self {
            id: row.id,
            user_id: UserId(row.user_id),
            client_id: row.client_id,
            client_name: row.client_name,
            redirect_uri: row.redirect_uri,
            scopes,
            resources: words(&row.resources),
            created_at: from_ms(row.created_at),
            redeemed_at: row.redeemed_at.map(from_ms),
            last_used_at: row.last_used_at.map(from_ms),
            expires_at: from_ms(row.expires_at),
            ended_at: row.ended_at.map(from_ms),
            ended_why: row.ended_why,
        })
    }
}

/// Resources as a row has them: with blanks between them. [`Error::Unfit`] when one is no word.
pub(crate) fn joined(table: &'static str, resources: &[String]) -> Result<String> {
    let text = resources.join(" ");
    let is_word = |word: &String| !word.is_empty() && !word.contains(char::is_whitespace);
    if !resources.iter().all(is_word) {
        return Err(Error::Unfit {
            table,
            column: "resources",
        });
    }
    fits(table, "resources", &text, MAX_RESOURCES)?;
    Ok(text)
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// One of this person's grants, live or ended.
    pub async fn oauth_grant(&self, id: i64) -> Result<Option<Grant>> {
        Entity::find_by_id(id)
            .filter(Column::UserId.eq(self.user.0))
            .one(self.conn)
            .await?
            .map(TryInto::try_into)
            .transpose()
    }

    /// This person's grants that were redeemed and have not ended, newest first; ones that have
    /// lapsed but were not swept yet among them.
    pub async fn oauth_grants(&self) -> Result<Vec<Grant>> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::EndedAt.is_null())
            .filter(Column::RedeemedAt.is_not_null())
            .order_by_desc(Column::Id)
            .all(self.conn)
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many grants this person holds at `now`: redeemed, not ended, not lapsed.
    pub async fn count_live_oauth_grants(&self, now: Timestamp) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::EndedAt.is_null())
            .filter(Column::RedeemedAt.is_not_null())
            .filter(Column::ExpiresAt.gt(to_ms(now)))
            .count(self.conn)
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Adds a grant. [`Error::Dangling`] when the person is gone, [`Error::Unfit`] when a text is
    /// too long or can't be stored.
    pub async fn insert_oauth_grant(&self, grant: NewGrant) -> Result<Grant> {
        for (column, text, max) in [
            ("client_id", &grant.client_id, MAX_CLIENT_ID),
            ("client_name", &grant.client_name, MAX_CLIENT_NAME),
            ("redirect_uri", &grant.redirect_uri, MAX_REDIRECT_URI),
        ] {
            fits(TABLE, column, text, max)?;
        }
        let row = ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            resources: Set(joined(TABLE, &grant.resources)?),
            client_id: Set(grant.client_id),
            client_name: Set(grant.client_name),
            redirect_uri: Set(grant.redirect_uri),
            scopes: Set(grant.scopes.to_string()),
            created_at: Set(to_ms(grant.at)),
            redeemed_at: Set(None),
            last_used_at: Set(None),
            expires_at: Set(to_ms(grant.expires_at)),
            ended_at: Set(None),
            ended_why: Set(None),
        };
        row.insert(self.conn).await?.try_into()
    }

    /// Ends one of this person's grants; see [`Tx::end_oauth_grant`]. False also when it is not
    /// theirs.
    pub async fn end_oauth_grant(&self, id: i64, why: &str, at: Timestamp) -> Result<bool> {
        let mine = Column::UserId.eq(self.user.0);
        Ok(end(self.conn, &[id], mine, why, at).await? == 1)
    }

    /// Ends all live grants that this person gave the client (`None`: any client), redeemed or not;
    /// returns them, as they are now.
    pub async fn end_oauth_grants(
        &self,
        client_id: Option<&str>,
        why: &str,
        at: Timestamp,
    ) -> Result<Vec<Grant>> {
        if client_id.is_some_and(|id| !is_storable(id)) {
            return Ok(Vec::new());
        }
        end_all(self.conn, self.given(client_id), why, at).await
    }

    /// The live grants that this person gave the client, redeemed or not, oldest first; nobody else
    /// writes below one of them until this transaction ends.
    pub async fn hold_oauth_grants(&self, client_id: &str) -> Result<Vec<Grant>> {
        if !is_storable(client_id) {
            return Ok(Vec::new());
        }
        let rows = hold(self.conn, self.given(Some(client_id))).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    fn given(&self, client_id: Option<&str>) -> Condition {
        Condition::all()
            .add(Column::UserId.eq(self.user.0))
            .add_option(client_id.map(|id| Column::ClientId.eq(id)))
    }
}

/// A program that has access, whoever gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The client.
    pub client_id: String,
    /// One of the names that it had when somebody allowed it something.
    pub client_name: String,
    /// How many live grants hang on it.
    pub grants: u64,
}

impl Store {
    /// The clients on which live grants hang, those with most of them first: at most `limit` after
    /// the first `passed`. For administrators: it tells about everybody's.
    pub async fn oauth_programs(&self, passed: u64, limit: u64) -> Result<Vec<Program>> {
        let rows: Vec<(String, String, i64)> = Entity::find()
            .select_only()
            .column(Column::ClientId)
            .column_as(Column::ClientName.max(), "name")
            .column_as(Column::Id.count(), "grants")
            .filter(Column::EndedAt.is_null())
            .filter(Column::RedeemedAt.is_not_null())
            .group_by(Column::ClientId)
            .order_by(Expr::col("grants"), Order::Desc)
            .order_by_asc(Column::ClientId)
            .offset(passed)
            .limit(limit)
            .into_tuple()
            .all(self.read())
            .await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(client_id, client_name, grants)| Program {
                client_id,
                client_name,
                grants: u64::try_from(grants).unwrap_or_default(),
            })
            .collect())
    }

    /// How many live grants each person gave; who gave none is not among them. For administrators.
    pub async fn oauth_grants_by_person(&self) -> Result<HashMap<UserId, u64>> {
        let rows: Vec<(i64, i64)> = Entity::find()
            .select_only()
            .column(Column::UserId)
            .column_as(Column::Id.count(), "grants")
            .filter(Column::EndedAt.is_null())
            .filter(Column::RedeemedAt.is_not_null())
            .group_by(Column::UserId)
            .into_tuple()
            .all(self.read())
            .await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(user, grants)| (UserId(user), u64::try_from(grants).unwrap_or_default()))
            .collect())
    }

    /// The ids that begin so of clients on which grants hang that have not ended, redeemed or not.
    pub async fn oauth_client_ids_with_grants(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::ClientId)
            .distinct()
            .filter(Column::EndedAt.is_null())
            .filter(Column::ClientId.starts_with(prefix))
            .order_by_asc(Column::ClientId)
            .into_tuple()
            .all(self.read())
            .await?)
    }

    /// How many live grants hang on each of these clients, at most 1,000 of them: those that were
    /// redeemed and have not ended. One without any is not among them. For administrators: it tells
    /// about everybody's.
    pub async fn oauth_grants_by_client(
        &self,
        client_ids: &[&str],
    ) -> Result<HashMap<String, u64>> {
        let asked = client_ids
            .iter()
            .copied()
            .filter(|id| is_storable(id))
            .take(AT_ONCE);
        let counts: Vec<(String, i64)> = Entity::find()
            .select_only()
            .column(Column::ClientId)
            .column_as(Column::Id.count(), "grants")
            .filter(Column::ClientId.is_in(asked))
            .filter(Column::EndedAt.is_null())
            .filter(Column::RedeemedAt.is_not_null())
            .group_by(Column::ClientId)
            .into_tuple()
            .all(self.read())
            .await?;
        let counts = counts.into_iter();
        Ok(counts
            .map(|(id, count)| (id, u64::try_from(count).unwrap_or_default()))
            .collect())
    }
}

impl Tx {
    /// Ends a grant: its codes and the answers of its refresh tokens are deleted, its tokens are
    /// dead. The first end and its reason stay: false when it had ended or is gone.
    pub async fn end_oauth_grant(&self, id: i64, why: &str, at: Timestamp) -> Result<bool> {
        Ok(end(self.conn(), &[id], Condition::all(), why, at).await? == 1)
    }

    /// Ends all live grants of these clients, at most 1,000 of which are looked at; returns them, as
    /// they are now.
    pub async fn end_oauth_grants_of_clients(
        &self,
        client_ids: &[&str],
        why: &str,
        at: Timestamp,
    ) -> Result<Vec<Grant>> {
        let ids = client_ids.iter().copied().filter(|id| is_storable(id));
        let whose = Condition::all().add(Column::ClientId.is_in(ids.take(AT_ONCE)));
        end_all(self.conn(), whose, why, at).await
    }

    /// Notes that a token of the grant was used at `at`; never moves it back.
    pub async fn touch_oauth_grant(&self, id: i64, at: Timestamp) -> Result<()> {
        let older = Condition::any()
            .add(Column::LastUsedAt.is_null())
            .add(Column::LastUsedAt.lt(to_ms(at)));
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(to_ms(at)))
            .filter(Column::Id.eq(id))
            .filter(older)
            .exec(self.conn())
            .await?;
        Ok(())
    }

    /// Lets a live grant lapse at `expires_at`, if that is later than it was.
    pub async fn extend_oauth_grant(&self, id: i64, expires_at: Timestamp) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::ExpiresAt, Expr::value(to_ms(expires_at)))
            .filter(Column::Id.eq(id))
            .filter(Column::EndedAt.is_null())
            .filter(Column::ExpiresAt.lt(to_ms(expires_at)))
            .exec(self.conn())
            .await?;
        Ok(())
    }

    /// Holds the grant that `of` names against other writers until this transaction ends. SQLite
    /// has one writer anyway.
    async fn hold_grant(&self, of: SelectStatement) -> Result<()> {
        if self.engine == Engine::Postgres {
            Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::Id.in_subquery(of))
                .lock(LockType::NoKeyUpdate)
                .into_tuple::<i64>()
                .all(self.conn())
                .await?;
        }
        Ok(())
    }
}

/// The numbers of the grants that can still be used at `at`.
fn live_at(at: Timestamp) -> SelectStatement {
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::EndedAt.is_null())
        .and_where(Column::ExpiresAt.gt(to_ms(at)))
        .to_owned()
}

/// The grants that have not ended and that `whose` lets through, locked in one order.
async fn hold(conn: &DatabaseTransaction, whose: Condition) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(whose)
        .filter(Column::EndedAt.is_null())
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(conn)
        .await?)
}

/// Ends all of them; returns them, as they are now.
async fn end_all(
    conn: &DatabaseTransaction,
    whose: Condition,
    why: &str,
    at: Timestamp,
) -> Result<Vec<Grant>> {
    let rows = hold(conn, whose).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    for some in ids.chunks(AT_ONCE) {
        end(conn, some, Condition::all(), why, at).await?;
    }
    let ended = rows.into_iter().map(|row| {
        Grant::try_from(Model {
            ended_at: Some(to_ms(at)),
            ended_why: Some(why.to_owned()),
            ..row
        })
    });
    ended.collect()
}

/// Ends those of the grants `ids` that `whose` lets through and that have not ended; how many.
async fn end(
    conn: &DatabaseTransaction,
    ids: &[i64],
    whose: impl sea_orm::sea_query::IntoCondition,
    why: &str,
    at: Timestamp,
) -> Result<u64> {
    fits(TABLE, "ended_why", why, MAX_WHY)?;
    let done = Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(to_ms(at)))
        .col_expr(Column::EndedWhy, Expr::value(why))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::EndedAt.is_null())
        .filter(whose)
        .exec(conn)
        .await?
        .rows_affected;
    if done > 0 {
        oauth_codes::Entity::delete_many()
            .filter(oauth_codes::Column::GrantId.is_in(ids.iter().copied()))
            .exec(conn)
            .await?;
        oauth_refresh_tokens::Entity::update_many()
            .col_expr(
                oauth_refresh_tokens::Column::Answer,
                Expr::value(None::<Vec<u8>>),
            )
            .filter(oauth_refresh_tokens::Column::GrantId.is_in(ids.iter().copied()))
            .filter(oauth_refresh_tokens::Column::Answer.is_not_null())
            .exec(conn)
            .await?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests;
