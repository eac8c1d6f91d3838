//! Time as a parameter: expiry, idle stops and schedules are tested by moving a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// Where the present comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the time"
        )]
        Timestamp::now()
    }
}

/// The machine's clock, moved by an offset: the sandbox's and the tests' way to make time pass.
#[derive(Clone, Debug, Default)]
pub struct OffsetClock {
    offset_ms: Arc<AtomicI64>,
}

impl OffsetClock {
    /// Moves the clock forward (or back, where `by` is negative).
    pub fn advance(&self, by: SignedDuration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// How far the clock is ahead of the machine's.
    pub fn offset(&self) -> SignedDuration {
        SignedDuration::from_millis(self.offset_ms.load(Ordering::SeqCst))
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .checked_add(self.offset())
            .unwrap_or(Timestamp::MAX)
    }
}

/// A clock that never goes back: when the one below it is set back, it goes on from where it was, as
/// fast as time does. So what was over once stays over for as long as the process lives.
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    /// The latest instant that was told, and when.
    latest: Mutex<(Timestamp, Instant)>,
}

impl SteadyClock {
    /// Beginning at the present of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let latest = Mutex::new((clock.now(), Instant::now()));
        Self { clock, latest }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let mut latest = self.latest.lock();
        let (at, then) = *latest;
        let told = self.clock.now();
        let elapsed = SignedDuration::try_from(then.elapsed()).unwrap_or_default();
        let at_least = at.checked_add(elapsed).unwrap_or(Timestamp::MAX);
        if told < at_least {
            return at_least;
        }
        *latest = (told, Instant::now());
        told
    }
}

#[cfg(test)]
mod tests;
