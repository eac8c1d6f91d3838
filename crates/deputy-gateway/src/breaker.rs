//! Breakers: a server that keeps failing for a person is left alone for a while.
//!
//! One for each person and server, because the same server fails for one person (a revoked grant, a
//! broken configuration) and works for the next: nobody's trouble switches off another's tools.
//!
//! ```text
//! closed ──5 calls failed in a row──▶ open ──60 s──▶ half-open ──3 calls succeeded──▶ closed
//!                                      ▲                 │
//!                                      └──one failed─────┘
//! ```
//!
//! What counts is a whole call, its retries included: that the server crashed, did not start, broke the
//! protocol, did not answer in time, or that it could not reach (or was failed by) the third party. A
//! tool's own error is an answer, and so is an error of JSON-RPC: a server that answers lives. Limits, missing
//! consent and a start that takes its time say nothing of the server ([`hurts`], [`hurts_tool`]). A call that a
//! retry saved is a success.
//!
//! While half-open, as many calls are let through at once as successes are needed; the others hear the
//! same as before. A call that waits for its client's answer leaves its place to another. The outcome of a call that was let through in an earlier state counts for nothing.
//!
//! A closed breaker without failures is not kept at all, one with old failures is forgotten, and the
//! number of those kept is bounded.
//!
//! Why not a library: failsafe and recloser read the machine's clock themselves, do not tell how long
//! they stay open, and let any number of calls through half-open; what is left of them is less than
//! what would surround them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deputy_core::firstparty::FailureKind;
use deputy_core::{Clock, UserId};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

use crate::error::CallError;
use crate::pool::UpstreamError;

#[cfg(test)]
mod tests;

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Failed calls in a row that open it. Default 5.
    pub failures: u32,
    /// How long it stays open. Default 60 s.
    pub open_for: Duration,
    /// Successful calls that close it again. Default 3.
    pub successes: u32,
    /// A closed breaker starts its count anew when the last failure is older than this. Default 10 min.
    pub forget_after: Duration,
    /// Most breakers kept. Default 20,000.
    pub kept: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            failures: 5,
            open_for: Duration::from_mins(1),
            successes: 3,
            forget_after: Duration::from_mins(10),
            kept: 20_000,
        }
    }
}

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Lets it through.
    Closed,
    /// Lets a few through to see.
    HalfOpen,
    /// Refuses it.
    Open,
}

/// One breaker, for people's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Whose calls.
    pub user: UserId,
    /// The server, as the pool's keys name it.
    pub server: String,
    /// What it does.
    pub state: State,
    /// Failed calls in a row.
    pub failures: u32,
    /// When a call failed last.
    pub failed_at: Timestamp,
    /// How long it stays open.
    pub retry_after: Option<Duration>,
}

/// How a call ended, in the breaker's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The server answered.
    Good,
    /// It did not.
    Bad,
    /// Nothing was learnt.
    Neither,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Timestamp },
    HalfOpen { successes: u32, trials: u32 },
}

/// The state machine: no clock, no lock.
#[derive(Clone, Debug)]
struct Breaker {
    phase: Phase,
    /// In a row.
    failures: u32,
    failed_at: Timestamp,
    /// Grows with every change of phase.
    epoch: u64,
}

impl Breaker {
    fn new(now: Timestamp) -> Self {
        Self {
            phase: Phase::Closed,
            failures: 0,
            failed_at: now,
            epoch: 0,
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }

    /// Lets a call through, under the epoch it belongs to, or says how long to stay away.
    fn admit(&mut self, now: Timestamp, config: &Config) -> Result<u64, Duration> {
        if let Phase::Open { until } = self.phase {
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            if !left.is_zero() {
                return Err(left);
            }
            self.enter(Phase::HalfOpen {
                successes: 0,
                trials: 0,
            });
        }
        if let Phase::HalfOpen { trials, successes } = &mut self.phase {
            if *trials >= config.successes.saturating_sub(*successes).max(1) {
                return Err(Duration::from_secs(1));
            }
            *trials += 1;
        }
        Ok(self.epoch)
    }

    /// A call that was let through under `epoch` takes up no place for now.
    fn leave(&mut self, epoch: u64) {
        if let Phase::HalfOpen { trials, .. } = &mut self.phase
            && epoch == self.epoch
        {
            *trials = trials.saturating_sub(1);
        }
    }

    /// It does again.
    fn enter_again(&mut self, epoch: u64) {
        if let Phase::HalfOpen { trials, .. } = &mut self.phase
            && epoch == self.epoch
        {
            *trials = trials.saturating_add(1);
        }
    }

    /// Takes the outcome of a call that was let through under `epoch`.
    fn settle(&mut self, epoch: u64, verdict: Verdict, now: Timestamp, config: &Config) {
        if epoch != self.epoch {
            return;
        }
        if let Phase::HalfOpen { trials, .. } = &mut self.phase {
            *trials = trials.saturating_sub(1);
        }
        match (verdict, &mut self.phase) {
            (Verdict::Neither, _) | (_, Phase::Open { .. }) => {}
            (Verdict::Good, Phase::Closed) => self.failures = 0,
            (Verdict::Good, Phase::HalfOpen { successes, .. }) => {
                *successes += 1;
                if *successes >= config.successes {
                    self.failures = 0;
                    self.enter(Phase::Closed);
                }
            }
            (Verdict::Bad, Phase::Closed | Phase::HalfOpen { .. }) => {
                if self.is_stale(now, config) {
                    self.failures = 0;
                }
                self.failures = self.failures.saturating_add(1);
                self.failed_at = now;
                if self.failures >= config.failures || self.phase != Phase::Closed {
                    let until = now.saturating_add(
                        SignedDuration::try_from(config.open_for).unwrap_or(SignedDuration::MAX),
                    );
                    self.enter(Phase::Open {
                        until: until.unwrap_or(Timestamp::MAX),
                    });
                }
            }
        }
    }

    /// Whether it is closed and its failures are too old to count.
    fn is_stale(&self, now: Timestamp, config: &Config) -> bool {
        self.phase == Phase::Closed
            && Duration::try_from(now.duration_since(self.failed_at))
                .is_ok_and(|ago| ago >= config.forget_after)
    }

    /// Whether a new one would do the same.
    fn is_forgettable(&self, now: Timestamp, config: &Config) -> bool {
        match self.phase {
            Phase::Closed => self.failures == 0 || self.is_stale(now, config),
            // Nobody called for a long time after it could have.
            Phase::Open { until } => Duration::try_from(now.duration_since(until))
                .is_ok_and(|ago| ago >= config.forget_after),
            Phase::HalfOpen { trials, .. } => {
                trials == 0
                    && Duration::try_from(now.duration_since(self.failed_at))
                        .is_ok_and(|ago| ago >= config.forget_after + config.open_for)
            }
        }
    }

    fn state(&self, now: Timestamp) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { until } if until > now => State::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

type Key = (UserId, String);

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<Key, Breaker>>,
}

/// All breakers of a gateway. Cheap to clone.
#[derive(Clone)]
pub struct Breakers(Arc<Inner>);

impl Breakers {
    /// None has failed yet.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            config,
            clock,
            kept: Mutex::default(),
        }))
    }

    /// Lets a call through, or refuses it with [`CallError::Unavailable`] in words about `title`.
    pub(crate) fn admit(&self, user: UserId, server: &str, title: &str) -> Result<Pass, CallError> {
        let now = self.0.clock.now();
        let key = (user, server.to_owned());
        let admitted = match self.0.kept.lock().get_mut(&key) {
            Some(breaker) => breaker.admit(now, &self.0.config),
            None => Ok(0),
        };
        match admitted {
            Ok(epoch) => Ok(Pass {
                place: Place {
                    breakers: self.clone(),
                    key,
                    epoch,
                    is_free: Arc::default(),
                },
                verdict: Verdict::Neither,
            }),
            Err(retry_after) => {
                metrics::counter!("deputy_breaker_refusals_total").increment(1);
                Err(CallError::Unavailable {
                    message: format!(
                        "{title} failed several times in a row and is left alone for a while; nothing was done"
                    ),
                    retry_after,
                })
            }
        }
    }

    fn settle(&self, key: &Key, epoch: u64, verdict: Verdict) {
        let (now, config) = (self.0.clock.now(), &self.0.config);
        let mut kept = self.0.kept.lock();
        if verdict == Verdict::Bad && !kept.contains_key(key) && epoch == 0 {
            make_room(&mut kept, now, config);
            kept.insert(key.clone(), Breaker::new(now));
        }
        let Some(breaker) = kept.get_mut(key) else {
            return;
        };
        let before = breaker.state(now);
        breaker.settle(epoch, verdict, now, config);
        let after = breaker.state(now);
        if breaker.is_forgettable(now, config) {
            kept.remove(key);
        }
        drop(kept);
        if after != before {
            tracing::warn!(user = %key.0, server = key.1, ?before, ?after, "a breaker changed");
        }
    }

    /// This person's breaker of this server; `None`: closed, and nothing failed lately.
    pub fn view(&self, user: UserId, server: &str) -> Option<View> {
        let now = self.0.clock.now();
        let key = (user, server.to_owned());
        let kept = self.0.kept.lock();
        kept.get(&key).map(|breaker| view(&key, breaker, now))
    }

    /// Those of which something failed lately, by person and server.
    pub fn views(&self) -> Vec<View> {
        let now = self.0.clock.now();
        let mut views: Vec<_> = {
            let kept = self.0.kept.lock();
            kept.iter().map(|(key, b)| view(key, b, now)).collect()
        };
        views.sort_by(|a, b| (a.user, &a.server).cmp(&(b.user, &b.server)));
        views
    }

    /// Starts anew with this server of this person, after it was changed or tested well.
    pub fn forget(&self, user: UserId, server: &str) {
        self.0.kept.lock().remove(&(user, server.to_owned()));
    }

    /// Drops what has become meaningless.
    pub(crate) fn sweep(&self) {
        let (now, config) = (self.0.clock.now(), &self.0.config);
        self.0
            .kept
            .lock()
            .retain(|_, breaker| !breaker.is_forgettable(now, config));
    }
}

fn view(key: &Key, breaker: &Breaker, now: Timestamp) -> View {
    View {
        user: key.0,
        server: key.1.clone(),
        state: breaker.state(now),
        failures: breaker.failures,
        failed_at: breaker.failed_at,
        retry_after: match breaker.phase {
            Phase::Open { until } => Duration::try_from(until.duration_since(now))
                .ok()
                .filter(|left| !left.is_zero()),
            Phase::Closed | Phase::HalfOpen { .. } => None,
        },
    }
}

/// Keeps the number bounded: what is meaningless leaves, else what failed longest ago.
fn make_room(kept: &mut HashMap<Key, Breaker>, now: Timestamp, config: &Config) {
    if kept.len() < config.kept {
        return;
    }
    kept.retain(|_, breaker| !breaker.is_forgettable(now, config));
    while kept.len() >= config.kept.max(1) {
        let oldest = kept.iter().min_by_key(|(_, breaker)| breaker.failed_at);
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
            return;
        };
        kept.remove(&oldest);
    }
}

/// A call that was let through. Tells its breaker the outcome when dropped; a call that was broken off
/// before anything was learnt counts for nothing.
pub(crate) struct Pass {
    place: Place,
    verdict: Verdict,
}

impl Pass {
    /// Its place, to be given back before it ends.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// The server answered.
    pub(crate) fn good(&mut self) {
        self.verdict = Verdict::Good;
    }

    /// An attempt failed.
    pub(crate) fn failed(&mut self, error: &UpstreamError) {
        if hurts(error) {
            self.verdict = Verdict::Bad;
        } else if matches!(error, UpstreamError::Rpc { .. }) {
            // An answer: the server lives.
            self.verdict = Verdict::Good;
        }
    }

    /// A first-party tool reports a failure.
    pub(crate) fn failed_tool(&mut self, kind: FailureKind) {
        if hurts_tool(kind) {
            self.verdict = Verdict::Bad;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.place.is_free.swap(true, Ordering::AcqRel) {
            self.place.change(Breaker::enter_again);
        }
        let Place { key, epoch, .. } = &self.place;
        self.place.breakers.settle(key, *epoch, self.verdict);
    }
}

/// The place that a call takes up, which while half-open are few. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Place {
    breakers: Breakers,
    key: Key,
    epoch: u64,
    is_free: Arc<AtomicBool>,
}

impl Place {
    /// Leaves it to another call: this one waits for somebody, for minutes maybe. How it ends counts all the same.
    pub(crate) fn give_back(&self) {
        if !self.is_free.swap(true, Ordering::AcqRel) {
            self.change(Breaker::leave);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Breaker, u64)) {
        if let Some(breaker) = self.breakers.0.kept.lock().get_mut(&self.key) {
            change(breaker, self.epoch);
        }
    }
}

/// Whether a server that gave no answer is to blame for it.
pub(crate) fn hurts(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::NotStarted { .. }
        | UpstreamError::Died { .. }
        | UpstreamError::Timeout { sent: true }
        | UpstreamError::Protocol { .. }
        | UpstreamError::Unavailable { .. } => true,
        // Ours, the caller's, an answer (an error by the protocol), or nothing new about the server: it rests after
        // failures that were counted, or still starts, which with packages to fetch takes longer than a call may; a
        // start that fails is said to have.
        UpstreamError::Timeout { sent: false }
        | UpstreamError::Unauthorized { .. }
        | UpstreamError::Forbidden
        | UpstreamError::TooLarge { .. }
        | UpstreamError::RateLimited { .. }
        | UpstreamError::Cancelled
        | UpstreamError::Rpc { .. }
        | UpstreamError::Busy { .. }
        | UpstreamError::BackingOff { .. }
        | UpstreamError::ShuttingDown => false,
    }
}

/// Whether the failure that a first-party tool reports speaks against the service.
pub(crate) fn hurts_tool(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Unavailable | FailureKind::Network | FailureKind::Timeout
    )
}
