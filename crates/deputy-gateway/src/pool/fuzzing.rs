//! What must hold for any bytes that a person's server sends, and for any parameters that a client has passed on to one.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use deputy_core::Lifecycle;
use futures_util::FutureExt as _;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::io::AsyncReadExt as _;

use super::exchange::{Asides, Exchange, Params};
use super::launch::{Owner, PoolKey};
use super::lines::{Line, Lines};
use super::notices::Board;
use super::remote::events::Events;
use super::remote::header_value;
use super::result::tool_result;
use super::stderr::StderrRing;
use super::wire::envelope::{id_at_edge, request_line};
use super::wire::{Limits, Wire};
use crate::fuzzing::same;

/// The longest line and event, in bytes.
const LONGEST: usize = 512;
/// How much is known of a longer one at either end.
const EDGE: usize = 128;

/// The input in two pieces, as a connection may bring it: the first byte says where the cut is.
fn pieces(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (at, data) = data.split_first()?;
    Some(data.split_at(usize::from(*at).min(data.len())))
}

/// A server on a pipe: lines, and each line as a message.
pub(crate) fn server_lines(data: &[u8]) {
    let Some((one, other)) = pieces(data) else {
        return;
    };
    let all = [one, other].concat();
    let mut expected = all.split_inclusive(|b| *b == b'\n');
    let mut lines = Lines::new(one.chain(other), LONGEST);
    while let Some(line) = lines.next().now_or_never().expect("it is all there") {
        let whole = expected.next().expect("a line that was sent");
        let whole = whole.strip_suffix(b"\n").expect("half a line is none");
        match line {
            Line::Whole(line) => {
                assert!(line == whole && line.len() <= LONGEST);
                message(line);
            }
            Line::TooLong { head, tail } => {
                assert!(whole.len() > LONGEST);
                assert!(head == &whole[..EDGE] && whole.ends_with(tail) && tail.len() == EDGE);
                let _ = id_at_edge(head, tail);
            }
        }
    }
    assert!(expected.next().is_none_or(|rest| !rest.ends_with(b"\n")));
}

/// What a server says while three requests of ours wait: what we say to it is one line of JSON each, and an answer's
/// result is its own words.
fn message(line: &[u8]) {
    let key = PoolKey {
        owner: Owner::Shared,
        server: "a".to_owned(),
    };
    let lifecycle = Lifecycle::new();
    let notices = tokio::sync::broadcast::channel(1).0;
    let board = Board::new(key, notices, lifecycle.clone());
    let limits = Limits {
        heard: LONGEST,
        said: LONGEST,
    };
    let noise = Arc::new(StderrRing::new(64, &[]));
    let (wire, mut said) = Wire::new(limits, noise, board, lifecycle);
    let waiting: Vec<Arc<Exchange>> = (1..=3)
        .map(|id| {
            let exchange = Exchange::new("tools/call", Params::Bare, Asides::default());
            wire.ears.expect(id, exchange.clone());
            exchange
        })
        .collect();
    let _ = wire.decode(line);
    while let Ok(line) = said.try_recv() {
        let text = line.strip_suffix(b"\n").expect("a line");
        assert!(!text.contains(&b'\n'));
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(text);
        assert!(read.is_ok(), "it is no JSON");
    }
    for exchange in waiting {
        if let Ok(result) = exchange.outcome() {
            assert!(String::from_utf8_lossy(line).contains(result.get()));
            let _ = tool_result(result);
        }
    }
}

/// A server in the network: its events are the same, however they come.
pub(crate) fn server_events(data: &[u8]) {
    let Some((one, other)) = pieces(data) else {
        return;
    };
    let whole = events(&[&[one, other].concat()], usize::MAX / 2);
    assert_eq!(events(&[one, other], usize::MAX / 2), whole);
    let bytes: Vec<&[u8]> = one.chunks(1).chain(other.chunks(1)).collect();
    for (_, data, id) in events(&bytes, LONGEST) {
        assert!(data.len() <= LONGEST);
        assert!(id.is_none_or(|id| id.len() <= 1024 && !id.contains('\0')));
    }
}

/// Name, data and last id of each event in what comes in these pieces.
fn events(pieces: &[&[u8]], limit: usize) -> Vec<(String, String, Option<String>)> {
    let pieces: Vec<std::io::Result<Vec<u8>>> = pieces.iter().map(|it| Ok(it.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let mut stream = Events::new(http::Response::new(body).into(), limit);
    let mut all = Vec::new();
    while let Ok(Some(event)) = stream.next().now_or_never().expect("it is all there") {
        all.push((event.name, event.data, stream.last_id.clone()));
    }
    all
}

/// What a client has passed on to a server: one line, and in it what the client said, with our `_meta` and no other.
pub(crate) fn request_passed_on(data: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<Box<RawValue>>(data) else {
        return;
    };
    // Numbers and escapes that stand for nothing are the server's to refuse.
    let Ok(mut asked) = serde_json::from_str::<Value>(raw.get()) else {
        return;
    };
    let ours = Map::from_iter([("io.deputy/x".to_owned(), json!("ours"))]);
    let Ok(params) = Params::any(&raw, ours) else {
        return;
    };
    let Params::Any { members, .. } = &params else {
        panic!("other parameters");
    };
    assert!(
        members.iter().all(|(name, _)| name != "_meta"),
        "a second _meta"
    );
    let exchange = Exchange::new("resources/read", params, Asides::default());
    let _ = exchange.name();
    let line = request_line(&exchange, &Map::new(), 7).expect("it is JSON");
    assert!(!line.iter().any(|b| matches!(b, b'\n' | b'\r')));
    let sent: Value = serde_json::from_slice(&line).expect("it is JSON");
    assert!(sent["id"] == 7 && sent["method"] == "resources/read");
    let mut sent = sent["params"].clone();
    let meta = |value: &mut Value| value.as_object_mut().and_then(|it| it.remove("_meta"));
    let said = meta(&mut sent).expect("ours is in it");
    assert_eq!(said["io.deputy/x"], "ours");
    meta(&mut asked);
    assert!(same(&sent, &asked), "{sent} is not {asked}");
}

/// A text as a header: whoever reads it by the protocol has the text again.
pub(crate) fn header_mirrored(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let value = header_value(text).expect("every text can be sent");
    let value = value.to_str().expect("it is ASCII");
    let marked = value.strip_prefix("=?base64?");
    let read = match marked.and_then(|it| it.strip_suffix("?=")) {
        Some(encoded) => BASE64_STANDARD.decode(encoded).expect("it is Base64"),
        None => value.as_bytes().to_vec(),
    };
    assert_eq!(read, text.as_bytes());
    assert_eq!(value.trim(), value);
}
