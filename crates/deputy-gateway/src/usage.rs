//! Statistics of a person's calls.

use std::collections::BTreeMap;

use deputy_core::UserId;
use jiff::{SignedDuration, tz::TimeZone};
use serde::Serialize;

use crate::Gateway;
use crate::error::CallError;

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
    /// The last `days` (1 to 365) of this person.
    pub async fn usage(
        &self,
        user: UserId,
        days: u16,
        zone: &TimeZone,
    ) -> Result<Usage, CallError> {
        let parts = &self.inner.parts;
        let since =
            parts.clock.now() - SignedDuration::from_hours(24 * i64::from(days.clamp(1, 365)));
        let rows = parts.store.user(user).usage_since(since).await?;
        let mut usage = Usage::default();
        let mut time = 0.0;
        for row in rows {
            usage.total_queries += 1;
            usage.successful_queries += u64::from(row.success);
            usage.total_cost += row.cost;
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of one call fit")]
            let ms = row.response_time_ms as f64;
            time += ms;
            let day = row.at.to_zoned(zone.clone()).date().to_string();
            for tally in [
                usage.by_server.entry(row.server).or_default(),
                usage.by_day.entry(day).or_default(),
            ] {
                tally.queries += 1;
                tally.successful += u64::from(row.success);
                tally.cost += row.cost;
            }
        }
        if usage.total_queries > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a count of calls fits")]
            let total = usage.total_queries as f64;
            #[expect(clippy::cast_precision_loss, reason = "a count of calls fits")]
            let good = usage.successful_queries as f64;
            usage.success_rate = 100.0 * good / total;
            usage.avg_response_time = time / total;
        }
        usage.most_used_server = usage
            .by_server
            .iter()
            .max_by_key(|(_, tally)| tally.queries)
            .map(|(server, _)| server.clone());
        Ok(usage)
    }
}
