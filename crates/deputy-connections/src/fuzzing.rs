//! What fuzzing tries of this crate: see docs/testing.md, "Fuzzing". Built for that and for tests alone.

use std::time::Duration;

use aws_lc_rs::hmac;
use deputy_core::Secret;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use crate::refresh::after;
use crate::remote;
use crate::state::State;
use crate::upstream::{Failure, code_for_log, retry_after, understand};

/// A parser, and what must hold of it for any input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name. `fuzz/corpus/NAME` has what each begins with.
pub const TARGETS: &[Target] = &[
    ("challenge", remote::fuzzing::challenge),
    ("challenge-written", remote::fuzzing::challenge_written),
    ("client-registered", remote::fuzzing::client_registered),
    ("consent-state", consent_state),
    ("resource-metadata", remote::fuzzing::resource_metadata),
    ("retry-after", wait),
    ("server-metadata", remote::fuzzing::server_metadata),
    ("token-answer", token_answer),
];

/// The `state` that a browser brings back: only what was signed counts, and in one spelling.
fn consent_state(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"fuzzing");
    if let Some(state) = State::verify(text, &key) {
        assert_eq!(state.sign(&key), text, "a second spelling");
        assert_eq!(state.nonce_hash().len(), 64);
        let _ = State::read(Some(text), &key, state.expires());
    }
}

/// How long to wait, as a server says it.
fn wait(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    headers.insert(RETRY_AFTER, value);
    let now = Timestamp::from_second(1_790_000_000).expect("a time");
    let after = retry_after(&headers, now);
    assert!(after.is_none_or(|after| after <= Duration::from_hours(1)));
}

/// What a token endpoint answers: its status in the first line, then the body.
fn token_answer(data: &[u8]) {
    let mut halves = data.splitn(2, |b| *b == b'\n');
    let status = halves
        .next()
        .and_then(|line| StatusCode::from_bytes(line).ok());
    let body = halves.next().unwrap_or_default();
    let Some(status) = status else {
        return;
    };
    let answer = match understand(status, None, body) {
        Ok(answer) => answer,
        Err(Failure::Rejected { code }) => return assert_eq!(code, code_for_log(&code)),
        Err(_) => return,
    };
    assert!(status.is_success());
    let is_there = |token: &Secret<String>| !token.expose().is_empty();
    assert!(is_there(&answer.access_token));
    assert!(answer.refresh_token.as_ref().is_none_or(is_there));
    assert!((10..=86_400).contains(&answer.expires_in.as_secs()));
    assert!(answer.lifetime.is_none_or(|time| time.as_secs() >= 10));
    let account = answer.account.unwrap_or_default();
    assert!(account.len() <= 320);
    let now = Timestamp::from_second(1_790_000_000).expect("a time");
    let ends = after(now, answer.lifetime);
    assert!(ends.is_none_or(|ends| ends > now));
}

#[cfg(test)]
mod tests;
