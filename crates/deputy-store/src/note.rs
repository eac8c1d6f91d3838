//! Rows of `notes`: what people jotted down.

use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use crate::entity::notes::{ActiveModel, Column, Entity, Model};
use crate::search::contains_all;
use crate::{Result, UserScope, from_ms, is_storable, to_ms};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The number of the row; never reused.
    pub id: i64,
    /// The text.
    pub content: String,
    /// What it is filed under.
    pub category: Option<String>,
    /// When it was ticked off; none while it is open.
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A note to be, or what becomes of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteText {
    /// The text.
    pub content: String,
    /// What it is filed under.
    pub category: Option<String>,
    /// What it is found by: the same, folded.
    pub search: String,
}

/// Which notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteFilter {
    /// Ticked off or open ones alone.
    pub completed: Option<bool>,
    /// Those filed under this alone.
    pub category: Option<String>,
    /// Those with each of these folded words.
    pub words: Vec<String>,
    /// Those made before the one of this number.
    pub before: Option<i64>,
}

impl From<Model> for Note {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            content: row.content,
            category: row.category,
            completed_at: row.completed_at.map(from_ms),
            created_at: from_ms(row.created_at),
            updated_at: from_ms(row.updated_at),
        }
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// At most `limit` of the person's notes, newest first.
    pub async fn notes(&self, filter: &NoteFilter, limit: u64) -> Result<Vec<Note>> {
        let texts = filter.words.iter().chain(&filter.category);
        if !texts.into_iter().all(|text| is_storable(text)) {
            return Ok(Vec::new());
        }
        let rows = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(contains_all(Column::Search, &filter.words))
            .apply_if(filter.completed, |query, completed| {
                query.filter(if completed {
                    Column::CompletedAt.is_not_null()
                } else {
                    Column::CompletedAt.is_null()
                })
            })
            .apply_if(filter.category.as_ref(), |query, category| {
                query.filter(Column::Category.eq(category))
            })
            .apply_if(filter.before, |query, id| query.filter(Column::Id.lt(id)))
            .order_by_desc(Column::Id)
            .limit(limit)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The person's note of this number.
    pub async fn note(&self, id: i64) -> Result<Option<Note>> {
        let row = Entity::find_by_id(id)
            .filter(Column::UserId.eq(self.user.0))
            .one(self.conn)
            .await?;
        Ok(row.map(Into::into))
    }

    /// How many notes the person has.
    pub async fn count_notes(&self) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .count(self.conn)
            .await?)
    }

    /// What the person's notes are filed under, in order, at most 100.
    pub async fn note_categories(&self) -> Result<Vec<String>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::Category)
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Category.is_not_null())
            .group_by(Column::Category)
            .order_by_asc(Column::Category)
            .limit(100)
            .into_tuple()
            .all(self.conn)
            .await?)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Adds a note. [`crate::Error::Dangling`] when the person is gone.
    pub async fn insert_note(&self, text: NoteText, at: Timestamp) -> Result<Note> {
        let row = ActiveModel {
            id: NotSet,
            user_id: Set(self.user.0),
            content: Set(text.content),
            category: Set(text.category),
            search: Set(text.search),
            completed_at: Set(None),
            created_at: Set(to_ms(at)),
            updated_at: Set(to_ms(at)),
        };
        Ok(row.insert(self.conn).await?.into())
    }

    /// The person's note of this number, held against other writers until this transaction ends.
    pub async fn note_to_change(&self, id: i64) -> Result<Option<Note>> {
        let mut query = Entity::find_by_id(id).filter(Column::UserId.eq(self.user.0));
        if self.locks_rows() {
            query = query.lock_exclusive();
        }
        Ok(query.one(self.conn).await?.map(Into::into))
    }

    /// Gives a note another text. False when it is not the person's.
    pub async fn set_note(&self, id: i64, text: NoteText, at: Timestamp) -> Result<bool> {
        self.update_note(
            id,
            ActiveModel {
                content: Set(text.content),
                category: Set(text.category),
                search: Set(text.search),
                updated_at: Set(to_ms(at)),
                ..Default::default()
            },
        )
        .await
    }

    /// Ticks a note off, or opens it again. False when it is not the person's.
    pub async fn set_note_completed(
        &self,
        id: i64,
        completed_at: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<bool> {
        self.update_note(
            id,
            ActiveModel {
                completed_at: Set(completed_at.map(to_ms)),
                updated_at: Set(to_ms(at)),
                ..Default::default()
            },
        )
        .await
    }

    async fn update_note(&self, id: i64, row: ActiveModel) -> Result<bool> {
        let done = Entity::update_many()
            .set(row)
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Deletes a note. False when it is not the person's.
    pub async fn delete_note(&self, id: i64) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
