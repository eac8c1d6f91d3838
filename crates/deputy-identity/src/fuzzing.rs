//! What fuzzing tries of this crate: see docs/testing.md, "Fuzzing". Built for that and for tests alone.

use crate::{name, oauth};

/// A parser, and what must hold of it for any input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name. `fuzz/corpus/NAME` has what each begins with.
pub const TARGETS: &[Target] = &[
    ("authorize-request", oauth::fuzzing::authorize_request),
    (
        "client-authentication",
        oauth::fuzzing::client_authentication,
    ),
    ("client-document", oauth::fuzzing::client_document),
    ("client-document-url", oauth::fuzzing::client_document_url),
    ("freshness", oauth::fuzzing::freshness),
    ("oauth-form", oauth::fuzzing::form),
    ("pkce", oauth::fuzzing::pkce),
    ("redirect-uri", oauth::fuzzing::redirect_uri),
    ("registration", oauth::fuzzing::registration),
    ("resource", oauth::fuzzing::resource),
    ("scope", oauth::fuzzing::scope),
    ("sign-in-name", sign_in_name),
];

/// A name that is taken is taken again as it is, and is the same name as before.
fn sign_in_name(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let key = name::key(text);
    if let Ok(kept) = name::parse(text) {
        assert_eq!(name::parse(&kept).as_deref(), Ok(kept.as_str()));
        assert_eq!(name::key(&kept), key, "kept under another key");
        assert_eq!(name::key(&key), key, "a key has another key");
    }
}

#[cfg(test)]
mod tests;
