//! What is tried again, when, and how often: the table of seed errors as one pure function.
//!
//! | what happened | tried again |
//! |---|---|
//! | access token refused | once, with a refreshed token |
//! | server crashed or did not start | once, on a fresh process |
//! | network error | once |
//! | third party failed (5xx) | twice |
//! | our own database failed a built-in tool | twice |
//! | too many requests | as long as the time to wait fits the deadline |
//!
//! Never more than [`MAX_ATTEMPTS`] attempts, between 1 s and 32 s apart with ±25 % jitter, and only
//! what may be repeated: a read, or a write that looks for its effect before it makes it.

use std::time::Duration;

use deputy_core::Rng;
use deputy_core::firstparty::{FailureKind, ToolFailure};

use crate::pool::UpstreamError;

#[cfg(test)]
mod tests;

/// Attempts of one call in all.
pub const MAX_ATTEMPTS: u32 = 3;

/// The longest pause that nobody asked for.
const MAX_PAUSE: Duration = Duration::from_secs(32);

/// A failure in the terms of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The third party refused the token.
    Unauthorized,
    /// The server died or did not start.
    Crash,
    /// The third party, or a server in the network, could not be reached, or the connection broke.
    Network,
    /// The third party failed.
    ServerError,
    /// Our own database did not take it, or broke off.
    Database,
    /// Too many requests.
    RateLimited {
        /// What the third party said.
        retry_after: Option<Duration>,
    },
    /// The server can't be started for now.
    BackingOff {
        /// When it can.
        retry_after: Duration,
    },
    /// Nothing of the above: the answer stands.
    Final,
}

impl Failure {
    /// Of a tool that answered with a failure.
    pub fn of_tool(failure: &ToolFailure) -> Self {
        match failure.kind {
            FailureKind::Unauthorized => Self::Unauthorized,
            FailureKind::RateLimited => Self::RateLimited {
                retry_after: failure.retry_after_ms.map(Duration::from_millis),
            },
            FailureKind::Unavailable => Self::ServerError,
            FailureKind::Network => Self::Network,
            FailureKind::Timeout
            | FailureKind::MissingScope
            | FailureKind::QuotaExceeded
            | FailureKind::NotFound
            | FailureKind::Conflict
            | FailureKind::Invalid
            | FailureKind::Forbidden => Self::Final,
        }
    }

    /// Of a server that gave no answer; `in_network` tells whether it is no process of ours.
    pub fn of_upstream(error: &UpstreamError, in_network: bool) -> Self {
        match error {
            UpstreamError::NotStarted { .. } | UpstreamError::Died { .. } if in_network => {
                Self::Network
            }
            UpstreamError::NotStarted { .. } | UpstreamError::Died { .. } => Self::Crash,
            UpstreamError::BackingOff { retry_after, .. } => Self::BackingOff {
                retry_after: *retry_after,
            },
            UpstreamError::Unauthorized { .. } => Self::Unauthorized,
            UpstreamError::RateLimited { retry_after } => Self::RateLimited {
                retry_after: *retry_after,
            },
            UpstreamError::Unavailable { retry_after, .. } => match retry_after {
                Some(_) => Self::RateLimited {
                    retry_after: *retry_after,
                },
                None => Self::ServerError,
            },
            UpstreamError::Forbidden
            | UpstreamError::TooLarge { .. }
            | UpstreamError::Timeout { .. }
            | UpstreamError::Cancelled
            | UpstreamError::Protocol { .. }
            | UpstreamError::Rpc { .. }
            | UpstreamError::Busy { .. }
            | UpstreamError::ShuttingDown => Self::Final,
        }
    }
}

/// What has been tried of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    attempts: u32,
    refreshed: bool,
    crashes: u32,
    network: u32,
    server_errors: u32,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Refresh the token, then try again at once.
    Refresh,
    /// Try again after this long.
    After(Duration),
    /// Answer with the failure.
    GiveUp,
}

impl Tried {
    /// Notes a failed attempt and says what to do, `left` being the time until the deadline.
    pub fn next(
        &mut self,
        failure: &Failure,
        repeatable: bool,
        left: Duration,
        rng: &dyn Rng,
    ) -> Next {
        self.attempts += 1;
        if !repeatable || self.attempts >= MAX_ATTEMPTS {
            return Next::GiveUp;
        }
        let wait = match failure {
            Failure::Unauthorized if !self.refreshed => {
                self.refreshed = true;
                return Next::Refresh;
            }
            Failure::Crash if self.crashes == 0 => {
                self.crashes = 1;
                // A fresh process is the remedy; waiting adds nothing.
                Duration::ZERO
            }
            Failure::Network if self.network == 0 => {
                self.network = 1;
                self.backoff(rng)
            }
            Failure::ServerError | Failure::Database if self.server_errors < 2 => {
                self.server_errors += 1;
                self.backoff(rng)
            }
            Failure::RateLimited {
                retry_after: Some(wait),
            } => *wait + jitter(Duration::from_millis(500), rng),
            Failure::RateLimited { retry_after: None } => self.backoff(rng),
            Failure::BackingOff { retry_after } => *retry_after,
            _ => return Next::GiveUp,
        };
        if wait < left {
            Next::After(wait)
        } else {
            Next::GiveUp
        }
    }

    /// 1 s, 2 s, 4 s …, ±25 %, 32 s at the most.
    fn backoff(&self, rng: &dyn Rng) -> Duration {
        let base = Duration::from_secs(1 << (self.attempts.saturating_sub(1)).min(5));
        jitter(base, rng).min(MAX_PAUSE)
    }
}

/// `base` ± 25 %.
fn jitter(base: Duration, rng: &dyn Rng) -> Duration {
    let raw = u16::from_be_bytes(deputy_core::random::bytes(rng));
    base.mul_f64(0.75 + 0.5 * f64::from(raw) / f64::from(u16::MAX))
}
