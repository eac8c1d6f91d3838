//! A call's place at a running server, which is started if there is none.

use std::sync::Arc;

use deputy_core::Secret;

use super::child::{Lease, Stop};
use super::launch::{Launch, PoolKey};
use super::slot::{self, Phase};
use super::upstream::UpstreamError;
use super::{Inner, Ordering, start};

impl Inner {
    /// A place at a running server.
    pub(super) async fn lease(
        self: &Arc<Self>,
        key: &PoolKey,
        launch: &Launch,
        bearer: Option<&Secret<String>>,
    ) -> Result<Lease, UpstreamError> {
        loop {
            if self.closed.load(Ordering::SeqCst) {
                return Err(UpstreamError::ShuttingDown);
            }
            let slot = self.slot(key);
            let mut starting = {
                let mut state = slot.state.lock();
                // under the lock: whoever bars it and then stops it meets what was let in before
                self.check_bar(key, launch.generation)?;
                match &state.phase {
                    Phase::Running(child)
                        if child.accepts() && child.generation >= launch.generation =>
                    {
                        return Ok(child.lease());
                    }
                    Phase::Running(child) => {
                        if child.accepts() {
                            child.stop(Stop::WhenIdle);
                        }
                        state.phase = Phase::Vacant;
                        continue;
                    }
                    Phase::Starting(start) => start.clone(),
                    Phase::Vacant => {
                        if self.draining.load(Ordering::SeqCst) {
                            return Err(UpstreamError::ShuttingDown);
                        }
                        state.check_backoff(self.clock.now(), launch.generation)?;
                        let (starting, announce) = slot::Starting::new(launch.generation);
                        state.phase = Phase::Starting(starting.clone());
                        start::spawn(
                            self,
                            &slot,
                            launch.clone(),
                            bearer.cloned(),
                            starting.abort.clone(),
                            announce,
                        );
                        starting
                    }
                    // looked up before it was taken out of the map
                    Phase::Gone => continue,
                }
            };
            match starting.outcome().await {
                Ok(()) => {}
                // the newer token may do better
                Err(_) if starting.generation < launch.generation => {}
                Err(error) => return Err(error),
            }
        }
    }
}
