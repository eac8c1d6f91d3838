//! Rows of `totp_factors`: a person's authenticator app, one per person.
//!
//! A row counts from the moment a right code was given. A code is taken by moving `last_step`
//! forward in one conditional `UPDATE`: of two who present the same code at once, in whatever
//! process, one is too late.

use std::collections::HashSet;

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait as _, QueryFilter,
    QuerySelect as _,
};

use crate::entity::totp_factors::{ActiveModel, Column, Entity, Model};
use crate::{Result, Store, UserScope, from_ms, to_ms};

/// A person's authenticator app.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpFactor {
    /// The secret, sealed.
    pub secret: Vec<u8>,
    /// When it was set up.
    pub created_at: Timestamp,
    /// Since when it counts; `None` before the first right code.
    pub active_at: Option<Timestamp>,
    /// The time step of the last code that was taken.
    pub last_step: i64,
}

impl From<Model> for TotpFactor {
    fn from(row: Model) -> Self {
        Self {
            secret: row.secret,
            created_at: from_ms(row.created_at),
            active_at: row.active_at.map(from_ms),
            last_step: row.last_step,
        }
    }
}

impl Store {
    /// Who has an authenticator app that counts.
    pub async fn people_with_totp(&self) -> Result<HashSet<UserId>> {
        let ids: Vec<i64> = Entity::find()
            .select_only()
            .column(Column::UserId)
            .filter(Column::ActiveAt.is_not_null())
            .into_tuple()
            .all(self.read())
            .await?;
        Ok(ids.into_iter().map(UserId).collect())
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The person's authenticator app, also one that does not count yet.
    pub async fn totp_factor(&self) -> Result<Option<TotpFactor>> {
        let row = Entity::find_by_id(self.user.0).one(self.conn).await?;
        Ok(row.map(Into::into))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Keeps the sealed secret of an app that does not count yet, in place of an earlier one.
    /// False when one counts already: that one stays.
    pub async fn put_pending_totp(&self, secret: &[u8], at: Timestamp) -> Result<bool> {
        let row = ActiveModel {
            user_id: Set(self.user.0),
            secret: Set(secret.to_vec()),
            created_at: Set(to_ms(at)),
            active_at: NotSet,
            last_step: Set(0),
        };
        let done = Entity::insert(row)
            .on_conflict(
                OnConflict::column(Column::UserId)
                    .update_columns([Column::Secret, Column::CreatedAt])
                    .action_and_where(Expr::col((Entity, Column::ActiveAt)).is_null())
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(done == 1)
    }

    /// Lets the app count, whose first code was of `step`. False when its secret is another one by
    /// now, or it counts already.
    pub async fn activate_totp(&self, secret: &[u8], step: i64, at: Timestamp) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::ActiveAt, Expr::value(to_ms(at)))
            .col_expr(Column::LastStep, Expr::value(step))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ActiveAt.is_null())
            .filter(Column::Secret.eq(secret.to_vec()))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes the code of `step`, once: false when one of this step or of a later one was taken.
    pub async fn take_totp_step(&self, step: i64) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::LastStep, Expr::value(step))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ActiveAt.is_not_null())
            .filter(Column::LastStep.lt(step))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Removes the app. False when there is none.
    pub async fn delete_totp(&self) -> Result<bool> {
        let done = Entity::delete_by_id(self.user.0).exec(self.conn).await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
