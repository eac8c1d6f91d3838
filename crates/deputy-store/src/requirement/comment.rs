//! What people said about a requirement.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::{By, Requirement};
use crate::entity::requirement_comments::{ActiveModel, Column, Entity, Model};
use crate::project::ProjectScope;
use crate::{Result, from_ms, to_ms};

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The number of the row.
    pub id: i64,
    /// Its text, in Markdown.
    pub body: String,
    /// Who wrote it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// A comment to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewComment {
    /// Its text, in Markdown.
    pub body: String,
    /// Who writes it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

impl From<Model> for Comment {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            body: row.body,
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
    /// At most `limit` comments about one of the project's requirements, oldest first; those after the
    /// one of number `after`.
    pub async fn comments(
        &self,
        about: &Requirement,
        after: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Comment>> {
        let rows = Entity::find()
            .filter(Column::RequirementId.eq(about.id))
            .apply_if(after, |query, id| query.filter(Column::Id.gt(id)))
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// How many comments there are about one of the project's requirements.
    pub async fn count_comments(&self, about: &Requirement) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::RequirementId.eq(about.id))
            .count(self.conn)
            .await?)
    }
}

impl ProjectScope<'_, DatabaseTransaction> {
    /// Adds a comment.
    pub async fn insert_comment(&self, about: &Requirement, new: NewComment) -> Result<Comment> {
        let row = ActiveModel {
            id: NotSet,
            requirement_id: Set(about.id),
            body: Set(new.body),
            created_at: Set(to_ms(new.at)),
            by_user: Set(new.by.user.map(|user| user.0)),
            by_name: Set(new.by.name),
            by_caller: Set(new.by.caller),
        };
        Ok(row.insert(self.conn).await?.into())
    }

    /// Deletes a comment; with `of` only one that this person wrote. False when there is none such.
    pub async fn delete_comment(
        &self,
        about: &Requirement,
        id: i64,
        of: Option<UserId>,
    ) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::RequirementId.eq(about.id))
            .filter(Column::Id.eq(id))
            .apply_if(of, |query, user| query.filter(Column::ByUser.eq(user.0)))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}
