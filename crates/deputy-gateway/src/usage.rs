//! Statistics of a person's calls: which tool of which server, when, how long, how it ended. Never what
//! was asked: the row's `query` is the tool's name. The database adds up; days are those of the
//! person's time zone, cut in here, because the engines know different zones.

use std::collections::BTreeMap;

use deputy_core::UserId;
use deputy_store::usage::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::Serialize;

use crate::Gateway;
use crate::error::CallError;

/// Rows of statistics that go in one transaction, and transactions of one sweep.
const SWEEP_ROWS: u64 = 1000;
const SWEEP_STEPS: u32 = 20;

/// Of some calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// How many.
    pub queries: u64,
    /// How many succeeded.
    pub successful: u64,
    /// US dollars.
    pub cost: f64,
}

/// Of the last days.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Calls.
    pub total_queries: u64,
    /// Calls that succeeded.
    pub successful_queries: u64,
    /// Percent of calls that succeeded; 0 without calls.
    pub success_rate: f64,
    /// Mean time of a call, in milliseconds.
    pub avg_response_time: f64,
    /// US dollars.
    pub total_cost: f64,
    /// The server with most calls.
    pub most_used_server: Option<String>,
    /// By server.
    pub by_server: BTreeMap<String, Tally>,
    /// By day (`2026-11-30`) in the person's time zone.
    pub by_day: BTreeMap<String, Tally>,
}

impl Gateway {
    /// The last `days` (1 to 365) days of this person, today included.
    pub async fn usage(
        &self,
        user: UserId,
        days: u16,
        zone: &TimeZone,
    ) -> Result<Usage, CallError> {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let spans = days_of(now, days.clamp(1, 365), zone);
        let edges: Vec<_> = spans.iter().map(|(_, span)| *span).collect();
        let sums = parts.store.user(user).usage_sums(&edges).await?;
        let mut usage = Usage::default();
        let mut time = 0;
        for sum in sums {
            let Some((day, _)) = spans.get(sum.span) else {
                continue;
            };
            usage.total_queries += sum.calls;
            usage.successful_queries += sum.successful;
            usage.total_cost += sum.cost;
            time += sum.response_time_ms;
            for tally in [
                usage.by_server.entry(sum.server).or_default(),
                usage.by_day.entry(day.to_string()).or_default(),
            ] {
                tally.queries += sum.calls;
                tally.successful += sum.successful;
                tally.cost += sum.cost;
            }
        }
        if usage.total_queries > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a count of calls fits")]
            let total = usage.total_queries as f64;
            #[expect(clippy::cast_precision_loss, reason = "a count of calls fits")]
            let good = usage.successful_queries as f64;
            usage.success_rate = 100.0 * good / total;
            #[expect(clippy::cast_precision_loss, reason = "a mean needs no last digit")]
            let time = time as f64;
            usage.avg_response_time = time / total;
        }
        usage.most_used_server = usage
            .by_server
            .iter()
            .max_by_key(|(_, tally)| tally.queries)
            .map(|(server, _)| server.clone());
        Ok(usage)
    }
    /// Deletes statistics that are old enough, in small steps, so that nobody waits long for them.
    pub(crate) async fn sweep_usage(&self) -> deputy_store::Result<()> {
        let parts = &self.inner.parts;
        let before = parts.clock.now() - crate::signed(self.inner.config.keep_usage);
        for _ in 0..SWEEP_STEPS {
            let tx = parts.store.begin().await?;
            let deleted = tx.usage_delete_before(before, SWEEP_ROWS).await?;
            tx.commit().await?;
            if deleted < SWEEP_ROWS {
                break;
            }
        }
        Ok(())
    }
}

/// The last `days` days of `zone`, the one of `now` included: each with its day.
fn days_of(now: Timestamp, days: u16, zone: &TimeZone) -> Vec<(Date, Span)> {
    let today = now.to_zoned(zone.clone()).date();
    let first = today
        .checked_sub((i32::from(days) - 1).days())
        .unwrap_or(Date::MIN);
    let since = first
        .to_zoned(zone.clone())
        .map_or(now, |midnight| midnight.timestamp());
    // What is recorded in this very millisecond belongs to it.
    let end = now + SignedDuration::from_millis(1);
    let mut spans = Vec::with_capacity(usize::from(days));
    let (mut from, mut day) = (since, first);
    while from < end {
        let next = day.tomorrow().ok();
        let midnight = next
            .and_then(|next| next.to_zoned(zone.clone()).ok())
            .map_or(end, |midnight| midnight.timestamp());
        let until = midnight.min(end);
        if until > from {
            spans.push((day, Span { from, until }));
            from = until;
        }
        match next {
            Some(next) => day = next,
            None => break,
        }
    }
    spans
}

#[cfg(test)]
mod tests;
