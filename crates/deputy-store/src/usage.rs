//! What calls cost, per person (`mcp_usage_log`).

use std::collections::BTreeSet;

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, NotSet, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::entity::{mcp_usage_log, users};
use crate::{Engine, Result, Tx, UserScope, from_ms, to_ms};

/// One call, for the statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    /// Whose.
    pub user: UserId,
    /// The server that answered.
    pub server: String,
    /// The tool.
    pub query: String,
    /// How long it took, in milliseconds.
    pub response_time_ms: i64,
    /// Whether it gave a result that is no error.
    pub success: bool,
    /// The error's code, if not.
    pub error: Option<String>,
    /// In US dollars.
    pub cost: f64,
    /// When.
    pub at: Timestamp,
}

impl Tx {
    /// Adds rows; those of people who are gone are left out, so that they fail nobody else's.
    pub async fn usage_append(&self, mut rows: Vec<UsageRow>) -> Result<()> {
        let people: BTreeSet<i64> = rows.iter().map(|row| row.user.0).collect();
        if !people.is_empty() {
            let mut known = users::Entity::find()
                .select_only()
                .column(users::Column::Id)
                .filter(users::Column::Id.is_in(people));
            if self.engine == Engine::Postgres {
                // Until the end of this unit of work nobody of them is deleted.
                known = known.lock(LockType::KeyShare);
            }
            let known: Vec<i64> = known.into_tuple().all(self.conn()).await?;
            rows.retain(|row| known.contains(&row.user.0));
        }
        if rows.is_empty() {
            return Ok(());
        }
        mcp_usage_log::Entity::insert_many(rows.into_iter().map(|row| {
            mcp_usage_log::ActiveModel {
                id: NotSet,
                user_id: Set(row.user.0),
                server_name: Set(row.server),
                query: Set(row.query),
                response_time: Set(row.response_time_ms),
                success: Set(row.success),
                error_message: Set(row.error),
                cost: Set(row.cost),
                session_id: Set(None),
                created_at: Set(to_ms(row.at)),
            }
        }))
        .exec(self.conn())
        .await?;
        Ok(())
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// Rows since `since`, oldest first.
    pub async fn usage_since(&self, since: Timestamp) -> Result<Vec<UsageRow>> {
        let rows = mcp_usage_log::Entity::find()
            .filter(mcp_usage_log::Column::UserId.eq(self.user.0))
            .filter(mcp_usage_log::Column::CreatedAt.gte(to_ms(since)))
            .order_by_asc(mcp_usage_log::Column::Id)
            .all(self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| UsageRow {
                user: UserId(row.user_id),
                server: row.server_name,
                query: row.query,
                response_time_ms: row.response_time,
                success: row.success,
                error: row.error_message,
                cost: row.cost,
                at: from_ms(row.created_at),
            })
            .collect())
    }
}
