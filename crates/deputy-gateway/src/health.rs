//! How the installation is, by component, for administrators, and the monitor that looks at it every
//! minute.
//!
//! | component | what is looked at | degraded | critical |
//! |---|---|---|---|
//! | `mcp` | processes that rest after failures, breakers | any server unhealthy | a server that everybody shares rests, or one of ours fails for three people or more |
//! | `database` | a statement | slower than a second | no answer within five |
//! | `queue` | records waiting to be written, approved calls that nobody carries out, the sweep | half the queue full, a call waiting, or no sweep for five minutes | the audit log can't be written |
//!
//! A person's own server never makes anything critical: whoever breaks theirs must not be able to ring
//! the administrators' bell. Only ids are told of people. What each replica sees of processes is its
//! own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deputy_core::UserId;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::Gateway;
use crate::breaker;
use crate::pool::{PoolStats, ServerState};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::{of_critical, of_level};

/// How often the monitor looks.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// The database has this long to answer.
const DATABASE_ANSWERS: Duration = Duration::from_secs(5);
/// Longer than this is slow.
const DATABASE_SLOW: Duration = Duration::from_secs(1);
/// The sweep runs every minute; without one for this long something is wrong.
const SWEEP_WITHIN: Duration = Duration::from_mins(5);
/// So many people for whom one of our servers fails make it critical.
const PEOPLE: usize = 3;
/// A failure as old as this speaks of now, also where the breaker lets calls through again.
const LATELY: Duration = Duration::from_mins(2);
/// Most unhealthy servers that are listed.
const LISTED: usize = 200;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Healthy,
    /// Something does not work for somebody.
    Degraded,
    /// Somebody should look now.
    Critical,
}

impl Level {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
        }
    }
}

/// The installation at one moment, as this process sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// That of the worst component.
    pub level: Level,
    /// When it was looked at.
    pub checked_at: Timestamp,
    /// `mcp`, `database`, `queue`.
    pub components: Vec<Component>,
}

/// One part of the installation.
#[derive(Clone, Debug, Serialize)]
pub struct Component {
    /// Its name.
    pub component: &'static str,
    /// Whether its level is healthy.
    pub healthy: bool,
    /// How bad it is.
    pub level: Level,
    /// For people: what is wrong; empty when nothing is.
    pub message: String,
    /// By component.
    pub details: Details,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Details {
    /// Of `mcp`.
    Mcp(McpDetails),
    /// Of `database`.
    Database {
        /// How long the statement took, in milliseconds; none: no answer.
        response_ms: Option<u64>,
    },
    /// Of `queue`.
    Queue(QueueDetails),
}

/// The servers that run, or would if they did not fail.
#[derive(Clone, Debug, Default, Serialize)]
pub struct McpDetails {
    /// Servers, each counted for each person that it runs or fails for.
    pub total: usize,
    /// Those of which nothing is known to be wrong.
    pub healthy: usize,
    /// The others.
    pub unhealthy: usize,
    /// The unhealthy ones, at most 200.
    pub services: Vec<Service>,
}

/// An unhealthy server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// The user's id, or `shared`.
    pub owner: String,
    /// One of ours by its name, a person's own by its id.
    pub name: String,
    /// `backing_off`: its process keeps ending; `open`, `half_open`: its breaker.
    pub status: &'static str,
    /// When it is tried again, in seconds.
    pub retry_after: Option<u64>,
}

/// What goes on in the background.
#[derive(Clone, Debug, Default, Serialize)]
pub struct QueueDetails {
    /// Whether the audit log can be written.
    pub audit_writable: bool,
    /// Records that wait to be written.
    pub audit_waiting: usize,
    /// How many may.
    pub audit_capacity: usize,
    /// Approved calls whose carrier died and that nobody has taken over.
    pub approved_calls_waiting: Option<u64>,
    /// When what has lapsed was cleared last; none: not since the start.
    pub last_sweep: Option<Timestamp>,
}

/// The names of all components.
pub(crate) const COMPONENTS: [&str; 3] = ["mcp", "database", "queue"];

impl Health {
    /// The components that are critical.
    pub(crate) fn critical(&self) -> BTreeSet<&'static str> {
        let critical = self
            .components
            .iter()
            .filter(|c| c.level == Level::Critical);
        critical.map(|c| c.component).collect()
    }

    fn of(checked_at: Timestamp, components: Vec<Component>) -> Self {
        let worst = components.iter().map(|c| c.level).max();
        Self {
            level: worst.unwrap_or(Level::Healthy),
            checked_at,
            components,
        }
    }
}

impl Component {
    fn new(component: &'static str, level: Level, message: String, details: Details) -> Self {
        Self {
            component,
            healthy: level == Level::Healthy,
            level,
            message,
            details,
        }
    }
}

impl Gateway {
    /// Looks at every component. Takes at most some seconds.
    pub async fn health(&self) -> Health {
        let now = self.inner.parts.clock.now();
        let (database, queue) = tokio::join!(self.database_health(), self.queue_health(now));
        let mcp = mcp(&self.pool().stats(), &self.breakers().views(), now);
        Health::of(now, vec![mcp, database, queue])
    }

    async fn database_health(&self) -> Component {
        let started = Instant::now();
        let answered = tokio::time::timeout(DATABASE_ANSWERS, self.inner.parts.store.ping()).await;
        let took = started.elapsed();
        let good = match answered {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database does not answer"
                );
                false
            }
            Err(_) => false,
        };
        database(good.then_some(took))
    }

    async fn queue_health(&self, now: Timestamp) -> Component {
        let parts = &self.inner.parts;
        // Whatever the last record says: there may be no calls that would find out.
        let writable = tokio::time::timeout(DATABASE_ANSWERS, parts.audit.flush())
            .await
            .unwrap_or(false);
        let waiting = tokio::time::timeout(
            DATABASE_ANSWERS,
            parts
                .store
                .abandoned_approvals_count(now - crate::signed(LOOK_EVERY)),
        );
        let details = QueueDetails {
            audit_writable: writable,
            audit_waiting: parts.audit.waiting(),
            audit_capacity: parts.audit.capacity(),
            approved_calls_waiting: waiting.await.ok().and_then(Result::ok),
            last_sweep: *self.inner.swept_at.lock(),
        };
        queue(details, self.inner.started_at, now)
    }

    /// Starts the monitor: looks every minute, counts, and tells the administrators.
    pub(crate) fn watch_health(&self) {
        let gateway = self.clone();
        let soft = self.inner.parts.lifecycle.soft().clone();
        self.inner.parts.lifecycle.spawn(async move {
            let mut alerts = gateway.alerts().await;
            let mut look = tokio::time::interval(LOOK_EVERY);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = soft.cancelled() => return,
                    _ = look.tick() => {
                        let health = gateway.health().await;
                        show(&health);
                        gateway.tell(&mut alerts, &health).await;
                    }
                }
            }
        });
    }
}

/// Sets `deputy_health`: 0 healthy, 1 degraded, 2 critical.
fn show(health: &Health) {
    for component in &health.components {
        let value = match component.level {
            Level::Healthy => 0.0,
            Level::Degraded => 1.0,
            Level::Critical => 2.0,
        };
        metrics::gauge!("deputy_health", "component" => component.component).set(value);
    }
}

fn database(took: Option<Duration>) -> Component {
    let (level, message) = match took {
        None => (Level::Critical, "the database does not answer"),
        Some(took) if took >= DATABASE_SLOW => (Level::Degraded, "the database is slow"),
        Some(_) => (Level::Healthy, ""),
    };
    let response_ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    Component::new(
        "database",
        level,
        message.to_owned(),
        Details::Database { response_ms },
    )
}

fn queue(details: QueueDetails, started_at: Timestamp, now: Timestamp) -> Component {
    let since = details.last_sweep.unwrap_or(started_at);
    let unswept = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    let (level, message) = if !details.audit_writable {
        (
            Level::Critical,
            "the audit log can't be written; no calls are made".to_owned(),
        )
    } else if details.audit_waiting * 2 > details.audit_capacity {
        (
            Level::Degraded,
            format!("{} records wait to be written", details.audit_waiting),
        )
    } else if let Some(waiting @ 1..) = details.approved_calls_waiting {
        (
            Level::Degraded,
            format!("{waiting} approved calls wait to be carried out"),
        )
    } else if unswept > SWEEP_WITHIN {
        (Level::Degraded, "what has lapsed is not cleared".to_owned())
    } else {
        (Level::Healthy, String::new())
    };
    Component::new("queue", level, message, Details::Queue(details))
}

fn mcp(pool: &PoolStats, breakers: &[breaker::View], now: Timestamp) -> Component {
    // By owner and name; the status of the unhealthy ones.
    let mut servers: BTreeMap<(String, String), Option<Service>> = BTreeMap::new();
    let mut shared_rests = BTreeSet::new();
    for server in &pool.servers {
        let key = (server.owner.clone(), server.server.clone());
        let unhealthy = (server.state == ServerState::BackingOff).then(|| {
            if server.owner == "shared" {
                shared_rests.insert(server.server.clone());
            }
            Service {
                owner: server.owner.clone(),
                name: server.server.clone(),
                status: "backing_off",
                retry_after: server
                    .backoff_until
                    .and_then(|until| u64::try_from(until.duration_since(now).as_secs()).ok()),
            }
        });
        let seen = servers.entry(key).or_default();
        if seen.is_none() {
            *seen = unhealthy;
        }
    }
    let mut failing_for: BTreeMap<&str, BTreeSet<UserId>> = BTreeMap::new();
    for breaker in breakers {
        let (status, open) = match breaker.state {
            breaker::State::Closed => continue,
            breaker::State::HalfOpen => ("half_open", false),
            breaker::State::Open => ("open", true),
        };
        // One that could be tried again for a while and was not says nothing about now.
        let lately = now.duration_since(breaker.failed_at) <= crate::signed(LATELY);
        if !is_own(&breaker.server) && (open || lately) {
            failing_for
                .entry(&breaker.server)
                .or_default()
                .insert(breaker.user);
        }
        servers
            .entry((breaker.user.to_string(), breaker.server.clone()))
            .or_default()
            .get_or_insert(Service {
                owner: breaker.user.to_string(),
                name: breaker.server.clone(),
                status,
                retry_after: breaker.retry_after.map(|left| left.as_secs()),
            });
    }
    let total = servers.len();
    let mut services: Vec<_> = servers.into_values().flatten().collect();
    let unhealthy = services.len();
    services.truncate(LISTED);
    let widely: Vec<_> = failing_for
        .iter()
        .filter(|(_, people)| people.len() >= PEOPLE)
        .map(|(server, _)| (*server).to_owned())
        .chain(shared_rests)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let (level, message) = if !widely.is_empty() {
        (
            Level::Critical,
            format!("failing for everybody or many: {}", widely.join(", ")),
        )
    } else if unhealthy > 0 {
        (
            Level::Degraded,
            format!("{unhealthy} of {total} servers fail"),
        )
    } else {
        (Level::Healthy, String::new())
    };
    let details = Details::Mcp(McpDetails {
        total,
        healthy: total - unhealthy,
        unhealthy,
        services,
    });
    Component::new("mcp", level, message, details)
}

/// Whether this is a person's own server, going by its key in the pool.
fn is_own(server: &str) -> bool {
    server.starts_with("own:")
}
