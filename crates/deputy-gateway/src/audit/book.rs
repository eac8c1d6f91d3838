//! The end of the chain, and how records are added to it.

use deputy_core::Secret;
use deputy_store::audit::{AuditHead, AuditRow};
use deputy_store::{Tx, from_millis};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::chain::{BREAK, Chain};
use super::{Entry, cut, cut_detail};

/// Number and hash of a record.
type Place = (i64, Vec<u8>);

/// What adds records, in whatever transaction.
pub(super) struct Book {
    chain: Chain,
    /// The last record that was written here and is durable.
    left: Mutex<Option<Place>>,
}

/// Where the chain goes on.
struct End {
    seq: i64,
    hash: Vec<u8>,
    /// Whether nothing is recorded of the end yet.
    first: bool,
}

impl Book {
    /// With the installation's audit key.
    pub(super) fn new(key: &Secret<Vec<u8>>) -> Self {
        Self {
            chain: Chain::new(key),
            left: Mutex::default(),
        }
    }

    /// Adds records in this transaction and says where the chain ends then.
    pub(super) async fn append(
        &self,
        tx: &Tx,
        entries: &[(&Entry, Timestamp)],
    ) -> deputy_store::Result<Place> {
        let End {
            mut seq,
            mut hash,
            first,
        } = self.end(tx).await?;
        let mut rows = Vec::with_capacity(entries.len());
        for (entry, at) in entries {
            seq = seq
                .checked_add(1)
                .ok_or(deputy_store::Error::Inconsistent {
                    table: "audit_log",
                    column: "id",
                    row: seq.to_string(),
                })?;
            let mut row = AuditRow {
                seq,
                // The row keeps milliseconds; what is hashed must be what is read back.
                at: from_millis(at.as_millisecond()),
                user: entry.user,
                caller: cut(&entry.caller).into_owned(),
                action: entry.action.to_owned(),
                target: cut(&entry.target).into_owned(),
                call_id: entry.call_id.clone(),
                outcome: entry.outcome.clone(),
                detail: cut_detail(entry.detail.to_string()),
                hash: Vec::new(),
            };
            row.hash = self.chain.link(&hash, &row);
            hash.clone_from(&row.hash);
            rows.push(row);
        }
        let seal = self.chain.seal(seq, &hash);
        let left = (seq, hash.clone());
        tx.audit_append(rows, AuditHead { seq, hash, seal }, first)
            .await?;
        Ok(left)
    }

    /// Remembers where the chain ends, now that it is durable.
    pub(super) fn keep(&self, place: Place) {
        let mut left = self.left.lock();
        if left.as_ref().is_none_or(|(seq, _)| *seq < place.0) {
            *left = Some(place);
        }
    }

    /// The end of the chain, if it is as it was left; else a break behind everything there is.
    async fn end(&self, tx: &Tx) -> deputy_store::Result<End> {
        let head = tx.audit_head().await?;
        let last = tx.audit_last_seq().await?.unwrap_or(0);
        let first = head.is_none();
        let genuine = head.as_ref().is_none_or(|head| self.chain.sealed(head));
        let (seq, hash) = head.map_or((0, Vec::new()), |head| (head.seq, head.hash));
        let left = self.left.lock().clone();
        // Another process may have written more meanwhile, never less.
        let kept = left.as_ref().is_none_or(|(left, with)| {
            seq > *left
                || seq == *left
                    && aws_lc_rs::constant_time::verify_slices_are_equal(&hash, with).is_ok()
        });
        if genuine && kept && last <= seq {
            return Ok(End { seq, hash, first });
        }
        let known = left.as_ref().map_or(0, |(left, _)| *left);
        let seq = if genuine { seq } else { 0 }.max(last).max(known);
        tracing::error!(
            after = seq,
            "the end of the audit log is not as it was left: it was rewritten, cut off or added to; what comes now stands \
             behind a break (see: deputy audit verify)"
        );
        Ok(End {
            seq,
            hash: BREAK.to_vec(),
            first,
        })
    }
}
