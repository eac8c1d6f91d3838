//! Links between the requirements of a project. One that was taken away stays, with who did it.

use std::collections::HashMap;

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{By, Requirement};
use crate::entity::requirement_links::{ActiveModel, Column, Entity, Model};
use crate::entity::requirements;
use crate::project::ProjectScope;
use crate::{Result, from_ms, to_ms};

/// A link between two requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The number of the row.
    pub id: i64,
    /// The number of the requirement that it goes out from.
    pub from: i64,
    /// The number of the one that it leads to.
    pub to: i64,
    /// What the one is to the other: a word.
    pub kind: String,
    /// Who made it.
    pub by: By,
    /// When.
    pub at: Timestamp,
    /// When it was taken away, by whom (a sign-in name), through what.
    pub ended: Option<(Timestamp, String, String)>,
}

/// The two requirements of a link, by their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkEnds<'r> {
    /// The one that it goes out from.
    pub from: &'r Requirement,
    /// The one that it leads to.
    pub to: &'r Requirement,
}

/// A link to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink<'r> {
    /// Between which.
    pub ends: LinkEnds<'r>,
    /// What the one is to the other: a word.
    pub kind: String,
    /// Who makes it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

fn link(row: Model, numbers: &HashMap<i64, i64>) -> Option<Link> {
    Some(Link {
        id: row.id,
        from: *numbers.get(&row.from_id)?,
        to: *numbers.get(&row.to_id)?,
        kind: row.kind,
        by: By {
            user: row.by_user.map(UserId),
            name: row.by_name,
            caller: row.by_caller,
        },
        at: from_ms(row.created_at),
        ended: row.ended_at.map(|at| {
            (
                from_ms(at),
                row.ended_by_name.unwrap_or_default(),
                row.ended_by_caller.unwrap_or_default(),
            )
        }),
    })
}

impl<C: ConnectionTrait> ProjectScope<'_, C> {
    async fn links_where(&self, which: Condition, limit: u64) -> Result<Vec<Link>> {
        let rows = Entity::find()
            .filter(Column::ProjectId.eq(self.id()))
            .filter(which)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.conn)
            .await?;
        let mut ids: Vec<i64> = rows
            .iter()
            .flat_map(|row| [row.from_id, row.to_id])
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let mut numbers = HashMap::with_capacity(ids.len());
        // An engine takes only so many values in one statement.
        for some in ids.chunks(1000) {
            let found: Vec<(i64, i64)> = requirements::Entity::find()
                .select_only()
                .column(requirements::Column::Id)
                .column(requirements::Column::Number)
                .filter(requirements::Column::ProjectId.eq(self.id()))
                .filter(requirements::Column::Id.is_in(some.iter().copied()))
                .into_tuple()
                .all(self.conn)
                .await?;
            numbers.extend(found);
        }
        Ok(rows
            .into_iter()
            .filter_map(|row| link(row, &numbers))
            .collect())
    }

    /// At most `limit` of the project's links that there are now, oldest first.
    pub async fn links(&self, limit: u64) -> Result<Vec<Link>> {
        self.links_where(Condition::all().add(Column::EndedAt.is_null()), limit)
            .await
    }

    /// At most `limit` links of one requirement, either way, oldest first; with `ended` also those that
    /// were taken away.
    pub async fn links_of(&self, of: &Requirement, ended: bool, limit: u64) -> Result<Vec<Link>> {
        let mut which = Condition::all().add(
            Condition::any()
                .add(Column::FromId.eq(of.id))
                .add(Column::ToId.eq(of.id)),
        );
        if !ended {
            which = which.add(Column::EndedAt.is_null());
        }
        self.links_where(which, limit).await
    }

    /// How many links there are now.
    pub async fn count_links(&self) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::ProjectId.eq(self.id()))
            .filter(Column::EndedAt.is_null())
            .count(self.conn)
            .await?)
    }
}

fn same(ends: LinkEnds<'_>, kind: &str) -> Condition {
    Condition::all()
        .add(Column::FromId.eq(ends.from.id))
        .add(Column::ToId.eq(ends.to.id))
        .add(Column::Kind.eq(kind))
        .add(Column::EndedAt.is_null())
}

impl ProjectScope<'_, DatabaseTransaction> {
    /// Adds a link. False when there is the same one already.
    pub async fn insert_link(&self, new: NewLink<'_>) -> Result<bool> {
        let there = Entity::find()
            .filter(Column::ProjectId.eq(self.id()))
            .filter(same(new.ends, &new.kind))
            .count(self.conn)
            .await?;
        if there > 0 {
            return Ok(false);
        }
        let row = ActiveModel {
            id: NotSet,
            project_id: Set(self.id()),
            from_id: Set(new.ends.from.id),
            to_id: Set(new.ends.to.id),
            kind: Set(new.kind),
            created_at: Set(to_ms(new.at)),
            ended_at: Set(None),
            ended_by_name: Set(None),
            ended_by_caller: Set(None),
            by_user: Set(new.by.user.map(|user| user.0)),
            by_name: Set(new.by.name),
            by_caller: Set(new.by.caller),
        };
        row.insert(self.conn).await?;
        Ok(true)
    }

    /// Takes a link away. False when there is none such.
    pub async fn end_link(
        &self,
        ends: LinkEnds<'_>,
        kind: &str,
        by: By,
        at: Timestamp,
    ) -> Result<bool> {
        let done = Entity::update_many()
            .set(ActiveModel {
                ended_at: Set(Some(to_ms(at))),
                ended_by_name: Set(Some(by.name)),
                ended_by_caller: Set(Some(by.caller)),
                ..Default::default()
            })
            .filter(Column::ProjectId.eq(self.id()))
            .filter(same(ends, kind))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected > 0)
    }
}
