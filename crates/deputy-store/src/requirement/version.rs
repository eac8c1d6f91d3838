//! Every version of a requirement, with who made it.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use super::{By, Change, Requirement};
use crate::entity::requirement_versions::{ActiveModel, Column, Entity, Model};
use crate::project::ProjectScope;
use crate::{Result, from_ms, to_ms};

/// A version of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// From 1 on.
    pub version: i64,
    /// What was done: a word.
    pub what: String,
    /// What it said.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Where it stood.
    pub status: String,
    /// Why it was made; may be empty.
    pub reason: String,
    /// Who made it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

impl From<Model> for Version {
    fn from(row: Model) -> Self {
        Self {
            version: row.version,
            what: row.change,
            title: row.title,
            body: row.body,
            status: row.status,
            reason: row.reason,
            by: By {
                user: row.by_user.map(UserId),
                name: row.by_name,
                caller: row.by_caller,
            },
            at: from_ms(row.created_at),
        }
    }
}

impl<C: ConnectionTrait> ProjectScope<'_, C> {
    /// At most `limit` versions of one of the project's requirements, newest first; those before
    /// version `before`.
    pub async fn versions(
        &self,
        of: &Requirement,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Version>> {
        let rows = Entity::find()
            .filter(Column::RequirementId.eq(of.id))
            .apply_if(before, |query, version| {
                query.filter(Column::Version.lt(version))
            })
            .order_by_desc(Column::Version)
            .limit(limit)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// One version of one of the project's requirements.
    pub async fn version(&self, of: &Requirement, version: i64) -> Result<Option<Version>> {
        let row = Entity::find()
            .filter(Column::RequirementId.eq(of.id))
            .filter(Column::Version.eq(version))
            .one(self.conn)
            .await?;
        Ok(row.map(Into::into))
    }
}

impl ProjectScope<'_, DatabaseTransaction> {
    pub(super) async fn insert_version(&self, now: &Requirement, change: Change) -> Result<()> {
        Entity::insert(ActiveModel {
            id: NotSet,
            requirement_id: Set(now.id),
            version: Set(now.version),
            change: Set(change.what.to_owned()),
            title: Set(now.title.clone()),
            body: Set(now.body.clone()),
            status: Set(now.status.clone()),
            reason: Set(change.reason),
            created_at: Set(to_ms(change.at)),
            by_user: Set(change.by.user.map(|user| user.0)),
            by_name: Set(change.by.name),
            by_caller: Set(change.by.caller),
        })
        .exec_without_returning(self.conn)
        .await?;
        Ok(())
    }
}
