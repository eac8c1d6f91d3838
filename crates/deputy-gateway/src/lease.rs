//! Claims on calls that must be carried out once, whatever dies.
//!
//! Whoever carries out an approved or repeatable call holds a short claim in its row and renews it
//! while it works. A process that dies stops renewing, and another (or its successor) carries on
//! within seconds, under the same call id, so that the effect is looked for before it is made.

use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::{Gateway, signed};

/// How long a claim holds without being renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(12);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(4);

impl Gateway {
    /// Runs `work`, renewing its claim with `keep` (which gets the new end) for as long as it lasts.
    pub(crate) async fn with_lease<T>(
        &self,
        keep: impl Fn(Timestamp) -> BoxFuture<'static, deputy_store::Result<bool>> + Send,
        work: impl Future<Output = T>,
    ) -> T {
        let clock = &self.inner.parts.clock;
        let renew = async {
            loop {
                tokio::time::sleep(RENEW).await;
                match keep(clock.now() + signed(LEASE)).await {
                    Ok(true) => {}
                    // Somebody else took over after a long pause of ours: the call id makes the
                    // effect one all the same.
                    Ok(false) => tracing::warn!("the claim on a call was lost"),
                    Err(error) => tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a claim could not be renewed"
                    ),
                }
            }
        };
        tokio::select! {
            done = work => done,
            never = renew => never,
        }
    }

    /// Starts work that outlives its caller, and that a stop waits for.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let work = self.inner.under_way.track_future(work);
        self.inner.parts.lifecycle.spawn(work)
    }

    /// Waits for calls that go on without their caller, at most `grace`.
    pub async fn drain(&self, grace: Duration) {
        self.inner.under_way.close();
        if tokio::time::timeout(grace, self.inner.under_way.wait())
            .await
            .is_err()
        {
            tracing::warn!("calls under way are cut off; the next run carries on with them");
        }
    }
}
