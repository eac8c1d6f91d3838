//! Rows of `requirements` and of what hangs on them: every version there was (`version`), links
//! between them (`link`), what people said about them (`comment`).
//!
//! All of it is reached through a [`ProjectScope`]: whoever is no member finds nothing. Whatever
//! changes something takes the scope from [`UserScope::project_to_change`], so that within a project
//! one change comes after the other.
//!
//! A requirement is never gone: deleting it is a version too, and so is bringing it back.
//!
//! [`UserScope::project_to_change`]: crate::UserScope::project_to_change

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use crate::entity::requirements::{ActiveModel, Column, Entity, Model};
use crate::project::ProjectScope;
use crate::search::contains_all;
use crate::{Result, from_ms, is_storable, to_ms};

mod comment;
mod link;
mod version;

pub use comment::{Comment, NewComment};
pub use link::{Link, LinkEnds, NewLink};
pub use version::Version;

/// A requirement as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The number of the row.
    pub id: i64,
    /// Its number in the project, from 1 on; never reused.
    pub number: i64,
    /// One line.
    pub title: String,
    /// Its text, in Markdown.
    pub body: String,
    /// Where it stands: a word.
    pub status: String,
    /// Its version, from 1 on.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its version was made.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// What a version of a requirement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementText {
    /// One line.
    pub title: String,
    /// Its text, in Markdown.
    pub body: String,
    /// Where it stands: a word.
    pub status: String,
    /// What it is found by: title and text, folded.
    pub search: String,
}

/// Who changed something, and through what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The person; none when there is no such person any more.
    pub user: Option<UserId>,
    /// The person's sign-in name at that time.
    pub name: String,
    /// Through what, as the audit log names callers.
    pub caller: String,
}

/// A change of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done: a word such as `created`, `edited`, `deleted`, `restored`, `imported`.
    pub what: &'static str,
    /// Why, in the words of whoever did it; may be empty.
    pub reason: String,
    /// By whom.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// Which requirements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequirementFilter {
    /// Those of these statuses alone; empty: all.
    pub statuses: Vec<String>,
    /// Those with each of these folded words.
    pub words: Vec<String>,
    /// Deleted ones alone, or those that are not.
    pub deleted: bool,
    /// Those after the one of this number.
    pub after: Option<i64>,
}

impl From<Model> for Requirement {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            number: row.number,
            title: row.title,
            body: row.body,
            status: row.status,
            version: row.version,
            created_at: from_ms(row.created_at),
            updated_at: from_ms(row.updated_at),
            deleted_at: row.deleted_at.map(from_ms),
        }
    }
}

impl<C: ConnectionTrait> ProjectScope<'_, C> {
    /// At most `limit` of the project's requirements, in the order of their numbers.
    pub async fn requirements(
        &self,
        filter: &RequirementFilter,
        limit: u64,
    ) -> Result<Vec<Requirement>> {
        if !filter.words.iter().all(|word| is_storable(word)) {
            return Ok(Vec::new());
        }
        let rows = Entity::find()
            .filter(Column::ProjectId.eq(self.id()))
            .filter(if filter.deleted {
                Column::DeletedAt.is_not_null()
            } else {
                Column::DeletedAt.is_null()
            })
            .filter(contains_all(Column::Search, &filter.words))
            .apply_if(
                (!filter.statuses.is_empty()).then_some(&filter.statuses),
                |query, statuses| query.filter(Column::Status.is_in(statuses)),
            )
            .apply_if(filter.after, |query, number| {
                query.filter(Column::Number.gt(number))
            })
            .order_by_asc(Column::Number)
            .limit(limit)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The project's requirement of this number, deleted or not.
    pub async fn requirement(&self, number: i64) -> Result<Option<Requirement>> {
        let row = Entity::find()
            .filter(Column::ProjectId.eq(self.id()))
            .filter(Column::Number.eq(number))
            .one(self.conn)
            .await?;
        Ok(row.map(Into::into))
    }

    /// The project's requirements of these numbers, deleted or not, in order.
    pub async fn requirements_of(&self, numbers: &[i64]) -> Result<Vec<Requirement>> {
        let mut found = Vec::with_capacity(numbers.len());
        // An engine takes only so many values in one statement.
        for some in numbers.chunks(1000) {
            let rows = Entity::find()
                .filter(Column::ProjectId.eq(self.id()))
                .filter(Column::Number.is_in(some.iter().copied()))
                .order_by_asc(Column::Number)
                .all(self.conn)
                .await?;
            found.extend(rows.into_iter().map(Requirement::from));
        }
        Ok(found)
    }

    /// How many requirements there are of each status, deleted ones left out.
    pub async fn count_by_status(&self) -> Result<Vec<(String, i64)>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::Status)
            .column_as(Column::Id.count(), "number")
            .filter(Column::ProjectId.eq(self.id()))
            .filter(Column::DeletedAt.is_null())
            .group_by(Column::Status)
            .order_by_asc(Column::Status)
            .into_tuple()
            .all(self.conn)
            .await?)
    }

    /// How many requirements there ever were.
    pub async fn count_requirements(&self) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::ProjectId.eq(self.id()))
            .count(self.conn)
            .await?)
    }
}

impl ProjectScope<'_, DatabaseTransaction> {
    /// Adds a requirement under the project's next number, with its first version.
    pub async fn insert_requirement(
        &self,
        text: RequirementText,
        change: Change,
    ) -> Result<Requirement> {
        let at = to_ms(change.at);
        let row = ActiveModel {
            id: NotSet,
            project_id: Set(self.id()),
            number: Set(self.next_number().await?),
            title: Set(text.title),
            body: Set(text.body),
            status: Set(text.status),
            version: Set(1),
            search: Set(text.search),
            created_at: Set(at),
            updated_at: Set(at),
            deleted_at: Set(None),
        };
        let requirement: Requirement = row.insert(self.conn).await?.into();
        self.insert_version(&requirement, change).await?;
        Ok(requirement)
    }

    /// Makes another version of the requirement. `None` when its version is no longer the one of
    /// `before`, or it isn't the project's: nothing was changed.
    pub async fn set_requirement(
        &self,
        before: &Requirement,
        text: RequirementText,
        is_deleted: bool,
        change: Change,
    ) -> Result<Option<Requirement>> {
        let after = Requirement {
            title: text.title,
            body: text.body,
            status: text.status,
            version: before.version + 1,
            updated_at: from_ms(to_ms(change.at)),
            deleted_at: is_deleted.then(|| from_ms(to_ms(change.at))),
            ..before.clone()
        };
        let done = Entity::update_many()
            .set(ActiveModel {
                title: Set(after.title.clone()),
                body: Set(after.body.clone()),
                status: Set(after.status.clone()),
                version: Set(after.version),
                search: Set(text.search),
                updated_at: Set(to_ms(after.updated_at)),
                deleted_at: Set(after.deleted_at.map(to_ms)),
                ..Default::default()
            })
            .filter(Column::ProjectId.eq(self.id()))
            .filter(Column::Id.eq(before.id))
            .filter(Column::Version.eq(before.version))
            .exec(self.conn)
            .await?;
        if done.rows_affected != 1 {
            return Ok(None);
        }
        self.insert_version(&after, change).await?;
        Ok(Some(after))
    }
}

#[cfg(test)]
mod tests;
