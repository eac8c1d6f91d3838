//! The record of what was done for whom, as a chain that shows tampering.
//!
//! Each record carries an HMAC-SHA-256 over itself and the record before; the end of the chain is
//! sealed too. Whoever can write the database but does not hold the key can't change, drop, reorder
//! or add a record unseen. (Someone who holds both can: export the chain to where they can't reach.)
//!
//! One task writes, in groups: whatever is waiting goes into one transaction. A record before an
//! effect is waited for ([`Audit::record`]); the record of a read is not ([`Audit::note`]), so reads
//! never wait for the disk. When the last group could not be written, what nobody waits for is tried
//! again with the next one; [`Audit::healthy`] is false and the gateway makes no call until one can.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use deputy_core::{Clock, Lifecycle, Secret, UserId};
use deputy_store::audit::{AuditHead, AuditRow};
use deputy_store::usage::UsageRow;
use deputy_store::{Store, from_millis};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

#[cfg(test)]
mod tests;

/// Records waiting to be written; more make callers wait.
const QUEUE: usize = 8192;
/// Most records in one transaction.
const GROUP: usize = 512;
/// How long records that nobody waits for are gathered. A transaction costs far more than a record
/// in it, and under a stream of reads each would have one of its own.
const GATHER: Duration = Duration::from_millis(10);
/// Most records that nobody waits for and that are kept for the next try when a group could not be
/// written. Calls stop meanwhile, so there are hardly ever more.
const KEPT: usize = 4096;
/// Longest name, address or the like in a record, in bytes, and longest [`Entry::detail`] as JSON. Nobody can delete
/// records, so what somebody else chose the length of must not fill the disk.
const LONGEST: usize = 2048;
const LONGEST_DETAIL: usize = 16 * 1024;

/// Everything that is put on record. Pages have words for each of them.
pub const ACTIONS: [&str; 32] = [
    "access.allow",
    "access.deny",
    "access.end",
    "access.reuse",
    "approval.approve",
    "approval.ask",
    "approval.reject",
    "client.add",
    "client.register",
    "client.remove",
    "connection.connect",
    "connection.disconnect",
    "context.clear",
    "context.select",
    "password.change",
    "policies.set",
    "prompt.get",
    "resource.read",
    "servers.accept",
    "servers.change",
    "servers.create",
    "servers.delete",
    "servers.test",
    "servers.tool_policy",
    "servers.tools_changed",
    "session.end_all",
    "session.start",
    "token.create",
    "token.revoke",
    "tool.call",
    "tool.result",
    "tools.policy",
];

/// What happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// For whom; none for the program itself.
    pub user: Option<UserId>,
    /// Through what.
    pub caller: String,
    /// What: one of [`ACTIONS`].
    pub action: &'static str,
    /// On what.
    pub target: String,
    /// The call it belongs to.
    pub call_id: Option<String>,
    /// `started`, `ok`, or an error's code.
    pub outcome: String,
    /// Ids and digests, never values.
    pub detail: Value,
}

/// A text of somebody else's choice, as a record holds it: whole, or the beginning of a long one with what tells it
/// apart from others.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let kept = &text[..text.floor_char_boundary(LONGEST)];
    let (bytes, digest) = (text.len(), sha256(text));
    Cow::Owned(format!("{kept}… ({bytes} bytes, SHA-256 {digest})"))
}

fn cut_detail(detail: String) -> String {
    if detail.len() <= LONGEST_DETAIL {
        return detail;
    }
    json!({ "left_out_bytes": detail.len(), "left_out_sha256": sha256(&detail) }).to_string()
}

fn sha256(text: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// A record could not be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log can't be written")]
pub struct AuditError;

enum Job {
    Write {
        entry: Box<Entry>,
        at: Timestamp,
        usage: Option<UsageRow>,
        done: Option<oneshot::Sender<bool>>,
    },
    Flush(oneshot::Sender<bool>),
    Close,
}

impl Job {
    /// Whether somebody waits until it is done.
    fn is_awaited(&self) -> bool {
        !matches!(self, Self::Write { done: None, .. })
    }
}

/// The writing end. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    jobs: mpsc::Sender<Job>,
    healthy: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

impl Audit {
    /// Starts the writer. `key` is the installation's audit key.
    pub fn start(
        store: Store,
        key: &Secret<Vec<u8>>,
        clock: Arc<dyn Clock>,
        lifecycle: &Lifecycle,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let healthy = Arc::new(AtomicBool::new(true));
        let writer = Writer {
            store,
            chain: Chain::new(key),
            healthy: Arc::clone(&healthy),
        };
        lifecycle.spawn(writer.run(queue));
        Self {
            jobs,
            healthy,
            clock,
        }
    }

    /// Writes a record and waits until it is durable.
    pub async fn record(&self, entry: Entry) -> Result<(), AuditError> {
        self.record_with_usage(entry, None).await
    }

    /// The same, with the call's usage row in the same transaction.
    pub async fn record_with_usage(
        &self,
        entry: Entry,
        usage: Option<UsageRow>,
    ) -> Result<(), AuditError> {
        let (done, written) = oneshot::channel();
        let job = self.write(entry, usage, Some(done));
        self.jobs.send(job).await.map_err(|_| AuditError)?;
        if written.await.unwrap_or(false) {
            Ok(())
        } else {
            Err(AuditError)
        }
    }

    /// Hands a record over without waiting for the disk; waits only when thousands are queued.
    pub async fn note(&self, entry: Entry, usage: Option<UsageRow>) {
        let job = self.write(entry, usage, None);
        if self.jobs.send(job).await.is_err() {
            tracing::error!("an audit record came after the writer had stopped");
        }
    }

    /// The same from where nothing can be awaited; the record is lost (and logged) when the queue
    /// is full.
    pub fn note_now(&self, entry: Entry) {
        let job = self.write(entry, None, None);
        if let Err(error) = self.jobs.try_send(job) {
            tracing::error!(%error, "an audit record could not be queued");
        }
    }

    fn write(
        &self,
        entry: Entry,
        usage: Option<UsageRow>,
        done: Option<oneshot::Sender<bool>>,
    ) -> Job {
        debug_assert!(
            ACTIONS.contains(&entry.action),
            "ACTIONS lacks {}",
            entry.action
        );
        Job::Write {
            entry: Box::new(entry),
            at: self.clock.now(),
            usage,
            done,
        }
    }

    /// Whether the last group was written.
    pub fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }

    /// Whether a record can be written: what was written last says so, or a try.
    pub async fn able(&self) -> Result<(), AuditError> {
        if self.healthy() && !self.jobs.is_closed() || self.flush().await {
            return Ok(());
        }
        Err(AuditError)
    }

    /// Records handed over and not yet taken up by the writer.
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// How many may wait before callers do.
    pub fn capacity(&self) -> usize {
        self.jobs.max_capacity()
    }

    /// Waits until everything handed over so far is written; false when it could not be.
    pub async fn flush(&self) -> bool {
        let (done, written) = oneshot::channel();
        self.jobs.send(Job::Flush(done)).await.is_ok() && written.await.unwrap_or(false)
    }
}

impl Audit {
    /// Ends the writer once everything queued is written. Called last, when no call is under way.
    pub async fn close(&self) {
        if self.jobs.send(Job::Close).await.is_ok() {
            self.jobs.closed().await;
        }
    }
}

struct Writer {
    store: Store,
    chain: Chain,
    healthy: Arc<AtomicBool>,
}

impl Writer {
    async fn run(self, mut queue: mpsc::Receiver<Job>) {
        let mut group = Vec::with_capacity(64);
        while queue.recv_many(&mut group, GROUP).await > 0 {
            Self::gather(&mut group, &mut queue).await;
            if group.iter().any(|job| matches!(job, Job::Close)) {
                // What is queued is still written; then `recv_many` gives 0.
                queue.close();
            }
            let written = self.write(&group).await;
            self.healthy.store(written, Ordering::Release);
            let mut kept = Vec::new();
            for job in group.drain(..) {
                match job {
                    Job::Write {
                        done: Some(done), ..
                    }
                    | Job::Flush(done) => {
                        let _ = done.send(written);
                    }
                    // Without its statistics: the record is what matters.
                    Job::Write { entry, at, .. } if !written && kept.len() < KEPT => {
                        kept.push(Job::Write {
                            entry,
                            at,
                            usage: None,
                            done: None,
                        });
                    }
                    Job::Write { .. } | Job::Close => {}
                }
            }
            group = kept;
        }
        if !group.is_empty() {
            tracing::error!(
                records = group.len(),
                "audit records are lost: they could not be written before the stop"
            );
        }
    }

    /// Adds what comes within [`GATHER`], but keeps nobody waiting for it.
    async fn gather(group: &mut Vec<Job>, queue: &mut mpsc::Receiver<Job>) {
        let until = tokio::time::Instant::now() + GATHER;
        while group.len() < GROUP && !group.iter().any(Job::is_awaited) {
            match tokio::time::timeout_at(until, queue.recv_many(group, GROUP)).await {
                Ok(more) if more > 0 => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    async fn write(&self, group: &[Job]) -> bool {
        match self.try_write(group).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    records = group.len(),
                    "the audit log can't be written"
                );
                false
            }
        }
    }

    async fn try_write(&self, group: &[Job]) -> deputy_store::Result<()> {
        let mut entries: Vec<(&Entry, Timestamp)> = Vec::with_capacity(group.len());
        let mut usage = Vec::new();
        for job in group {
            if let Job::Write {
                entry,
                at,
                usage: row,
                ..
            } = job
            {
                entries.push((entry, *at));
                usage.extend(row.clone());
            }
        }
        let tx = self.store.begin().await?;
        let stored = tx.audit_head().await?;
        if entries.is_empty() {
            // Only writing shows whether one can write: the end of the chain, as it is.
            if let Some(head) = stored {
                tx.audit_append(Vec::new(), head, false).await?;
            }
            return tx.commit().await;
        }
        let first = stored.is_none();
        let (mut seq, mut hash) = stored.map_or((0, Vec::new()), |h| (h.seq, h.hash));
        let mut rows = Vec::new();
        for (entry, at) in entries {
            seq += 1;
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
        tx.audit_append(rows, AuditHead { seq, hash, seal }, first)
            .await?;
        tx.usage_append(usage).await?;
        tx.commit().await
    }
}

/// The arithmetic of the chain.
pub struct Chain {
    key: hmac::Key,
}

impl Chain {
    /// With the installation's audit key.
    pub fn new(key: &Secret<Vec<u8>>) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()),
        }
    }

    fn link(&self, before: &[u8], row: &AuditRow) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        let mut part = |bytes: &[u8]| {
            // Length before content: no two records have the same encoding.
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        part(b"deputy/audit/v1");
        part(before);
        part(&row.seq.to_be_bytes());
        part(&row.at.as_millisecond().to_be_bytes());
        part(
            &row.user
                .map_or_else(Vec::new, |u| u.0.to_be_bytes().to_vec()),
        );
        for text in [&row.caller, &row.action, &row.target] {
            part(text.as_bytes());
        }
        part(row.call_id.as_deref().unwrap_or_default().as_bytes());
        part(row.outcome.as_bytes());
        part(row.detail.as_bytes());
        context.sign().as_ref().to_vec()
    }

    fn seal(&self, seq: i64, hash: &[u8]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"deputy/audit/head/v1");
        context.update(&seq.to_be_bytes());
        context.update(hash);
        context.sign().as_ref().to_vec()
    }
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The chain is whole.
    Whole {
        /// Number of records.
        records: i64,
    },
    /// It is not.
    Broken {
        /// The first record that does not fit.
        seq: i64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Goes through the whole chain.
pub async fn verify(store: &Store, key: &Secret<Vec<u8>>) -> deputy_store::Result<Verdict> {
    let chain = Chain::new(key);
    // The head first: records written while we read come after it and are verified too.
    let head = store.audit_stored_head().await?;
    let mut seq = 0;
    let mut hash = Vec::new();
    let mut at_head = None;
    loop {
        let rows = store.audit_after(seq, 1000).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if row.seq != seq + 1 {
                return Ok(Verdict::Broken {
                    seq: seq + 1,
                    reason: "the record is missing",
                });
            }
            let expected = chain.link(&hash, &row);
            if aws_lc_rs::constant_time::verify_slices_are_equal(&expected, &row.hash).is_err() {
                return Ok(Verdict::Broken {
                    seq: row.seq,
                    reason: "the record was changed, or one before it was removed or reordered",
                });
            }
            seq = row.seq;
            hash = expected;
            if head.as_ref().is_some_and(|h| h.seq == seq) {
                at_head = Some(hash.clone());
            }
        }
    }
    let Some(head) = head else {
        return Ok(if seq == 0 {
            Verdict::Whole { records: 0 }
        } else {
            Verdict::Broken {
                seq,
                reason: "the end of the chain is not recorded",
            }
        });
    };
    if chain.seal(head.seq, &head.hash) != head.seal {
        return Ok(Verdict::Broken {
            seq: head.seq,
            reason: "the end of the chain was rewritten",
        });
    }
    match at_head {
        Some(found) if found == head.hash => Ok(Verdict::Whole { records: seq }),
        Some(_) => Ok(Verdict::Broken {
            seq: head.seq,
            reason: "the end of the chain does not fit",
        }),
        None if head.seq == 0 && seq == 0 => Ok(Verdict::Whole { records: 0 }),
        None => Ok(Verdict::Broken {
            seq: seq + 1,
            reason: "the last records are missing",
        }),
    }
}
