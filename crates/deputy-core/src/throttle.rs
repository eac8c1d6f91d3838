//! At most so many in such a window, per key: an exact sliding window on a [`Clock`].
//!
//! A key that is over its limit is told when to come back; what it tries meanwhile does not count,
//! so nobody is locked out for longer than one window. Memory is bounded: when too many keys are
//! known, those go first that were quiet longest.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::Clock;

/// How many keys are remembered at once.
const MAX_KEYS: usize = 20_000;

/// Too many; come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts; try again in {} s", self.seconds())]
pub struct Throttled {
    /// How long until the next one is let through, at most one window.
    pub retry_after: Duration,
}

impl Throttled {
    /// For `Retry-After`: whole seconds, rounded up, at least 1.
    pub fn seconds(&self) -> u64 {
        (self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0)).max(1)
    }
}

/// Counts per key.
pub struct Throttle<K> {
    limit: usize,
    window_ms: i64,
    clock: Arc<dyn Clock>,
    /// Instants of the last window, oldest first, in milliseconds.
    seen: Mutex<HashMap<K, VecDeque<i64>>>,
    max_keys: usize,
}

impl<K: Eq + Hash + Clone> Throttle<K> {
    /// Lets `limit` through per key and `window`; a limit of 0 lets everything through.
    pub fn new(limit: u32, window: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            limit: limit as usize,
            window_ms: i64::try_from(window.as_millis()).unwrap_or(i64::MAX),
            clock,
            seen: Mutex::new(HashMap::new()),
            max_keys: MAX_KEYS,
        }
    }

    /// Counts one for `key`, or says when to come back.
    pub fn hit(&self, key: &K) -> Result<(), Throttled> {
        if self.limit == 0 {
            return Ok(());
        }
        let now = self.clock.now().as_millisecond();
        let mut seen = self.seen.lock();
        if seen.len() >= self.max_keys && !seen.contains_key(key) {
            self.make_room(&mut seen, now);
        }
        let times = seen.entry(key.clone()).or_default();
        while times
            .front()
            .is_some_and(|at| now.saturating_sub(*at) >= self.window_ms)
        {
            times.pop_front();
        }
        if times.len() < self.limit {
            times.push_back(now);
            return Ok(());
        }
        let oldest = times.front().copied().unwrap_or(now);
        // A clock that was set back must not make anybody wait for more than a window.
        let wait = oldest
            .saturating_add(self.window_ms)
            .saturating_sub(now)
            .clamp(1, self.window_ms);
        Err(Throttled {
            retry_after: Duration::from_millis(wait.unsigned_abs()),
        })
    }

    /// Takes back the last one counted for `key`: it was no attempt after all.
    pub fn take_back(&self, key: &K) {
        if let Some(times) = self.seen.lock().get_mut(key) {
            times.pop_back();
        }
    }

    /// Forgets what was counted for `key`.
    pub fn forget(&self, key: &K) {
        self.seen.lock().remove(key);
    }

    fn make_room(&self, seen: &mut HashMap<K, VecDeque<i64>>, now: i64) {
        let last = |times: &VecDeque<i64>| times.back().copied().unwrap_or(i64::MIN);
        seen.retain(|_, times| now.saturating_sub(last(times)) < self.window_ms);
        if seen.len() < self.max_keys {
            return;
        }
        let mut lasts: Vec<i64> = seen.values().map(last).collect();
        let quarter = lasts.len() / 4;
        let (_, border, _) = lasts.select_nth_unstable(quarter);
        let border = *border;
        seen.retain(|_, times| last(times) > border);
    }
}

#[cfg(test)]
mod tests;
