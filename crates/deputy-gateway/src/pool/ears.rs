//! What is done about what a server says, whichever way it comes: answers go to the requests they
//! belong to, progress to their callers, notices to whom they concern, and the server's own requests to
//! somebody who can answer them.
//!
//! A server's own request goes to the request on whose stream it came. Where there are no streams, nothing says for
//! whom it asks: it goes to the caller whose request is the only one under way, those left out that wait for an answer
//! to what was asked before, and is refused while there are several, for the others' clients have no business with it.
//! Where all of them wait, it is one more question to who was asked last: servers ask several at once. Nobody can be asked for ever: some may be open at a time, some
//! may be made during one request of ours, and what is left when that ends is withdrawn.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use deputy_core::{Lifecycle, Secret};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::exchange::{Exchange, Reply};
use super::notices::Board;
use super::stderr::StderrRing;
use super::upstream::{Inbound, Progress, RpcError, UpstreamError};
use super::wire::envelope::{Envelope, ProgressParams, answer_line, numeric, reply_of};

/// The most requests of a server's that may be open at a time, and how long they may be in all, in bytes.
const OPEN: usize = 64;
const OPEN_BYTES: usize = 16 * 1024 * 1024;

/// The longest id of a server's request, in bytes.
const LONGEST_ID: usize = 256;

/// Says a message to the server. It does not wait: what can't be said is lost.
pub(super) type Say = Box<dyn Fn(Vec<u8>) + Send + Sync>;

/// One server's ears.
pub(super) struct Ears {
    exchanges: Mutex<BTreeMap<i64, Arc<Exchange>>>,
    asks: Mutex<Asks>,
    heard: AtomicBool,
    noise: Arc<StderrRing>,
    board: Arc<Board>,
    say: Say,
    lifecycle: Lifecycle,
}

/// The server's requests that are open, by their ids.
#[derive(Default)]
struct Asks {
    open: HashMap<String, CancellationToken>,
    bytes: usize,
    /// Who was asked last.
    last: Weak<Exchange>,
}

/// What a message was.
pub(super) enum Heard {
    /// The answer to this request of ours; it is in its place.
    Answer(i64),
    /// An answer that no request of ours waits for.
    Stray,
    /// Something else, which is done with.
    Other,
}

impl Ears {
    pub(super) fn new(
        noise: Arc<StderrRing>,
        board: Arc<Board>,
        say: Say,
        lifecycle: Lifecycle,
    ) -> Arc<Self> {
        Arc::new(Self {
            exchanges: Mutex::default(),
            asks: Mutex::default(),
            heard: AtomicBool::new(false),
            noise,
            board,
            say,
            lifecycle,
        })
    }

    /// Whether the server said anything since the last time this was asked.
    pub(super) fn was_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    /// Keeps a secret out of [`Self::printed`].
    pub(super) fn hide(&self, secret: &Secret<String>) {
        self.noise.hide(secret);
    }

    /// The error, with every secret cut out of the server's words.
    pub(super) fn shown(&self, error: UpstreamError) -> UpstreamError {
        error.in_words(|text| self.noise.cut(text))
    }

    /// The last that the server printed.
    pub(super) fn printed(&self) -> String {
        self.noise.tail()
    }

    /// From now on `id` is waited for.
    pub(super) fn expect(&self, id: i64, exchange: Arc<Exchange>) {
        self.exchanges.lock().insert(id, exchange);
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget(&self, id: i64) {
        if let Some(exchange) = self.exchanges.lock().remove(&id) {
            exchange.over().cancel();
        }
    }

    /// The request `id` will be made again under another id.
    pub(super) fn unexpect(&self, id: i64) {
        self.exchanges.lock().remove(&id);
    }

    /// Gives `id` this answer, if it is waited for.
    pub(super) fn settle(&self, id: i64, reply: Reply) -> bool {
        let exchange = self.exchanges.lock().remove(&id);
        exchange.inspect(|it| it.settle(reply)).is_some()
    }

    /// Takes a message that came with the answer to `of`, or nobody knows with what.
    pub(super) fn hear(self: &Arc<Self>, text: &str, of: Option<i64>) -> Heard {
        self.heard.store(true, Ordering::Relaxed);
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
            self.noise.push(b"(stdout) ");
            self.noise.push(&text.as_bytes()[..text.len().min(512)]);
            self.noise.push(b"\n");
            return Heard::Other;
        };
        match (envelope.method.as_deref(), envelope.id) {
            (Some("notifications/progress"), None) => self.progress(envelope.params),
            (Some("notifications/cancelled"), None) => self.withdrawn(envelope.params),
            (Some("notifications/subscriptions/acknowledged"), None) => {
                self.acknowledged(envelope.params, of);
            }
            (Some(method), None) => self.board.notified(method, envelope.params),
            (Some(method), Some(id)) => self.asked(id, method, envelope.params, of),
            (None, id) => {
                // an error may come without the id, for want of it; then the stream tells
                let id = id
                    .and_then(numeric)
                    .or(of.filter(|_| envelope.error.is_some()));
                return match id {
                    Some(id) if self.settle(id, reply_of(&envelope)) => Heard::Answer(id),
                    _ => Heard::Stray,
                };
            }
        }
        Heard::Other
    }

    fn progress(&self, params: Option<&RawValue>) {
        let Some(params) =
            params.and_then(|p| serde_json::from_str::<ProgressParams<'_>>(p.get()).ok())
        else {
            return;
        };
        let Some(exchange) = numeric(params.progress_token)
            .and_then(|token| self.exchanges.lock().get(&token).cloned())
        else {
            return;
        };
        if let Some(sink) = &exchange.asides().progress {
            let progress = Progress {
                progress: params.progress,
                total: params.total,
                message: params.message,
            };
            // a receiver that does not keep up loses some
            let _ = sink.try_send(progress);
        }
    }

    /// A request to listen is heard.
    fn acknowledged(&self, params: Option<&RawValue>, of: Option<i64>) {
        #[derive(Deserialize)]
        struct Acknowledged<'a> {
            #[serde(borrow, rename = "_meta")]
            meta: Meta<'a>,
        }
        #[derive(Deserialize)]
        struct Meta<'a> {
            #[serde(borrow, rename = "io.modelcontextprotocol/subscriptionId")]
            subscription: &'a RawValue,
        }
        let said = params.and_then(|p| serde_json::from_str::<Acknowledged<'_>>(p.get()).ok());
        let id = said.and_then(|said| numeric(said.meta.subscription)).or(of);
        if let Some(exchange) = id.and_then(|id| self.exchanges.lock().get(&id).cloned()) {
            exchange.acknowledged().cancel();
        }
    }

    fn asked(
        self: &Arc<Self>,
        id: &RawValue,
        method: &str,
        params: Option<&RawValue>,
        of: Option<i64>,
    ) {
        if id.get().len() > LONGEST_ID {
            return;
        }
        if method == "ping" {
            let empty = RawValue::from_string("{}".to_owned()).unwrap_or_default();
            return (self.say)(answer_line(id, Ok(&empty)));
        }
        if let Err(error) = self.pass_on(id, method, params, of) {
            (self.say)(answer_line(id, Err(&error)));
        }
    }

    /// Gives the server's request to somebody who can answer it.
    fn pass_on(
        self: &Arc<Self>,
        id: &RawValue,
        method: &str,
        params: Option<&RawValue>,
        of: Option<i64>,
    ) -> Result<(), RpcError> {
        if !matches!(
            method,
            "elicitation/create" | "sampling/createMessage" | "roots/list"
        ) {
            return Err(refusal(-32601, format!("{method} is not known here")));
        }
        let Some(exchange) = self.who_takes(of) else {
            let why = format!("{method}: nobody is there who could answer it");
            return Err(refusal(-32601, why));
        };
        let Some(sink) = &exchange.asides().inbound else {
            return Err(refusal(-32601, format!("{method}: it can't be answered")));
        };
        if !exchange.may_ask() {
            return Err(refusal(-32000, "too many requests during one call"));
        }
        let params = match params {
            Some(params) if params.get().starts_with('{') => params.to_owned(),
            None => RawValue::from_string("{}".to_owned()).unwrap_or_default(),
            Some(_) => return Err(refusal(-32602, "parameters have to be an object")),
        };
        let size = params.get().len();
        let withdrawn = CancellationToken::new();
        {
            let mut asks = self.asks.lock();
            if asks.open.len() >= OPEN || asks.bytes + size > OPEN_BYTES {
                return Err(refusal(-32000, "too many requests at once"));
            }
            if asks.open.contains_key(id.get()) {
                return Err(refusal(-32600, "a request of this id is open"));
            }
            asks.bytes += size;
            asks.last = Arc::downgrade(&exchange);
            asks.open.insert(id.get().to_owned(), withdrawn.clone());
        }
        let (answer, answered) = oneshot::channel();
        let inbound = Inbound {
            method: method.to_owned(),
            params,
            answer,
        };
        if sink.try_send(inbound).is_err() {
            self.closed(id.get(), size);
            return Err(refusal(-32000, "whoever could answer it does not"));
        }
        exchange.question_begins();
        let (ears, id, over) = (self.clone(), id.to_owned(), exchange.over().clone());
        self.lifecycle.spawn(async move {
            let answer = tokio::select! {
                answer = answered => Some(answer.unwrap_or_else(|_| Err(refusal(-32000, "it was not answered")))),
                () = over.cancelled() => Some(Err(refusal(-32000, "the call it belongs to is over"))),
                // then it wants no answer
                () = withdrawn.cancelled() => None,
            };
            ears.closed(id.get(), size);
            exchange.question_ends();
            if let Some(answer) = answer {
                (ears.say)(answer_line(&id, answer.as_deref()));
            }
        });
        Ok(())
    }

    /// The request on whose stream it came, or the only one that a caller has under way and that the server can go
    /// on with.
    fn who_takes(&self, of: Option<i64>) -> Option<Arc<Exchange>> {
        let exchanges = self.exchanges.lock();
        if let Some(of) = of {
            return exchanges.get(&of).cloned();
        }
        let callers: Vec<_> = exchanges.values().filter(|it| it.is_callers()).collect();
        let unasked = callers.iter().copied().filter(|it| !it.is_asked());
        let unasked: Vec<_> = unasked.collect();
        match (callers.as_slice(), unasked.as_slice()) {
            ([only], _) | (_, [only]) => Some(Arc::clone(only)),
            (_, []) => {
                let last = self.asks.lock().last.upgrade();
                last.filter(|last| callers.iter().any(|it| Arc::ptr_eq(it, last)))
            }
            _ => None,
        }
    }

    fn closed(&self, id: &str, size: usize) {
        let mut asks = self.asks.lock();
        if asks.open.remove(id).is_some() {
            asks.bytes = asks.bytes.saturating_sub(size);
        }
    }

    fn withdrawn(&self, params: Option<&RawValue>) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Cancelled<'a> {
            #[serde(borrow)]
            request_id: &'a RawValue,
        }
        if let Some(params) = params
            && let Ok(cancelled) = serde_json::from_str::<Cancelled<'_>>(params.get())
            && let Some(withdrawn) = self.asks.lock().open.get(cancelled.request_id.get())
        {
            withdrawn.cancel();
        }
    }
}

fn refusal(code: i64, message: impl Into<String>) -> RpcError {
    RpcError {
        code,
        message: message.into(),
        data: None,
    }
}
