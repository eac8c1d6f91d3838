//! Quotas per user: a sliding window of one minute, as Google's (Calendar API, "Manage quotas").
//! In memory only: a restart forgives.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::service::Quota;

/// What was spent in the last minute, by account and API.
#[derive(Debug)]
pub(crate) struct Spent {
    /// Whether anything is refused. Default true.
    pub(crate) enforced: bool,
    windows: HashMap<(String, &'static str), VecDeque<(Timestamp, u32)>>,
}

impl Default for Spent {
    fn default() -> Self {
        Self {
            enforced: true,
            windows: HashMap::new(),
        }
    }
}

impl Spent {
    /// Takes the cost of one call, or refuses without taking anything.
    pub(crate) fn take(
        &mut self,
        account: &str,
        quota: &Quota,
        method: &str,
        now: Timestamp,
    ) -> bool {
        let window = self
            .windows
            .entry((account.to_owned(), quota.api))
            .or_default();
        let minute = SignedDuration::from_mins(1);
        while window
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) >= minute)
        {
            window.pop_front();
        }
        let cost = (quota.cost)(method);
        let spent: u32 = window.iter().map(|(_, cost)| cost).sum();
        if self.enforced && spent + cost > quota.per_minute {
            return false;
        }
        window.push_back((now, cost));
        true
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.windows.clear();
    }
}
