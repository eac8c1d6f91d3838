//! What a running server says unasked, for as long as it runs: none of it is a call, and it keeps nothing from ending.
//!
//! One of the newer era is listened to by a request that stays open and names what is of interest (2026-07-28,
//! `subscriptions/listen`); when that changes, another one is opened before the first is left. Over the network what is
//! between cuts it now and then: then it is opened again. One of the older era
//! speaks by itself, and is told by requests which resources and which log messages are wanted: what was told to the
//! process before it, or in the session before this one, is told again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, OptionFuture};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::child::{Child, Link};
use super::exchange::{Asides, Exchange, Params};
use super::remote::{REOPEN_FIRST, REOPEN_MAX, Remote};
use super::upstream::{Era, UpstreamError};
use super::wants::{Following, LEVELS, Wanted};

/// The request that is answered when there is nothing more to say.
pub(super) const LISTEN: &str = "subscriptions/listen";

/// How long a server may take to acknowledge that it is listened to, or to take what it is told again.
pub(super) const TAKEN: Duration = Duration::from_secs(5);

/// Between a new session and what is told again in it; longer and longer for a server that keeps forgetting.
const AGAIN_FIRST: Duration = Duration::from_millis(100);
const AGAIN_MAX: Duration = Duration::from_mins(1);

/// A request to listen, under way.
struct Stream<'c> {
    work: BoxFuture<'c, ()>,
    exchange: Arc<Exchange>,
    uris: BTreeSet<String>,
    /// When it counts as acknowledged; nothing, if it is.
    until: Option<Instant>,
}

impl Child {
    /// Hears the server for as long as it runs. Says by `told` when the server knows what is wanted, or will not.
    pub(super) async fn listen(&self, mut following: Following, told: oneshot::Sender<()>) {
        let listening = async {
            match (self.info.era, self.link()) {
                (Era::Modern, _) => self.listen_as_told(&mut following, told).await,
                (Era::Legacy, Link::Pipe { .. }) => {
                    self.tell(&following.wanted()).await;
                    drop(told);
                }
                (Era::Legacy, Link::Net(remote)) => {
                    let telling = self.tell_sessions(remote, &mut following, told);
                    tokio::join!(remote.listen(), telling);
                }
            }
        };
        self.dead().run_until_cancelled(listening).await;
    }

    /// Listens to what is wanted, as it changes.
    async fn listen_as_told(&self, following: &mut Following, told: oneshot::Sender<()>) {
        let mut told = Some(told);
        let mut now = self.stream(following.wanted().uris);
        if now.is_none() {
            drop(told.take());
        }
        let mut before: Option<Stream<'_>> = None;
        loop {
            let until = now.as_ref().and_then(|stream| stream.until);
            let acknowledged = now.as_ref().map(|stream| Arc::clone(&stream.exchange));
            tokio::select! {
                biased;
                () = taken(acknowledged, until), if until.is_some() => {
                    before = None;
                    if let Some(stream) = &mut now {
                        stream.until = None;
                        following.take_up(stream.uris.clone());
                    }
                    drop(told.take());
                }
                Some(()) = ended(&mut now), if now.is_some() => {
                    now = None;
                    following.take_up(BTreeSet::new());
                    drop(told.take());
                }
                Some(()) = ended(&mut before), if before.is_some() => before = None,
                () = following.changed() => {
                    let wanted = following.wanted().uris;
                    if now.as_ref().is_none_or(|stream| stream.uris != wanted) {
                        before = now;
                        now = self.stream(wanted);
                        if now.is_none() {
                            before = None;
                        }
                    }
                }
            }
        }
    }

    /// Asks the server to say when these resources change, and when its lists do; nothing, if there is nothing to ask.
    fn stream(&self, uris: BTreeSet<String>) -> Option<Stream<'_>> {
        let can = |what: &str| self.info.capabilities[what]["listChanged"] == true;
        let mut wanted = Map::new();
        for (kind, flag) in [
            ("tools", "toolsListChanged"),
            ("prompts", "promptsListChanged"),
            ("resources", "resourcesListChanged"),
        ] {
            if can(kind) {
                wanted.insert(flag.to_owned(), true.into());
            }
        }
        if !uris.is_empty() {
            wanted.insert("resourceSubscriptions".to_owned(), json!(uris));
        }
        if wanted.is_empty() {
            return None;
        }
        let params = json!({ "notifications": wanted });
        let exchange = request(LISTEN, &params)?;
        let mut next = Some(Arc::clone(&exchange));
        let work = async move {
            let mut pause = REOPEN_FIRST;
            while let Some(listening) = next {
                let begun = Instant::now();
                let end = begun + Duration::from_hours(24 * 365);
                let ended = self.exchange(&listening, self.dead(), end).await;
                tracing::debug!(pid = self.pid, ?ended, "no more listening");
                if !self.is_remote() || !is_cut(&ended) {
                    return;
                }
                if begun.elapsed() > pause {
                    pause = REOPEN_FIRST;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(REOPEN_MAX);
                next = request(LISTEN, &params);
            }
        };
        Some(Stream {
            work: work.boxed(),
            exchange,
            uris,
            until: Some(Instant::now() + TAKEN),
        })
    }

    /// Tells a server of the older era what is wanted.
    async fn tell(&self, wanted: &Wanted) {
        let level = wanted.level.and_then(|level| LEVELS.get(level));
        if let Some(level) = level.filter(|_| self.info.capabilities["logging"].is_object()) {
            self.tell_one("logging/setLevel", &json!({ "level": level }))
                .await;
        }
        for uri in &wanted.uris {
            self.tell_one("resources/subscribe", &json!({ "uri": uri }))
                .await;
        }
    }

    async fn tell_one(&self, method: &'static str, params: &Value) {
        let Some(exchange) = request(method, params) else {
            return;
        };
        let told = self.exchange(&exchange, self.dead(), Instant::now() + TAKEN);
        if let Err(error) = told.await {
            tracing::debug!(pid = self.pid, method, ?error, "it was not told again");
        }
    }

    /// Tells each new session what is wanted.
    async fn tell_sessions(
        &self,
        remote: &Remote,
        following: &mut Following,
        told: oneshot::Sender<()>,
    ) {
        let mut told = Some(told);
        let mut pause = AGAIN_FIRST;
        loop {
            let renewed = remote.renewed();
            tokio::pin!(renewed);
            renewed.as_mut().enable();
            let since = Instant::now();
            self.tell(&following.wanted()).await;
            drop(told.take());
            renewed.await;
            pause = if since.elapsed() > AGAIN_MAX {
                AGAIN_FIRST
            } else {
                (pause * 2).min(AGAIN_MAX)
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// Whether a stream over the network ended for a reason that passes: what refuses once refuses again.
fn is_cut(ended: &Result<Box<RawValue>, Option<UpstreamError>>) -> bool {
    matches!(
        ended,
        Ok(_)
            | Err(Some(
                UpstreamError::NotStarted { .. }
                    | UpstreamError::Died { .. }
                    | UpstreamError::Timeout { .. }
                    | UpstreamError::Unauthorized { .. }
                    | UpstreamError::RateLimited { .. }
                    | UpstreamError::Unavailable { .. }
            ))
    )
}

fn request(method: &'static str, params: &Value) -> Option<Arc<Exchange>> {
    let params = serde_json::value::to_raw_value(params).ok()?;
    let params = Params::any(&params, Map::new()).ok()?;
    Some(Exchange::new(method, params, Asides::default()))
}

async fn ended(stream: &mut Option<Stream<'_>>) -> Option<()> {
    OptionFuture::from(stream.as_mut().map(|stream| &mut stream.work)).await
}

/// Waits until a request to listen is acknowledged, or that has taken too long.
async fn taken(exchange: Option<Arc<Exchange>>, until: Option<Instant>) {
    if let (Some(exchange), Some(until)) = (exchange, until) {
        let acknowledged = exchange.acknowledged().cancelled();
        let _ = tokio::time::timeout_at(until, acknowledged).await;
    }
}
