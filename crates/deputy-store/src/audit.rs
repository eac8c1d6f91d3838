//! The audit chain as rows. What is hashed and how is the gateway's business; the store keeps the
//! order, one writer at a time.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LikeExpr, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _, RuntimeErr,
};

use crate::entity::{audit_head, audit_log};
use crate::{Engine, Error, Result, Store, Tx, from_ms, to_ms};

/// A record of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The place in the chain, from 1, without a gap.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// For whom; none for the program itself.
    pub user: Option<UserId>,
    /// Through what: `browser`, `token:NAME`, `system`, …
    pub caller: String,
    /// What: `tool.call`, `approval.approve`, …
    pub action: String,
    /// On what: a tool's name, an id.
    pub target: String,
    /// The call it belongs to.
    pub call_id: Option<String>,
    /// How it ended, or `started`.
    pub outcome: String,
    /// JSON: ids and digests, never values.
    pub detail: String,
    /// Hash over this record and the one before.
    pub hash: Vec<u8>,
}

impl From<audit_log::Model> for AuditRow {
    fn from(row: audit_log::Model) -> Self {
        Self {
            seq: row.id,
            at: from_ms(row.created_at),
            user: row.user_id.map(UserId),
            caller: row.caller,
            action: row.action,
            target: row.target,
            call_id: row.call_id,
            outcome: row.outcome,
            detail: row.detail,
            hash: row.hash,
        }
    }
}

/// Which records somebody asks for; what is left out holds back none.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only of this person.
    pub user: Option<UserId>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// This action and those under it: `tool` stands for `tool.call` and `tool.result` too.
    pub action: Option<String>,
    /// On what: a part of the target, in any case (ASCII). A server's tools are `NAME__TOOL`.
    pub target: Option<String>,
    /// Through what: a part of the caller, in any case (ASCII).
    pub caller: Option<String>,
    /// How it ended.
    pub outcome: Option<AuditOutcome>,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// With exactly this word.
    Is(String),
    /// Neither well nor open: not `ok`, `started`, `pending` or `quarantined`.
    Failed,
}

/// Where a page of records lies in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditPlace {
    /// The newest.
    #[default]
    Newest,
    /// The newest of those before this `seq`.
    Before(i64),
    /// The oldest of those after this `seq`.
    After(i64),
}

impl AuditFilter {
    /// Whether a record can fit at all.
    fn is_storable(&self) -> bool {
        let outcome = match &self.outcome {
            Some(AuditOutcome::Is(word)) => Some(word),
            Some(AuditOutcome::Failed) | None => None,
        };
        [
            self.action.as_ref(),
            self.target.as_ref(),
            self.caller.as_ref(),
            outcome,
        ]
        .into_iter()
        .flatten()
        .all(|text| crate::is_storable(text))
    }

    fn condition(&self) -> Condition {
        let column = |column: audit_log::Column| Expr::col(column);
        let part = |of: audit_log::Column, text: &str| {
            let pattern = format!("%{}%", crate::search::escaped(&text.to_ascii_lowercase()));
            Expr::expr(Func::lower(column(of))).like(LikeExpr::new(pattern).escape('\\'))
        };
        let mut all = Condition::all()
            .add_option(self.user.map(|u| audit_log::Column::UserId.eq(u.0)))
            .add_option(
                self.from
                    .map(|at| audit_log::Column::CreatedAt.gte(to_ms(at))),
            )
            .add_option(
                self.until
                    .map(|at| audit_log::Column::CreatedAt.lt(to_ms(at))),
            );
        if let Some(action) = &self.action {
            let under = LikeExpr::new(format!("{}.%", crate::search::escaped(action))).escape('\\');
            all = all.add(
                Condition::any()
                    .add(audit_log::Column::Action.eq(action))
                    .add(column(audit_log::Column::Action).like(under)),
            );
        }
        if let Some(text) = &self.target {
            all = all.add(part(audit_log::Column::Target, text));
        }
        if let Some(text) = &self.caller {
            all = all.add(part(audit_log::Column::Caller, text));
        }
        all.add_option(self.outcome.as_ref().map(|outcome| match outcome {
            AuditOutcome::Is(word) => audit_log::Column::Outcome.eq(word),
            AuditOutcome::Failed => {
                audit_log::Column::Outcome.is_not_in(["ok", "started", "pending", "quarantined"])
            }
        }))
    }
}

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Number of records.
    pub seq: i64,
    /// Hash of the last one.
    pub hash: Vec<u8>,
    /// Keyed code over number and hash, so that cutting the end off is seen.
    pub seal: Vec<u8>,
}

impl From<audit_head::Model> for AuditHead {
    fn from(row: audit_head::Model) -> Self {
        Self {
            seq: row.seq,
            hash: row.hash,
            seal: row.seal,
        }
    }
}

const HEAD: i32 = 1;

/// Tells a row that can't be decoded from a database that does not answer.
fn unreadable(error: DbErr, table: &'static str, row: impl FnOnce() -> String) -> Error {
    use sea_orm::sqlx::Error as Sqlx;
    let is_row = match &error {
        DbErr::Type(_) => true,
        DbErr::Query(RuntimeErr::SqlxError(error)) => {
            matches!(**error, Sqlx::ColumnDecode { .. } | Sqlx::Decode(_))
        }
        _ => false,
    };
    if is_row {
        return Error::Inconsistent {
            table,
            column: "value",
            row: row(),
        };
    }
    error.into()
}

/// The first place in this order, after `after` where it is given, that a record stands at, whatever else it holds.
async fn one_seq(
    conn: &impl ConnectionTrait,
    after: Option<i64>,
    order: Order,
) -> Result<Option<i64>> {
    let id = audit_log::Column::Id;
    Ok(audit_log::Entity::find()
        .select_only()
        .column(id)
        .apply_if(after, |query, seq| query.filter(id.gt(seq)))
        .order_by(id, order)
        .limit(1)
        .into_tuple()
        .one(conn)
        .await?)
}

impl Tx {
    /// The end of the chain, held against other writers until this transaction ends. `None` on an
    /// empty chain.
    pub async fn audit_head(&self) -> Result<Option<AuditHead>> {
        if self.engine == Engine::Postgres {
            // A lock that exists before the first row does.
            self.conn()
                .execute_unprepared("SELECT pg_advisory_xact_lock(4853)")
                .await?;
        }
        let mut query = audit_head::Entity::find_by_id(HEAD);
        if self.engine == Engine::Postgres {
            query = query.lock(LockType::Update);
        }
        Ok(query.one(self.conn()).await?.map(Into::into))
    }

    /// The highest place in the chain that a record stands at, whoever put it there.
    pub async fn audit_last_seq(&self) -> Result<Option<i64>> {
        one_seq(self.conn(), None, Order::Desc).await
    }

    /// Adds records and moves the end; `rows` continue the chain that [`Tx::audit_head`] showed.
    pub async fn audit_append(
        &self,
        rows: Vec<AuditRow>,
        head: AuditHead,
        first: bool,
    ) -> Result<()> {
        if !rows.is_empty() {
            audit_log::Entity::insert_many(rows.into_iter().map(|row| audit_log::ActiveModel {
                id: Set(row.seq),
                created_at: Set(to_ms(row.at)),
                user_id: Set(row.user.map(|u| u.0)),
                caller: Set(row.caller),
                action: Set(row.action),
                target: Set(row.target),
                call_id: Set(row.call_id),
                outcome: Set(row.outcome),
                detail: Set(row.detail),
                hash: Set(row.hash),
            }))
            .exec(self.conn())
            .await?;
        }
        let model = audit_head::ActiveModel {
            id: Set(HEAD),
            seq: Set(head.seq),
            hash: Set(head.hash),
            seal: Set(head.seal),
        };
        if first {
            audit_head::Entity::insert(model).exec(self.conn()).await?;
        } else {
            audit_head::Entity::update(model).exec(self.conn()).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Records after `seq`, oldest first, at most `limit`: for verifying and exporting.
    /// [`Error::Inconsistent`] when one of them holds what its columns can't, as SQLite allows.
    pub async fn audit_after(&self, seq: i64, limit: u64) -> Result<Vec<AuditRow>> {
        let rows = audit_log::Entity::find()
            .filter(audit_log::Column::Id.gt(seq))
            .order_by_asc(audit_log::Column::Id)
            .limit(limit)
            .all(self.read())
            .await
            .map_err(|error| unreadable(error, "audit_log", || format!("after {seq}")))?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The place of the first record after `seq`, whatever else it holds.
    pub async fn audit_next_seq(&self, seq: i64) -> Result<Option<i64>> {
        one_seq(self.read(), Some(seq), Order::Asc).await
    }

    /// The lowest place that a record stands at.
    pub async fn audit_first_seq(&self) -> Result<Option<i64>> {
        one_seq(self.read(), None, Order::Asc).await
    }

    /// The highest place that a record stands at, outside a transaction.
    pub async fn audit_final_seq(&self) -> Result<Option<i64>> {
        one_seq(self.read(), None, Order::Desc).await
    }

    /// The first place that more than one record stands at, as only a table without its key allows.
    pub async fn audit_duplicate_seq(&self) -> Result<Option<i64>> {
        let id = audit_log::Column::Id;
        Ok(audit_log::Entity::find()
            .select_only()
            .column(id)
            .group_by(id)
            .having(id.count().gt(1))
            .order_by_asc(id)
            .limit(1)
            .into_tuple()
            .one(self.read())
            .await?)
    }

    /// The stored end of the chain. [`Error::Inconsistent`] when it holds what its columns can't.
    pub async fn audit_stored_head(&self) -> Result<Option<AuditHead>> {
        Ok(audit_head::Entity::find_by_id(HEAD)
            .one(self.read())
            .await
            .map_err(|error| unreadable(error, "audit_head", || HEAD.to_string()))?
            .map(Into::into))
    }

    /// At most `limit` records that `filter` lets through, newest first.
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        place: AuditPlace,
        limit: u64,
    ) -> Result<Vec<AuditRow>> {
        if !filter.is_storable() {
            return Ok(Vec::new());
        }
        let id = audit_log::Column::Id;
        let query = audit_log::Entity::find()
            .filter(filter.condition())
            .limit(limit);
        let query = match place {
            AuditPlace::Newest => query.order_by_desc(id),
            AuditPlace::Before(seq) => query.filter(id.lt(seq)).order_by_desc(id),
            AuditPlace::After(seq) => query.filter(id.gt(seq)).order_by_asc(id),
        };
        let mut rows = query.all(self.read()).await?;
        if matches!(place, AuditPlace::After(_)) {
            rows.reverse();
        }
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// How many records there are.
    pub async fn audit_count(&self) -> Result<u64> {
        Ok(audit_log::Entity::find().count(self.read()).await?)
    }
}

#[cfg(test)]
mod tests;
