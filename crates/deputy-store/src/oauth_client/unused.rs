//! Clients that nobody has allowed anything, for whoever decides which of them makes room.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect};

use super::ClientKind;
use crate::entity::oauth_clients::{Column, Entity};
use crate::{Result, Store, Tx, from_ms, to_ms};

/// A client that nobody has allowed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedClient {
    /// The number of the row.
    pub id: i64,
    /// The address that it was made from, where that is known.
    pub created_from: Option<String>,
    /// When it was made, or its person was last asked.
    pub seen_at: Timestamp,
}

/// When a client that nobody has allowed anything was made, or its person was last asked.
pub(super) fn seen_at() -> SimpleExpr {
    Func::coalesce([Expr::col(Column::LastUsedAt), Expr::col(Column::CreatedAt)]).into()
}

impl Store {
    /// Clients of `kind` that nobody has allowed anything, the one that was seen longest ago first.
    pub async fn unused_oauth_clients(&self, kind: ClientKind) -> Result<Vec<UnusedClient>> {
        let rows: Vec<(i64, Option<String>, i64)> = Entity::find()
            .select_only()
            .column(Column::Id)
            .column(Column::CreatedFrom)
            .column_as(seen_at(), "seen_at")
            .filter(Column::Kind.eq(kind.as_str()))
            .filter(Column::AuthorizedAt.is_null())
            .order_by(seen_at(), Order::Asc)
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(self.read())
            .await?;
        let unused = |(id, created_from, seen_at)| UnusedClient {
            id,
            created_from,
            seen_at: from_ms(seen_at),
        };
        Ok(rows.into_iter().map(unused).collect())
    }
}

impl Tx {
    /// Deletes a client unless somebody has allowed it something, or was asked, since it was looked
    /// at. Whether it is gone by this.
    pub async fn delete_unused_oauth_client(&self, client: &UnusedClient) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(client.id))
            .filter(Column::AuthorizedAt.is_null())
            .filter(Expr::expr(seen_at()).lte(to_ms(client.seen_at)))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
