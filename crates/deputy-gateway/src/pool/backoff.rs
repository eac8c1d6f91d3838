//! How long a server that keeps ending is left alone.

use std::time::Duration;

/// The pause after `failures` failures in a row: none after the first (one crash is an accident), then
/// `first`, doubled each time, times 0.75 to 1.25 by `unit` (0 to 1), and never more than `max`.
pub(super) fn pause(failures: u32, first: Duration, max: Duration, unit: f64) -> Option<Duration> {
    let doublings = failures.checked_sub(2)?;
    let base = first
        .saturating_mul(2_u32.saturating_pow(doublings.min(30)))
        .min(max);
    Some(base.mul_f64(0.75 + 0.5 * unit.clamp(0.0, 1.0)).min(max))
}

#[cfg(test)]
mod tests;
