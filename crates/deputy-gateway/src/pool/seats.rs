//! Places under the caps, and who leaves when there are none. Processes and servers in the network are
//! counted apart: what they cost is not the same.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use super::child::Stop;
use super::launch::{How, Launch, Owner};
use super::slot::{Kind, Phase, Seat, Slot};
use super::upstream::{Cap, UpstreamError};
use super::{Inner, Ordering};

/// Gives the seat back when dropped, whatever became of the process.
pub(super) struct SeatGuard {
    inner: Arc<Inner>,
    pub(super) seat: Arc<Seat>,
}

impl Drop for SeatGuard {
    fn drop(&mut self) {
        self.inner.seats.lock().remove(&self.seat.id);
        self.seat.gone.cancel();
    }
}

/// Takes a place under the caps, sending the least recently used idle process away if there is none.
pub(super) fn reserve(
    inner: &Arc<Inner>,
    slot: &Arc<Slot>,
    launch: &Launch,
    abort: &CancellationToken,
) -> Result<SeatGuard, UpstreamError> {
    let (kind, per_person, total) = match launch.how {
        How::Process(_) => (Kind::Process, inner.config.per_person, inner.config.total),
        How::Http(_) => (
            Kind::Http,
            inner.config.http_per_person,
            inner.config.http_total,
        ),
    };
    let seat = Arc::new(Seat {
        kind,
        id: inner.next_id.fetch_add(1, Ordering::Relaxed),
        key: slot.key.clone(),
        since: inner.clock.now(),
        slot: slot.clone(),
        abort: abort.clone(),
        child: OnceLock::new(),
        gone: CancellationToken::new(),
    });
    loop {
        let (cap, mut idle) = {
            let mut seats = inner.seats.lock();
            // under this lock, so that who stops everything misses none
            if inner.draining.load(Ordering::SeqCst) {
                return Err(UpstreamError::ShuttingDown);
            }
            let owner = slot.key.owner;
            let counted: Vec<_> = seats
                .values()
                .filter(|seat| seat.kind == kind && !seat.is_leaving())
                .collect();
            let own = counted
                .iter()
                .filter(|seat| seat.key.owner == owner)
                .count();
            let cap = if owner != Owner::Shared && own >= per_person {
                Cap::Person
            } else if counted.len() >= total {
                Cap::Total
            } else {
                seats.insert(seat.id, seat.clone());
                return Ok(SeatGuard {
                    inner: inner.clone(),
                    seat,
                });
            };
            let idle: Vec<_> = counted
                .into_iter()
                .filter(|seat| cap == Cap::Total || seat.key.owner == owner)
                .filter(|seat| seat.child.get().is_some_and(|child| child.in_flight() == 0))
                .cloned()
                .collect();
            (cap, idle)
        };
        idle.sort_by_key(|seat| seat.child.get().map(|child| child.last_used()));
        if !idle.iter().any(|seat| send_away(seat)) {
            return Err(UpstreamError::Busy { cap });
        }
    }
}

/// Ends an idle process; not if it got a call meanwhile.
fn send_away(seat: &Seat) -> bool {
    let mut state = seat.slot.state.lock();
    match (&state.phase, seat.child.get()) {
        (Phase::Running(current), Some(child))
            if current.id == child.id && child.in_flight() == 0 =>
        {
            tracing::info!(server = %seat.key, pid = child.pid, "an idle server makes room");
            child.stop(Stop::Now("it made room for another"));
            state.phase = Phase::Vacant;
            true
        }
        _ => false,
    }
}
