//! The pipe between Deputy and a server: MCP's stdio transport, under rmcp.
//!
//! rmcp does the protocol: handshake in both eras, ids, matching answers to requests, answering the
//! server's own requests. This transport carries its messages, and our own requests beside them in raw
//! form: rmcp gets an empty stand-in (a custom request, and an empty result for it), while the arguments
//! go out and the result comes in as the bytes they are. So nothing of a result is lost to a typed model,
//! rmcp's logs never see arguments or credentials, progress comes before the result it belongs to (rmcp
//! runs each notification in a task of its own), and a flood of notifications ends here.
//!
//! What servers do to their output in practice is taken with patience: banners and log lines (skipped,
//! and kept for the diagnosis), CR LF, a byte order mark, broken UTF-8, answers to nothing, ids as text.
//! An answer over the limit is dropped, and the call that waits for it is told.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deputy_core::Secret;
use parking_lot::Mutex;
use rmcp::model::{
    ClientRequest, GetExtensions as _, GetMeta as _, JsonRpcMessage, NumberOrString,
    ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lines::{Line, Lines};
use super::stderr::StderrRing;
use super::upstream::{InboundSink, Progress, ProgressSink, UpstreamError};

/// A request of ours, and the place for its answer.
pub(super) struct Exchange {
    method: Cow<'static, str>,
    params: Params,
    asides: Asides,
    reply: Mutex<Option<Reply>>,
}

/// What goes with a request beside its parameters.
#[derive(Default)]
pub(super) struct Asides {
    /// Takes progress.
    pub(super) progress: Option<ProgressSink>,
    /// Takes the server's own requests.
    pub(super) inbound: Option<InboundSink>,
    /// Over HTTP only.
    pub(super) bearer: Option<Secret<String>>,
    /// Over HTTP only.
    pub(super) headers: Vec<(String, String)>,
}

/// The parameters of a request of ours.
pub(super) enum Params {
    /// `tools/call`
    Call {
        /// The tool's name.
        tool: String,
        /// A JSON object.
        arguments: Box<RawValue>,
        /// Members of `_meta`; they win over the protocol's.
        meta: Map<String, Value>,
    },
    /// A page of a list.
    Page {
        /// Where the page begins.
        cursor: Option<String>,
    },
    /// None but `_meta`.
    Bare,
    /// Any, as they came.
    Any {
        /// All members but `_meta`.
        members: Vec<(String, Box<RawValue>)>,
        /// Members of `_meta`; they win over the protocol's.
        meta: Map<String, Value>,
    },
}

impl Params {
    /// Those of a request that somebody else made, with `meta` over its own.
    pub(super) fn any(params: &RawValue, meta: Map<String, Value>) -> Result<Self, UpstreamError> {
        let not_object = |error: serde_json::Error| UpstreamError::Rpc {
            code: -32602,
            message: format!("parameters have to be an object: {error}"),
            data: None,
        };
        let Members(mut members) = serde_json::from_str(params.get()).map_err(not_object)?;
        let mut all = Map::new();
        if let Some(at) = members.iter().position(|(name, _)| name == "_meta") {
            all = serde_json::from_str(members.remove(at).1.get()).map_err(not_object)?;
        }
        all.extend(meta);
        Ok(Self::Any { members, meta: all })
    }
}

/// The members of an object, in their order.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// An answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// `result` as it came.
    Result(Box<RawValue>),
    /// `error`, taken apart.
    Error {
        /// The code.
        code: i64,
        /// The message.
        message: String,
        /// The data.
        data: Option<Value>,
    },
    /// No use; why.
    Bad(String),
}

impl Exchange {
    pub(super) fn new(
        method: impl Into<Cow<'static, str>>,
        params: Params,
        asides: Asides,
    ) -> Arc<Self> {
        Arc::new(Self {
            method: method.into(),
            params,
            asides,
            reply: Mutex::new(None),
        })
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// The answer, once it is there.
    pub(super) fn take_reply(&self) -> Option<Reply> {
        self.reply.lock().take()
    }
}

/// What both ends of the pipe share.
pub(super) struct Wire {
    outbox: mpsc::UnboundedSender<Vec<u8>>,
    queued: AtomicUsize,
    limit: usize,
    exchanges: Mutex<HashMap<i64, Arc<Exchange>>>,
    heard: AtomicBool,
    noise: Arc<StderrRing>,
    tools_changed: Box<dyn Fn() + Send + Sync>,
    /// Cancel to close the server's input: the polite way to ask it to end.
    pub(super) close_input: CancellationToken,
    /// Cancelled when nothing can be said or heard any more.
    pub(super) broken: CancellationToken,
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// The server's input is closed.
    #[error("the server's input is closed")]
    Closed,
    /// The server does not read what it is sent.
    #[error("the server does not read its input")]
    Stuck,
    /// The message is over the limit. Nothing was sent.
    #[error("a message of more than {} MiB", limit >> 20)]
    TooLong {
        /// In bytes.
        limit: usize,
    },
    /// A message has no JSON form.
    #[error("a message could not be written: {0}")]
    Encode(#[from] serde_json::Error),
}

impl Wire {
    /// A wire, and the queue that `write_out` empties. Messages over `limit` bytes are refused, and
    /// so is more than four of those waiting to be read by the server.
    pub(super) fn new(
        limit: usize,
        noise: Arc<StderrRing>,
        tools_changed: Box<dyn Fn() + Send + Sync>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<u8>>) {
        let (outbox, queue) = mpsc::unbounded_channel();
        let wire = Self {
            outbox,
            queued: AtomicUsize::new(0),
            limit,
            exchanges: Mutex::default(),
            heard: AtomicBool::new(false),
            noise,
            tools_changed,
            close_input: CancellationToken::new(),
            broken: CancellationToken::new(),
        };
        (Arc::new(wire), queue)
    }

    /// Whether the server said anything since the last time this was asked.
    pub(super) fn was_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    /// The last that the server printed.
    pub(super) fn printed(&self) -> String {
        self.noise.tail()
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget(&self, id: &NumberOrString) {
        if let NumberOrString::Number(id) = id {
            self.exchanges.lock().remove(id);
        }
    }

    fn push(&self, mut line: Vec<u8>) -> Result<(), SendError> {
        line.push(b'\n');
        let size = line.len();
        if size > self.limit {
            return Err(SendError::TooLong { limit: self.limit });
        }
        if self.queued.fetch_add(size, Ordering::Relaxed) + size > self.limit.saturating_mul(4) {
            self.queued.fetch_sub(size, Ordering::Relaxed);
            self.broken.cancel();
            return Err(SendError::Stuck);
        }
        self.outbox.send(line).map_err(|_| SendError::Closed)
    }

    /// A message of rmcp's as a line; where it stands for an [`Exchange`], that one's.
    fn encode(&self, message: &TxJsonRpcMessage<RoleClient>) -> Result<Vec<u8>, SendError> {
        if let JsonRpcMessage::Request(request) = message
            && let ClientRequest::CustomRequest(custom) = &request.request
            && let NumberOrString::Number(id) = &request.id
            && let Some(exchange) = custom.extensions().get::<Arc<Exchange>>()
        {
            let line = OutLine {
                jsonrpc: "2.0",
                id: *id,
                method: &exchange.method,
                params: OutParams::of(exchange, &custom.get_meta().0.0, *id),
            };
            let line = serde_json::to_vec(&line)?;
            self.exchanges.lock().insert(*id, exchange.clone());
            return Ok(line);
        }
        Ok(serde_json::to_vec(message)?)
    }

    /// What rmcp should hear of a line, if anything.
    fn decode(&self, line: &[u8]) -> Option<ServerJsonRpcMessage> {
        let line = line
            .strip_prefix(b"\xEF\xBB\xBF")
            .unwrap_or(line)
            .trim_ascii();
        if line.is_empty() {
            return None;
        }
        self.heard.store(true, Ordering::Relaxed);
        let text = String::from_utf8_lossy(line);
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(&text) else {
            self.noise.push(b"(stdout) ");
            self.noise.push(&line[..line.len().min(512)]);
            self.noise.push(b"\n");
            return None;
        };
        match envelope.method.as_deref() {
            Some("notifications/progress") => {
                self.progress(envelope.params);
                None
            }
            Some("notifications/tools/list_changed") => {
                (self.tools_changed)();
                None
            }
            // the server's own requests are rmcp's to answer; no other notification is for us
            Some(_) if envelope.id.is_some() => serde_json::from_str(&text).ok(),
            Some(_) => None,
            None => self.answer(&envelope, &text),
        }
    }

    fn answer(&self, envelope: &Envelope<'_>, text: &str) -> Option<ServerJsonRpcMessage> {
        let Some(id) = envelope.id.and_then(numeric) else {
            return serde_json::from_str(text).ok();
        };
        let Some(exchange) = self.exchanges.lock().remove(&id) else {
            // an answer of the handshake, or to somebody who went away
            return serde_json::from_str(text).ok();
        };
        let reply = match (envelope.result, envelope.error) {
            (_, Some(error)) => match serde_json::from_str::<WireError>(error.get()) {
                Ok(error) => Reply::Error {
                    code: error.code.as_i64().unwrap_or_default(),
                    message: error.message,
                    data: error.data,
                },
                Err(_) => Reply::Bad("an error without code or message".to_owned()),
            },
            (Some(result), None) => Reply::Result(result.to_owned()),
            (None, None) => Reply::Bad("an answer with neither result nor error".to_owned()),
        };
        Some(settle(&exchange, id, reply))
    }

    fn too_long(&self, head: &[u8], tail: &[u8]) -> Option<ServerJsonRpcMessage> {
        let id = id_at_edge(head, tail)?;
        let exchange = self.exchanges.lock().remove(&id)?;
        let reason = format!("an answer of more than {} MiB", self.limit >> 20);
        Some(settle(&exchange, id, Reply::Bad(reason)))
    }

    fn progress(&self, params: Option<&RawValue>) {
        let Some(params) =
            params.and_then(|p| serde_json::from_str::<ProgressParams<'_>>(p.get()).ok())
        else {
            return;
        };
        let Some(token) = numeric(params.progress_token) else {
            return;
        };
        let Some(exchange) = self.exchanges.lock().get(&token).cloned() else {
            return;
        };
        if let Some(sink) = &exchange.asides.progress {
            let progress = Progress {
                progress: params.progress,
                total: params.total,
                message: params.message,
            };
            // a receiver that does not keep up loses some
            let _ = sink.try_send(progress);
        }
    }
}

/// Puts the answer in its place, and makes the stand-in that wakes the caller through rmcp.
fn settle(exchange: &Exchange, id: i64, reply: Reply) -> ServerJsonRpcMessage {
    *exchange.reply.lock() = Some(reply);
    JsonRpcMessage::response(ServerResult::empty(()), NumberOrString::Number(id))
}

/// An id of ours: a number, or the same as text (some servers make it one).
fn numeric(id: &RawValue) -> Option<i64> {
    id.get().trim_matches('"').parse().ok()
}

/// The id of an answer of which only the edges are known. Only where it certainly is the answer's own:
/// right at the start, or as the last member.
fn id_at_edge(head: &[u8], tail: &[u8]) -> Option<i64> {
    let digits = |bytes: &[u8]| -> Option<i64> {
        let end = bytes.iter().position(|b| !b.is_ascii_digit())?;
        str::from_utf8(&bytes[..end]).ok()?.parse().ok()
    };
    let compact: Vec<u8> = head
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .take(64)
        .collect();
    if let Some(rest) = compact.strip_prefix(br#"{"jsonrpc":"2.0","id":"#) {
        return digits(rest);
    }
    let tail = tail.trim_ascii_end();
    let at = tail.windows(6).rposition(|w| w == br#","id":"#)?;
    let rest = &tail[at + 6..];
    (rest.len() > 1
        && rest[..rest.len() - 1].iter().all(u8::is_ascii_digit)
        && rest.ends_with(b"}"))
    .then(|| digits(rest))
    .flatten()
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireError {
    code: serde_json::Number,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProgressParams<'a> {
    #[serde(borrow)]
    progress_token: &'a RawValue,
    progress: f64,
    #[serde(default)]
    total: Option<f64>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Serialize)]
struct OutLine<'a> {
    jsonrpc: &'static str,
    id: i64,
    method: &'a str,
    #[serde(skip_serializing_if = "OutParams::is_empty")]
    params: OutParams<'a>,
}

#[derive(Serialize)]
struct OutParams<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<OneLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    #[serde(flatten)]
    members: OutMembers<'a>,
    #[serde(rename = "_meta", skip_serializing_if = "OutMeta::is_empty")]
    meta: OutMeta<'a>,
}

impl<'a> OutParams<'a> {
    fn of(exchange: &'a Exchange, protocol: &'a Map<String, Value>, id: i64) -> Self {
        let token = exchange.asides.progress.is_some().then_some(id);
        let mut out = Self {
            name: None,
            arguments: None,
            cursor: None,
            members: OutMembers(&[]),
            meta: OutMeta {
                protocol,
                own: None,
                token,
            },
        };
        match &exchange.params {
            Params::Call {
                tool,
                arguments,
                meta,
            } => {
                out.name = Some(tool);
                out.arguments = Some(OneLine(arguments));
                out.meta.own = Some(meta);
            }
            Params::Page { cursor } => out.cursor = cursor.as_deref(),
            Params::Bare => {}
            Params::Any { members, meta } => {
                out.members = OutMembers(members);
                out.meta.own = Some(meta);
            }
        }
        out
    }

    fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.cursor.is_none()
            && self.members.0.is_empty()
            && self.meta.is_empty()
    }
}

/// Members of an object, in their order.
struct OutMembers<'a>(&'a [(String, Box<RawValue>)]);

impl Serialize for OutMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, OneLine(value))))
    }
}

/// Between its tokens raw JSON may hold line breaks; on this wire a line break ends the message.
struct OneLine<'a>(&'a RawValue);

impl Serialize for OneLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.get().contains(['\n', '\r']) {
            return self.0.serialize(serializer);
        }
        let flat = RawValue::from_string(self.0.get().replace(['\n', '\r'], " "));
        flat.map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// `_meta`: the protocol's members, then ours; a progress token only where progress is wanted.
struct OutMeta<'a> {
    protocol: &'a Map<String, Value>,
    own: Option<&'a Map<String, Value>>,
    token: Option<i64>,
}

const PROGRESS_TOKEN: &str = "progressToken";

impl OutMeta<'_> {
    fn protocol(&self) -> impl Iterator<Item = (&String, &Value)> {
        let own = self.own;
        self.protocol.iter().filter(move |(k, _)| {
            *k != PROGRESS_TOKEN && !own.is_some_and(|own| own.contains_key(*k))
        })
    }

    fn is_empty(&self) -> bool {
        self.token.is_none()
            && self.own.is_none_or(Map::is_empty)
            && self.protocol().next().is_none()
    }
}

impl Serialize for OutMeta<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(token) = self.token {
            map.serialize_entry(PROGRESS_TOKEN, &token)?;
        }
        for (key, value) in self.protocol().chain(
            self.own
                .into_iter()
                .flatten()
                .filter(|(k, _)| *k != PROGRESS_TOKEN),
        ) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// rmcp's end of the pipe.
pub(super) struct StdioTransport<R> {
    wire: Arc<Wire>,
    lines: Lines<R>,
}

impl<R: AsyncRead + Send + Unpin> StdioTransport<R> {
    pub(super) fn new(wire: Arc<Wire>, stdout: R) -> Self {
        let lines = Lines::new(stdout, wire.limit);
        Self { wire, lines }
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleClient> for StdioTransport<R> {
    type Error = SendError;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        ready(
            self.wire
                .encode(&item)
                .and_then(|line| self.wire.push(line)),
        )
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            // cancel-safe: a part of a line stays in `lines`
            let message = match self.lines.next().await {
                Some(Line::Whole(line)) => self.wire.decode(line),
                Some(Line::TooLong { head, tail }) => self.wire.too_long(head, tail),
                None => {
                    self.wire.broken.cancel();
                    return None;
                }
            };
            if message.is_some() {
                return message;
            }
        }
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.wire.close_input.cancel();
        ready(Ok(()))
    }
}

/// Writes what is queued to the server's input until it is to be closed.
pub(super) async fn write_out<W: AsyncWrite + Unpin>(
    wire: Arc<Wire>,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    mut stdin: W,
) {
    const BATCH: usize = 64 * 1024;
    let writing = async {
        while let Some(mut batch) = queue.recv().await {
            while batch.len() < BATCH
                && let Ok(more) = queue.try_recv()
            {
                batch.extend_from_slice(&more);
            }
            if stdin.write_all(&batch).await.is_err() || stdin.flush().await.is_err() {
                wire.broken.cancel();
                break;
            }
            wire.queued.fetch_sub(batch.len(), Ordering::Relaxed);
        }
    };
    wire.close_input.run_until_cancelled(writing).await;
    drop(stdin);
}

#[cfg(test)]
mod tests;
