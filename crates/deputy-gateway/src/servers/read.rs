//! A server's tools, read from the server itself and held against what its person agreed to.
//!
//! They are read of every fresh process before the first call reaches it, again when the server
//! says that they changed, and every [`super::Config::read_every`] of one that runs on.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deputy_core::{Secret, UserId};
use deputy_store::own_server::OwnServer;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Servers, pins};
use crate::audit::Entry;
use crate::pool::{Held, Notice, PoolKey, Request, ServerState, UpstreamError};

/// Most pages of a list of tools.
const MAX_PAGES: usize = 100;
/// How long reading may take when no call waits for it.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// The least time between two readings that a server asks for. It doubles up to the longest for one that asks again
/// and again, and is the least again when the server kept quiet for twice the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);
/// Most names of tools in a record.
const NAMED: usize = 50;
/// Most changes of a server of which it is known that they are on record.
const NOTED: usize = 4096;
/// JSON-RPC 2.0 section 5.1.
const METHOD_NOT_FOUND: i64 = -32601;

/// The last look at a server's tools.
#[derive(Default)]
pub(super) struct Looked {
    last: Mutex<Option<Look>>,
    /// How often the server said that they changed, or anybody wants them read again.
    said: AtomicU64,
    /// Up to which of these times they were read.
    read: AtomicU64,
    /// Somebody reads them because of that.
    following: AtomicBool,
    /// How long to wait after the next reading that the server asks for, and when the last one was.
    pause: parking_lot::Mutex<Option<(Duration, Instant)>>,
    /// Digests of changes that are on record.
    noted: parking_lot::Mutex<HashSet<String>>,
}

impl Looked {
    /// They have to be read again. Only a reading that succeeds takes that back, however often one is broken off.
    fn distrust(&self) {
        self.said.fetch_add(1, Ordering::AcqRel);
    }

    fn is_stale(&self) -> bool {
        self.said.load(Ordering::Acquire) != self.read.load(Ordering::Acquire)
    }

    /// How long a reading that the server asked for counts.
    fn pause(&self, now: Instant) -> Duration {
        let mut last = self.pause.lock();
        let pause = match *last {
            Some((pause, at)) if now.duration_since(at) < pause + 2 * LONGEST => {
                (2 * pause).min(LONGEST)
            }
            _ => PAUSE,
        };
        *last = Some((pause, now));
        pause
    }

    /// Those of the changes that are not on record yet; they are from now on.
    fn unnoted(&self, changes: Vec<(String, String)>) -> Vec<String> {
        let mut noted = self.noted.lock();
        if noted.len() + changes.len() > NOTED {
            noted.clear();
        }
        let new = changes
            .into_iter()
            .filter(|(_, digest)| noted.insert(digest.clone()));
        new.map(|(tool, _)| tool).collect()
    }
}

#[derive(Clone, Copy)]
struct Look {
    /// Of this process.
    of: u64,
    at: Instant,
}

/// Why a server's tools could not be looked at.
pub(crate) enum LookError {
    /// The server did not do it.
    Upstream(UpstreamError),
    /// It was changed meanwhile.
    Outdated,
    /// The database failed.
    Store(deputy_store::Error),
}

impl From<UpstreamError> for LookError {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl Servers {
    fn looked(&self, server: i64) -> Arc<Looked> {
        Arc::clone(self.inner.looked.lock().entry(server).or_default())
    }

    /// Has the tools of a server read again before its next call.
    pub(super) fn distrust(&self, server: i64) {
        self.looked(server).distrust();
    }

    /// Sees to it that the tools of this process were held against what was agreed to, and says
    /// when: what was looked up before has to be looked up again.
    pub(crate) async fn look(
        &self,
        row: &OwnServer,
        held: &Held,
        bearer: Option<&Secret<String>>,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<Instant, LookError> {
        let looked = self.looked(row.id);
        let mut last = tokio::time::timeout_at(deadline, looked.last.lock())
            .await
            .map_err(|_| UpstreamError::Timeout { sent: false })?;
        let known = last.filter(|look| look.of == held.id());
        // Before they are read: what is said meanwhile is not in what is read.
        let said = looked.said.load(Ordering::Acquire);
        let stale = said != looked.read.load(Ordering::Acquire);
        if let Some(look) = known
            && !stale
            && look.at.elapsed() < self.inner.config.read_every
        {
            return Ok(look.at);
        }
        let read = async {
            let tools = list(held, bearer, cancel, deadline).await?;
            self.keep(row, held, &tools).await
        };
        let at = match (read.await, known) {
            (Ok(()), _) => {
                looked.read.store(said, Ordering::Release);
                Instant::now()
            }
            // It is the process that was looked at before, and it did not say that they changed.
            (Err(LookError::Upstream(error)), Some(look)) if !stale => {
                tracing::debug!(server = %row.id, %error, "tools could not be read again");
                look.at
            }
            (Err(error), _) => return Err(error),
        };
        *last = Some(Look { of: held.id(), at });
        Ok(at)
    }

    /// Holds what a server lists against what is stored, and stores what came of it.
    async fn keep(
        &self,
        row: &OwnServer,
        held: &Held,
        tools: &[Box<RawValue>],
    ) -> Result<(), LookError> {
        let info = held.info();
        self.remember(row, Arc::clone(info));
        let (mut read, left_out) = pins::read(tools, held.mirrors());
        read.extend(pins::instructions(info.instructions.as_deref()));
        if left_out > 0 {
            tracing::info!(server = row.id, left_out, "tools were left out");
        }
        let with = self.with();
        let compared = self
            .compare_and_store(row, read)
            .await
            .map_err(LookError::Store)?
            .ok_or(LookError::Outdated)?;
        // One that says now this, now that, is on record once for each.
        let mut quarantined = self.looked(row.id).unnoted(compared.quarantined);
        if !quarantined.is_empty() {
            let count = quarantined.len();
            metrics::counter!("deputy_tools_quarantined_total").increment(count as u64);
            quarantined.truncate(NAMED);
            let entry = Entry {
                user: Some(row.user),
                caller: "system".to_owned(),
                action: "servers.tools_changed",
                target: row.name.clone(),
                call_id: None,
                outcome: "quarantined".to_owned(),
                detail: json!({ "server": row.id, "tools": quarantined, "count": count }),
            };
            with.audit.note(entry, None).await;
        }
        if compared.differ {
            self.tools_changed(row.user);
        }
        Ok(())
    }

    async fn compare_and_store(
        &self,
        row: &OwnServer,
        read: Vec<(String, String, String)>,
    ) -> deputy_store::Result<Option<pins::Compared>> {
        let with = self.with();
        let now = with.clock.now();
        let tx = with.store.begin().await?;
        let scope = tx.user(row.user);
        scope.lock_own_servers().await?;
        let current = scope.own_server_by_id(row.id).await?;
        let Some(current) = current.filter(|c| c.generation == row.generation) else {
            return Ok(None);
        };
        let stored = scope.own_tools(row.id).await?;
        let first = current.tools_read_at.is_none();
        let mut compared = pins::compare(&row.name, &stored, read, first);
        let done = if compared.differ {
            let rows = std::mem::take(&mut compared.rows);
            scope
                .own_tools_replace(row.id, row.generation, rows, now)
                .await?
        } else {
            scope.own_tools_read(row.id, row.generation, now).await?
        };
        tx.commit().await?;
        Ok(done.then_some(compared))
    }

    /// Follows what servers say of their tools, until the end of the program.
    pub(crate) async fn follow(self, lifecycle: deputy_core::Lifecycle) {
        let soft = lifecycle.soft().clone();
        let mut notices = self.with().pool.notices();
        loop {
            let notice = tokio::select! {
                notice = notices.recv() => notice,
                () = soft.cancelled() => return,
            };
            match notice {
                Ok((key, Notice::ToolsChanged)) => {
                    if let Some((user, server)) = own(&key) {
                        self.follow_up(user, server, &lifecycle);
                    }
                }
                Ok(_) => {}
                // Which of them said it is lost: any of those that run.
                Err(RecvError::Lagged(_)) => {
                    for (key, _) in self.with().pool.running() {
                        if let Some((user, server)) = own(&key) {
                            self.follow_up(user, server, &lifecycle);
                        }
                    }
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Has a server's tools read before its next call, and soon if it runs.
    fn follow_up(&self, user: UserId, server: i64, lifecycle: &deputy_core::Lifecycle) {
        self.distrust(server);
        let servers = self.clone();
        if !self.looked(server).following.swap(true, Ordering::AcqRel) {
            lifecycle.spawn(async move { servers.read_again(user, server).await });
        }
    }

    /// Reads a running server's tools again, as often as it says that they changed.
    async fn read_again(&self, user: UserId, server: i64) {
        let looked = self.looked(server);
        loop {
            self.read_now(user, server).await;
            tokio::time::sleep(looked.pause(Instant::now())).await;
            looked.following.store(false, Ordering::Release);
            if !looked.is_stale()
                || !self.runs(user, server)
                || looked.following.swap(true, Ordering::AcqRel)
            {
                return;
            }
        }
    }

    pub(super) fn runs(&self, user: UserId, server: i64) -> bool {
        let state = self.with().pool.state(&PoolKey::own(user, server));
        state.is_some_and(|state| state.state == Some(ServerState::Running))
    }

    async fn read_now(&self, user: UserId, server: i64) {
        let deadline = Instant::now() + READ_WITHIN;
        let cancel = CancellationToken::new();
        let row = self.with().store.user(user).own_server_by_id(server).await;
        let Ok(Some(row)) = row else { return };
        // One that has ended is read when it is started again.
        if !row.is_enabled || !self.runs(user, server) || self.allowed(&row).await.is_err() {
            return;
        }
        let Ok(open) = self.open(&row).await else {
            return;
        };
        let bearer = open.bearer.as_ref().map(|token| &token.secret);
        let held = self
            .with()
            .pool
            .hold(&open.key, &open.launch, bearer, &cancel, deadline);
        if let Ok(held) = held.await {
            // Nobody uses it: it may go to sleep whatever it says.
            let held = held.aside();
            // What failed is tried again before the next call.
            let _ = self.look(&row, &held, bearer, &cancel, deadline).await;
        }
    }
}

/// Whose server it is, and which.
pub(super) fn own(key: &PoolKey) -> Option<(UserId, i64)> {
    let crate::pool::Owner::User(user) = key.owner else {
        return None;
    };
    Some((user, key.server.strip_prefix("own:")?.parse().ok()?))
}

/// All tools that a server lists, each as it wrote it.
async fn list(
    held: &Held,
    bearer: Option<&Secret<String>>,
    cancel: &CancellationToken,
    deadline: Instant,
) -> Result<Vec<Box<RawValue>>, UpstreamError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        tools: Vec<Box<RawValue>>,
        #[serde(default)]
        next_cursor: Option<String>,
    }
    let endless = || UpstreamError::Protocol {
        reason: "a list of tools without end".to_owned(),
    };
    let mut tools = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let params = cursor
            .as_ref()
            .map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let params = serde_json::value::to_raw_value(&params).map_err(|_| endless())?;
        let request = Request {
            bearer: bearer.cloned(),
            cancel: cancel.clone(),
            ..Request::new("tools/list", params, deadline)
        };
        let page = match held.request(request).await {
            Ok(Some(page)) => page,
            Ok(None) => {
                return Err(UpstreamError::NotStarted {
                    reason: "it ended before it got the request".to_owned(),
                    stderr_tail: String::new(),
                });
            }
            // It has resources or prompts only.
            Err(UpstreamError::Rpc { code, .. }) if code == METHOD_NOT_FOUND => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let page: Page = serde_json::from_str(page.get()).map_err(|error| {
            held.shown(UpstreamError::Protocol {
                reason: format!("a list of tools that is none: {error}"),
            })
        })?;
        tools.extend(page.tools);
        if tools.len() > 2 * pins::MAX_TOOLS {
            // What is beyond is left out anyway.
            return Ok(tools);
        }
        match page.next_cursor.filter(|next| !next.is_empty()) {
            None => return Ok(tools),
            next if next == cursor => return Err(endless()),
            next => cursor = next,
        }
    }
    Err(endless())
}

#[cfg(test)]
mod tests;
