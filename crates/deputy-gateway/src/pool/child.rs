//! A running server, and the calls to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deputy_core::{Clock, Lifecycle};
use jiff::Timestamp;
use rmcp::model::{CancelledNotificationParam, ClientRequest, CustomRequest, NumberOrString};
use rmcp::service::{PeerRequestOptions, ServiceError};
use rmcp::{Peer, RoleClient};
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ears::Ears;
use super::exchange::{Asides, Exchange, Params};
use super::remote::Remote;
use super::upstream::{Era, ServerInfo, UpstreamError};
use super::wire::{SendError, Wire};

/// What a running server should do about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Go on.
    No,
    /// End when no call is in flight; it gets no new ones.
    WhenIdle,
    /// End now, for the reason given.
    Now(&'static str),
}

/// How a server is reached.
pub(super) enum Link {
    /// Over its pipes, by rmcp.
    Pipe {
        /// Beside which our own requests go.
        wire: Arc<Wire>,
        /// rmcp's end.
        peer: Peer<RoleClient>,
    },
    /// Over the network.
    Net(Arc<Remote>),
}

impl Link {
    fn is_broken(&self) -> bool {
        match self {
            Self::Pipe { wire, peer } => wire.broken.is_cancelled() || peer.is_transport_closed(),
            Self::Net(remote) => remote.broken.is_cancelled(),
        }
    }
}

/// A running server.
pub(super) struct Child {
    pub(super) id: u64,
    pub(super) generation: u64,
    /// None in the network.
    pub(super) pid: Option<u32>,
    pub(super) started: Timestamp,
    /// The folder where it keeps what it keeps.
    pub(super) home: Option<PathBuf>,
    link: Link,
    pub(super) info: Arc<ServerInfo>,
    in_flight: AtomicU32,
    idle: Notify,
    last_used: AtomicI64,
    calls: AtomicU64,
    stop: watch::Sender<Stop>,
    /// Why it was killed, if it was.
    condemned: OnceLock<String>,
    end: OnceLock<UpstreamError>,
    dead: CancellationToken,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
}

/// Where a child comes from.
pub(super) struct Birth {
    pub(super) id: u64,
    pub(super) generation: u64,
    pub(super) pid: Option<u32>,
    pub(super) home: Option<PathBuf>,
    pub(super) link: Link,
    pub(super) info: Arc<ServerInfo>,
}

impl Child {
    /// Whether it is in the network.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.link, Link::Net(_))
    }

    pub(super) fn new(birth: Birth, clock: Arc<dyn Clock>, lifecycle: Lifecycle) -> Arc<Self> {
        let Birth {
            id,
            generation,
            pid,
            home,
            link,
            info,
        } = birth;
        let now = clock.now();
        Arc::new(Self {
            id,
            generation,
            pid,
            started: now,
            home,
            link,
            info,
            in_flight: AtomicU32::new(0),
            idle: Notify::new(),
            last_used: AtomicI64::new(now.as_millisecond()),
            calls: AtomicU64::new(0),
            stop: watch::Sender::new(Stop::No),
            condemned: OnceLock::new(),
            end: OnceLock::new(),
            dead: CancellationToken::new(),
            clock,
            lifecycle,
        })
    }

    /// Whether new calls may go to it.
    pub(super) fn accepts(&self) -> bool {
        !self.is_leaving() && !self.link.is_broken()
    }

    /// How it is reached.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// What is done about what it says.
    pub(super) fn ears(&self) -> &Arc<Ears> {
        match &self.link {
            Link::Pipe { wire, .. } => &wire.ears,
            Link::Net(remote) => &remote.ears,
        }
    }

    /// Cancelled when it has ended.
    pub(super) fn dead(&self) -> &CancellationToken {
        &self.dead
    }

    /// Whether it has been told to end, or has ended.
    pub(super) fn is_leaving(&self) -> bool {
        self.was_told() || self.dead.is_cancelled()
    }

    /// Whether it has been told to end.
    pub(super) fn was_told(&self) -> bool {
        *self.stop.borrow() != Stop::No
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// When its last call ended, or it started.
    pub(super) fn last_used(&self) -> Timestamp {
        Timestamp::from_millisecond(self.last_used.load(Ordering::Relaxed)).unwrap_or(self.started)
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Has it end; a firmer stop replaces a softer one, never the reverse.
    pub(super) fn stop(&self, stop: Stop) {
        self.stop.send_if_modified(|now| {
            let firmer = matches!((*now, stop), (Stop::No, _) | (Stop::WhenIdle, Stop::Now(_)));
            if firmer {
                *now = stop;
            }
            firmer
        });
    }

    /// Waits until it should end, and says why.
    pub(super) async fn told_to_stop(&self) -> &'static str {
        let mut stop = self.stop.subscribe();
        loop {
            match *stop.borrow_and_update() {
                Stop::Now(reason) => return reason,
                Stop::WhenIdle if self.in_flight() == 0 => return "it was replaced",
                Stop::No | Stop::WhenIdle => {}
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = self.idle.notified() => {}
            }
        }
    }

    /// Kills all that is in its group, for this reason; the first one counts.
    pub(super) fn kill(&self, reason: String) {
        let _ = self.condemned.set(reason);
        super::spawn::kill_group(self.pid);
    }

    /// Why it was killed, if it was.
    pub(super) fn condemned(&self) -> Option<String> {
        self.condemned.get().cloned()
    }

    /// Tells everybody who waits for an answer that none will come.
    pub(super) fn end(&self, error: UpstreamError) {
        let _ = self.end.set(error);
        self.dead.cancel();
    }

    /// Takes a place for one call. Only under the lock of the slot, so that no child that was just told
    /// to end gets one more.
    pub(super) fn lease(self: &Arc<Self>) -> Lease {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::Relaxed);
        Lease {
            child: self.clone(),
            is_use: true,
        }
    }

    /// Sends a request and waits for its answer. `Err(None)`: it ended before the request was sent.
    pub(super) async fn exchange(
        &self,
        exchange: &Arc<Exchange>,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<Box<RawValue>, Option<UpstreamError>> {
        let answer = self.send(exchange, cancel, deadline).await;
        answer.map_err(|error| error.map(|it| self.ears().shown(it)))
    }

    async fn send(
        &self,
        exchange: &Arc<Exchange>,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<Box<RawValue>, Option<UpstreamError>> {
        let (wire, peer) = match &self.link {
            Link::Pipe { wire, peer } => (wire, peer),
            Link::Net(remote) => {
                return tokio::select! {
                    biased;
                    () = self.dead.cancelled() => Err(Some(self.why_it_ended().await)),
                    result = remote.exchange(exchange, cancel, deadline) => result.map_err(Some),
                };
            }
        };
        let mut stand_in = CustomRequest::new(exchange.method().to_owned(), None);
        stand_in.extensions.insert(exchange.clone());
        // boxed, because a request of rmcp's is some kilobytes and this future is a part of many others
        let sending = Box::pin(peer.send_cancellable_request(
            ClientRequest::CustomRequest(stand_in),
            PeerRequestOptions::no_options(),
        ));
        let handle = tokio::select! {
            biased;
            () = self.dead.cancelled() => return Err(None),
            () = cancel.cancelled() => return Err(Some(UpstreamError::Cancelled)),
            () = exchange.asides().late.cancelled() => return Err(Some(UpstreamError::Timeout { sent: false })),
            sent = tokio::time::timeout_at(deadline, sending) => match sent {
                Err(_) => return Err(Some(UpstreamError::Timeout { sent: false })),
                Ok(Err(_)) => return Err(None),
                Ok(Ok(handle)) => handle,
            },
        };
        let mut abandoned = Abandoned {
            wire,
            peer,
            lifecycle: &self.lifecycle,
            id: Some(handle.id.clone()),
        };
        let answer = tokio::select! {
            biased;
            answer = Box::pin(handle.await_response()) => answer,
            () = cancel.cancelled() => return Err(Some(UpstreamError::Cancelled)),
            () = exchange.asides().late.cancelled() => return Err(Some(UpstreamError::Timeout { sent: true })),
            () = tokio::time::sleep_until(deadline) => return Err(Some(UpstreamError::Timeout { sent: true })),
            () = self.dead.cancelled() => Err(ServiceError::TransportClosed),
        };
        if let Some(id) = abandoned.id.take() {
            wire.forget(&id);
        }
        match answer {
            Ok(_) => {}
            Err(ServiceError::TransportSend(error)) => {
                return Err(Some(match error.error.downcast_ref() {
                    Some(SendError::TooLong { limit }) => {
                        UpstreamError::TooLarge { most: Some(*limit) }
                    }
                    _ => UpstreamError::Protocol {
                        reason: error.error.to_string(),
                    },
                }));
            }
            Err(_) => return Err(Some(self.why_it_ended().await)),
        }
        exchange.outcome().map_err(Some)
    }

    /// Its pipe is broken; its exit status follows at once, unless it lives on without a pipe.
    async fn why_it_ended(&self) -> UpstreamError {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.dead.cancelled()).await;
        self.end
            .get()
            .cloned()
            .unwrap_or_else(|| UpstreamError::Died {
                reason: "it closed its output".to_owned(),
                stderr_tail: String::new(),
            })
    }

    /// Whether it shows a sign of life within `answer`, or has since the last time this was asked.
    pub(super) async fn is_well(&self, answer: Duration) -> bool {
        if self.ears().was_heard() {
            return true;
        }
        // 2026-07-28 has no ping
        let method = match self.info.era {
            Era::Legacy => "ping",
            Era::Modern => "server/discover",
        };
        let ping = Exchange::new(method, Params::Bare, Asides::default());
        let result = self
            .exchange(&ping, &CancellationToken::new(), Instant::now() + answer)
            .await;
        // any answer is a sign of life
        !matches!(
            result,
            Err(None
                | Some(
                    UpstreamError::NotStarted { .. }
                        | UpstreamError::Timeout { .. }
                        | UpstreamError::Died { .. }
                ))
        )
    }
}

/// A call's place at a child.
pub(super) struct Lease {
    child: Arc<Child>,
    is_use: bool,
}

impl Lease {
    /// The same, but not counted as a use of the server.
    pub(super) fn aside(mut self) -> Self {
        self.is_use = false;
        self
    }
}

impl std::ops::Deref for Lease {
    type Target = Arc<Child>;
    fn deref(&self) -> &Self::Target {
        &self.child
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_use {
            let now = self.child.clock.now().as_millisecond();
            self.child.last_used.store(now, Ordering::Relaxed);
        }
        if self.child.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.child.idle.notify_one();
        }
    }
}

/// Tells the server when nobody waits for an answer any more, however that came about.
struct Abandoned<'a> {
    wire: &'a Wire,
    peer: &'a Peer<RoleClient>,
    lifecycle: &'a Lifecycle,
    id: Option<NumberOrString>,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        self.wire.forget(&id);
        if tokio::runtime::Handle::try_current().is_ok() {
            let peer = self.peer.clone();
            let cancelled = CancelledNotificationParam::new(
                Some(id),
                Some("nobody waits for it any more".to_owned()),
            );
            self.lifecycle
                .spawn(async move { peer.notify_cancelled(cancelled).await });
        }
    }
}
