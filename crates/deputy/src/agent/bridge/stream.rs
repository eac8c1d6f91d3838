//! Streams of server-sent events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use reqwest::Response;
use sse_stream::{Sse, SseStream};

/// The largest event, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// The longest id of an event that is sent back, in bytes.
const LONGEST_ID: usize = 1024;
/// How long a stream is left alone before it is taken up again, if the server does not say; and at most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the connection broke")]
    Connection,
    #[error("an event is too large")]
    TooLarge,
}

/// A stream of messages, and where it stands.
pub(in crate::agent) struct Events {
    parsed: BoxStream<'static, Result<Sse, sse_stream::Error>>,
    pending: Arc<AtomicUsize>,
    /// The id of the last event that had one: where to take it up again.
    pub(in crate::agent) last_id: Option<String>,
    pause: Duration,
}

impl Events {
    pub(in crate::agent) fn of(response: Response) -> Self {
        let pending = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&pending);
        let bytes = response.bytes_stream().map(move |piece| {
            let piece = piece.map_err(|_| Broken::Connection)?;
            let held = counted.fetch_add(piece.len(), Ordering::Relaxed) + piece.len();
            if held > LARGEST {
                return Err(Broken::TooLarge);
            }
            Ok::<Bytes, Broken>(piece)
        });
        Self {
            parsed: SseStream::from_bytes_stream(bytes).boxed(),
            pending,
            last_id: None,
            pause: PAUSE,
        }
    }

    /// The next message; nothing when the stream has ended or broken off.
    pub(in crate::agent) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let event = self.parsed.next().await?.ok()?;
            self.pending.store(0, Ordering::Relaxed);
            if let Some(id) = event.id.filter(|id| id.len() <= LONGEST_ID) {
                self.last_id = Some(id).filter(|id| !id.is_empty());
            }
            if let Some(retry) = event.retry {
                self.pause = Duration::from_millis(retry).min(PAUSE_MAX);
            }
            let is_message = event.event.as_deref().is_none_or(|name| name == "message");
            if let Some(data) = event
                .data
                .filter(|data| is_message && !data.trim().is_empty())
            {
                return Some(Bytes::from(data));
            }
        }
    }

    /// How long to leave it alone before it is taken up again.
    pub(in crate::agent) fn pause(&self) -> Duration {
        self.pause
    }

    /// Goes on where another one broke off.
    pub(in crate::agent) fn after(mut self, broken: &Self) -> Self {
        self.last_id.clone_from(&broken.last_id);
        self.pause = broken.pause;
        self
    }
}
