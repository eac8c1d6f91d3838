//! From a vacant slot to a running server, and what minds it from then on.

use std::sync::Arc;

use deputy_core::Secret;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::child::{Birth, Child, Link, Stop};
use super::handshake::{Handshake, Service, server_info, shake_hands};
use super::launch::{How, HttpLaunch, Launch, ProcessLaunch};
use super::mind::{Body, mind, unit};
use super::notices::Board;
use super::remote::Remote;
use super::seats::{SeatGuard, reserve};
use super::slot::{Announce, End, Phase, Seat, Slot};
use super::spawn::{self, LAST_WORDS, Process};
use super::upstream::{Era, ServerInfo, UpstreamError};
use super::wire::{Limits, Wire};
use super::{Inner, Ordering, eras, listen, prepare, upstream};

/// Starts a task that starts the server, so that it goes on when the caller who needed it first goes away.
pub(super) fn spawn(
    inner: &Arc<Inner>,
    slot: &Arc<Slot>,
    launch: Launch,
    bearer: Option<Secret<String>>,
    abort: CancellationToken,
    announce: Announce,
) {
    let (inner, slot) = (inner.clone(), slot.clone());
    inner.lifecycle.clone().spawn(async move {
        let started = start(&inner, &slot, &launch, bearer, &abort).await;
        if let Ok(ready) = &started
            && slot.key.is_own()
        {
            hear(&inner, &slot, &ready.child).await;
        }
        let outcome = take_place(&inner, &slot, launch.generation, started);
        let _ = announce.send(Some(outcome));
    });
}

/// Has a server of a person's be heard. What clients want to hear of it, it is told before its first call.
async fn hear(inner: &Inner, slot: &Slot, child: &Arc<Child>) {
    let mut following = inner.wants.follow(&slot.key);
    let is_wanted = !following.wanted().is_nothing();
    let (told, first) = oneshot::channel();
    let listening = child.clone();
    inner
        .lifecycle
        .spawn(async move { listening.listen(following, told).await });
    if is_wanted {
        let _ = tokio::time::timeout(listen::TAKEN, first).await;
    }
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
    body: Body,
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
        Ok(Ready { child, body, seat }) => {
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
            inner
                .lifecycle
                .spawn(mind(inner.clone(), slot.clone(), child, body, seat));
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
                        End {
                            reason: reason.clone(),
                            printed: stderr_tail.clone(),
                        },
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
    bearer: Option<Secret<String>>,
    abort: &CancellationToken,
) -> Result<Ready, UpstreamError> {
    let seat = reserve(inner, slot, launch, abort)?;
    let (body, pid, link, info) = match &launch.how {
        How::Process(process) => {
            let (process, wire, service) = start_process(inner, &seat.seat, process, abort).await?;
            let info = server_info(service.peer().peer_info().as_deref());
            let peer = service.peer().clone();
            let pid = process.pid();
            let body = Body::Process(Box::new((process, service)));
            (body, Some(pid), Link::Pipe { wire, peer }, info)
        }
        How::Http(http) => {
            let (remote, info) = reach(inner, &seat.seat, http, bearer).await?;
            (Body::Net(remote.clone()), None, Link::Net(remote), info)
        }
    };
    let birth = Birth {
        id: seat.seat.id,
        generation: launch.generation,
        pid,
        home: launch.home(),
        link,
        info: Arc::new(info),
    };
    let child = Child::new(birth, inner.clock.clone(), inner.lifecycle.clone());
    let _ = seat.seat.child.set(child.clone());
    Ok(Ready { child, body, seat })
}

/// Has a process start and get through the handshake.
async fn start_process(
    inner: &Arc<Inner>,
    seat: &Seat,
    process: &ProcessLaunch,
    abort: &CancellationToken,
) -> Result<(Process, Arc<Wire>, Service), UpstreamError> {
    let random: [u8; 8] = deputy_core::random::bytes(&*inner.rng);
    let mark = format!("{}-{}", seat.id, hex::encode(random));
    let definition = eras::of_process(process);
    let prepared = prepare::ready(inner, &seat.key, process, &mark, abort).await?;
    let process = prepared.as_ref().unwrap_or(process);
    let deadline = Instant::now() + inner.config.handshake;
    let known = inner.eras.get(definition);
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
        match attempt(inner, seat, process, &mark, how, until).await {
            Ok((process, wire, service)) => {
                let info = server_info(service.peer().peer_info().as_deref());
                inner.eras.learn(definition, info.era);
                return Ok((process, wire, service));
            }
            Err(Failure {
                error,
                hopeless: true,
            }) => return Err(error),
            // what the first attempt printed says more than a second time-out
            Err(Failure { error, .. }) => failure = Some(error),
        }
    }
    inner.eras.forget(definition);
    Err(failure.unwrap_or_else(|| stopped(inner)))
}

/// Has a server in the network get through the handshake.
async fn reach(
    inner: &Arc<Inner>,
    seat: &Seat,
    http: &HttpLaunch,
    bearer: Option<Secret<String>>,
) -> Result<(Arc<Remote>, ServerInfo), UpstreamError> {
    let not_started = |reason: String| UpstreamError::NotStarted {
        reason,
        stderr_tail: String::new(),
    };
    let board = Board::new(
        seat.key.clone(),
        inner.notices.clone(),
        inner.lifecycle.clone(),
    );
    let offers = seat.key.is_own();
    let remote = Remote::new(http, board, offers, bearer, &inner.config, &inner.lifecycle)
        .map_err(not_started)?;
    let definition = eras::of_url(&http.url);
    let greeting = remote.greet(inner.eras.get(definition), inner.config.probe);
    let outcome = tokio::select! {
        biased;
        () = seat.abort.cancelled() => Err(stopped(inner)),
        greeted = tokio::time::timeout(inner.config.handshake, greeting) => match greeted {
            Ok(greeted) => greeted,
            Err(_) => Err(not_started("it did not answer the handshake in time".to_owned())),
        },
    };
    match outcome {
        Ok(info) => {
            inner.eras.learn(definition, info.era);
            Ok((remote, info))
        }
        Err(error) => {
            if matches!(error, UpstreamError::NotStarted { .. }) {
                inner.eras.forget(definition);
            }
            remote.leave();
            Err(in_short(remote.ears.shown(error)))
        }
    }
}

/// The most of a server's words about why it can't start, in bytes.
const LONGEST_REASON: usize = 1000;

fn in_short(error: UpstreamError) -> UpstreamError {
    error.in_words(|text| upstream::cut(text, LONGEST_REASON))
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
    let limits = Limits {
        heard: inner.config.max_message,
        said: if seat.key.is_own() {
            inner.config.max_message
        } else {
            inner.config.max_request
        },
    };
    let (mut process, wire, transport) = spawn::connect(started, &inner.lifecycle, limits, board);
    let hands = tokio::select! {
        biased;
        () = seat.abort.cancelled() => {
            wire.close_input.cancel();
            process.kill().await;
            return Err(Failure { error: stopped(inner), hopeless: true });
        }
        hands = tokio::time::timeout_at(until, shake_hands(transport, how, seat.key.is_own())) => hands,
    };
    if !matches!(hands, Ok(Ok(_))) {
        // what writes to it ends with it
        wire.close_input.cancel();
    }
    let reason = match hands {
        Ok(Ok(service)) => return Ok((process, wire, service)),
        Ok(Err(reason)) => match tokio::time::timeout(LAST_WORDS, process.wait()).await {
            Ok(end) => format!("{end} during the handshake"),
            Err(_) => reason,
        },
        Err(_) => "it did not answer the handshake in time".to_owned(),
    };
    // who writes to it holds its input until then
    wire.close_input.cancel();
    process.kill().await;
    let error = UpstreamError::NotStarted {
        reason,
        stderr_tail: process.tail(),
    };
    let error = in_short(wire.ears.shown(error));
    Err(Failure {
        error,
        hopeless: false,
    })
}
