//! A server in the network: MCP's Streamable HTTP, both eras, from the client's end.
//!
//! Each request is a POST of its own, whose answer is JSON or a stream of events that ends with the
//! answer. That leaves little for an SDK to do, and its transport has one set of headers for everything
//! and typed messages only; so this is ours: a request goes out with its caller's credential, its result
//! comes back as the bytes it is, and what a server says meanwhile goes to the caller on whose stream it
//! came (`ears`).
//!
//! There is one of these for a person and a server, with a client of its own: no connection and no session
//! is shared between people. Some requests may be under way at a time; more wait a while, then are refused.
//!
//! The older era has sessions. One that the server forgot is renewed once, unnoticed by the caller. A stream
//! that breaks off is taken up again where the server gave events ids (2025-11-25, "Resumability"). Beside
//! the POSTs a GET stays open for what the server says by itself, where it offers that.
//!
//! Nothing is kept running there: what fails to connect while nothing else is under way is taken for a server that
//! ended, so that the same rules say when it is tried again. While other requests are under way it is that one request's
//! failure only: they have their connections. The URL is somebody's, so every request is made by the guarded client.

pub(super) mod events;
mod handshake;
mod headers;

pub use headers::value_of as header_value;
mod send;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use deputy_core::http::{GuardConfig, GuardLimits, Guarded};
use deputy_core::{Lifecycle, Secret};
use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Config;
use super::ears::Ears;
use super::exchange::{Bearer, Exchange};
use super::launch::HttpLaunch;
use super::listen::LISTEN;
use super::notices::Board;
use super::stderr::StderrRing;
use super::upstream::{Cap, Era, UpstreamError};
use super::wire::envelope::request_line;
use send::{About, Refused};

/// How many answers to a server's own requests may wait to be sent.
const ANSWERS: usize = 128;

/// How often a stream that broke off is taken up again for one request.
const RESUMES: u32 = 16;

/// How long what nobody waits for may take: a cancellation, the end of a session.
const ASIDE: Duration = Duration::from_secs(5);

/// Pauses before a stream of what the server says by itself is opened again.
pub(super) const REOPEN_FIRST: Duration = Duration::from_secs(1);
pub(super) const REOPEN_MAX: Duration = Duration::from_mins(1);

/// How long a connection that nobody uses is kept.
const KEEP: Duration = Duration::from_mins(5);

/// A server in the network.
pub(super) struct Remote {
    guarded: Guarded,
    url: Url,
    /// Sent with each request.
    headers: HeaderMap,
    spoken: OnceLock<Spoken>,
    session: Mutex<Session>,
    renewing: tokio::sync::Mutex<()>,
    renewed: Notify,
    places: Semaphore,
    most_places: usize,
    place_wait: Duration,
    next_id: AtomicI64,
    /// The one that the last caller came with, if any; for what is sent for nobody in particular.
    bearer: Mutex<Option<Secret<String>>>,
    /// Whether the server is a person's own, and may ask.
    offers: bool,
    limit: usize,
    lifecycle: Lifecycle,
    /// What is done about what comes.
    pub(super) ears: Arc<Ears>,
    /// Cancelled when it can't be reached any more, or is not wanted any more.
    pub(super) broken: CancellationToken,
    why: OnceLock<String>,
}

/// What was agreed on.
struct Spoken {
    era: Era,
    version: String,
}

/// A session of the older era.
#[derive(Clone, Default)]
struct Session {
    id: Option<String>,
    /// Grows with each handshake.
    number: u64,
}

impl Remote {
    pub(super) fn new(
        launch: &HttpLaunch,
        board: Arc<Board>,
        offers: bool,
        bearer: Option<Secret<String>>,
        config: &Config,
        lifecycle: &Lifecycle,
    ) -> Result<Arc<Self>, String> {
        let guarded = client(config)?;
        guarded
            .check(&launch.url)
            .map_err(|error| error.to_string())?;
        let headers = headers::of_launch(&launch.headers)?;
        let (answers, queue) = mpsc::channel(ANSWERS);
        let say = Box::new(move |line| {
            // a server that asks faster than it takes answers gets none
            let _ = answers.try_send(line);
        });
        let secrets = launch.headers.iter().map(|(_, value)| value.clone());
        // a key may be in the query of a URL
        let url = launch
            .url
            .query()
            .is_some()
            .then(|| Secret::new(launch.url.to_string()));
        let secrets: Vec<_> = secrets.chain(url).chain(bearer.clone()).collect();
        let noise = Arc::new(StderrRing::new(4096, &secrets));
        let remote = Arc::new(Self {
            guarded,
            url: launch.url.clone(),
            headers,
            spoken: OnceLock::new(),
            session: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            renewed: Notify::new(),
            places: Semaphore::new(config.http_in_flight),
            most_places: config.http_in_flight,
            place_wait: config.http_acquire,
            next_id: AtomicI64::new(1),
            bearer: Mutex::new(bearer),
            offers,
            limit: config.max_message,
            lifecycle: lifecycle.clone(),
            ears: Ears::new(noise, board, say, lifecycle.clone()),
            broken: CancellationToken::new(),
            why: OnceLock::new(),
        });
        lifecycle.spawn(answer_it(remote.clone(), queue));
        Ok(remote)
    }

    /// Where it is, without what a URL may hide.
    fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn is_modern(&self) -> bool {
        self.spoken.get().is_some_and(|it| it.era == Era::Modern)
    }

    /// It can't be reached: calls go to another one from now on.
    fn give_up(&self, reason: String) {
        let _ = self.why.set(reason);
        self.broken.cancel();
    }

    /// Why it can't be reached.
    pub(super) fn why_broken(&self) -> String {
        let why = self.why.get().cloned();
        why.unwrap_or_else(|| "it is not wanted any more".to_owned())
    }

    /// Keeps what this caller came with, or that there is nothing (any more).
    fn set_bearer(&self, bearer: &Bearer) {
        if let Bearer::Callers(bearer) = bearer {
            if let Some(bearer) = bearer {
                self.ears.hide(bearer);
            }
            self.bearer.lock().clone_from(bearer);
        }
    }

    /// Waits for the next new session.
    pub(super) fn renewed(&self) -> tokio::sync::futures::Notified<'_> {
        self.renewed.notified()
    }

    fn next_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<Box<RawValue>, UpstreamError> {
        let sent = AtomicBool::new(false);
        // boxed, because it is a part of many other futures
        let work = Box::pin(self.perform(exchange, &sent));
        let late = async {
            tokio::select! {
                () = exchange.asides().late.cancelled() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        };
        tokio::select! {
            biased;
            result = work => result,
            () = cancel.cancelled() => Err(UpstreamError::Cancelled),
            () = late => Err(UpstreamError::Timeout { sent: sent.load(Ordering::Relaxed) }),
        }
    }

    async fn perform(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        sent: &AtomicBool,
    ) -> Result<Box<RawValue>, UpstreamError> {
        let place = tokio::time::timeout(self.place_wait, self.places.acquire());
        // who listens does so for ever
        let listens = exchange.method() == LISTEN;
        let _place = if listens {
            None
        } else {
            Some(
                place
                    .await
                    .map_err(|_| UpstreamError::Busy { cap: Cap::Upstream })?,
            )
        };
        self.set_bearer(&exchange.asides().bearer);
        for retry in [false, true] {
            let session = self.session.lock().clone();
            sent.store(true, Ordering::Relaxed);
            match self.round(exchange, &session).await {
                Ok(()) => return exchange.outcome(),
                Err(Refused::Session) if !retry => {
                    let renewal = self.renew(session.number).await;
                    renewal.map_err(|refused| UpstreamError::from(refused).before_the_call())?;
                }
                Err(refused) => {
                    if let Refused::Unreached(reason) = &refused
                        && !listens
                        && self.is_alone()
                    {
                        self.give_up(reason.clone());
                    }
                    return Err(refused.into());
                }
            }
        }
        Err(UpstreamError::Protocol {
            reason: "it forgets its sessions at once".to_owned(),
        })
    }

    /// Whether the request that asks this is the only one under way.
    fn is_alone(&self) -> bool {
        self.places.available_permits() + 1 >= self.most_places
    }

    /// One POST and its answer, which is in its place afterwards.
    async fn round(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        session: &Session,
    ) -> Result<(), Refused> {
        let id = self.next_id();
        let line = request_line(exchange, &self.protocol_meta(exchange.method()), id).map_err(
            |error| {
                Refused::Error(UpstreamError::Protocol {
                    reason: error.to_string(),
                })
            },
        )?;
        if line.len() > self.limit {
            let most = Some(self.limit);
            return Err(Refused::Error(UpstreamError::TooLarge { most }));
        }
        self.ears.expect(id, exchange.clone());
        let mut waiting = Waiting {
            remote: self,
            id,
            silently: self.spoken.get().is_none_or(|it| it.era == Era::Modern),
        };
        let name = exchange.name();
        let about = About {
            method: exchange.method(),
            name: name.as_deref(),
            id: Some(id),
            bearer: Some(&exchange.asides().bearer),
            headers: &exchange.asides().headers,
            session: session.id.as_deref(),
        };
        let answer = match self.post(line, &about).await {
            Ok(response) => self.take_answer(response, id, &about).await,
            Err(refused) => Err(refused),
        };
        // it knows: it answered, or never had it
        waiting.silently = true;
        if matches!(answer, Err(Refused::Session)) {
            // it is asked again under another id
            self.ears.unexpect(id);
        }
        answer
    }

    /// `_meta` that every request of the newer era has.
    fn protocol_meta(&self, method: &str) -> Map<String, Value> {
        if self.is_modern() || method == "server/discover" {
            handshake::modern_meta()
        } else {
            Map::new()
        }
    }

    /// Ends the session, if there is one, without waiting for it.
    pub(super) fn leave(self: &Arc<Self>) {
        self.broken.cancel();
        let session = self.session.lock().clone();
        if session.id.is_some() {
            let remote = self.clone();
            self.lifecycle.spawn(async move {
                let _ = tokio::time::timeout(ASIDE, remote.delete(&session)).await;
            });
        }
    }
}

/// The one place that says how people's URLs are reached.
fn client(config: &Config) -> Result<Guarded, String> {
    let limits = GuardLimits {
        total: None,
        keep: KEEP,
        ..GuardLimits::default()
    };
    deputy_core::http::guarded(GuardConfig {
        private_hosts: config.private_hosts.clone(),
        limits,
    })
    .map_err(|error| format!("no client could be made: {error}"))
}

/// Sends the answers to the server's own requests.
async fn answer_it(remote: Arc<Remote>, mut queue: mpsc::Receiver<Vec<u8>>) {
    let broken = remote.broken.clone();
    let sending = async {
        while let Some(line) = queue.recv().await {
            let session = remote.session.lock().clone();
            let about = About {
                method: "",
                session: session.id.as_deref(),
                ..About::default()
            };
            let posting = remote.post(line, &about);
            if let Ok(Err(refused)) = tokio::time::timeout(ASIDE, posting).await {
                let error = remote.ears.shown(refused.into());
                tracing::debug!(%error, "an answer was not taken");
            }
        }
    };
    broken.run_until_cancelled(sending).await;
}

/// A request that is waited for; tells the server when that ends before the answer.
struct Waiting<'a> {
    remote: &'a Arc<Remote>,
    id: i64,
    /// In the newer era the end of the connection says it.
    silently: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.remote.ears.forget(self.id);
        if !self.silently && tokio::runtime::Handle::try_current().is_ok() {
            let (remote, id) = (self.remote.clone(), self.id);
            self.remote.lifecycle.spawn(async move {
                let line = serde_json::json!({
                    "jsonrpc": "2.0",
                    "method": "notifications/cancelled",
                    "params": { "requestId": id, "reason": "nobody waits for it any more" },
                });
                let session = remote.session.lock().clone();
                let about = About {
                    method: "notifications/cancelled",
                    session: session.id.as_deref(),
                    ..About::default()
                };
                let posting = remote.post(line.to_string().into_bytes(), &about);
                let _ = tokio::time::timeout(ASIDE, posting).await;
            });
        }
    }
}
