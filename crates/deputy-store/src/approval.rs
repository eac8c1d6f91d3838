//! Approvals: calls that wait for their person's word.
//!
//! `pending` → `approved` → `done`, or `pending` → `rejected` | `expired`. Every step is one
//! conditional update, so that a decision counts once on whatever surface it was made.

use deputy_core::{CallId, UserId};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::approvals;
use crate::{Error, Result, Store, Tx, UserScope, from_ms, to_ms};

#[cfg(test)]
mod tests;

/// What a row counts for beside what is sealed in it, in bytes.
const ROW: u32 = 1024;
/// Most rows that are deleted with one statement.
const AT_ONCE: usize = 1000;

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalStatus {
    /// Nobody has decided yet.
    Pending,
    /// The person said yes; it is being carried out, or will be.
    Approved,
    /// It was carried out; the result says how that went.
    Done,
    /// The person said no.
    Rejected,
    /// Nobody decided in time, or the tool changed meanwhile.
    Expired,
}

impl ApprovalStatus {
    /// The word on the wire and in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Approved,
            Self::Done,
            Self::Rejected,
            Self::Expired,
        ]
        .into_iter()
        .find(|s| s.as_str() == word)
    }
}

/// An approval as it is stored; `request` and `result` are sealed by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRow {
    /// Its id.
    pub id: Uuid,
    /// Whose call it is; only this person decides.
    pub user: UserId,
    /// The server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// Sealed arguments and summary.
    pub request: Vec<u8>,
    /// SHA-256 of the canonical arguments, in hex.
    pub arguments_digest: String,
    /// SHA-256 of the tool's definition when it was asked, in hex.
    pub definition_digest: String,
    /// The id under which the effect is made.
    pub call_id: CallId,
    /// Through what it was asked.
    pub caller: String,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When it lapses undecided.
    pub expires_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// How often carrying it out was begun.
    pub attempts: i32,
    /// Sealed outcome.
    pub result: Option<Vec<u8>>,
    /// When the caller that asked fetched the result.
    pub collected_at: Option<Timestamp>,
}

fn from_row(row: approvals::Model) -> Result<ApprovalRow> {
    let bad = |column| Error::Inconsistent {
        table: "approvals",
        column,
        row: row.id.clone(),
    };
    Ok(ApprovalRow {
        id: Uuid::parse_str(&row.id).map_err(|_| bad("id"))?,
        user: UserId(row.user_id),
        call_id: row.call_id.parse().map_err(|_| bad("call_id"))?,
        status: ApprovalStatus::parse(&row.status).ok_or_else(|| bad("status"))?,
        server: row.server,
        tool: row.tool,
        request: row.request,
        arguments_digest: row.arguments_digest,
        definition_digest: row.definition_digest,
        caller: row.caller,
        requested_at: from_ms(row.requested_at),
        expires_at: from_ms(row.expires_at),
        decided_at: row.decided_at.map(from_ms),
        attempts: row.attempts,
        result: row.result,
        collected_at: row.collected_at.map(from_ms),
    })
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// One approval of this person.
    pub async fn approval(&self, id: Uuid) -> Result<Option<ApprovalRow>> {
        approvals::Entity::find_by_id(id.to_string())
            .filter(approvals::Column::UserId.eq(self.user.0))
            .one(self.conn)
            .await?
            .map(from_row)
            .transpose()
    }

    /// This person's approvals, those that wait first, then the newest; at most `limit`.
    pub async fn approvals(&self, limit: u64) -> Result<Vec<ApprovalRow>> {
        let pending = approvals::Column::Status.eq(ApprovalStatus::Pending.as_str());
        let waiting: SimpleExpr = Expr::case(pending, 1).finally(0).into();
        approvals::Entity::find()
            .filter(approvals::Column::UserId.eq(self.user.0))
            .order_by_desc(waiting)
            .order_by_desc(approvals::Column::RequestedAt)
            .order_by_desc(approvals::Column::Id)
            .limit(limit)
            .all(self.conn)
            .await?
            .into_iter()
            .map(from_row)
            .collect()
    }

    /// The newest approval of the same call by the same caller that still matters: undecided and
    /// not lapsed at `now`, being carried out, or decided after `decided_since` and not fetched yet.
    pub async fn live_approval(
        &self,
        tool: &str,
        arguments_digest: &str,
        caller: &str,
        now: Timestamp,
        decided_since: Timestamp,
    ) -> Result<Option<ApprovalRow>> {
        approvals::Entity::find()
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::Tool.eq(tool))
            .filter(approvals::Column::ArgumentsDigest.eq(arguments_digest))
            .filter(approvals::Column::Caller.eq(caller))
            .filter(approvals::Column::CollectedAt.is_null())
            .filter(
                Condition::any()
                    .add(
                        Condition::all()
                            .add(approvals::Column::Status.eq(ApprovalStatus::Pending.as_str()))
                            .add(approvals::Column::ExpiresAt.gt(to_ms(now))),
                    )
                    .add(approvals::Column::Status.eq(ApprovalStatus::Approved.as_str()))
                    .add(
                        Condition::all()
                            .add(approvals::Column::Status.is_in([
                                ApprovalStatus::Done.as_str(),
                                ApprovalStatus::Rejected.as_str(),
                            ]))
                            .add(approvals::Column::DecidedAt.gt(to_ms(decided_since))),
                    ),
            )
            .order_by_desc(approvals::Column::RequestedAt)
            .order_by_desc(approvals::Column::Id)
            .one(self.conn)
            .await?
            .map(from_row)
            .transpose()
    }

    /// How many of this person's approvals wait at `now`.
    pub async fn pending_approvals(&self, now: Timestamp) -> Result<u64> {
        use sea_orm::PaginatorTrait as _;
        Ok(approvals::Entity::find()
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::Status.eq(ApprovalStatus::Pending.as_str()))
            .filter(approvals::Column::ExpiresAt.gt(to_ms(now)))
            .count(self.conn)
            .await?)
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// How many bytes the sealed requests of this person's approvals have that wait at `now`.
    pub async fn pending_approvals_bytes(&self, now: Timestamp) -> Result<u64> {
        let bytes: Option<Option<i64>> = approvals::Entity::find()
            .select_only()
            .column_as(Expr::cust("SUM(LENGTH(request))"), "bytes")
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::Status.eq(ApprovalStatus::Pending.as_str()))
            .filter(approvals::Column::ExpiresAt.gt(to_ms(now)))
            .into_tuple()
            .one(self.conn)
            .await?;
        Ok(u64::try_from(bytes.flatten().unwrap_or(0)).unwrap_or(0))
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Deletes the oldest of this person's approvals that have ended (at `now`: lapsed ones too) until the others are
    /// no more than `keep_bytes` of requests and results.
    pub async fn approvals_trim(&self, now: Timestamp, keep_bytes: u64) -> Result<()> {
        let pending = approvals::Column::Status.eq(ApprovalStatus::Pending.as_str());
        let ended = Condition::any()
            .add(approvals::Column::Status.is_in([
                ApprovalStatus::Done.as_str(),
                ApprovalStatus::Rejected.as_str(),
                ApprovalStatus::Expired.as_str(),
            ]))
            .add(
                Condition::all()
                    .add(pending)
                    .add(approvals::Column::ExpiresAt.lte(to_ms(now))),
            );
        let size = format!("CAST(LENGTH(request) + COALESCE(LENGTH(result), 0) + {ROW} AS BIGINT)");
        let sizes: Vec<(String, i64)> = approvals::Entity::find()
            .select_only()
            .column(approvals::Column::Id)
            .column_as(Expr::cust(size), "bytes")
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(ended)
            .order_by_desc(approvals::Column::RequestedAt)
            .order_by_desc(approvals::Column::Id)
            .into_tuple()
            .all(self.conn)
            .await?;
        let mut sum = 0_u64;
        let beyond = sizes.into_iter().filter_map(|(id, bytes)| {
            sum = sum.saturating_add(u64::try_from(bytes).unwrap_or(0));
            (sum > keep_bytes).then_some(id)
        });
        let beyond: Vec<String> = beyond.collect();
        for some in beyond.chunks(AT_ONCE) {
            approvals::Entity::delete_many()
                .filter(approvals::Column::UserId.eq(self.user.0))
                .filter(approvals::Column::Id.is_in(some))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Adds a pending approval of this person.
    pub async fn approval_add(&self, row: ApprovalRow) -> Result<()> {
        approvals::Entity::insert(approvals::ActiveModel {
            id: Set(row.id.to_string()),
            user_id: Set(self.user.0),
            server: Set(row.server),
            tool: Set(row.tool),
            request: Set(row.request),
            arguments_digest: Set(row.arguments_digest),
            definition_digest: Set(row.definition_digest),
            call_id: Set(row.call_id.to_string()),
            caller: Set(row.caller),
            status: Set(ApprovalStatus::Pending.as_str().to_owned()),
            requested_at: Set(to_ms(row.requested_at)),
            expires_at: Set(to_ms(row.expires_at)),
            decided_at: Set(None),
            decided_by: Set(None),
            lease_until: Set(None),
            attempts: Set(0),
            result: Set(None),
            finished_at: Set(None),
            collected_at: Set(None),
        })
        .exec(self.conn)
        .await?;
        Ok(())
    }

    /// Decides a pending approval; an approval is claimed for carrying out until `lease_until` in
    /// the same step. False when it was no longer pending, or had lapsed at `now`.
    pub async fn approval_decide(
        &self,
        id: Uuid,
        to: ApprovalStatus,
        by: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<bool> {
        let approve = to == ApprovalStatus::Approved;
        let done = approvals::Entity::update_many()
            .col_expr(approvals::Column::Status, Expr::value(to.as_str()))
            .col_expr(approvals::Column::DecidedAt, Expr::value(to_ms(now)))
            .col_expr(approvals::Column::DecidedBy, Expr::value(by))
            .col_expr(
                approvals::Column::LeaseUntil,
                Expr::value(approve.then_some(to_ms(lease_until))),
            )
            .col_expr(approvals::Column::Attempts, Expr::value(i32::from(approve)))
            .filter(approvals::Column::Id.eq(id.to_string()))
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::Status.eq(ApprovalStatus::Pending.as_str()))
            .filter(approvals::Column::ExpiresAt.gt(to_ms(now)))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Keeps the claim on an approved call that is being carried out; false when it was lost.
    pub async fn approval_keep(
        &self,
        id: Uuid,
        attempts: i32,
        lease_until: Timestamp,
    ) -> Result<bool> {
        let done = approvals::Entity::update_many()
            .col_expr(
                approvals::Column::LeaseUntil,
                Expr::value(to_ms(lease_until)),
            )
            .filter(approvals::Column::Id.eq(id.to_string()))
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::Status.eq(ApprovalStatus::Approved.as_str()))
            .filter(approvals::Column::Attempts.eq(attempts))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Stores the outcome of an approved call.
    pub async fn approval_finish(&self, id: Uuid, result: Vec<u8>, now: Timestamp) -> Result<bool> {
        let done = approvals::Entity::update_many()
            .col_expr(
                approvals::Column::Status,
                Expr::value(ApprovalStatus::Done.as_str()),
            )
            .col_expr(approvals::Column::Result, Expr::value(result))
            .col_expr(approvals::Column::FinishedAt, Expr::value(to_ms(now)))
            .col_expr(approvals::Column::LeaseUntil, Expr::value(None::<i64>))
            .filter(approvals::Column::Id.eq(id.to_string()))
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::Status.eq(ApprovalStatus::Approved.as_str()))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Marks a decided approval as fetched by the caller that asked. False when it had been before.
    pub async fn approval_collect(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        let done = approvals::Entity::update_many()
            .col_expr(approvals::Column::CollectedAt, Expr::value(to_ms(now)))
            .filter(approvals::Column::Id.eq(id.to_string()))
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::CollectedAt.is_null())
            .filter(approvals::Column::Status.is_in([
                ApprovalStatus::Done.as_str(),
                ApprovalStatus::Rejected.as_str(),
            ]))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes a pending approval back because the tool it was for has changed.
    pub async fn approval_void(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        let done = approvals::Entity::update_many()
            .col_expr(
                approvals::Column::Status,
                Expr::value(ApprovalStatus::Expired.as_str()),
            )
            .col_expr(approvals::Column::ExpiresAt, Expr::value(to_ms(now)))
            .filter(approvals::Column::Id.eq(id.to_string()))
            .filter(approvals::Column::UserId.eq(self.user.0))
            .filter(approvals::Column::Status.eq(ApprovalStatus::Pending.as_str()))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

impl Store {
    /// Approved calls whose claim has lapsed: whoever carried them out died. At most 20.
    pub async fn abandoned_approvals(&self, now: Timestamp) -> Result<Vec<ApprovalRow>> {
        approvals::Entity::find()
            .filter(approvals::Column::Status.eq(ApprovalStatus::Approved.as_str()))
            .filter(approvals::Column::LeaseUntil.lte(to_ms(now)))
            .order_by_asc(approvals::Column::DecidedAt)
            .limit(20)
            .all(self.read())
            .await?
            .into_iter()
            .map(from_row)
            .collect()
    }
}

impl Store {
    /// How many approved calls have waited since before `now` for somebody to carry them out.
    pub async fn abandoned_approvals_count(&self, now: Timestamp) -> Result<u64> {
        use sea_orm::PaginatorTrait as _;
        Ok(approvals::Entity::find()
            .filter(approvals::Column::Status.eq(ApprovalStatus::Approved.as_str()))
            .filter(approvals::Column::LeaseUntil.lte(to_ms(now)))
            .count(self.read())
            .await?)
    }
}

impl Tx {
    /// Claims an abandoned approval until `lease_until`; false when another was faster.
    pub async fn approval_reclaim(
        &self,
        row: &ApprovalRow,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<bool> {
        let done = approvals::Entity::update_many()
            .col_expr(
                approvals::Column::LeaseUntil,
                Expr::value(to_ms(lease_until)),
            )
            .col_expr(approvals::Column::Attempts, Expr::value(row.attempts + 1))
            .filter(approvals::Column::Id.eq(row.id.to_string()))
            .filter(approvals::Column::Status.eq(ApprovalStatus::Approved.as_str()))
            .filter(approvals::Column::LeaseUntil.lte(to_ms(now)))
            .filter(approvals::Column::Attempts.eq(row.attempts))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Marks what lapsed undecided as expired and deletes what ended before `keep_since`.
    pub async fn approvals_sweep(&self, now: Timestamp, keep_since: Timestamp) -> Result<()> {
        approvals::Entity::update_many()
            .col_expr(
                approvals::Column::Status,
                Expr::value(ApprovalStatus::Expired.as_str()),
            )
            .filter(approvals::Column::Status.eq(ApprovalStatus::Pending.as_str()))
            .filter(approvals::Column::ExpiresAt.lte(to_ms(now)))
            .exec(self.conn())
            .await?;
        approvals::Entity::delete_many()
            .filter(approvals::Column::Status.is_in([
                ApprovalStatus::Done.as_str(),
                ApprovalStatus::Rejected.as_str(),
                ApprovalStatus::Expired.as_str(),
            ]))
            .filter(approvals::Column::RequestedAt.lt(to_ms(keep_since)))
            .exec(self.conn())
            .await?;
        Ok(())
    }
}
