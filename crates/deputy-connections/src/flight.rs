//! Refreshes under way in this process: who needs one that runs already joins it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use deputy_core::Lifecycle;
use parking_lot::Mutex;
use tokio::sync::watch;

/// How a refresh ended; `None` while it runs. `Ok` says only that the row should be read again.
pub(crate) type Landing<E> = watch::Receiver<Option<Result<(), E>>>;

/// What is under way, by what it is about.
pub(crate) struct Flights<K: Eq + Hash, E>(Mutex<HashMap<K, Landing<E>>>);

impl<K: Eq + Hash, E> Default for Flights<K, E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, E> Flights<K, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// Joins what is under way about `key`, or starts `flight` as a task of its own, which no
    /// caller's end interrupts.
    pub(crate) fn join(
        self: &Arc<Self>,
        lifecycle: &Lifecycle,
        key: K,
        flight: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Landing<E> {
        let mut flights = self.0.lock();
        if let Some(landing) = flights.get(&key) {
            return landing.clone();
        }
        let (sender, landing) = watch::channel(None);
        flights.insert(key.clone(), landing.clone());
        drop(flights);
        let entry = Entry {
            flights: Arc::clone(self),
            key,
        };
        lifecycle.spawn(async move {
            let outcome = flight.await;
            // Out of the map before it is told: who looks now reads the row again first.
            drop(entry);
            sender.send_replace(Some(outcome));
        });
        landing
    }
}

/// Leaves the map when the flight ends, however it ends.
struct Entry<K: Eq + Hash, E> {
    flights: Arc<Flights<K, E>>,
    key: K,
}

impl<K: Eq + Hash, E> Drop for Entry<K, E> {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.key);
    }
}

/// Waits for the end; `None` when the program stops first.
pub(crate) async fn landed<E: Clone>(mut landing: Landing<E>) -> Option<Result<(), E>> {
    let outcome = landing.wait_for(Option::is_some).await.ok()?;
    outcome.clone()
}
