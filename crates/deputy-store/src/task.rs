//! Rows of `tasks`: what people have to do.

use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use crate::entity::tasks::{ActiveModel, Column, Entity, Model};
use crate::search::contains_all;
use crate::{Result, UserScope, from_ms, is_storable, to_ms};

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The number of the row; never reused.
    pub id: i64,
    /// One line.
    pub title: String,
    /// More about it; may be empty.
    pub description: String,
    /// How urgent it is: a word.
    pub priority: String,
    /// How far it is: a word.
    pub status: String,
    /// By when, as it was said: a date, or a time with its offset.
    pub due: Option<String>,
    /// The instant at which it becomes overdue.
    pub due_at: Option<Timestamp>,
    /// When it was done or given up; none while it is open.
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A task to be, or all of what becomes of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// One line.
    pub title: String,
    /// More about it; may be empty.
    pub description: String,
    /// How urgent it is: a word.
    pub priority: String,
    /// How far it is: a word.
    pub status: String,
    /// By when, as it was said.
    pub due: Option<String>,
    /// The instant at which it becomes overdue.
    pub due_at: Option<Timestamp>,
    /// When it was done or given up.
    pub completed_at: Option<Timestamp>,
    /// What it is found by, folded.
    pub search: String,
}

/// Which tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Those of these statuses alone; empty: all.
    pub statuses: Vec<String>,
    /// Those of this priority alone.
    pub priority: Option<String>,
    /// Those that become overdue before this instant.
    pub due_before: Option<Timestamp>,
    /// Those with each of these folded words.
    pub words: Vec<String>,
    /// Those after this one, in their order.
    pub after: Option<TaskPlace>,
}

/// Where a task stands in the order of tasks: what is due first comes first, what is never due last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskPlace {
    /// When it becomes overdue.
    pub due_at: Option<Timestamp>,
    /// Its number.
    pub id: i64,
}

impl Task {
    /// Where it stands.
    pub fn place(&self) -> TaskPlace {
        TaskPlace {
            due_at: self.due_at,
            id: self.id,
        }
    }
}

impl From<Model> for Task {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            title: row.title,
            description: row.description,
            priority: row.priority,
            status: row.status,
            due: row.due,
            due_at: row.due_at.map(from_ms),
            completed_at: row.completed_at.map(from_ms),
            created_at: from_ms(row.created_at),
            updated_at: from_ms(row.updated_at),
        }
    }
}

/// What tasks are ordered by: never is later than every instant.
fn due_order() -> SimpleExpr {
    Func::coalesce([Expr::col(Column::DueAt), Expr::val(i64::MAX)]).into()
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// At most `limit` of the person's tasks, the next one due first, those without a date last.
    pub async fn tasks(&self, filter: &TaskFilter, limit: u64) -> Result<Vec<Task>> {
        if !filter.words.iter().all(|word| is_storable(word)) {
            return Ok(Vec::new());
        }
        let rows = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(contains_all(Column::Search, &filter.words))
            .apply_if(
                (!filter.statuses.is_empty()).then_some(&filter.statuses),
                |query, statuses| query.filter(Column::Status.is_in(statuses)),
            )
            .apply_if(filter.priority.as_ref(), |query, priority| {
                query.filter(Column::Priority.eq(priority))
            })
            .apply_if(filter.due_before, |query, at| {
                query.filter(Column::DueAt.lt(to_ms(at)))
            })
            .apply_if(filter.after, |query, place| {
                let at = place.due_at.map_or(i64::MAX, to_ms);
                query.filter(
                    Condition::any().add(due_order().gt(at)).add(
                        Condition::all()
                            .add(due_order().eq(at))
                            .add(Column::Id.gt(place.id)),
                    ),
                )
            })
            .order_by(due_order(), Order::Asc)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The person's task of this number.
    pub async fn task(&self, id: i64) -> Result<Option<Task>> {
        let row = Entity::find_by_id(id)
            .filter(Column::UserId.eq(self.user.0))
            .one(self.conn)
            .await?;
        Ok(row.map(Into::into))
    }

    /// How many tasks the person has.
    pub async fn count_tasks(&self) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .count(self.conn)
            .await?)
    }
}

impl TaskState {
    fn row(self, at: Timestamp) -> ActiveModel {
        ActiveModel {
            id: NotSet,
            user_id: NotSet,
            title: Set(self.title),
            description: Set(self.description),
            priority: Set(self.priority),
            status: Set(self.status),
            due: Set(self.due),
            due_at: Set(self.due_at.map(to_ms)),
            search: Set(self.search),
            completed_at: Set(self.completed_at.map(to_ms)),
            created_at: NotSet,
            updated_at: Set(to_ms(at)),
        }
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Adds a task. [`crate::Error::Dangling`] when the person is gone.
    pub async fn insert_task(&self, state: TaskState, at: Timestamp) -> Result<Task> {
        let row = ActiveModel {
            user_id: Set(self.user.0),
            created_at: Set(to_ms(at)),
            ..state.row(at)
        };
        Ok(row.insert(self.conn).await?.into())
    }

    /// The same task of this number, held against other writers until this transaction ends.
    pub async fn task_to_change(&self, id: i64) -> Result<Option<Task>> {
        let mut query = Entity::find_by_id(id).filter(Column::UserId.eq(self.user.0));
        if self.locks_rows() {
            query = query.lock_exclusive();
        }
        Ok(query.one(self.conn).await?.map(Into::into))
    }

    /// Puts a task into this state. False when it is not the person's.
    pub async fn set_task(&self, id: i64, state: TaskState, at: Timestamp) -> Result<bool> {
        let done = Entity::update_many()
            .set(state.row(at))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::Id.eq(id))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Deletes a task. False when it is not the person's.
    pub async fn delete_task(&self, id: i64) -> Result<bool> {
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
