//! Secrets of the installation itself, such as the key that signs its OAuth states: made once,
//! shared by all replicas, sealed by the caller.

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::entity::installation_secrets::{ActiveModel, Column, Entity};
use crate::{Result, Store, Tx, to_ms};

impl Store {
    /// The sealed secret of this name.
    pub async fn installation_secret(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(Entity::find_by_id(name)
            .one(self.read())
            .await?
            .map(|row| row.sealed))
    }
}

impl Tx {
    /// Adds a secret, unless there is one of this name: then the first stays.
    pub async fn installation_secret_add(
        &self,
        name: &str,
        sealed: Vec<u8>,
        at: Timestamp,
    ) -> Result<()> {
        Entity::insert(ActiveModel {
            name: Set(name.to_owned()),
            sealed: Set(sealed),
            created_at: Set(to_ms(at)),
        })
        .on_conflict(OnConflict::column(Column::Name).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(self.conn())
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
