//! Rows of `user_keys`: the data keys under which secrets are sealed, each wrapped by a root key.
//! One key per person is active, former ones stay to open what they sealed; one more owner is the
//! installation itself.
//!
//! Deleting a person's keys makes everything sealed under them unreadable at once.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect,
};

use crate::entity::user_keys::{ActiveModel, Column, Entity, Model};
use crate::{Result, Store, Tx, UserScope, to_ms};

/// A wrapped data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKey {
    /// The number of the row.
    pub row: i64,
    /// Whose key it is; `None` for the installation's.
    pub owner: Option<UserId>,
    /// Names the key in what it sealed: 32 hex digits.
    pub key_id: String,
    /// Names the root key that wraps it: 32 hex digits.
    pub root_id: String,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
}

impl From<Model> for UserKey {
    fn from(row: Model) -> Self {
        Self {
            row: row.id,
            owner: row.user_id.map(UserId),
            key_id: row.key_id,
            root_id: row.root_id,
            wrapped: row.wrapped,
        }
    }
}

/// How many keys one root key wraps.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct RootKeyUse {
    /// Names the root key.
    pub root_id: String,
    /// How many rows it wraps.
    pub keys: i64,
}

fn owned_by(owner: Option<UserId>) -> Condition {
    Condition::all().add(match owner {
        Some(user) => Column::UserId.eq(user.0),
        None => Column::UserId.is_null(),
    })
}

async fn active(conn: &impl ConnectionTrait, owner: Option<UserId>) -> Result<Option<UserKey>> {
    let query = Entity::find()
        .filter(owned_by(owner))
        .filter(Column::IsActive.eq(true));
    Ok(query.one(conn).await?.map(Into::into))
}

async fn by_id(
    conn: &impl ConnectionTrait,
    owner: Option<UserId>,
    key_id: &str,
) -> Result<Option<UserKey>> {
    let query = Entity::find()
        .filter(owned_by(owner))
        .filter(Column::KeyId.eq(key_id));
    Ok(query.one(conn).await?.map(Into::into))
}

/// Two that add an owner's first key at once: the second leaves the first one's in place.
async fn insert_active(
    conn: &impl ConnectionTrait,
    owner: Option<UserId>,
    key: NewUserKey,
) -> Result<()> {
    let row = ActiveModel {
        id: NotSet,
        user_id: Set(owner.map(|user| user.0)),
        key_id: Set(key.key_id),
        root_id: Set(key.root_id),
        wrapped: Set(key.wrapped),
        is_active: Set(true),
        created_at: Set(to_ms(key.at)),
    };
    Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

async fn retire_active(conn: &impl ConnectionTrait, owner: Option<UserId>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::IsActive, Expr::value(false))
        .filter(owned_by(owner))
        .filter(Column::IsActive.eq(true))
        .exec(conn)
        .await?;
    Ok(())
}

/// A wrapped data key to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUserKey {
    /// Names the key: 32 hex digits.
    pub key_id: String,
    /// Names the root key that wraps it.
    pub root_id: String,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
    /// The present.
    pub at: Timestamp,
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The key that seals now, if the person has one yet.
    pub async fn active_key(&self) -> Result<Option<UserKey>> {
        active(self.conn, Some(self.user)).await
    }

    /// The key of this name, active or former, if it is this person's.
    pub async fn key(&self, key_id: &str) -> Result<Option<UserKey>> {
        by_id(self.conn, Some(self.user), key_id).await
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Adds an active key unless there is one already.
    pub async fn insert_active_key(&self, key: NewUserKey) -> Result<()> {
        insert_active(self.conn, Some(self.user), key).await
    }

    /// Makes the active key a former one.
    pub async fn retire_active_key(&self) -> Result<()> {
        retire_active(self.conn, Some(self.user)).await
    }

    /// Deletes all keys of the person: nothing sealed under them opens again.
    pub async fn delete_keys(&self) -> Result<u64> {
        let done = Entity::delete_many()
            .filter(owned_by(Some(self.user)))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected)
    }
}

impl Store {
    /// The installation's own key that seals now.
    pub async fn installation_active_key(&self) -> Result<Option<UserKey>> {
        active(self.read(), None).await
    }

    /// The installation's own key of this name.
    pub async fn installation_key(&self, key_id: &str) -> Result<Option<UserKey>> {
        by_id(self.read(), None, key_id).await
    }

    /// How many keys each root key wraps.
    pub async fn root_key_uses(&self) -> Result<Vec<RootKeyUse>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::RootId)
            .column_as(Column::Id.count(), "keys")
            .group_by(Column::RootId)
            .order_by_asc(Column::RootId)
            .into_model::<RootKeyUse>()
            .all(self.read())
            .await?)
    }

    /// Up to `limit` keys after row `after` that another root key than `root_id` wraps, by row.
    pub async fn keys_not_under(
        &self,
        root_id: &str,
        after: i64,
        limit: u64,
    ) -> Result<Vec<UserKey>> {
        let rows = Entity::find()
            .filter(Column::RootId.ne(root_id))
            .filter(Column::Id.gt(after))
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.read())
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Tx {
    /// The installation's own key that seals now.
    pub async fn installation_active_key(&self) -> Result<Option<UserKey>> {
        active(self.conn(), None).await
    }

    /// The installation's own key of this name.
    pub async fn installation_key(&self, key_id: &str) -> Result<Option<UserKey>> {
        by_id(self.conn(), None, key_id).await
    }

    /// Adds an active key of the installation unless there is one already.
    pub async fn insert_installation_key(&self, key: NewUserKey) -> Result<()> {
        insert_active(self.conn(), None, key).await
    }

    /// Makes the installation's active key a former one.
    pub async fn retire_installation_key(&self) -> Result<()> {
        retire_active(self.conn(), None).await
    }

    /// Replaces how `key` is wrapped, unless somebody has replaced or deleted it meanwhile (then
    /// false).
    pub async fn rewrap_key(&self, key: &UserKey, root_id: &str, wrapped: Vec<u8>) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::RootId, Expr::value(root_id))
            .col_expr(Column::Wrapped, Expr::value(wrapped))
            .filter(Column::Id.eq(key.row))
            .filter(Column::Wrapped.eq(key.wrapped.clone()))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
