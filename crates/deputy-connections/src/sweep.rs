//! The sweep: what is done for connections when nobody asks.
//!
//! Once a minute it refreshes what is used and about to expire, so that a person's next call doesn't
//! wait for Google, and what has rested for a week, so that a grant is not lost to disuse and its end
//! is noticed. A connection nobody uses costs one refresh a week; one in use, one an hour, which it
//! would cost anyway. It also tells Google what could not be told at once, and clears out what has
//! lapsed. Every replica sweeps; the leases keep them apart.

use std::sync::Arc;
use std::time::Duration;

use deputy_store::oauth_token::DueForRefresh;
use jiff::{SignedDuration, Timestamp};

use crate::access::due_at;
use crate::{AccessError, Connections, Inner, PROVIDER, StorageError};

pub(crate) const INTERVAL: Duration = Duration::from_mins(1);
/// Before the callers' own five minutes begin.
pub(crate) const EARLY: SignedDuration = SignedDuration::from_mins(8);
pub(crate) const USED_WITHIN: SignedDuration = SignedDuration::from_hours(24);
pub(crate) const STALE_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Rows per sweep.
pub(crate) const BATCH: u64 = 200;
/// After so many failures in a row the rest is left for the next time: Google is down.
pub(crate) const HOPELESS: u32 = 3;
/// What has lapsed stays a while, so that a late visitor is told the right thing.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Connections that were refreshed, or removed because Google had ended them.
    pub refreshed: u32,
    /// Refreshes and revocations that failed for now.
    pub failed: u32,
    /// Revocations that Google was told.
    pub revoked: u32,
    /// Consents and leases that had lapsed.
    pub cleared: u64,
}

impl Connections {
    /// Starts the sweep, once a minute until the program stops.
    pub fn start_sweep(&self) {
        let connections = self.clone();
        let soft = self.inner.lifecycle.soft().clone();
        self.inner.lifecycle.spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = soft.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                let swept = tokio::select! {
                    () = soft.cancelled() => return,
                    swept = connections.sweep() => swept,
                };
                match swept {
                    Ok(swept) if swept != Swept::default() => {
                        tracing::debug!(?swept, "connections swept");
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "the sweep of connections failed"),
                }
            }
        });
    }

    /// Sweeps once.
    pub async fn sweep(&self) -> Result<Swept, StorageError> {
        let mut swept = Swept::default();
        self.inner.sweep_tokens(&mut swept).await?;
        self.inner.sweep_revocations(&mut swept).await?;
        let before = earlier(self.inner.clock.now(), KEPT);
        let tx = self.inner.store.begin().await?;
        swept.cleared =
            tx.oauth_states_delete_lapsed(before).await? + tx.leases_delete_lapsed(before).await?;
        tx.commit().await?;
        Ok(swept)
    }
}

impl Inner {
    async fn sweep_tokens(self: &Arc<Self>, swept: &mut Swept) -> Result<(), StorageError> {
        if self.config.is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        let due = DueForRefresh {
            now,
            expiring_before: now.checked_add(EARLY).unwrap_or(now),
            used_after: earlier(now, USED_WITHIN),
            stale_before: earlier(now, STALE_AFTER),
            limit: BATCH,
        };
        let mut in_a_row = 0;
        for user in self.store.oauth_tokens_due(PROVIDER, due).await? {
            let Some(row) = self.row(user).await? else {
                continue;
            };
            if self.clock.now() < due_at(&row, EARLY) {
                continue;
            }
            let mut landing = self.take_off(user, row.generation);
            let outcome = match landing.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone(),
                Err(_) => return Ok(()),
            };
            if let Some(Err(
                AccessError::Temporarily { .. }
                | AccessError::Configuration { .. }
                | AccessError::Storage(_),
            )) = outcome
            {
                swept.failed += 1;
                in_a_row += 1;
                if in_a_row == HOPELESS {
                    break;
                }
            } else {
                swept.refreshed += 1;
                in_a_row = 0;
            }
        }
        Ok(())
    }

    async fn sweep_revocations(&self, swept: &mut Swept) -> Result<(), StorageError> {
        if self.config.is_none() {
            return Ok(());
        }
        for row in self
            .store
            .oauth_revocations_due(PROVIDER, self.clock.now(), BATCH)
            .await?
        {
            match self.revoke(row.user, row.id, Duration::ZERO).await {
                Ok(true) => swept.revoked += 1,
                Ok(false) => swept.failed += 1,
                Err(error) => {
                    tracing::warn!(user = %row.user, %error, "a revocation could not be told");
                    swept.failed += 1;
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn earlier(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
