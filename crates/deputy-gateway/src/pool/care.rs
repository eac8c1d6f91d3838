//! What is due from time to time, and at the end: idle servers leave, mute ones are replaced, all or some are
//! stopped.

use std::sync::Arc;
use std::time::Duration;

use super::child::{Child, Stop};
use super::launch::PoolKey;
use super::slot::{Phase, Slot};
use super::spawn::Grace;
use super::{BARRED_FOR, Inner, Ordering, memory};

impl Inner {
    /// Tells all processes whose key fits to end, and waits for it.
    pub(super) async fn stop_where(&self, reason: &'static str, fits: impl Fn(&PoolKey) -> bool) {
        let slots: Vec<_> = self
            .slots
            .read()
            .values()
            .filter(|slot| fits(&slot.key))
            .cloned()
            .collect();
        for slot in slots {
            let mut state = slot.state.lock();
            if let Phase::Starting(starting) = &state.phase {
                starting.abort.cancel();
            }
            if matches!(state.phase, Phase::Gone) {
                continue;
            }
            state.phase = Phase::Gone;
            drop(state);
            self.slots
                .write()
                .retain(|_, other| !Arc::ptr_eq(other, &slot));
        }
        // those on their way out, too
        let seats: Vec<_> = self
            .seats
            .lock()
            .values()
            .filter(|seat| fits(&seat.key))
            .cloned()
            .collect();
        for seat in &seats {
            seat.stop(Stop::Now(reason));
        }
        for seat in seats {
            seat.gone.cancelled().await;
        }
    }

    /// Ends those that run of which `is_outdated` says, by key and generation, that they should not as they are.
    pub(super) fn stop_outdated(&self, is_outdated: impl Fn(&PoolKey, u64) -> bool) {
        let slots: Vec<_> = self.slots.read().values().cloned().collect();
        for slot in slots {
            let mut state = slot.state.lock();
            if let Phase::Running(child) = &state.phase
                && is_outdated(&slot.key, child.generation)
            {
                child.stop(Stop::Now("it was changed elsewhere"));
                state.phase = Phase::Vacant;
            }
        }
    }

    /// No new processes; those without calls end.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        for seat in self.seats.lock().values() {
            seat.stop(Stop::WhenIdle);
        }
    }

    pub(super) async fn look(self: &Arc<Self>) {
        let now = self.clock.now();
        let since = |then: jiff::Timestamp| {
            Duration::try_from(now.duration_since(then)).unwrap_or_default()
        };
        let slots: Vec<_> = self.slots.read().values().cloned().collect();
        let mut looks = Vec::new();
        for slot in slots {
            let mut state = slot.state.lock();
            match &state.phase {
                Phase::Running(child) => {
                    let idle = match child.pid {
                        Some(_) => self.config.idle_stop,
                        None => self.config.http_idle,
                    };
                    if child.in_flight() == 0 && since(child.last_used()) >= idle {
                        tracing::info!(server = %slot.key, pid = child.pid, "stopping an idle server");
                        child.stop(Stop::Now("it was idle"));
                        state.phase = Phase::Vacant;
                    } else if since(state.looked_at.unwrap_or(child.started).max(child.started))
                        >= self.config.health_every
                    {
                        let child = child.clone();
                        state.looked_at = Some(now);
                        looks.push(self.look_after(slot.clone(), child));
                    }
                }
                Phase::Vacant if state.is_forgettable(now, self.config.backoff_max) => {
                    state.phase = Phase::Gone;
                    drop(state);
                    self.slots
                        .write()
                        .retain(|_, other| !Arc::ptr_eq(other, &slot));
                }
                Phase::Vacant | Phase::Starting(_) | Phase::Gone => {}
            }
        }
        self.barred
            .lock()
            .retain(|_, bar| now.duration_since(bar.since) < BARRED_FOR);
        futures_util::future::join_all(looks).await;
        memory::look(self).await;
    }

    /// Replaces a server that gives no sign of life.
    async fn look_after(&self, slot: Arc<Slot>, child: Arc<Child>) {
        if child.is_well(self.config.health_answer).await || child.is_leaving() {
            return;
        }
        let mut state = slot.state.lock();
        if !matches!(&state.phase, Phase::Running(current) if current.id == child.id) {
            return;
        }
        tracing::warn!(server = %slot.key, pid = child.pid, calls = child.in_flight(), "a server is mute; replacing it");
        metrics::counter!("deputy_pool_mute_total").increment(1);
        // calls in flight may still end well, and have deadlines
        child.stop(if child.in_flight() == 0 {
            Stop::Now("it was mute")
        } else {
            Stop::WhenIdle
        });
        state.phase = Phase::Vacant;
    }

    pub(super) fn grace(&self) -> Grace {
        Grace {
            input: self.config.input_grace,
            term: self.config.term_grace,
        }
    }
}
