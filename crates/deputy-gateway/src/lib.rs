//! The narrow waist: a call of a tool, made for a person.
//!
//! Every front (REST, `/mcp`, later the assistant, the bot and the schedules) calls
//! [`Gateway::call`], and nothing reaches a tool another way:
//!
//! ```text
//! scope → throttle → resolve → validate → policy (auto / ask / deny) → audit → credentials
//!       → lease a server → attempt, retry → audit, usage, metrics
//! ```
//!
//! * [`catalog`]: which tools there are and which of them this person has now;
//! * [`built_in`]: the tools that are Deputy's own;
//! * [`policy`]: whether a call goes ahead or asks first;
//! * [`approval`]: calls that wait for their person's word;
//! * [`call`]: the dispatcher itself; [`batch`]: several calls at once;
//! * [`retry`]: what is tried again, when; [`breaker`]: what is left alone, when;
//! * [`audit`]: the chain of records; [`usage`]: statistics;
//! * [`context`]: the server that a person has selected to ask;
//! * [`health`], [`alert`]: how the installation is, and who is told;
//! * [`servers`]: the servers that people bring along;
//! * [`pool`]: the processes behind the tools;
//! * [`mcp`]: the `/mcp` endpoint.
//!
//! Arguments and results stay JSON as they came; only this crate's edges know the types of the MCP
//! SDK.

pub mod alert;
pub mod approval;
pub mod audit;
pub mod batch;
pub mod breaker;
pub mod built_in;
pub mod call;
pub mod catalog;
pub mod context;
pub mod credentials;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod health;
mod lease;
pub mod mcp;
mod meter;
mod passthrough;
pub mod policy;
pub mod pool;
mod repeat;
pub mod retry;
pub mod server_setup;
pub mod servers;
pub mod usage;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::throttle::Throttle;
use deputy_core::{Clock, Lifecycle, Rng, UserId};
use deputy_store::Store;
use deputy_templates::Registry;
use deputy_vault::Vault;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;
use url::Url;

pub use audit::Audit;
pub use built_in::BuiltIns;
pub use call::{CallOptions, CallResult, Outcome};
pub use catalog::Catalog;
pub use credentials::{Credentials, RemoteCredentials};
pub use error::{CallError, MissingScope};
pub use pool::Pool;
pub use servers::Servers;

/// Limits and addresses of the gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL that people's browsers use; links in answers begin with it.
    pub public_url: Url,
    /// How long one call may take in all. Default 60 s.
    pub call_deadline: Duration,
    /// How long an approval waits for its person. Default 15 minutes.
    pub approval_lifetime: Duration,
    /// How long a decided call's result waits for the caller that asked. Default 15 minutes.
    pub collect_within: Duration,
    /// Largest number of undecided approvals of one person. Default 100.
    pub max_pending_approvals: u64,
    /// Largest arguments of one person's undecided approvals together, sealed, in bytes. Default 64 MiB.
    pub max_pending_bytes: u64,
    /// Of one person, most bytes of ended approvals, and of outcomes under idempotency keys, that are kept: the oldest
    /// approvals go; an outcome that has no room is not given again. Default 64 MiB each.
    pub keep_bytes: u64,
    /// How long ended approvals and repeatable calls are kept. Default 30 days and 24 hours.
    pub keep_approvals: Duration,
    /// How long an idempotency key answers with the first outcome. Default 24 hours.
    pub keep_repeatable: Duration,
    /// How long statistics of calls are kept. Default 90 days.
    pub keep_usage: Duration,
    /// How often it is looked whether those who have something open at `/mcp` would still be let in. Default 5 s.
    pub look_at_callers: Duration,
    /// Who is told when something is critical.
    pub alerts: alert::Config,
    /// When a server that keeps failing for a person is left alone.
    pub breaker: breaker::Config,
    /// How the first-party servers are started.
    pub first_party: catalog::FirstPartyLaunch,
    /// People's own servers.
    pub servers: servers::Config,
}

impl Config {
    /// Defaults.
    pub fn new(
        public_url: Url,
        first_party: catalog::FirstPartyLaunch,
        servers: servers::Config,
    ) -> Self {
        Self {
            public_url,
            call_deadline: Duration::from_mins(1),
            approval_lifetime: Duration::from_mins(15),
            collect_within: Duration::from_mins(15),
            max_pending_approvals: 100,
            max_pending_bytes: 64 << 20,
            keep_bytes: 64 << 20,
            keep_approvals: Duration::from_hours(30 * 24),
            keep_repeatable: Duration::from_hours(24),
            keep_usage: Duration::from_hours(90 * 24),
            look_at_callers: Duration::from_secs(5),
            alerts: alert::Config::default(),
            breaker: breaker::Config::default(),
            first_party,
            servers,
        }
    }
}

/// What the gateway is made of.
pub struct Parts {
    /// Everything durable.
    pub store: Store,
    /// Seals arguments and results at rest.
    pub vault: Vault,
    /// The tools.
    pub catalog: Catalog,
    /// The people's accounts.
    pub credentials: Arc<dyn Credentials>,
    /// The people's accounts at their own remote servers.
    pub remote: Arc<dyn RemoteCredentials>,
    /// The kinds of servers that people may add.
    pub templates: Arc<Registry>,
    /// The processes.
    pub pool: Pool,
    /// The chain of records.
    pub audit: Audit,
    /// Calls per user and minute.
    pub throttle: Arc<Throttle<UserId>>,
    /// The life of its tasks.
    pub lifecycle: Lifecycle,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

/// The gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) parts: Parts,
    pub(crate) breakers: breaker::Breakers,
    pub(crate) started_at: Timestamp,
    /// When what has lapsed was cleared last.
    pub(crate) swept_at: Mutex<Option<Timestamp>>,
    pub(crate) servers: Servers,
    pub(crate) setups: server_setup::Setups,
    pub(crate) tools_changed: broadcast::Sender<UserId>,
    pub(crate) decided: broadcast::Sender<uuid::Uuid>,
    /// Calls that go on without their caller.
    pub(crate) under_way: TaskTracker,
    /// Who has something open at `/mcp`.
    pub(crate) callers: Arc<mcp::callers::Callers>,
    /// Approved calls that this process is carrying out.
    pub(crate) carrying: Mutex<HashSet<uuid::Uuid>>,
}

impl Gateway {
    /// Puts the parts together. [`Gateway::run`] starts what goes on in the background.
    pub fn new(config: Config, parts: Parts) -> Self {
        let (tools_changed, _) = broadcast::channel(256);
        let (decided, _) = broadcast::channel(256);
        let breakers = breaker::Breakers::new(config.breaker, Arc::clone(&parts.clock));
        let servers = Servers::new(
            config.servers.clone(),
            servers::Tools {
                store: parts.store.clone(),
                vault: parts.vault.clone(),
                pool: parts.pool.clone(),
                breakers: breakers.clone(),
                audit: parts.audit.clone(),
                credentials: Arc::clone(&parts.credentials),
                remote: Arc::clone(&parts.remote),
                templates: Arc::clone(&parts.templates),
                lifecycle: parts.lifecycle.clone(),
                clock: Arc::clone(&parts.clock),
                rng: Arc::clone(&parts.rng),
                public_url: config.public_url.clone(),
                changes: tools_changed.clone(),
            },
        );
        let allowed = servers.clone();
        let setups = server_setup::Setups::new(server_setup::Parts {
            store: parts.store.clone(),
            vault: parts.vault.clone(),
            clock: Arc::clone(&parts.clock),
            rng: Arc::clone(&parts.rng),
            templates: Arc::clone(&parts.templates),
            rules: Arc::new(move |user| allowed.rules_of(user, None)),
        });
        Self {
            inner: Arc::new(Inner {
                breakers,
                started_at: parts.clock.now(),
                swept_at: Mutex::default(),
                config,
                parts,
                servers,
                setups,
                tools_changed,
                decided,
                under_way: TaskTracker::new(),
                callers: Arc::default(),
                carrying: Mutex::default(),
            }),
        }
    }

    /// Starts the background work: carrying out approved calls that a crash interrupted,
    /// clearing what has lapsed, and watching over the health.
    pub fn run(&self) {
        self.watch_health();
        let lifecycle = &self.inner.parts.lifecycle;
        lifecycle.spawn(self.inner.servers.clone().follow(lifecycle.clone()));
        lifecycle.spawn(self.inner.servers.clone().look_first(lifecycle.clone()));
        let gateway = self.clone();
        let soft = lifecycle.soft().clone();
        lifecycle.spawn(async move {
            let mut resume = tokio::time::interval(Duration::from_secs(3));
            let mut health = tokio::time::interval(Duration::from_secs(10));
            let mut sweep = tokio::time::interval(Duration::from_mins(1));
            let mut people = tokio::time::interval(Duration::from_secs(10));
            let mut folders = tokio::time::interval(Duration::from_mins(5));
            for timer in [
                &mut resume,
                &mut health,
                &mut sweep,
                &mut people,
                &mut folders,
            ] {
                timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            }
            loop {
                tokio::select! {
                    () = soft.cancelled() => return,
                    _ = resume.tick() => gateway.resume_approved().await,
                    _ = health.tick() => gateway.inner.servers.write_health().await,
                    _ = sweep.tick() => gateway.sweep().await,
                    _ = people.tick() => {
                        swept(gateway.inner.servers.sweep_people().await);
                        swept(gateway.inner.servers.sweep_outdated().await.map_err(Into::into));
                    }
                    _ = folders.tick() => swept(gateway.inner.servers.sweep_servers().await),
                }
            }
        });
    }

    /// The servers that people brought along.
    pub fn servers(&self) -> &Servers {
        &self.inner.servers
    }

    /// Guided setups of such servers.
    pub fn setups(&self) -> &server_setup::Setups {
        &self.inner.setups
    }

    /// Tells clients of this person that the list of tools is another one now.
    pub fn tools_changed(&self, user: UserId) {
        // Nobody listening is fine.
        let _ = self.inner.tools_changed.send(user);
    }

    /// Stops what runs with this person's account at Google, at once: servers of ours, and those of the person's own
    /// that get its token.
    pub async fn stop_google(&self, user: UserId) {
        let pool = &self.inner.parts.pool;
        match self.inner.servers.with_google(user).await {
            Ok(own) => {
                pool.stop_of(user, |key| !key.is_own() || own.contains(key))
                    .await;
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "which servers act with an account is not known; all of its person's are stopped"
                );
                pool.stop_user(user).await;
            }
        }
    }

    /// The names of Deputy's own servers, in a fixed order.
    pub fn our_servers(&self) -> Vec<&str> {
        self.inner.parts.catalog.servers()
    }

    /// The processes behind the tools.
    pub fn pool(&self) -> &Pool {
        &self.inner.parts.pool
    }

    /// Which servers are left alone for whom.
    pub fn breakers(&self) -> &breaker::Breakers {
        &self.inner.breakers
    }

    /// The chain of records.
    pub fn audit(&self) -> &Audit {
        &self.inner.parts.audit
    }

    async fn sweep(&self) {
        self.inner.breakers.sweep();
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let swept = async {
            let tx = parts.store.begin().await?;
            tx.approvals_sweep(now, now - signed(self.inner.config.keep_approvals))
                .await?;
            tx.repeatable_calls_sweep(now - signed(self.inner.config.keep_repeatable))
                .await?;
            tx.server_setups_delete_lapsed(now).await?;
            tx.commit().await?;
            self.sweep_usage().await
        };
        match swept.await {
            Ok(()) => *self.inner.swept_at.lock() = Some(now),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "clearing what has lapsed failed"
            ),
        }
    }
}

fn swept(result: Result<(), servers::SweepError>) {
    if let Err(error) = result {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "removing what is nobody's any more failed"
        );
    }
}

/// A duration for arithmetic on instants.
pub(crate) fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
