//! Several calls at once: each goes its own way through [`Gateway::call`], and has its own outcome.
//!
//! A few run at a time, in the order they were given. One that fails stops no other. When the batch's
//! future is dropped (its caller went away), those under way end as single calls do and the others do
//! not begin.

use std::time::Duration;

use deputy_core::Principal;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::CallError;
use crate::{CallOptions, Gateway, Outcome};

#[cfg(test)]
mod tests;

/// Most calls in a batch.
pub const MAX_CALLS: usize = 10;
/// How many of a batch are under way at once.
pub const AT_ONCE: usize = 3;
/// No call of a batch begins later than this after the first: its answer would come to nobody.
const BEGIN_WITHIN: Duration = Duration::from_secs(100);

/// One call of a batch.
#[derive(Clone)]
pub struct BatchCall {
    /// The tool.
    pub name: String,
    /// A JSON object.
    pub arguments: Value,
    /// How it is to be made.
    pub options: CallOptions,
}

/// A batch that can't be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch has 1 to {MAX_CALLS} calls, not {0}")]
pub struct BatchSize(pub usize);

impl Gateway {
    /// Makes the calls, at most [`AT_ONCE`] at a time, and gives their outcomes in the same order.
    pub async fn batch(
        &self,
        principal: &Principal,
        calls: Vec<BatchCall>,
    ) -> Result<Vec<Result<Outcome, CallError>>, BatchSize> {
        if calls.is_empty() || calls.len() > MAX_CALLS {
            return Err(BatchSize(calls.len()));
        }
        metrics::counter!("deputy_batches_total").increment(1);
        let latest = Instant::now() + BEGIN_WITHIN;
        let outcomes = in_order(calls, |call| async move {
            let outcome = if Instant::now() < latest {
                self.call(principal, &call.name, call.arguments, call.options)
                    .await
            } else {
                Err(CallError::Unavailable {
                    message: "the calls before it took too long; nothing was done".to_owned(),
                    retry_after: Duration::from_secs(1),
                })
            };
            let word = match &outcome {
                Ok(Outcome::Done(result)) if result.is_error => "tool_error",
                Ok(Outcome::Done(_)) => "ok",
                Ok(Outcome::Asked(_)) => "asked",
                Err(error) => error.code(),
            };
            metrics::counter!("deputy_batch_calls_total", "outcome" => word).increment(1);
            outcome
        });
        Ok(outcomes.await)
    }
}

/// Runs `make` for each, [`AT_ONCE`] at a time; results in the order of `calls`.
async fn in_order<C, T, F: Future<Output = T>>(calls: Vec<C>, make: impl Fn(C) -> F) -> Vec<T> {
    // `buffered` would count those that are done and wait for an earlier one.
    let mut done: Vec<_> = futures_util::stream::iter(calls.into_iter().enumerate())
        .map(|(place, call)| {
            let made = make(call);
            async move { (place, made.await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
