//! Making room among clients that nobody has allowed anything, when strangers have made too many.
//!
//! Whoever made many pays first: the newcomer's own address, then the address that has most. So
//! filling the table from a few addresses drops their own clients and nobody else's.

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect};

use super::ClientKind;
use crate::entity::oauth_clients::{Column, Entity};
use crate::{Result, Tx, to_ms};

impl Tx {
    /// Deletes one client of `kind` that was made before `made_before` and that nobody has allowed
    /// anything: the oldest of those made from `from`; if there is none, the oldest of those of the
    /// address that has most of them. Its id; `None` when there is none to delete.
    pub async fn drop_crowding_oauth_client(
        &self,
        kind: ClientKind,
        from: Option<&str>,
        made_before: Timestamp,
    ) -> Result<Option<String>> {
        let idle = Condition::all()
            .add(Column::Kind.eq(kind.as_str()))
            .add(Column::AuthorizedAt.is_null())
            .add(Column::CreatedAt.lt(to_ms(made_before)));
        let mut oldest = match from {
            Some(from) => self.oldest(&idle, Some(from)).await?,
            None => None,
        };
        if oldest.is_none() {
            let crowd: Option<(Option<String>, i64)> = Entity::find()
                .select_only()
                .column(Column::CreatedFrom)
                .column_as(Column::Id.count(), "clients")
                .filter(idle.clone())
                .group_by(Column::CreatedFrom)
                .order_by(Expr::col("clients"), Order::Desc)
                .into_tuple()
                .one(self.conn())
                .await?;
            if let Some((from, _)) = crowd {
                oldest = self.oldest(&idle, from.as_deref()).await?;
            }
        }
        let Some((id, client_id)) = oldest else {
            return Ok(None);
        };
        // Somebody may be allowing it something at this moment.
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id))
            .filter(Column::AuthorizedAt.is_null())
            .exec(self.conn())
            .await?;
        Ok((done.rows_affected == 1).then_some(client_id))
    }

    async fn oldest(&self, among: &Condition, from: Option<&str>) -> Result<Option<(i64, String)>> {
        let made = match from {
            Some(from) => Column::CreatedFrom.eq(from),
            None => Column::CreatedFrom.is_null(),
        };
        Ok(Entity::find()
            .select_only()
            .column(Column::Id)
            .column(Column::ClientId)
            .filter(among.clone())
            .filter(made)
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .into_tuple()
            .one(self.conn())
            .await?)
    }
}

#[cfg(test)]
mod tests;
