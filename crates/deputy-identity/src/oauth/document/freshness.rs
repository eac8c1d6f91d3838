//! For how long a document counts as it was fetched (RFC 9111 section 4.2, as far as it matters).

use axum::http::HeaderMap;
use axum::http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName};
use jiff::{SignedDuration, Timestamp};

/// At least, so that nobody is fetched from with every request.
const LEAST: SignedDuration = SignedDuration::from_mins(1);
/// At most, so that a change is seen.
const MOST: SignedDuration = SignedDuration::from_hours(24);
/// Where the answer doesn't say.
const USUAL: SignedDuration = SignedDuration::from_mins(10);

/// For how long an answer with these headers, got at `now`, is fresh: 1 min to 24 h.
pub(in crate::oauth) fn fresh_for(headers: &HeaderMap, now: Timestamp) -> SignedDuration {
    said(headers, now).unwrap_or(USUAL).clamp(LEAST, MOST)
}

fn said(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let age = seconds(one(headers, AGE).unwrap_or_default()).unwrap_or(SignedDuration::ZERO);
    let mut shared = None;
    let mut private = None;
    for line in headers.get_all(CACHE_CONTROL) {
        for directive in line.to_str().unwrap_or_default().split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let value = seconds(value.trim().trim_matches('"'));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return Some(SignedDuration::ZERO),
                // What can't be read counts as over (section 4.2.1).
                "s-maxage" => shared = Some(value.unwrap_or_default()),
                "max-age" => private = Some(value.unwrap_or_default()),
                _ => {}
            }
        }
    }
    if let Some(lifetime) = shared.or(private) {
        return Some(lifetime.saturating_sub(age));
    }
    let expires = one(headers, EXPIRES)?;
    let Some(expires) = instant(expires) else {
        return Some(SignedDuration::ZERO);
    };
    let date = one(headers, DATE).and_then(instant).unwrap_or(now);
    Some(expires.duration_since(date).saturating_sub(age))
}

fn one(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Digits as seconds, at most a year.
fn seconds(text: &str) -> Option<SignedDuration> {
    const YEAR: i64 = 366 * 24 * 3600;
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| SignedDuration::from_secs(text.parse().unwrap_or(YEAR).min(YEAR)))
}

fn instant(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

#[cfg(test)]
mod tests;
