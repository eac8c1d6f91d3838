//! Leases: who does a piece of work that only one process at a time may do.
//!
//! A lease is a row that is taken with one conditional statement and lapses by itself, so that a
//! process that died holds nothing up for long. It keeps others from starting; it does not stop a
//! holder that overslept. So what is written under a lease is written with a condition of its own
//! (a generation, a status) as well.

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryTrait,
};

use crate::entity::leases;
use crate::{Result, Store, Tx, to_ms};

impl Store {
    /// Takes the lease `name` for `holder` until `until`; true when it was free, had lapsed at
    /// `now`, or was this holder's already.
    pub async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        let tx = self.begin().await?;
        let free = ExprTrait::or(
            leases::Column::ExpiresAt.lte(to_ms(now)),
            leases::Column::Holder.eq(holder),
        );
        let row = leases::ActiveModel {
            name: Set(name.to_owned()),
            holder: Set(holder.to_owned()),
            expires_at: Set(to_ms(until)),
        };
        let on_conflict = OnConflict::column(leases::Column::Name)
            .update_columns([leases::Column::Holder, leases::Column::ExpiresAt])
            .action_and_where(free)
            .to_owned();
        let statement = leases::Entity::insert(row)
            .on_conflict(on_conflict)
            .into_query();
        let taken = tx.conn().execute(&statement).await?.rows_affected() == 1;
        tx.commit().await?;
        Ok(taken)
    }

    /// Gives the lease back if `holder` still has it.
    pub async fn lease_release(&self, name: &str, holder: &str) -> Result<()> {
        let tx = self.begin().await?;
        leases::Entity::delete_many()
            .filter(leases::Column::Name.eq(name))
            .filter(leases::Column::Holder.eq(holder))
            .exec(tx.conn())
            .await?;
        tx.commit().await
    }

    /// Takes the lease away from whoever has or had it; false when there was none.
    pub async fn lease_remove(&self, name: &str) -> Result<bool> {
        let tx = self.begin().await?;
        let done = leases::Entity::delete_many()
            .filter(leases::Column::Name.eq(name))
            .exec(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected == 1)
    }

    /// Whether somebody holds the lease at `now`.
    pub async fn lease_held(&self, name: &str, now: Timestamp) -> Result<bool> {
        Ok(self.lease_holder(name, now).await?.is_some())
    }

    /// Who holds the lease at `now`.
    pub async fn lease_holder(&self, name: &str, now: Timestamp) -> Result<Option<String>> {
        let row = leases::Entity::find_by_id(name).one(self.read()).await?;
        Ok(row
            .filter(|row| row.expires_at > to_ms(now))
            .map(|row| row.holder))
    }
}

impl Tx {
    /// Deletes the leases that lapsed before `before`; returns how many.
    pub async fn leases_delete_lapsed(&self, before: Timestamp) -> Result<u64> {
        let done = leases::Entity::delete_many()
            .filter(leases::Column::ExpiresAt.lt(to_ms(before)))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests;
