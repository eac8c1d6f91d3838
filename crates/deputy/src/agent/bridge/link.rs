//! The way of a message to the server and of what comes back.

mod http;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use deputy_core::Lifecycle;
use parking_lot::Mutex;
use reqwest::Response;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::failure::{Failure, unreadable};
use super::message::{Message, answers};
use super::session::Sessions;
use super::stream::Events;
use crate::agent::api::Identity;
use crate::agent::server::ServerUrl;
use crate::agent::terminal::plain;
pub(super) use http::SESSION;
use http::{JSON, STREAM, is, read};

const LISTEN: &str = "subscriptions/listen";

/// A request may wait for a person. Streams last as long as they last.
const LIMITS: deputy_core::http::Limits = deputy_core::http::Limits {
    connect: Duration::from_secs(10),
    total: Duration::from_hours(24 * 30),
};
/// How long an answer to what is no request may take.
const ASIDE: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// How many requests may be under way.
const MOST: usize = 256;
/// How often a stream that broke off is taken up again for one request.
const RESUMES: u32 = 16;
/// After a cancellation an older server still may answer, and need not.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A request that is under way.
struct Pending {
    cancel: CancellationToken,
    /// Whether it has an end of its own.
    ends: bool,
}

/// The bridge between one client and one server.
pub(super) struct Link {
    server: ServerUrl,
    endpoint: Url,
    identity: Identity,
    http: reqwest::Client,
    output: mpsc::Sender<Bytes>,
    pending: Mutex<HashMap<String, Pending>>,
    requests: TaskTracker,
    /// The newer era's version that the client last spoke.
    modern: Mutex<Option<String>>,
    numbers: AtomicU64,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) renewing: tokio::sync::Mutex<()>,
    pub(super) lifecycle: Lifecycle,
}

impl Link {
    pub(super) fn new(
        server: ServerUrl,
        endpoint: Url,
        identity: Identity,
        output: mpsc::Sender<Bytes>,
        lifecycle: &Lifecycle,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            server,
            endpoint,
            identity,
            http: deputy_core::http::trusted(LIMITS)?,
            output,
            pending: Mutex::default(),
            requests: TaskTracker::new(),
            modern: Mutex::default(),
            numbers: AtomicU64::new(1),
            sessions: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            lifecycle: lifecycle.clone(),
        })
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// To the client.
    pub(super) async fn say(&self, message: Bytes) {
        // nobody reads: then the bridge is ending
        let _ = self.output.send(message).await;
    }

    /// Answers what could not be read.
    pub(super) async fn refuse_line(&self, why: &str) {
        self.say(unreadable(why)).await;
    }

    /// A line of the client's. Returns when the next one may be looked at.
    pub(super) async fn take(self: &Arc<Self>, text: Bytes) {
        let message = match Message::read(text) {
            Ok(message) => message,
            Err(error) => return self.refuse_line(&format!("no message: {error}")).await,
        };
        if message.version.is_some() {
            self.modern.lock().clone_from(&message.version);
        }
        if let Some(id) = message.cancels.clone() {
            self.cancel(&id, message);
        } else if message.is("initialize") && message.is_request() {
            self.initialize(message).await;
        } else if message.is("notifications/initialized") {
            self.initialized(message).await;
        } else if message.is_request() {
            self.request(message).await;
        } else {
            let link = Arc::clone(self);
            let aside = async move { link.notify(&message).await };
            self.lifecycle.spawn(self.requests.track_future(aside));
        }
    }

    async fn request(self: &Arc<Self>, message: Message) {
        let id = message.id.clone().unwrap_or_default();
        let cancel = CancellationToken::new();
        let refused = {
            let mut pending = self.pending.lock();
            if pending.contains_key(&id) {
                Some("a request with this id is under way")
            } else if pending.len() >= MOST {
                Some("too many requests are under way")
            } else {
                let (cancel, ends) = (cancel.clone(), !message.is(LISTEN));
                pending.insert(id.clone(), Pending { cancel, ends });
                None
            }
        };
        if let Some(why) = refused {
            return self.say(Failure::Protocol(why).answer(&id)).await;
        }
        let link = Arc::clone(self);
        let work = async move {
            let done = cancel.run_until_cancelled(link.exchange(&message)).await;
            link.pending.lock().remove(&id);
            if let Some(Err(failure)) = done {
                if !matches!(failure, Failure::Rpc(_)) {
                    eprintln!("deputy bridge: {failure}");
                }
                link.say(failure.answer(&id)).await;
            }
        };
        self.lifecycle.spawn(self.requests.track_future(work));
    }

    /// Ends a request of the newer era; tells an older server to.
    fn cancel(self: &Arc<Self>, id: &str, message: Message) {
        let token = self.pending.lock().get(id).map(|p| p.cancel.clone());
        if self.session().is_none() {
            // over HTTP the end of a request is its cancellation (2026-07-28, "Cancellation")
            if let Some(token) = token {
                token.cancel();
            }
            return;
        }
        let link = Arc::clone(self);
        self.lifecycle.spawn(async move {
            link.notify(&message).await;
            tokio::time::sleep(LAST_WORD).await;
            if let Some(token) = token {
                token.cancel();
            }
        });
    }

    /// Waits for the answers to what was asked; streams without an end are left.
    pub(super) async fn finish(&self, at_most: Duration) {
        for pending in self.pending.lock().values().filter(|p| !p.ends) {
            pending.cancel.cancel();
        }
        self.requests.close();
        let _ = tokio::time::timeout(at_most, self.requests.wait()).await;
    }

    /// Sends what has no answer.
    pub(super) async fn notify(self: &Arc<Self>, message: &Message) {
        let session = self.session();
        let sending = self.post(message, session.as_ref());
        let done = match tokio::time::timeout(ASIDE, sending).await {
            Ok(Ok(_)) => return,
            Ok(Err(Failure::Session)) => match &session {
                Some(lost) => self.renew(lost).await,
                None => Err(Failure::Session),
            },
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::Protocol(
                "the server took too long to take a message",
            )),
        };
        if let Err(failure) = done {
            let method = message.method.as_deref().unwrap_or("an answer");
            eprintln!(
                "deputy bridge: {} was not delivered: {failure}",
                plain(method)
            );
        }
    }

    /// Sends a request, and passes on all that comes of it.
    async fn exchange(self: &Arc<Self>, message: &Message) -> Result<(), Failure> {
        let id = message.id.clone().unwrap_or_default();
        let session = match message.version {
            Some(_) => None,
            None => self.session(),
        };
        let (response, session) = match self.post(message, session.as_ref()).await {
            Ok(response) => (response, session),
            // Not known to the server, so nothing was done: once more, in a new session.
            Err(Failure::Session) => {
                let Some(lost) = session else {
                    return Err(Failure::Session);
                };
                self.renew(&lost).await?;
                let session = self.session();
                (self.post(message, session.as_ref()).await?, session)
            }
            Err(failure) => return Err(failure),
        };
        if !is(&response, STREAM) {
            let answer = self.answer_of(response, &id).await?;
            self.say(answer).await;
            return Ok(());
        }
        let mut events = Events::of(response);
        let mut resumes = 0;
        loop {
            while let Some(said) = events.next().await {
                let last = answers(&said, &id);
                self.say(said).await;
                if last {
                    return Ok(());
                }
            }
            // The newer era has no way back into a stream.
            let (Some(session), true) = (&session, events.last_id.is_some()) else {
                return Err(Failure::Broken(self.server.to_string()));
            };
            loop {
                if resumes == RESUMES {
                    return Err(Failure::Broken(self.server.to_string()));
                }
                resumes += 1;
                tokio::time::sleep(events.pause()).await;
                match self.get(session, events.last_id.as_deref()).await {
                    Ok(Some(next)) => {
                        events = next.after(&events);
                        break;
                    }
                    Err(Failure::Unreachable { .. } | Failure::Broken(_)) => {}
                    _ => return Err(Failure::Broken(self.server.to_string())),
                }
            }
        }
    }

    /// The one message that answers; others that come with it are passed on.
    pub(super) async fn answer_of(&self, response: Response, id: &str) -> Result<Bytes, Failure> {
        if is(&response, STREAM) {
            let mut events = Events::of(response);
            while let Some(said) = events.next().await {
                if answers(&said, id) {
                    return Ok(said);
                }
                self.say(said).await;
            }
            return Err(Failure::Broken(self.server.to_string()));
        }
        if !is(&response, JSON) {
            return Err(Failure::Protocol(
                "the server's answer is neither JSON nor a stream",
            ));
        }
        let body = read(response, LARGEST).await;
        let body = body.ok_or_else(|| Failure::Broken(self.server.to_string()))?;
        if !answers(&body, id) {
            return Err(Failure::Protocol("the server answered another question"));
        }
        Ok(body)
    }
}
