//! Load and what it measures: so many calls in flight for so long, each answer looked at.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde::Serialize;

/// Somebody who makes one call after the other.
pub(crate) trait Caller {
    /// Makes one call, waits for its answer and checks it.
    async fn call(&mut self) -> anyhow::Result<()>;
}

/// What a target did under one load, over all rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    latencies: Vec<Duration>,
    elapsed: Duration,
    /// Processor time of the program, of its children and of this load generator, in µs.
    pub(crate) cpu: [u64; 3],
}

/// The same in numbers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// Number of calls.
    pub(crate) calls: usize,
    /// Calls per second.
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) p50_ms: f64,
    /// Milliseconds.
    pub(crate) p90_ms: f64,
    /// Milliseconds.
    pub(crate) p99_ms: f64,
    /// Processor time of the gateway for one call, in µs; 0 where there is none.
    pub(crate) gateway_cpu_us: f64,
    /// Of the server behind it.
    pub(crate) child_cpu_us: f64,
    /// Of the load generator itself.
    pub(crate) client_cpu_us: f64,
}

impl Samples {
    /// Lets all callers call until `time` is over.
    pub(crate) async fn take<C: Caller>(
        &mut self,
        callers: &mut [C],
        time: Duration,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        let each = callers.iter_mut().map(async |caller| {
            let mut latencies = Vec::with_capacity(4096);
            let mut before = Instant::now();
            while before.duration_since(begun) < time {
                caller.call().await?;
                let after = Instant::now();
                latencies.push(after - before);
                before = after;
            }
            anyhow::Ok(latencies)
        });
        self.latencies
            .extend(try_join_all(each).await?.into_iter().flatten());
        self.elapsed += begun.elapsed();
        Ok(())
    }

    /// The figures of all rounds together.
    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    pub(crate) fn figures(mut self) -> Figures {
        self.latencies.sort_unstable();
        let calls = self.latencies.len();
        let at = |permille: usize| {
            let rank = (calls * permille).div_ceil(1000).saturating_sub(1);
            self.latencies
                .get(rank)
                .map_or(0.0, |l| l.as_secs_f64() * 1e3)
        };
        let each = |us: u64| us as f64 / calls.max(1) as f64;
        Figures {
            calls,
            per_second: calls as f64 / self.elapsed.as_secs_f64(),
            p50_ms: at(500),
            p90_ms: at(900),
            p99_ms: at(990),
            gateway_cpu_us: each(self.cpu[0]),
            child_cpu_us: each(self.cpu[1]),
            client_cpu_us: each(self.cpu[2]),
        }
    }
}

#[cfg(test)]
mod tests;
