//! What must hold of the parsers of this module for any input: what servers say with a refusal, and the documents in
//! which they and their authorization servers describe themselves.

use std::sync::OnceLock;

use deputy_core::http::{GuardConfig, Guarded, guarded};
use deputy_core::{Scope, Scopes, challenge as written};
use jiff::Timestamp;
use url::Url;

use super::MAX_SCOPES;
use super::challenge::{Challenge, is_scope};
use super::client::{Method, Registered, registered};
use super::discovery::{
    AuthorizationServer, Discovery, ResourceMetadata, canonical, covers, only_scopes,
};

/// `WWW-Authenticate` of a server: what is read, and read again as we would write it, is the same.
pub(crate) fn challenge(data: &[u8]) {
    let Some(read) = str::from_utf8(data).ok().and_then(Challenge::parse) else {
        return;
    };
    assert!(read.scopes.len() <= MAX_SCOPES);
    assert!(read.scopes.iter().all(|scope| is_scope(scope)));
    let mut header = "Basic realm=\"Bearer scope=x\", bEARER x=y".to_owned();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let scopes = read.scopes.join(" ");
    let said = [
        ("scope", (!read.scopes.is_empty()).then_some(&scopes)),
        ("ERROR", read.error.as_ref()),
        ("resource_metadata", read.resource_metadata.as_ref()),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            for piece in [" , ", name, " = \"", &quoted(value), "\""] {
                header.push_str(piece);
            }
        }
    }
    // A longer one is not read.
    if header.len() <= 8 * 1024 {
        assert_eq!(Challenge::parse(&header), Some(read));
    }
}

/// What this server says with a refusal, with made-up words in it, is read as it was meant.
pub(crate) fn challenge_written(data: &[u8]) {
    let Ok(why) = str::from_utf8(data) else {
        return;
    };
    let (origin, path) = ("https://deputy.example.org", "/mcp/files");
    let place = written::metadata_url(origin, path);
    let held = Scopes([Scope::ToolsRead].into());
    for (header, error) in [
        (written::no_token(origin, path), None),
        (
            written::invalid_token(origin, path, why),
            Some("invalid_token"),
        ),
        (
            written::insufficient_scope(origin, path, &held, &[Scope::ToolsCall]),
            Some("insufficient_scope"),
        ),
    ] {
        assert!(header.bytes().all(|b| matches!(b, b' '..=b'~')), "{header}");
        if header.len() > 8 * 1024 {
            continue;
        }
        let read = Challenge::parse(&header).expect("it is a challenge");
        assert_eq!(read.resource_metadata.as_deref(), Some(place.as_str()));
        assert_eq!(read.error.as_deref(), error, "{header}");
        assert!(read.scopes.iter().any(|scope| scope == "tools:read"));
    }
}

/// A server's metadata, and whether they are for the address that was asked.
pub(crate) fn resource_metadata(data: &[u8]) {
    let Ok(said) = serde_json::from_slice::<ResourceMetadata>(data) else {
        return;
    };
    let scopes = only_scopes(said.scopes_supported.unwrap_or_default());
    assert!(scopes.len() <= MAX_SCOPES && scopes.iter().all(|scope| is_scope(scope)));
    for url in ["https://server.example/team/mcp", "https://server.example/"] {
        let url = Url::parse(url).expect("an address");
        assert!(covers(&canonical(&url), &url));
        if !covers(&said.resource, &url) {
            continue;
        }
        let named = Url::parse(&said.resource).expect("it was read");
        assert_eq!(named.origin(), url.origin(), "of another server");
        let (above, path) = (named.path().trim_end_matches('/'), url.path());
        let rest = path.trim_end_matches('/').strip_prefix(above);
        let is_above = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        assert!(is_above, "{} is not above {path}", named.path());
    }
}

/// An authorization server's metadata, and whether they will do.
pub(crate) fn server_metadata(data: &[u8]) {
    static HTTP: OnceLock<Guarded> = OnceLock::new();
    let Ok(said) = serde_json::from_slice::<AuthorizationServer>(data) else {
        return;
    };
    let http = HTTP.get_or_init(|| guarded(GuardConfig::default()).expect("a client"));
    let issuer = "https://auth.example.org";
    let is_fit = Discovery { http }.examine(issuer, &said).is_ok();
    let _ = said.keeps_its_codes();
    if !is_fit {
        return;
    }
    assert_eq!(said.issuer.trim_end_matches('/'), issuer);
    let optional = [&said.registration_endpoint, &said.revocation_endpoint];
    let endpoints = [&said.authorization_endpoint, &said.token_endpoint];
    for endpoint in endpoints.into_iter().chain(optional.into_iter().flatten()) {
        assert_eq!(endpoint.scheme(), "https");
        assert!(endpoint.username().is_empty() && endpoint.host_str().is_some());
    }
}

/// What an authorization server answers to a registration.
pub(crate) fn client_registered(data: &[u8]) {
    for (asked, supported) in [
        (Method::None, None),
        (
            Method::ClientSecretPost,
            Some(["none".to_owned()].as_slice()),
        ),
    ] {
        let Ok(answer) = serde_json::from_slice::<Registered>(data) else {
            return;
        };
        let Ok((client, expires_at)) = registered(answer, asked, supported) else {
            return;
        };
        assert!((1..=2048).contains(&client.id.len()));
        let secret = client.secret.map(|secret| secret.expose().len());
        assert!(secret != Some(0));
        match secret {
            None => assert!(client.method == Method::None && expires_at.is_none()),
            Some(_) => assert!(expires_at.is_none_or(|at| at >= Timestamp::UNIX_EPOCH)),
        }
    }
}
