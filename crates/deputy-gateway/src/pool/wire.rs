//! The pipe between Deputy and a server: MCP's stdio transport, under rmcp.
//!
//! rmcp does the protocol: handshake in both eras, ids, matching answers to requests. This transport carries its messages, and our own requests beside them in raw
//! form: rmcp gets an empty stand-in (a custom request, and an empty result for it), while the arguments
//! go out and the result comes in as the bytes they are. So nothing of a result is lost to a typed model,
//! rmcp's logs never see arguments or credentials, progress comes before the result it belongs to (rmcp
//! runs each notification in a task of its own), and a flood of notifications ends here.
//!
//! What servers do to their output in practice is taken with patience: banners and log lines (skipped,
//! and kept for the diagnosis), CR LF, a byte order mark, broken UTF-8, answers to nothing, ids as text.
//! An answer over the limit is dropped, and the call that waits for it is told.

pub(super) mod envelope;

use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deputy_core::Lifecycle;
use rmcp::model::{
    ClientRequest, GetExtensions as _, GetMeta as _, JsonRpcMessage, NumberOrString,
    ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ears::{Ears, Heard};
use super::exchange::{Exchange, Reply};
use super::lines::{Line, Lines};
use super::notices::Board;
use super::stderr::StderrRing;
use envelope::{id_at_edge, request_line};

/// What both ends of the pipe share.
pub(super) struct Wire {
    outbox: Arc<Outbox>,
    /// The longest message of the server's, in bytes.
    limit: usize,
    /// What is done about what comes.
    pub(super) ears: Arc<Ears>,
    /// Cancel to close the server's input: the polite way to ask it to end.
    pub(super) close_input: CancellationToken,
    /// Cancelled when nothing can be said or heard any more.
    pub(super) broken: CancellationToken,
}

/// The longest messages, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Of the server's.
    pub(super) heard: usize,
    /// Of ours.
    pub(super) said: usize,
}

/// What waits to be read by the server.
struct Outbox {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    queued: AtomicUsize,
    limit: usize,
    broken: CancellationToken,
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

impl Outbox {
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
        self.queue.send(line).map_err(|_| SendError::Closed)
    }
}

impl Wire {
    /// A wire, and the queue that `write_out` empties. Messages over the limits are refused, and
    /// so is more than four of the longest waiting to be read by the server.
    pub(super) fn new(
        limits: Limits,
        noise: Arc<StderrRing>,
        board: Arc<Board>,
        lifecycle: Lifecycle,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<u8>>) {
        let (outbox, queue) = mpsc::unbounded_channel();
        let broken = CancellationToken::new();
        let outbox = Arc::new(Outbox {
            queue: outbox,
            queued: AtomicUsize::new(0),
            limit: limits.said,
            broken: broken.clone(),
        });
        let out = outbox.clone();
        let say = Box::new(move |line| {
            // a server that takes no answers is as good as gone, which others notice
            let _ = out.push(line);
        });
        let wire = Self {
            outbox,
            limit: limits.heard,
            ears: Ears::new(noise, board, say, lifecycle),
            close_input: CancellationToken::new(),
            broken,
        };
        (Arc::new(wire), queue)
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget(&self, id: &NumberOrString) {
        if let NumberOrString::Number(id) = id {
            self.ears.forget(*id);
        }
    }

    /// A message of rmcp's as a line; where it stands for an [`Exchange`], that one's.
    fn encode(&self, message: &TxJsonRpcMessage<RoleClient>) -> Result<Vec<u8>, SendError> {
        if let JsonRpcMessage::Request(request) = message
            && let ClientRequest::CustomRequest(custom) = &request.request
            && let NumberOrString::Number(id) = &request.id
            && let Some(exchange) = custom.extensions().get::<Arc<Exchange>>()
        {
            let line = request_line(exchange, &custom.get_meta().0.0, *id)?;
            self.ears.expect(*id, exchange.clone());
            return Ok(line);
        }
        Ok(serde_json::to_vec(message)?)
    }

    /// What rmcp should hear of a line, if anything.
    pub(super) fn decode(&self, line: &[u8]) -> Option<ServerJsonRpcMessage> {
        let line = line
            .strip_prefix(b"\xEF\xBB\xBF")
            .unwrap_or(line)
            .trim_ascii();
        if line.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(line);
        match self.ears.hear(&text, None) {
            Heard::Answer(id) => Some(stand_in(id)),
            // an answer of the handshake, or to somebody who went away
            Heard::Stray => introduction(&text),
            Heard::Other => None,
        }
    }

    fn too_long(&self, head: &[u8], tail: &[u8]) -> Option<ServerJsonRpcMessage> {
        let id = id_at_edge(head, tail)?;
        let reason = format!("an answer of more than {} MiB", self.limit >> 20);
        self.ears
            .settle(id, Reply::Bad(reason))
            .then(|| stand_in(id))
    }
}

/// A message that rmcp reads itself. It keeps what a server says of itself for as long as that runs.
fn introduction(text: &str) -> Option<ServerJsonRpcMessage> {
    const SMALL: usize = 16 * 1024;
    if text.len() <= SMALL {
        return serde_json::from_str(text).ok();
    }
    let mut message: serde_json::Value = serde_json::from_str(text).ok()?;
    if let Some(result) = message.get_mut("result").and_then(|it| it.as_object_mut()) {
        super::upstream::cut_introduction(result);
    }
    serde_json::from_value(message).ok()
}

/// What wakes the caller through rmcp.
fn stand_in(id: i64) -> ServerJsonRpcMessage {
    JsonRpcMessage::response(ServerResult::empty(()), NumberOrString::Number(id))
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
                .and_then(|line| self.wire.outbox.push(line)),
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
            wire.outbox.queued.fetch_sub(batch.len(), Ordering::Relaxed);
        }
    };
    wire.close_input.run_until_cancelled(writing).await;
    drop(stdin);
}

#[cfg(test)]
mod tests;
