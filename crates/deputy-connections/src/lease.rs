//! Leases in the database, by which one process at a time talks to a third party about one
//! connection.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Clock, Rng, random};
use deputy_store::Store;
use jiff::SignedDuration;

use crate::StorageError;

/// How long a lease lasts unless it is renewed: so long does a process that died hold up the
/// others.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// How often its holder renews it.
pub(crate) const RENEWAL: Duration = Duration::from_secs(5);

/// Takes leases for this process.
pub(crate) struct Leases {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    /// Between two looks at what another process is doing.
    pub(crate) poll: Duration,
}

/// The right to talk to a third party about one connection.
pub(crate) struct Lease {
    name: String,
    holder: String,
}

impl Leases {
    /// A lease of this name, not taken yet.
    pub(crate) fn named(&self, name: String) -> Lease {
        let holder = u128::from_be_bytes(random::bytes(&*self.rng));
        Lease {
            name,
            holder: format!("{holder:032x}"),
        }
    }

    /// Takes the lease, or renews it; false when another holds it.
    pub(crate) async fn try_take(&self, lease: &Lease) -> Result<bool, StorageError> {
        let now = self.clock.now();
        let until = now.checked_add(LEASE).unwrap_or(jiff::Timestamp::MAX);
        Ok(self
            .store
            .lease_take(&lease.name, &lease.holder, now, until)
            .await?)
    }

    /// Takes the lease of this name; waits up to `patience` for another to give it back.
    pub(crate) async fn take(
        &self,
        name: String,
        patience: Duration,
    ) -> Result<Option<Lease>, StorageError> {
        let lease = self.named(name);
        let deadline = tokio::time::Instant::now() + patience;
        while !self.try_take(&lease).await? {
            if tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(self.poll).await;
        }
        Ok(Some(lease))
    }

    /// Does `work` under a lease that was taken, and gives it back.
    pub(crate) async fn under<T>(&self, lease: Lease, work: impl Future<Output = T>) -> T {
        let renewing = async {
            loop {
                tokio::time::sleep(RENEWAL).await;
                if let Err(error) = self.try_take(&lease).await {
                    tracing::warn!(%error, "a lease could not be renewed");
                }
            }
        };
        // Side by side: the work may hold the transaction that the renewal waits for.
        let outcome = tokio::select! {
            outcome = work => outcome,
            never = renewing => never,
        };
        if let Err(error) = self.store.lease_release(&lease.name, &lease.holder).await {
            tracing::warn!(%error, "a lease could not be given back; it lapses by itself");
        }
        outcome
    }
}
