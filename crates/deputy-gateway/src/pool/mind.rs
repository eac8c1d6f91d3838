//! What minds a running server: notices its end, tells the callers whose calls were under way, and sees to
//! it that nothing is left.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::child::{Child, Link};
use super::handshake::Service;
use super::remote::Remote;
use super::seats::SeatGuard;
use super::slot::{End, Phase, SHUTDOWN, Slot};
use super::spawn::{LAST_WORDS, Process};
use super::upstream::UpstreamError;

/// What there is of a server.
pub(super) enum Body {
    /// A process, and rmcp's task for it.
    Process(Box<(Process, Service)>),
    /// Somewhere in the network.
    Net(Arc<Remote>),
}

/// Minds a running server until nothing is left of it.
pub(super) async fn mind(
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    child: Arc<Child>,
    body: Body,
    seat: SeatGuard,
) {
    match body {
        Body::Process(body) => {
            let (process, service) = *body;
            mind_process(&inner, &slot, &child, process, service).await;
        }
        Body::Net(remote) => mind_remote(&inner, &slot, &child, &remote).await,
    }
    drop(seat);
}

/// The end that it was told to come to.
fn told(child: &Child, reason: &str) {
    child.end(if reason == SHUTDOWN {
        UpstreamError::ShuttingDown
    } else {
        UpstreamError::Died {
            reason: reason.to_owned(),
            stderr_tail: String::new(),
        }
    });
}

async fn mind_remote(inner: &Inner, slot: &Slot, child: &Arc<Child>, remote: &Arc<Remote>) {
    tokio::select! {
        () = remote.broken.cancelled() => {
            unasked(inner, slot, child, remote.why_broken(), String::new());
        }
        reason = child.told_to_stop() => {
            told(child, reason);
            tracing::info!(server = %slot.key, reason, "left a server in the network");
        }
    }
    remote.leave();
}

async fn mind_process(
    inner: &Inner,
    slot: &Slot,
    child: &Arc<Child>,
    mut process: Process,
    service: Service,
) {
    let Link::Pipe { wire, .. } = child.link() else {
        return;
    };
    tokio::select! {
        reason = process.wait() => {
            // nothing should keep the pipes open now, and what is in them is still read
            process.kill_group();
            let read = async {
                wire.broken.cancelled().await;
                process.drained().await;
            };
            let _ = tokio::time::timeout(LAST_WORDS, read).await;
            unasked(inner, slot, child, reason, process.tail());
            process.kill().await;
        }
        () = wire.broken.cancelled() => {
            let reason = match tokio::time::timeout(LAST_WORDS, process.wait()).await {
                Ok(reason) => {
                    process.kill_group();
                    let _ = tokio::time::timeout(LAST_WORDS, process.drained()).await;
                    reason
                }
                Err(_) => "it closed its output or reads no input".to_owned(),
            };
            unasked(inner, slot, child, reason, process.tail());
            process.kill().await;
        }
        reason = child.told_to_stop() => {
            told(child, reason);
            process.stop(&wire.close_input, inner.grace()).await;
            slot.state.lock().keep(process.tail(), inner.clock.now());
            tracing::info!(server = %slot.key, pid = child.pid, reason, "a server ended");
        }
    }
    drop(service);
    wire.close_input.cancel();
}

/// What an end that nobody asked for means to its callers and to its slot.
fn unasked(inner: &Inner, slot: &Slot, child: &Arc<Child>, reason: String, printed: String) {
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
                End {
                    reason: reason.clone(),
                    printed: printed.clone(),
                },
                &inner.config,
                unit(inner),
            );
        }
    }
    child.end(UpstreamError::Died {
        reason,
        stderr_tail: printed,
    });
}

/// A number from 0 to 1.
pub(super) fn unit(inner: &Inner) -> f64 {
    let random = u32::from_le_bytes(deputy_core::random::bytes(&*inner.rng));
    f64::from(random) / f64::from(u32::MAX)
}
