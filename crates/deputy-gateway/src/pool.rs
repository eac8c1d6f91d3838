//! The processes behind the tools.
//!
//! A server is a child process that speaks MCP over its pipes. The pool starts it with the first call,
//! shares it between all sessions of its owner, and ends it when nobody used it for a while. What a
//! process is found by is its owner and its name ([`PoolKey`]), so nothing of one person's can answer
//! another.
//!
//! The life of a server is that of its *slot*: vacant, starting, running, vacant again. However many
//! calls come while it starts, one process starts and all of them wait for it or get its error. A slot
//! counts failures in a row: a server that ends within [`Config::stable_after`], or does not start, is
//! left alone for longer and longer, and callers are told so at once.
//!
//! Each process has a task that minds it (`mind`): it notices the end, tells the callers whose calls were
//! under way, and buries what the process left behind. Stopping is always that task's work.
//!
//! * A changed [`Launch::generation`] (a refreshed token) starts a new process for new calls; the old one
//!   ends after its last call.
//! * Idle time counts from the end of the last call in flight: a call is never cut short by it.
//! * Every [`Config::health_every`] a server has to give a sign of life. One that does not is replaced, at
//!   once if it has no calls, else after them: each has a deadline.
//! * When a cap is reached, the least recently used idle process leaves; if none is idle, the caller gets
//!   [`UpstreamError::Busy`]. Processes that are on their way out do not count.
//! * When the program stops softly no new processes start, and those without calls end.
//!
//! `wire` says how rmcp is used and what goes beside it, `spawn` what a process gets and how it ends,
//! `kin` how nothing is left of it, `wants` what clients want to hear of a server whether it runs or not.

mod backoff;
mod care;
mod child;
mod config;
mod disk;
mod ears;
mod eras;
mod exchange;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handshake;
mod held;
mod kin;
mod launch;
mod lease;
mod lines;
mod listen;
mod masks;
mod memory;
mod mind;
mod notices;
mod prepare;
mod processes;
mod remote;
mod result;
mod seats;
mod slot;
mod spawn;
mod start;
mod stats;
mod stderr;
mod upstream;
mod wants;
mod wire;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use deputy_core::{Clock, Lifecycle, Rng, Secret, SystemRng, UserId};
use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, RwLock};
use serde_json::value::RawValue;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use held::Held;
pub use launch::{
    EnvValue, How, HttpLaunch, Installs, Launch, Owner, PoolKey, Prepare, ProcessLaunch,
};
pub use remote::header_value;
pub use stats::{PoolStats, ServerKind, ServerState, ServerStats, ServerStatus};
pub use upstream::{
    CallRequest, Cap, Era, Inbound, InboundSink, Input, Notice, Progress, ProgressSink, Request,
    RpcError, ServerInfo, ToolAnswer, ToolResult, UpstreamError,
};
pub use wants::{LEVELS, Wish, severity};

use eras::Eras;
use exchange::{Asides, Bearer, Exchange, Params};
use slot::{Seat, Slot};
use spawn::Spawner;
use wants::Wants;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    lifecycle: Lifecycle,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    spawner: Spawner,
    slots: RwLock<HashMap<PoolKey, Arc<Slot>>>,
    seats: Mutex<HashMap<u64, Arc<Seat>>>,
    next_id: AtomicU64,
    /// What each server definition speaks, by a hash of it.
    eras: Eras,
    /// Those that are being prepared.
    preparing: prepare::Turns,
    /// What is not started any more, or only as it is now.
    barred: Mutex<HashMap<PoolKey, Bar>>,
    /// What is known of the disk; locked while it is looked at.
    room: tokio::sync::Mutex<disk::Room>,
    /// No new processes.
    draining: AtomicBool,
    /// No new calls.
    closed: AtomicBool,
    notices: broadcast::Sender<(PoolKey, Notice)>,
    /// What people's clients want to hear of servers.
    wants: Arc<Wants>,
    /// Resident bytes by the process that leads, as of the last look.
    memory: Mutex<HashMap<i32, u64>>,
}

/// What is not started any more.
struct Bar {
    /// Launches of an earlier generation.
    before: u64,
    since: Timestamp,
    id: u64,
}

/// How long it is remembered that something is not to be started any more: longer than anybody acts on what was read
/// before.
const BARRED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The most tools that one server may list, and the most pages.
const MAX_TOOLS: usize = 10_000;
const MAX_PAGES: usize = 1_000;

impl Pool {
    /// An empty pool. It looks after itself until `lifecycle` stops; [`Pool::shutdown`] ends its processes.
    pub fn new(config: Config, lifecycle: Lifecycle, clock: Arc<dyn Clock>) -> Self {
        let inner = Arc::new(Inner {
            lifecycle,
            clock,
            rng: Arc::new(SystemRng),
            spawner: Spawner::default(),
            slots: RwLock::default(),
            seats: Mutex::default(),
            next_id: AtomicU64::new(1),
            eras: Eras::default(),
            preparing: prepare::Turns::default(),
            barred: Mutex::default(),
            room: tokio::sync::Mutex::default(),
            draining: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            notices: broadcast::channel(256).0,
            wants: Arc::default(),
            memory: Mutex::default(),
            config,
        });
        let weak = Arc::downgrade(&inner);
        let (tick, soft) = (inner.config.tick, inner.lifecycle.soft().clone());
        inner.lifecycle.spawn(async move {
            let mut counted = Instant::now();
            while soft
                .run_until_cancelled(tokio::time::sleep(tick))
                .await
                .is_some()
            {
                let Some(inner) = weak.upgrade() else { return };
                soft.run_until_cancelled(inner.look()).await;
                if counted.elapsed() >= inner.config.health_every {
                    counted = Instant::now();
                    // beside the looks, because counting many files takes its time
                    let (counting, soft) = (inner.clone(), soft.clone());
                    inner.lifecycle.spawn(async move {
                        soft.run_until_cancelled(disk::look(&counting)).await;
                    });
                }
            }
            if let Some(inner) = weak.upgrade() {
                inner.drain();
            }
        });
        Self { inner }
    }

    /// Calls a tool of the server `key`, which is started by `launch` if it does not run.
    ///
    /// Dropping the future, `request.cancel` and `request.deadline` all end the call and tell the server;
    /// the server lives on.
    pub async fn call(
        &self,
        key: &PoolKey,
        launch: &Launch,
        request: CallRequest,
    ) -> Result<ToolResult, UpstreamError> {
        let CallRequest {
            tool,
            arguments,
            input,
            meta,
            progress,
            bearer,
            headers,
            inbound,
            cancel,
            late,
            deadline,
        } = request;
        let params = match input {
            None => Params::Call {
                tool,
                arguments,
                meta,
            },
            Some(input) => Params::any(&upstream::with_input(&tool, &arguments, &input)?, meta)?,
        };
        let exchange = Exchange::new(
            "tools/call",
            params,
            Asides {
                progress,
                inbound,
                bearer: Bearer::Callers(bearer),
                headers,
                late,
            },
        );
        self.exchange(
            key,
            launch,
            &exchange,
            &cancel,
            deadline,
            result::tool_result,
        )
        .await
    }

    /// Makes a request of any method to the server `key`, which is started by `launch` if it does not run.
    /// The answer is its `result`. Ends as [`Pool::call`] does.
    pub async fn request(
        &self,
        key: &PoolKey,
        launch: &Launch,
        request: Request,
    ) -> Result<Box<RawValue>, UpstreamError> {
        let Request {
            method,
            params,
            meta,
            progress,
            inbound,
            bearer,
            headers,
            cancel,
            late,
            deadline,
        } = request;
        let exchange = Exchange::new(
            method,
            Params::any(&params, meta)?,
            Asides {
                progress,
                inbound,
                bearer: Bearer::Callers(bearer),
                headers,
                late,
            },
        );
        self.exchange(key, launch, &exchange, &cancel, deadline, Ok)
            .await
    }

    /// What the server `key` says about itself; it is started by `launch` if it does not run. `bearer` is for
    /// a server in the network, as in a request.
    pub async fn info(
        &self,
        key: &PoolKey,
        launch: &Launch,
        bearer: Option<Secret<String>>,
        deadline: Instant,
    ) -> Result<Arc<ServerInfo>, UpstreamError> {
        let lease =
            tokio::time::timeout_at(deadline, self.inner.lease(key, launch, bearer.as_ref()))
                .await
                .map_err(|_| UpstreamError::Timeout { sent: false })??;
        Ok(lease.info.clone())
    }

    /// All tools that the server `key` lists, each as it wrote it. At most 10,000.
    pub async fn list_tools(
        &self,
        key: &PoolKey,
        launch: &Launch,
        deadline: Instant,
    ) -> Result<Vec<Box<RawValue>>, UpstreamError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            tools: Vec<Box<RawValue>>,
            #[serde(default)]
            next_cursor: Option<String>,
        }
        let cancel = CancellationToken::new();
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let exchange = Exchange::new(
                "tools/list",
                Params::Page {
                    cursor: cursor.clone(),
                },
                Asides::default(),
            );
            let read = |page: Box<RawValue>| {
                serde_json::from_str(page.get()).map_err(|error| UpstreamError::Protocol {
                    reason: format!("a list of tools that is none: {error}"),
                })
            };
            let page: Page = self
                .exchange(key, launch, &exchange, &cancel, deadline, read)
                .await?;
            tools.extend(page.tools);
            if tools.len() > MAX_TOOLS {
                break;
            }
            // servers of old end with an empty cursor
            match page.next_cursor.filter(|next| !next.is_empty()) {
                None => return Ok(tools),
                next if next == cursor => break,
                next => cursor = next,
            }
        }
        Err(UpstreamError::Protocol {
            reason: "a list of tools without end".to_owned(),
        })
    }

    /// What servers say unasked. A receiver that does not keep up loses some, and is told so.
    pub fn notices(&self) -> broadcast::Receiver<(PoolKey, Notice)> {
        self.inner.notices.subscribe()
    }

    /// What a client wants to hear of the server `key`, now and of each process of it to come. It starts none.
    pub fn wish(&self, key: &PoolKey) -> Wish {
        self.inner.wants.wish(key)
    }

    /// The `PATH` in which programs of confined servers are looked for.
    pub fn search(&self) -> &str {
        &self.inner.config.search
    }

    /// What the server `key` is doing; nothing when it neither runs nor failed lately.
    pub fn state(&self, key: &PoolKey) -> Option<ServerStatus> {
        let slot = self.inner.slots.read().get(key).cloned()?;
        Some(stats::of_slot(&slot, self.inner.clock.now()))
    }

    /// Ends all of this person's processes at once, calls in flight included, and returns when they are
    /// gone.
    pub async fn stop_user(&self, user: UserId) {
        self.stop_of(user, |_| true).await;
    }

    /// Ends those of this person's processes whose key fits, as [`Pool::stop_user`] does.
    pub async fn stop_of(&self, user: UserId, fits: impl Fn(&PoolKey) -> bool) {
        self.inner
            .stop_where("its person's access ended", |key| {
                key.owner == Owner::User(user) && fits(key)
            })
            .await;
    }

    /// For whom something runs.
    pub fn people(&self) -> HashSet<UserId> {
        let seats = self.inner.seats.lock();
        let owners = seats.values().map(|seat| seat.key.owner);
        owners
            .filter_map(|owner| match owner {
                Owner::User(user) => Some(user),
                Owner::Shared => None,
            })
            .collect()
    }

    /// What runs, each with the generation that it was started as.
    pub fn running(&self) -> Vec<(PoolKey, u64)> {
        let slots: Vec<_> = self.inner.slots.read().values().cloned().collect();
        let running = slots.into_iter().filter_map(|slot| {
            let generation = slot.state.lock().generation()?;
            Some((slot.key.clone(), generation))
        });
        running.collect()
    }

    /// Ends those that run of which `is_outdated` says, by key and generation, that they should not as they are.
    pub fn stop_outdated(&self, is_outdated: impl Fn(&PoolKey, u64) -> bool) {
        self.inner.stop_outdated(is_outdated);
    }

    /// Ends the processes of one server at once, calls in flight included, and returns when they are gone.
    pub async fn stop_server(&self, key: &PoolKey) {
        self.inner
            .stop_where("it was stopped", |candidate| candidate == key)
            .await;
    }

    /// From now on refuses the server `key` to those who want it as it was before `generation`; `u64::MAX`: to all,
    /// 0: to nobody any more. Who read earlier what to start would start what was changed, or is gone. What runs is
    /// not touched ([`Pool::stop_server`]). Remembered for an hour.
    pub fn bar(&self, key: &PoolKey, generation: u64) {
        let bar = Bar {
            before: generation,
            since: self.inner.clock.now(),
            id: self.inner.next_id.fetch_add(1, Ordering::Relaxed),
        };
        self.inner.barred.lock().insert(key.clone(), bar);
    }

    /// Names what keeps the server `key` from being started as it is in `generation`; nothing, if it may be.
    pub fn barred(&self, key: &PoolKey, generation: u64) -> Option<u64> {
        let barred = self.inner.barred.lock();
        let bar = barred.get(key)?;
        (generation < bar.before).then_some(bar.id)
    }

    /// Lifts what [`Pool::barred`] named, unless another has come since.
    pub fn lift(&self, key: &PoolKey, bar: u64) {
        let mut barred = self.inner.barred.lock();
        if barred.get(key).is_some_and(|now| now.id == bar) {
            barred.remove(key);
        }
    }

    /// Removes from `folder` (see [`Prepare::folder`]) the packages of which no server is made that `exists`
    /// knows by its id. What was used in the last 10 minutes stays.
    pub async fn sweep_packages(&self, folder: &Path, exists: &(dyn Fn(i64) -> bool + Sync)) {
        prepare::sweep(&self.inner, folder, exists).await;
    }

    /// Ends everything and takes no more calls; returns when no process is left.
    pub async fn shutdown(&self) {
        self.inner.closed.store(true, Ordering::SeqCst);
        self.inner.draining.store(true, Ordering::SeqCst);
        self.inner.stop_where(slot::SHUTDOWN, |_| true).await;
    }

    /// Does what is due: ends idle servers, looks after those that run. Called every [`Config::tick`].
    pub async fn look(&self) {
        self.inner.look().await;
        disk::look(&self.inner).await;
    }

    /// Which processes there are.
    pub fn stats(&self) -> PoolStats {
        stats::collect(&self.inner)
    }

    /// Sends a request to a running server, and has `read` read the result. One that turns out to have ended before it
    /// got the request is replaced, once.
    async fn exchange<T>(
        &self,
        key: &PoolKey,
        launch: &Launch,
        exchange: &Arc<Exchange>,
        cancel: &CancellationToken,
        deadline: Instant,
        read: impl Fn(Box<RawValue>) -> Result<T, UpstreamError>,
    ) -> Result<T, UpstreamError> {
        let bearer = match &exchange.asides().bearer {
            Bearer::Callers(bearer) => bearer.as_ref(),
            Bearer::Last => None,
        };
        for _ in 0..2 {
            let leasing = self.inner.lease(key, launch, bearer);
            let lease = tokio::select! {
                biased;
                lease = leasing => lease?,
                () = cancel.cancelled() => return Err(UpstreamError::Cancelled),
                () = exchange.asides().late.cancelled() => return Err(UpstreamError::Timeout { sent: false }),
                () = tokio::time::sleep_until(deadline) => return Err(UpstreamError::Timeout { sent: false }),
            };
            // who listens waits for what may never come: that is no use of a server
            let (child, lease) = (lease.clone(), Some(lease));
            let lease = lease.filter(|_| exchange.method() != listen::LISTEN);
            // boxed, because many other futures hold this one
            let answer = Box::pin(child.exchange(exchange, cancel, deadline)).await;
            drop(lease);
            match answer {
                Ok(result) => return read(result).map_err(|error| child.ears().shown(error)),
                Err(Some(error)) => return Err(error),
                Err(None) => {}
            }
        }
        Err(UpstreamError::NotStarted {
            reason: "it ended before it got the request".to_owned(),
            stderr_tail: String::new(),
        })
    }
}

impl Inner {
    fn check_bar(&self, key: &PoolKey, generation: u64) -> Result<(), UpstreamError> {
        let barred = self.barred.lock();
        match barred.get(key) {
            Some(bar) if generation < bar.before => Err(UpstreamError::NotStarted {
                reason: "it was changed, switched off or removed meanwhile".to_owned(),
                stderr_tail: String::new(),
            }),
            _ => Ok(()),
        }
    }

    /// All that run, those on their way out included.
    fn children(&self) -> Vec<Arc<child::Child>> {
        let seats = self.seats.lock();
        let children = seats.values().filter_map(|seat| seat.child.get());
        children.cloned().collect()
    }

    /// The slot of `key`, made if there is none.
    fn slot(&self, key: &PoolKey) -> Arc<Slot> {
        if let Some(slot) = self.slots.read().get(key) {
            return slot.clone();
        }
        self.slots
            .write()
            .entry(key.clone())
            .or_insert_with(|| Slot::new(key.clone()))
            .clone()
    }
}
