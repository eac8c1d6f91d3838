//! From a vacant slot to a running server, and what minds it from then on.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::child::{self, Birth, Child, Handshake, Service, Stop, shake_hands};
use super::launch::{How, Launch, Owner, ProcessLaunch};
use super::notices::Board;
use super::slot::{Announce, Phase, SHUTDOWN, Seat, Slot};
use super::spawn::{self, Process};
use super::upstream::{Cap, Era, UpstreamError};
use super::wire::Wire;
use super::{Inner, Ordering, prepare};

/// How long answers that were written before the end may take to be read after it.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Starts a task that starts the server, so that it goes on when the caller who needed it first goes away.
pub(super) fn spawn(
    inner: &Arc<Inner>,
    slot: &Arc<Slot>,
    launch: Launch,
    abort: CancellationToken,
    announce: Announce,
) {
    let (inner, slot) = (inner.clone(), slot.clone());
    inner.lifecycle.clone().spawn(async move {
        let started = start(&inner, &slot, &launch, &abort).await;
        let outcome = take_place(&inner, &slot, launch.generation, started);
        let _ = announce.send(Some(outcome));
    });
}

fn stopped(inner: &Inner) -> UpstreamError {
    if inner.draining.load(Ordering::SeqCst) {
        UpstreamError::ShuttingDown
    } else {
        UpstreamError::NotStarted {
            reason: "it was stopped".to_owned(),
            stderr_tail: String::new(),
        }
    }
}

/// A server that got through the handshake.
struct Ready {
    child: Arc<Child>,
    process: Process,
    service: Service,
    seat: SeatGuard,
}

/// Puts what started into its slot, and has it minded.
fn take_place(
    inner: &Arc<Inner>,
    slot: &Arc<Slot>,
    generation: u64,
    started: Result<Ready, UpstreamError>,
) -> Result<(), UpstreamError> {
    let mut state = slot.state.lock();
    let wanted = matches!(state.phase, Phase::Starting(_));
    match started {
        Ok(Ready {
            child,
            process,
            service,
            seat,
        }) => {
            state.starts += 1;
            if wanted {
                state.phase = Phase::Running(child.clone());
            } else {
                child.stop(Stop::Now("it was stopped"));
            }
            drop(state);
            // the soft stop may have come too early to meet it
            if inner.draining.load(Ordering::SeqCst) {
                child.stop(Stop::WhenIdle);
            }
            tracing::info!(server = %slot.key, pid = child.pid, generation, "a server started");
            metrics::counter!("deputy_pool_starts_total").increment(1);
            if slot.key.is_own() {
                let child = child.clone();
                inner.lifecycle.spawn(async move { child.listen().await });
            }
            inner.lifecycle.spawn(mind(
                inner.clone(),
                slot.clone(),
                child,
                process,
                service,
                seat,
            ));
            if wanted { Ok(()) } else { Err(stopped(inner)) }
        }
        Err(error) => {
            if wanted {
                state.phase = Phase::Vacant;
                if let UpstreamError::NotStarted {
                    reason,
                    stderr_tail,
                } = &error
                {
                    tracing::warn!(server = %slot.key, %reason, "a server did not start");
                    metrics::counter!("deputy_pool_start_failures_total").increment(1);
                    let now = inner.clock.now();
                    state.failed(
                        now,
                        None,
                        generation,
                        reason.clone(),
                        stderr_tail.clone(),
                        &inner.config,
                        unit(inner),
                    );
                }
            }
            Err(error)
        }
    }
}

async fn start(
    inner: &Arc<Inner>,
    slot: &Arc<Slot>,
    launch: &Launch,
    abort: &CancellationToken,
) -> Result<Ready, UpstreamError> {
    let seat = reserve(inner, slot, abort)?;
    let process = match &launch.how {
        How::Process(process) => process,
        How::Http(_) => {
            return Err(UpstreamError::NotStarted {
                reason: "servers in the network are not there yet".to_owned(),
                stderr_tail: String::new(),
            });
        }
    };
    let mark = format!("{}-{}-{}", std::process::id(), inner.mark, seat.seat.id);
    prepare::ready(inner, process, &mark, abort).await?;
    let deadline = Instant::now() + inner.config.handshake;
    let definition = definition(launch);
    let known = inner.eras.lock().get(&definition).copied();
    // A server of the older kind may answer server/discover with an error, with silence, or with its end
    // (all three are in the wild), so after a failed attempt of the newer kind comes one of the older.
    let attempts: &[Handshake] = match known {
        Some(Era::Legacy) => &[Handshake::Legacy],
        Some(Era::Modern) | None => &[Handshake::Auto, Handshake::Legacy],
    };
    let mut failure = None;
    for (n, how) in attempts.iter().copied().enumerate() {
        if abort.is_cancelled() {
            return Err(stopped(inner));
        }
        let until = if n + 1 < attempts.len() {
            deadline.min(Instant::now() + inner.config.probe)
        } else {
            deadline
        };
        match attempt(inner, seat.seat(), process, &mark, how, until).await {
            Ok((process, wire, service)) => {
                let info = child::server_info(service.peer().peer_info().as_deref());
                inner.eras.lock().insert(definition, info.era);
                let birth = Birth {
                    id: seat.seat.id,
                    generation: launch.generation,
                    pid: process.pid(),
                    wire,
                    info: Arc::new(info),
                    peer: service.peer().clone(),
                };
                let child = Child::new(birth, inner.clock.clone(), inner.lifecycle.clone());
                let _ = seat.seat.child.set(child.clone());
                return Ok(Ready {
                    child,
                    process,
                    service,
                    seat,
                });
            }
            Err(Failure {
                error,
                hopeless: true,
            }) => return Err(error),
            // what the first attempt printed says more than a second time-out
            Err(Failure { error, .. }) => failure = Some(error),
        }
    }
    inner.eras.lock().remove(&definition);
    Err(failure.unwrap_or_else(|| stopped(inner)))
}

/// Which program it is, so far as its way of speaking goes.
fn definition(launch: &Launch) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &launch.how {
        How::Process(process) => (&process.program, &process.args).hash(&mut hasher),
        How::Http(http) => http.url.hash(&mut hasher),
    }
    hasher.finish()
}

struct Failure {
    error: UpstreamError,
    /// Another way of speaking would change nothing.
    hopeless: bool,
}

async fn attempt(
    inner: &Arc<Inner>,
    seat: &Seat,
    launch: &ProcessLaunch,
    mark: &str,
    how: Handshake,
    until: Instant,
) -> Result<(Process, Arc<Wire>, Service), Failure> {
    let started = inner
        .spawner
        .start(launch, mark.to_owned(), &inner.config)
        .await
        .map_err(|error| {
            let program = launch.program.display();
            let reason = match &launch.working_dir {
                Some(dir) => format!(
                    "{program} in {} could not be started: {error}",
                    dir.display()
                ),
                None => format!("{program} could not be started: {error}"),
            };
            Failure {
                error: UpstreamError::NotStarted {
                    reason,
                    stderr_tail: String::new(),
                },
                hopeless: true,
            }
        })?;
    let board = Board::new(
        seat.key.clone(),
        inner.notices.clone(),
        inner.lifecycle.clone(),
    );
    let (mut process, wire, transport) =
        spawn::connect(started, &inner.lifecycle, inner.config.max_message, board);
    let hands = tokio::select! {
        biased;
        () = seat.abort.cancelled() => {
            process.kill().await;
            return Err(Failure { error: stopped(inner), hopeless: true });
        }
        hands = tokio::time::timeout_at(until, shake_hands(transport, how, seat.key.is_own())) => hands,
    };
    let reason = match hands {
        Ok(Ok(service)) => return Ok((process, wire, service)),
        Ok(Err(reason)) => match tokio::time::timeout(LAST_WORDS, process.wait()).await {
            Ok(end) => format!("{end} during the handshake"),
            Err(_) => reason,
        },
        Err(_) => "it did not answer the handshake in time".to_owned(),
    };
    process.kill().await;
    let error = UpstreamError::NotStarted {
        reason,
        stderr_tail: process.tail(),
    };
    Err(Failure {
        error,
        hopeless: false,
    })
}

/// A number from 0 to 1.
fn unit(inner: &Inner) -> f64 {
    let random = u32::from_le_bytes(deputy_core::random::bytes(&*inner.rng));
    f64::from(random) / f64::from(u32::MAX)
}

/// Gives the seat back when dropped, whatever became of the process.
struct SeatGuard {
    inner: Arc<Inner>,
    seat: Arc<Seat>,
}

impl SeatGuard {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Drop for SeatGuard {
    fn drop(&mut self) {
        self.inner.seats.lock().remove(&self.seat.id);
        self.seat.gone.cancel();
    }
}

/// Takes a place under the caps, sending the least recently used idle process away if there is none.
fn reserve(
    inner: &Arc<Inner>,
    slot: &Arc<Slot>,
    abort: &CancellationToken,
) -> Result<SeatGuard, UpstreamError> {
    let seat = Arc::new(Seat {
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
            let counted: Vec<_> = seats.values().filter(|seat| !seat.is_leaving()).collect();
            let own = counted
                .iter()
                .filter(|seat| seat.key.owner == owner)
                .count();
            let cap = if owner != Owner::Shared && own >= inner.config.per_person {
                Cap::Person
            } else if counted.len() >= inner.config.total {
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

/// Minds a running server until nothing is left of it.
async fn mind(
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    child: Arc<Child>,
    mut process: Process,
    service: Service,
    seat: SeatGuard,
) {
    let wire = child.wire.clone();
    tokio::select! {
        reason = process.wait() => {
            // nothing should keep the pipe open now, and what is in it is still read
            process.kill_group();
            let _ = tokio::time::timeout(LAST_WORDS, wire.broken.cancelled()).await;
            unasked(&inner, &slot, &child, &process, reason);
            process.kill().await;
        }
        () = wire.broken.cancelled() => {
            let reason = match tokio::time::timeout(LAST_WORDS, process.wait()).await {
                Ok(reason) => reason,
                Err(_) => "it closed its output or reads no input".to_owned(),
            };
            unasked(&inner, &slot, &child, &process, reason);
            process.kill().await;
        }
        reason = child.told_to_stop() => {
            child.end(if reason == SHUTDOWN {
                UpstreamError::ShuttingDown
            } else {
                UpstreamError::Died { reason: reason.to_owned(), stderr_tail: String::new() }
            });
            process.stop(&wire.close_input, inner.grace()).await;
            tracing::info!(server = %slot.key, pid = child.pid, reason, "a server ended");
        }
    }
    drop(service);
    wire.close_input.cancel();
    drop(process);
    drop(seat);
}

/// What an end that nobody asked for means to its callers and to its slot.
fn unasked(inner: &Inner, slot: &Slot, child: &Arc<Child>, process: &Process, reason: String) {
    let reason = child.condemned().unwrap_or(reason);
    tracing::warn!(server = %slot.key, pid = child.pid, %reason, calls = child.in_flight(), "a server ended unasked");
    metrics::counter!("deputy_pool_deaths_total").increment(1);
    {
        let mut state = slot.state.lock();
        if matches!(&state.phase, Phase::Running(current) if current.id == child.id) {
            state.phase = Phase::Vacant;
        }
        // one that was told to end may end as it likes
        if !child.was_told() {
            let now = inner.clock.now();
            let lived = Duration::try_from(now.duration_since(child.started)).unwrap_or_default();
            state.failed(
                now,
                Some(lived),
                child.generation,
                reason.clone(),
                process.tail(),
                &inner.config,
                unit(inner),
            );
        }
    }
    child.end(UpstreamError::Died {
        reason,
        stderr_tail: process.tail(),
    });
}
