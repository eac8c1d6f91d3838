//! The event with which the SDK begins each stream: without a message, it tells a client from where the stream can be
//! taken up again. It came with protocol version 2025-11-25 (SEP-1699). A client of an earlier one reads each event as a
//! message, and may take an empty one for an error and give up its session: Gemini CLI does. So it gets a comment
//! in its place, which every reader of event streams passes over.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;

/// The first version with such events.
const SINCE: &str = "2025-11-25";

const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The layer: events without a message only to clients that say that they know of them. The first request of a session
/// doesn't say yet; its answer is at hand anyway.
pub(super) async fn withhold(request: Request, next: Next) -> Response {
    let knows = knows(request.headers());
    let response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE);
    if knows || kind.is_none_or(|kind| kind != "text/event-stream") {
        return response;
    }
    response.map(|body| {
        // The SDK makes a frame of each event.
        Body::new(body.map_frame(|frame| frame.map_data(without_empty)))
    })
}

fn knows(headers: &HeaderMap) -> bool {
    let version = headers.get("mcp-protocol-version");
    version
        .and_then(|version| version.to_str().ok())
        .is_some_and(|version| version >= SINCE)
}

/// The event, or a comment if it has an empty message.
fn without_empty(event: Bytes) -> Bytes {
    let mut messages = event
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"data:"))
        .peekable();
    if messages.peek().is_some() && messages.all(|message| message.trim_ascii().is_empty()) {
        return COMMENT;
    }
    event
}
