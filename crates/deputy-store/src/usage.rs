//! What calls cost, per person (`mcp_usage_log`).

use std::collections::BTreeSet;

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, NotSet,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};

use crate::entity::mcp_usage_log::Column;
use crate::entity::{mcp_usage_log, users};
use crate::{Engine, Result, Tx, UserScope, to_ms};

/// Most spans of one question: a year of days.
const MAX_SPANS: usize = 400;

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
    /// The session of a context in which it was asked.
    pub session: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A stretch of time: from `from` on, before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant in it.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// The calls of a person to one server within one span.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageSum {
    /// Which of the spans, from 0.
    pub span: usize,
    /// The server.
    pub server: String,
    /// How many.
    pub calls: u64,
    /// How many succeeded.
    pub successful: u64,
    /// How long they took together, in milliseconds.
    pub response_time_ms: u64,
    /// In US dollars.
    pub cost: f64,
}

/// The calls of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionSum {
    /// How many.
    pub calls: u64,
    /// How many succeeded.
    pub successful: u64,
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
                session_id: Set(row.session),
                created_at: Set(to_ms(row.at)),
            }
        }))
        .exec(self.conn())
        .await?;
        Ok(())
    }
}

impl Tx {
    /// Deletes up to `limit` rows from before `before`, the oldest first; returns how many.
    pub async fn usage_delete_before(&self, before: Timestamp, limit: u64) -> Result<u64> {
        let oldest: Vec<i64> = mcp_usage_log::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::CreatedAt.lt(to_ms(before)))
            .order_by_asc(Column::CreatedAt)
            .limit(limit)
            .into_tuple()
            .all(self.conn())
            .await?;
        let done = mcp_usage_log::Entity::delete_many()
            .filter(Column::Id.is_in(oldest))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected)
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The calls of this person, summed by span and server; spans don't overlap. Most 400 spans.
    pub async fn usage_sums(&self, spans: &[Span]) -> Result<Vec<UsageSum>> {
        #[derive(FromQueryResult)]
        struct Row {
            span: i64,
            server_name: String,
            calls: i64,
            successful: i64,
            response_time: i64,
            cost: f64,
        }
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        // Numbers of ours, so the text can hold them: PostgreSQL would not know a parameter's type here.
        let list: Vec<_> = spans
            .iter()
            .take(MAX_SPANS)
            .enumerate()
            .map(|(n, span)| {
                let (from, until) = (to_ms(span.from), to_ms(span.until));
                format!("(CAST({n} AS BIGINT), CAST({from} AS BIGINT), CAST({until} AS BIGINT))")
            })
            .collect();
        let text = format!(
            "WITH spans (span, since, until) AS (VALUES {}) \
             SELECT s.span AS span, u.server_name AS server_name, COUNT(*) AS calls, \
             SUM(CASE WHEN u.success THEN 1 ELSE 0 END) AS successful, \
             CAST(SUM(u.response_time) AS BIGINT) AS response_time, SUM(u.cost) AS cost \
             FROM spans s JOIN mcp_usage_log u \
             ON u.user_id = $1 AND u.created_at >= s.since AND u.created_at < s.until \
             GROUP BY s.span, u.server_name ORDER BY s.span, u.server_name",
            list.join(", ")
        );
        let statement = Statement::from_sql_and_values(
            self.conn.get_database_backend(),
            text,
            [self.user.0.into()],
        );
        let rows = Row::find_by_statement(statement).all(self.conn).await?;
        let positive = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok(rows
            .into_iter()
            .map(|row| UsageSum {
                span: usize::try_from(row.span).unwrap_or(0),
                server: row.server_name,
                calls: positive(row.calls),
                successful: positive(row.successful),
                response_time_ms: positive(row.response_time),
                cost: row.cost,
            })
            .collect())
    }

    /// What this person asked `server` in sessions of contexts since `since`.
    pub async fn usage_of_sessions(&self, server: &str, since: Timestamp) -> Result<SessionSum> {
        let mine = || {
            mcp_usage_log::Entity::find()
                .filter(Column::UserId.eq(self.user.0))
                .filter(Column::CreatedAt.gte(to_ms(since)))
                .filter(Column::ServerName.eq(server))
                .filter(Column::SessionId.is_not_null())
        };
        Ok(SessionSum {
            calls: mine().count(self.conn).await?,
            successful: mine()
                .filter(Column::Success.eq(true))
                .count(self.conn)
                .await?,
        })
    }
}

#[cfg(test)]
mod tests;
