//! The record of what was done for whom, as a chain that shows tampering.
//!
//! Each record carries an HMAC-SHA-256 over itself and the record before; the end of the chain is
//! sealed too. Whoever can write the database but does not hold the key can't change, drop, reorder
//! or add a record unseen. (Someone who holds both can: export the chain to where they can't reach.
//! And no chain says of itself that all of it, the end included, was put back to what it was once,
//! as a backup does, while no server ran: compare with an export.)
//!
//! The writer looks at the end before it goes on from there: it would seal what somebody else made
//! of it. Where the end is not as it was left, the next record begins behind a break, which
//! [`verify()`] names for ever after.
//!
//! One task writes, in groups: whatever is waiting goes into one transaction. A record before an
//! effect is waited for ([`Audit::record`]); the record of a read is not ([`Audit::note`]), so reads
//! never wait for the disk. When the last group could not be written, what nobody waits for is tried
//! again with the next one; [`Audit::healthy`] is false and the gateway makes no call until one can.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use deputy_core::{Clock, Lifecycle, Secret, UserId};
use deputy_store::usage::UsageRow;
use deputy_store::{Store, Tx};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

mod book;
mod chain;
mod verify;

#[cfg(test)]
mod tests;

use book::Book;
pub use verify::{Verdict, verify};

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
pub const ACTIONS: [&str; 52] = [
    "access.allow",
    "access.deny",
    "access.end",
    "access.end_all",
    "access.reuse",
    "approval.approve",
    "approval.ask",
    "approval.reject",
    "client.add",
    "client.register",
    "client.remove",
    "client.block",
    "client.unblock",
    "connection.connect",
    "connection.disconnect",
    "context.clear",
    "context.select",
    "factor.add",
    "factor.recovery",
    "factor.recovery_used",
    "factor.refused",
    "factor.remove",
    "key.rotate",
    "note.change",
    "password.change",
    "policies.set",
    "project.change",
    "prompt.get",
    "requirement.change",
    "resource.read",
    "servers.accept",
    "servers.change",
    "servers.create",
    "servers.delete",
    "servers.test",
    "servers.tool_policy",
    "servers.tools_changed",
    "session.confirm",
    "session.end_all",
    "session.start",
    "task.change",
    "token.create",
    "token.revoke",
    "tool.call",
    "tool.result",
    "tools.policy",
    "user.add",
    "user.delete",
    "user.disable",
    "user.enable",
    "user.password",
    "user.reset_second_factor",
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
    book: Arc<Book>,
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
        let book = Arc::new(Book::new(key));
        let writer = Writer {
            store,
            book: Arc::clone(&book),
            healthy: Arc::clone(&healthy),
        };
        lifecycle.spawn(writer.run(queue));
        Self {
            jobs,
            book,
            healthy,
            clock,
        }
    }

    /// Adds records in somebody else's transaction, for changes of our own rows: both are there or
    /// neither. To be the last thing in it, for it holds the end of the chain against every other
    /// writer.
    pub async fn record_in(&self, tx: &Tx, entries: &[Entry]) -> Result<(), AuditError> {
        let at = self.clock.now();
        let entries: Vec<(&Entry, Timestamp)> = entries.iter().map(|entry| (entry, at)).collect();
        for (entry, _) in &entries {
            known(entry);
        }
        match self.book.append(tx, &entries).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    records = entries.len(),
                    "a change can't be put on record, and is not made"
                );
                Err(AuditError)
            }
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
        known(&entry);
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

fn known(entry: &Entry) {
    debug_assert!(
        ACTIONS.contains(&entry.action),
        "ACTIONS lacks {}",
        entry.action
    );
}

struct Writer {
    store: Store,
    book: Arc<Book>,
    healthy: Arc<AtomicBool>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
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

    async fn write(&mut self, group: &[Job]) -> bool {
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

    async fn try_write(&mut self, group: &[Job]) -> deputy_store::Result<()> {
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
        if entries.is_empty() {
            // Only writing shows whether one can write: the end of the chain, as it is.
            if let Some(head) = tx.audit_head().await? {
                tx.audit_append(Vec::new(), head, false).await?;
            }
            return tx.commit().await;
        }
        let left = self.book.append(&tx, &entries).await?;
        tx.usage_append(usage).await?;
        tx.commit().await?;
        self.book.keep(left);
        Ok(())
    }
}
