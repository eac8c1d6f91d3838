//! Headers of requests: those of a launch, and those that mirror what is in the body (2026-07-28,
//! "Request headers"), so that what stands before a server can route without reading it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use deputy_core::Secret;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Those that are the protocol's or the connection's to set.
const RESERVED: [&str; 12] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "te",
    "transfer-encoding",
];

/// The headers of a launch, none of which is shown in logs. Says which one is wrong.
pub(super) fn of_launch(headers: &[(String, Secret<String>)]) -> Result<HeaderMap, String> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let wrong = || format!("{name:?} can't be sent as a header");
        let header = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        if RESERVED.contains(&header.as_str()) {
            return Err(format!(
                "the header {name} is not for a configuration to set"
            ));
        }
        let mut value = HeaderValue::try_from(value.expose().as_str()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        all.append(header, value);
    }
    Ok(all)
}

/// A text as the value of a header: as it is, or, where that would not survive, as Base64 in the form that the
/// protocol marks so.
pub fn value_of(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if plain {
        HeaderValue::from_str(text).ok()
    } else {
        HeaderValue::from_str(&format!("=?base64?{}?=", BASE64_STANDARD.encode(text))).ok()
    }
}

/// Adds headers of a request that mirror its arguments; others than those are not taken.
pub(super) fn add_mirrors(to: &mut HeaderMap, mirrors: &[(String, String)]) {
    for (name, value) in mirrors {
        if let Ok(name) = HeaderName::try_from(name.as_str())
            && name.as_str().starts_with("mcp-param-")
            && let Some(value) = value_of(value)
        {
            to.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_as_headers() {
        for (text, header) in [
            ("plain name", "plain name"),
            ("grüße", "=?base64?Z3LDvMOfZQ==?="),
            (" a", "=?base64?IGE=?="),
            ("a\r\nb", "=?base64?YQ0KYg==?="),
            ("=?base64?x?=", "=?base64?PT9iYXNlNjQ/eD89?="),
        ] {
            assert_eq!(value_of(text).unwrap(), header);
        }
    }

    #[test]
    fn a_launch_sets_no_header_of_the_protocol() {
        let one = |name: &str, value: &str| of_launch(&[(name.to_owned(), value.into())]);
        assert!(one("X-Key", "s3cret").unwrap()["x-key"].is_sensitive());
        assert!(
            one("Mcp-Session-Id", "1")
                .unwrap_err()
                .contains("Mcp-Session-Id")
        );
        assert!(one("a b", "1").is_err());
        let error = one("X-Key", "s3cret\r\nX: y").unwrap_err();
        assert!(!error.contains("s3cret"));
    }
}
