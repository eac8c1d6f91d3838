//! Requests that another site makes a browser send.
//!
//! A write that comes with a session's cookie must carry that session's token, which no other site
//! can read; and where the browser says from where the request comes, it must come from here. The
//! sign-in form has no session yet: there [`is_same_origin`] alone guards.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::Secret;
use tower_sessions::Session;

const LABEL: &[u8] = b"deputy/csrf/v1";

/// The token of a session; `None` before it has an id. Made from the id, which only the browser
/// knows, so that it is stored nowhere and new at every sign-in.
pub fn token(session: &Session) -> Option<Secret<String>> {
    let id = Secret::new(session.id()?.to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, id.expose().as_bytes());
    Some(Secret::new(URL_SAFE_NO_PAD.encode(hmac::sign(&key, LABEL))))
}

/// Whether `presented` is the session's token; in constant time.
pub fn is_valid(session: &Session, presented: &str) -> bool {
    token(session).is_some_and(|token| {
        verify_slices_are_equal(token.expose().as_bytes(), presented.as_bytes()).is_ok()
    })
}

/// Whether a request may come from a page of `origin` (`https://host[:port]`): by
/// `Sec-Fetch-Site`, else by `Origin`. True when neither is there: then it is no browser of today,
/// or not a request that a page can make.
pub fn is_same_origin(headers: &HeaderMap, origin: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    headers
        .get(header::ORIGIN)
        .is_none_or(|from| from.as_bytes() == origin.as_bytes())
}

#[cfg(test)]
mod tests;
