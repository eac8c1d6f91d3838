//! The place of one server in the pool, whether it runs or not, and the places of processes under the
//! caps.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::child::{Child, Stop};
use super::launch::PoolKey;
use super::upstream::UpstreamError;
use super::{Config, backoff};

/// Why processes end when the program does.
pub(super) const SHUTDOWN: &str = "Deputy is stopping";

/// One server's place.
pub(super) struct Slot {
    pub(super) key: PoolKey,
    pub(super) state: Mutex<SlotState>,
}

impl Slot {
    pub(super) fn new(key: PoolKey) -> Arc<Self> {
        Arc::new(Self {
            key,
            state: Mutex::default(),
        })
    }
}

/// What there is of a server.
#[derive(Default)]
pub(super) enum Phase {
    /// No process.
    #[default]
    Vacant,
    /// A process that is not ready.
    Starting(Starting),
    /// A process that takes calls.
    Running(Arc<Child>),
    /// The slot is no longer in the map: get another one.
    Gone,
}

/// How a process ended, or did not begin.
pub(super) struct End {
    /// What happened.
    pub(super) reason: String,
    /// The last it printed.
    pub(super) printed: String,
}

/// How long the last that a process printed is kept when it is gone.
const KEEP_PRINTED: SignedDuration = SignedDuration::from_hours(1);

/// One server's state.
#[derive(Default)]
pub(super) struct SlotState {
    pub(super) phase: Phase,
    /// Processes started.
    pub(super) starts: u64,
    /// The last look at its health.
    pub(super) looked_at: Option<Timestamp>,
    /// Failures in a row.
    pub(super) failures: u32,
    failed_at: Option<Timestamp>,
    failed_generation: u64,
    /// What happened the last time.
    pub(super) failed_for: String,
    /// The last that a process printed which is gone.
    pub(super) printed: String,
    printed_at: Option<Timestamp>,
    pub(super) backoff_until: Option<Timestamp>,
}

impl SlotState {
    /// Counts a failure to start, or an end too soon (`lived` less than what counts as stable).
    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        lived: Option<Duration>,
        generation: u64,
        end: End,
        config: &Config,
        unit: f64,
    ) {
        let stable = lived.is_some_and(|lived| lived >= config.stable_after);
        self.failures = if stable {
            1
        } else {
            self.failures.saturating_add(1)
        };
        self.failed_at = Some(now);
        self.failed_generation = generation;
        self.failed_for = end.reason;
        self.keep(end.printed, now);
        self.backoff_until = backoff::pause(
            self.failures,
            config.backoff_first,
            config.backoff_max,
            unit,
        )
        .and_then(|pause| now.checked_add(SignedDuration::try_from(pause).ok()?).ok());
    }

    /// Keeps the last that a process printed which is gone.
    pub(super) fn keep(&mut self, printed: String, now: Timestamp) {
        self.printed_at = (!printed.is_empty()).then_some(now);
        self.printed = printed;
    }

    /// As which generation it runs, if it does.
    pub(super) fn generation(&self) -> Option<u64> {
        match &self.phase {
            Phase::Running(child) => Some(child.generation),
            _ => None,
        }
    }

    /// Refuses to start a server that keeps failing, unless `generation` shows that something changed.
    pub(super) fn check_backoff(
        &mut self,
        now: Timestamp,
        generation: u64,
    ) -> Result<(), UpstreamError> {
        if generation > self.failed_generation && self.failures > 0 {
            self.failures = 0;
            self.backoff_until = None;
        }
        match self.backoff_until {
            Some(until) if until > now => Err(UpstreamError::BackingOff {
                retry_after: Duration::try_from(until.duration_since(now)).unwrap_or_default(),
                reason: self.failed_for.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether nothing is lost with a vacant slot: no failure that still counts, nothing printed lately.
    pub(super) fn is_forgettable(&self, now: Timestamp, after: Duration) -> bool {
        let printed = self
            .printed_at
            .is_some_and(|at| now.duration_since(at) < KEEP_PRINTED);
        !printed
            && self.failed_at.is_none_or(|at| {
                Duration::try_from(now.duration_since(at)).is_ok_and(|ago| ago >= after * 2)
            })
    }
}

/// A start under way, shared by all who wait for it.
#[derive(Clone)]
pub(super) struct Starting {
    pub(super) generation: u64,
    /// Cancel to give it up.
    pub(super) abort: CancellationToken,
    outcome: watch::Receiver<Option<Result<(), UpstreamError>>>,
}

/// Where a start tells its outcome.
pub(super) type Announce = watch::Sender<Option<Result<(), UpstreamError>>>;

impl Starting {
    pub(super) fn new(generation: u64) -> (Self, Announce) {
        let (announce, outcome) = watch::channel(None);
        (
            Self {
                generation,
                abort: CancellationToken::new(),
                outcome,
            },
            announce,
        )
    }

    /// Waits for the outcome. Cancel-safe.
    pub(super) async fn outcome(&mut self) -> Result<(), UpstreamError> {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            // its task was dropped: the program ends
            Err(_) => Err(UpstreamError::ShuttingDown),
        }
    }
}

/// What takes a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A process.
    Process,
    /// A server in the network.
    Http,
}

/// One server's place under the caps.
pub(super) struct Seat {
    pub(super) kind: Kind,
    pub(super) id: u64,
    pub(super) key: PoolKey,
    pub(super) since: Timestamp,
    pub(super) slot: Arc<Slot>,
    pub(super) abort: CancellationToken,
    pub(super) child: OnceLock<Arc<Child>>,
    /// Cancelled when nothing is left of the process.
    pub(super) gone: CancellationToken,
}

impl Seat {
    /// Has the process end, whether it is ready or not.
    pub(super) fn stop(&self, stop: Stop) {
        // a start under way is given up by either stop: nobody was promised anything yet
        self.abort.cancel();
        if let Some(child) = self.child.get() {
            child.stop(stop);
        }
    }

    /// Whether it is on its way out, and does not count.
    pub(super) fn is_leaving(&self) -> bool {
        match self.child.get() {
            Some(child) => child.is_leaving(),
            None => self.abort.is_cancelled(),
        }
    }
}

#[cfg(test)]
mod tests;
