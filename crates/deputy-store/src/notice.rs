//! Notices: what a person should know when they next look, such as an account that was disconnected
//! from the other side.
//!
//! A notice is a kind and parameters; the words are the page's, in the reader's language. There is
//! one notice of a kind per person: a newer one replaces the older.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};

use crate::entity::notices;
use crate::{Error, Result, UserScope, from_ms, to_ms};

/// Something to tell a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The row's number, to dismiss it by.
    pub id: i64,
    /// What happened, e.g. `google.disconnected`: the key of the text.
    pub kind: String,
    /// What goes into the text.
    pub parameters: BTreeMap<String, String>,
    /// When it happened.
    pub created_at: Timestamp,
}

impl TryFrom<notices::Model> for Notice {
    type Error = Error;

    fn try_from(row: notices::Model) -> Result<Self> {
        let parameters =
            serde_json::from_str(&row.parameters).map_err(|_| Error::Inconsistent {
                table: "notices",
                column: "parameters",
                row: row.id.to_string(),
            })?;
        Ok(Self {
            id: row.id,
            kind: row.kind,
            parameters,
            created_at: from_ms(row.created_at),
        })
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// This person's notices, newest first.
    pub async fn notices(&self) -> Result<Vec<Notice>> {
        notices::Entity::find()
            .filter(notices::Column::UserId.eq(self.user.0))
            .order_by_desc(notices::Column::CreatedAt)
            .order_by_desc(notices::Column::Id)
            .all(self.conn)
            .await?
            .into_iter()
            .map(TryInto::try_into)
            .collect()
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Leaves a notice; it replaces one of the same kind.
    pub async fn notice_put(
        &self,
        kind: &str,
        parameters: &BTreeMap<String, String>,
        created_at: Timestamp,
    ) -> Result<()> {
        let parameters = serde_json::Value::from_iter(parameters.clone()).to_string();
        notices::Entity::insert(notices::ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            kind: Set(kind.to_owned()),
            parameters: Set(parameters),
            created_at: Set(to_ms(created_at)),
        })
        .on_conflict(
            OnConflict::columns([notices::Column::UserId, notices::Column::Kind])
                .update_columns([notices::Column::Parameters, notices::Column::CreatedAt])
                .to_owned(),
        )
        .exec_without_returning(self.conn)
        .await?;
        Ok(())
    }

    /// What goes into the text of the notice of this kind, which is there from now on, empty if it
    /// was not: for who adds to it with [`UserScope::notice_put`]. Nobody else changes it until this
    /// transaction ends.
    pub async fn notice_hold(
        &self,
        kind: &str,
        created_at: Timestamp,
    ) -> Result<BTreeMap<String, String>> {
        notices::Entity::insert(notices::ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            kind: Set(kind.to_owned()),
            parameters: Set("{}".to_owned()),
            created_at: Set(to_ms(created_at)),
        })
        .on_conflict(
            OnConflict::columns([notices::Column::UserId, notices::Column::Kind])
                .update_column(notices::Column::Kind)
                .to_owned(),
        )
        .exec_without_returning(self.conn)
        .await?;
        let row = notices::Entity::find()
            .filter(notices::Column::UserId.eq(self.user.0))
            .filter(notices::Column::Kind.eq(kind))
            .one(self.conn)
            .await?
            .ok_or_else(|| Error::Dangling(kind.to_owned()))?;
        Ok(Notice::try_from(row)?.parameters)
    }

    /// Removes one notice; false when this person has no such notice.
    pub async fn notice_dismiss(&self, id: i64) -> Result<bool> {
        let done = notices::Entity::delete_many()
            .filter(notices::Column::UserId.eq(self.user.0))
            .filter(notices::Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Removes the notice of this kind, if there is one: its cause is gone.
    pub async fn notice_clear(&self, kind: &str) -> Result<()> {
        notices::Entity::delete_many()
            .filter(notices::Column::UserId.eq(self.user.0))
            .filter(notices::Column::Kind.eq(kind))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
