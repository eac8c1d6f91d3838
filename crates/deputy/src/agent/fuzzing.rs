//! What fuzzing tries of the agent: what a browser, a server and a client bring it. Built for that, into the fuzz program
//! (`fuzz/`), and for tests.

use bytes::Bytes;
use deputy_core::{Secret, http};
use futures_util::FutureExt as _;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::bridge::message::{Message, answers};
use super::bridge::stdio::one_line;
use super::bridge::stream::Events;
use super::consent::answer::{AnswerError, Expected};
use super::discovery::{check_issuer, check_resource};
use super::server::ServerUrl;

/// A parser, and what must hold of it for any input.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// The targets by name. `fuzz/corpus/NAME` has what each begins with.
pub(crate) const TARGETS: &[Target] = &[
    ("bridge-events", bridge_events),
    ("bridge-message", bridge_message),
    ("login-answer", login_answer),
    ("server-address", server_address),
    ("server-described", server_described),
];

const ISSUER: &str = "https://deputy.example.org";

/// What the browser brings, or a person pastes: a code counts only beside this login's state and this server's name.
fn login_answer(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let expected = Expected {
        state: Secret::from("st"),
        issuer: ISSUER.to_owned(),
        names_issuer: true,
    };
    match expected.read(text) {
        Ok(code) => {
            let one = |name: &str| {
                let found = form_urlencoded::parse(text.as_bytes()).filter(|(key, _)| key == name);
                let found: Vec<String> = found.map(|(_, value)| value.into_owned()).collect();
                assert!(found.len() <= 1, "{name} is there twice");
                found.into_iter().next()
            };
            assert_eq!(one("state").as_deref(), Some("st"));
            assert_eq!(one("iss").as_deref(), Some(ISSUER));
            assert_eq!(one("code").as_ref(), Some(code.expose()));
            assert!(one("error").is_none() && !code.expose().is_empty());
        }
        Err(AnswerError::Refused(words)) => assert!(!words.contains(char::is_control)),
        Err(_) => {}
    }
    if let Ok(code) = expected.read_pasted(text) {
        let code = code.expose();
        assert!(!code.is_empty());
        assert!(
            text.contains("st") || text.trim() == code,
            "a code of another login"
        );
    }
}

/// The address of a server: one form, and nothing that leads out of it.
fn server_address(data: &[u8]) {
    let Some(server) = str::from_utf8(data)
        .ok()
        .and_then(|text| ServerUrl::parse(text).ok())
    else {
        return;
    };
    let issuer = server.to_string();
    assert_eq!(
        ServerUrl::parse(&issuer).ok().as_ref(),
        Some(&server),
        "{issuer}"
    );
    let url = Url::parse(&issuer).expect("an address");
    assert!(url.scheme() == "https" || http::is_loopback(&url));
    assert!(server.is_home_of(&url));
    let api = server.join("api/v1/me").expect("a path of it");
    assert!(server.is_home_of(&api) && api.path().ends_with("/api/v1/me"));
    let about = server.well_known("oauth-protected-resource", "/api");
    assert!(server.is_home_of(&about) && about.query().is_none());
    assert!(
        about
            .path()
            .starts_with("/.well-known/oauth-protected-resource")
    );
    let folder = server.folder_name();
    assert!(folder.len() <= 80 && folder.is_ascii() && !folder.contains(['/', '\\', '\0']));
    assert!(folder != "." && folder != ".." && folder.ends_with(|c: char| c.is_ascii_hexdigit()));
}

/// What a server says of itself: of its API in the first line, of its login in the others. No endpoint is elsewhere.
fn server_described(data: &[u8]) {
    let at = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (resource, metadata) = data.split_at(at);
    let server = ServerUrl::parse(ISSUER).expect("an address");
    if let Ok(resource) = serde_json::from_slice(resource)
        && let Err(error) = check_resource(&server, &resource)
    {
        assert!(!error.to_string().contains(char::is_control));
    }
    let Ok(metadata) = serde_json::from_slice(metadata) else {
        return;
    };
    match check_issuer(&server, metadata) {
        Ok(found) => {
            let endpoints = [Some(found.authorize), Some(found.token), found.revoke];
            for endpoint in endpoints.into_iter().flatten() {
                assert_eq!(endpoint.host_str(), Some("deputy.example.org"));
                assert_eq!((endpoint.scheme(), endpoint.port()), ("https", None));
            }
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
}

/// A message between a client and a server: sent on as it is, in one line.
fn bridge_message(data: &[u8]) {
    let text = Bytes::copy_from_slice(data);
    let line = one_line(&text);
    assert!(!line.iter().any(|b| matches!(b, b'\n' | b'\r')));
    let Ok(message) = Message::read(text.clone()) else {
        return;
    };
    // What is wrong inside of members that nobody looks at here is the server's to refuse.
    let Ok(said) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    assert!(said.is_object(), "no message is anything else");
    assert_eq!(
        serde_json::from_slice::<Value>(&line).ok().as_ref(),
        Some(&said)
    );
    assert_eq!(said["method"].as_str(), message.method.as_deref());
    assert_eq!(message.text, text);
    if let Some(id) = &message.id {
        assert_eq!(
            serde_json::from_str::<Value>(id).ok().as_ref(),
            Some(&said["id"])
        );
        assert_eq!(answers(data, id), message.method.is_none());
    }
}

/// A stream of a server's: the same messages, however they come. The first byte says where it is cut.
fn bridge_events(data: &[u8]) {
    let Some((at, data)) = data.split_first() else {
        return;
    };
    let (one, other) = data.split_at(usize::from(*at).min(data.len()));
    let cut = events(&[one, other]);
    // The library gives up a piece that has a broken line in it, whole: then as far as both got.
    let whole = events(&[data]);
    assert!(whole.starts_with(&cut) || cut.starts_with(&whole));
    assert!(cut.iter().all(|(text, _)| !text.trim_ascii().is_empty()));
}

/// Each message in what comes in these pieces, and the id to go on from after it.
fn events(pieces: &[&[u8]]) -> Vec<(Bytes, Option<String>)> {
    let pieces: Vec<std::io::Result<Vec<u8>>> = pieces.iter().map(|it| Ok(it.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let mut stream = Events::of(axum::http::Response::new(body).into());
    let mut all = Vec::new();
    while let Some(text) = stream.next().now_or_never().expect("it is all there") {
        all.push((text, stream.last_id.clone()));
    }
    all
}

#[cfg(test)]
mod tests;
