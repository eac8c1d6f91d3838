//! The audit chain as rows. What is hashed and how is the gateway's business; the store keeps the
//! order, one writer at a time.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::LockType,
};

use crate::entity::{audit_head, audit_log};
use crate::{Engine, Result, Store, Tx, from_ms, to_ms};

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

impl Tx {
    /// The end of the chain, held against other writers until this transaction ends. `None` on an
    /// empty chain.
    pub async fn audit_head(&self) -> Result<Option<AuditHead>> {
        if self.engine == Engine::Postgres {
            // A lock that exists before the first row does.
            use sea_orm::ConnectionTrait as _;
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
    pub async fn audit_after(&self, seq: i64, limit: u64) -> Result<Vec<AuditRow>> {
        let rows = audit_log::Entity::find()
            .filter(audit_log::Column::Id.gt(seq))
            .order_by_asc(audit_log::Column::Id)
            .limit(limit)
            .all(self.read())
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The stored end of the chain.
    pub async fn audit_stored_head(&self) -> Result<Option<AuditHead>> {
        Ok(audit_head::Entity::find_by_id(HEAD)
            .one(self.read())
            .await?
            .map(Into::into))
    }

    /// Newest records first, before `before` where given: those of `user`, or everybody's.
    pub async fn audit_page(
        &self,
        user: Option<UserId>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<AuditRow>> {
        let mut query = audit_log::Entity::find();
        if let Some(user) = user {
            query = query.filter(audit_log::Column::UserId.eq(user.0));
        }
        if let Some(before) = before {
            query = query.filter(audit_log::Column::Id.lt(before));
        }
        let rows = query
            .order_by_desc(audit_log::Column::Id)
            .limit(limit)
            .all(self.read())
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// How many records there are.
    pub async fn audit_count(&self) -> Result<u64> {
        Ok(audit_log::Entity::find().count(self.read()).await?)
    }
}
