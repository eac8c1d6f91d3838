//! Rows of `sessions`: browsers. The key is a hash of what the cookie holds, so the database alone
//! opens nothing.
//!
//! A session is looked up by that hash, which only its browser can name; what lists or ends a
//! person's sessions goes through [`UserScope`].

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder,
};

use crate::entity::sessions::{ActiveModel, Column, Entity, Model};
use crate::{Result, Store, Tx, UserScope, from_ms, to_ms};

/// A browser's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the session's id, hex.
    pub id_hash: String,
    /// Who is signed in; `None` before anybody is.
    pub user_id: Option<UserId>,
    /// What the pages keep, a JSON object.
    pub data: String,
    /// The browser's `User-Agent`, cut to 300 characters.
    pub user_agent: String,
    /// The address that signed in.
    pub address: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
}

impl From<Model> for Session {
    fn from(row: Model) -> Self {
        Self {
            id_hash: row.id_hash,
            user_id: row.user_id.map(UserId),
            data: row.data,
            user_agent: row.user_agent,
            address: row.address,
            created_at: from_ms(row.created_at),
            last_seen_at: from_ms(row.last_seen_at),
            expires_at: from_ms(row.expires_at),
        }
    }
}

impl Store {
    /// The session of this hash.
    pub async fn session(&self, id_hash: &str) -> Result<Option<Session>> {
        Ok(Entity::find_by_id(id_hash)
            .one(self.read())
            .await?
            .map(Into::into))
    }
}

impl Tx {
    /// Adds a session. False when the hash is taken.
    pub async fn insert_session(&self, session: Session) -> Result<bool> {
        let row = ActiveModel {
            id_hash: Set(session.id_hash),
            user_id: Set(session.user_id.map(|user| user.0)),
            data: Set(session.data),
            user_agent: Set(session.user_agent),
            address: Set(session.address),
            created_at: Set(to_ms(session.created_at)),
            last_seen_at: Set(to_ms(session.last_seen_at)),
            expires_at: Set(to_ms(session.expires_at)),
        };
        let done = Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .try_insert()
            .exec_without_returning(self.conn())
            .await?;
        Ok(matches!(done, sea_orm::TryInsertResult::Inserted(1)))
    }

    /// Replaces what the pages keep. A session that was ended meanwhile stays ended (false).
    pub async fn set_session_data(&self, id_hash: &str, data: &str) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::Data, Expr::value(data))
            .filter(Column::IdHash.eq(id_hash))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Notes that a session was used at `at`; never moves it back.
    pub async fn touch_session(&self, id_hash: &str, at: Timestamp) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::LastSeenAt, Expr::value(to_ms(at)))
            .filter(Column::IdHash.eq(id_hash))
            .filter(Column::LastSeenAt.lt(to_ms(at)))
            .exec(self.conn())
            .await?;
        Ok(())
    }

    /// Ends a session.
    pub async fn delete_session(&self, id_hash: &str) -> Result<()> {
        Entity::delete_by_id(id_hash).exec(self.conn()).await?;
        Ok(())
    }

    /// Deletes the sessions that ended before `now` or were last used before `idle_since`.
    pub async fn sweep_sessions(&self, now: Timestamp, idle_since: Timestamp) -> Result<u64> {
        let over = Condition::any()
            .add(Column::ExpiresAt.lte(to_ms(now)))
            .add(Column::LastSeenAt.lte(to_ms(idle_since)));
        Ok(Entity::delete_many()
            .filter(over)
            .exec(self.conn())
            .await?
            .rows_affected)
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The person's sessions, last used first.
    pub async fn sessions(&self) -> Result<Vec<Session>> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .order_by_desc(Column::LastSeenAt)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Ends one session of the person. False when it is not theirs or over.
    pub async fn end_session(&self, id_hash: &str) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::IdHash.eq(id_hash))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Ends the person's sessions, all or all but `except`. How many there were.
    pub async fn end_sessions(&self, except: Option<&str>) -> Result<u64> {
        let mut query = Entity::delete_many().filter(Column::UserId.eq(self.user.0));
        if let Some(kept) = except {
            query = query.filter(Column::IdHash.ne(kept));
        }
        Ok(query.exec(self.conn).await?.rows_affected)
    }
}

#[cfg(test)]
mod tests;
