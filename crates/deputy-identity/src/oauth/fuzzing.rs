//! What must hold of the parsers of this module for any input. Where there is another parser for the same thing, the two
//! have to agree: `url` for addresses, `url::form_urlencoded` for parameters.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use deputy_core::clock::SystemClock;
use deputy_core::http::{GuardConfig, Guarded, guarded};
use deputy_core::{Clock, Scope};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::{Host, Url, form_urlencoded};

use super::authorize::{AuthorizeRequest, MAX_RESOURCES, MAX_STATE, answer_url, asked};
use super::described::{Described, MAX_NAME, MAX_REDIRECTS};
use super::document::{DocumentError, Fetching, document_limits, freshness, read};
use super::form::Form;
use super::{Resource, pkce, redirect, register, scope, token};

const ISSUER: &str = "https://deputy.example.org";

/// Text, and what follows its first line; input of two parts.
fn parts(data: &[u8]) -> Option<(&str, &str)> {
    let text = str::from_utf8(data).ok()?;
    Some(text.split_once('\n').unwrap_or((text, "")))
}

/// What of an address says who gets a code: everything before path and query, and those.
fn read_by_another(uri: &str) -> (String, Option<Host<String>>, Option<u16>, String) {
    let url = Url::parse(uri).expect("what may be registered can be read");
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
    let rest = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let host = url.host().map(|host| host.to_owned());
    (url.scheme().to_owned(), host, url.port(), rest)
}

/// An address that may be registered, and one that a request names.
pub(crate) fn redirect_uri(data: &[u8]) {
    let Some((registered, named)) = parts(data) else {
        return;
    };
    // What is shown of any text can be shown.
    assert!(redirect::host_shown(named).chars().all(|c| !c.is_control()));
    if redirect::check_registered(registered).is_err() {
        return;
    }
    assert!(redirect::hostile_scheme(registered).is_none());
    assert!(redirect::matches(registered, registered));
    let ours = read_by_another(registered);
    let is_loopback = redirect::is_loopback(registered);
    match ours.0.as_str() {
        "https" => assert!(ours.1.is_some()),
        "http" => assert!(is_loopback, "plain http leads to another machine"),
        _ => assert_eq!(redirect::target(registered), redirect::Target::App),
    }
    answer_comes_back(registered);
    if registered != named && redirect::matches(registered, named) {
        let theirs = read_by_another(named);
        assert_eq!(
            (&ours.0, &ours.1, &ours.3),
            (&theirs.0, &theirs.1, &theirs.3)
        );
        assert!(is_loopback && ours.0 == "http", "another port elsewhere");
        answer_comes_back(named);
    }
}

/// What is added to an address is what another parser finds there, after what was there before.
fn answer_comes_back(uri: &str) {
    let state = "a&b=c d+é%26#?/";
    let answer = [("code", "dpt_ac_x"), ("state", state), ("iss", ISSUER)];
    let url = answer_url(uri, &answer).expect("an answer can be sent");
    let (before, after) = (Url::parse(uri).expect("an address"), &url);
    assert_eq!(
        (before.scheme(), before.host(), before.port(), before.path()),
        (after.scheme(), after.host(), after.port(), after.path())
    );
    let mut pairs: Vec<(String, String)> = before.query_pairs().into_owned().collect();
    pairs.extend(answer.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(url.query_pairs().into_owned().collect::<Vec<_>>(), pairs);
}

/// The query of an authorization request, and what is asked for with it.
pub(crate) fn authorize_request(data: &[u8]) {
    let Ok(query) = str::from_utf8(data) else {
        return;
    };
    let Ok(request) = AuthorizeRequest::parse(query) else {
        return;
    };
    let by_another: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let one = |name: &str| {
        let mut found = by_another.iter().filter(|(other, _)| other == name);
        let first = found.next().map(|(_, value)| value.clone());
        assert!(found.next().is_none(), "{name} is there twice");
        first.filter(|value| !value.is_empty())
    };
    assert_eq!(Some(&request.client_id), one("client_id").as_ref());
    assert_eq!(request.redirect_uri, one("redirect_uri"));
    assert_eq!(request.state, one("state"));
    assert_eq!(request.code_challenge, one("code_challenge"));
    let Ok((scopes, resources)) = asked(ISSUER, &request) else {
        return;
    };
    assert!(!scopes.0.is_empty() && (1..=MAX_RESOURCES).contains(&resources.len()));
    assert!(request.state.is_none_or(|state| state.len() <= MAX_STATE));
    assert!(!request.is_elsewhere && request.response_type.as_deref() == Some("code"));
    assert_eq!(request.code_challenge_method.as_deref(), Some("S256"));
    assert!(request.code_challenge.is_some_and(|text| text.len() == 43));
    for resource in resources {
        assert_eq!(
            Resource::parse(ISSUER, &resource.url(ISSUER)),
            Some(resource)
        );
    }
}

/// The body of a request to the token endpoint.
pub(crate) fn form(data: &[u8]) {
    let Ok(form) = Form::of_body(
        data,
        Some("application/x-www-form-urlencoded; charset=utf-8"),
    ) else {
        return;
    };
    let by_another: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    for (name, _) in &by_another {
        let values = by_another.iter().filter(|(other, _)| other == name);
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        assert!(
            values.len() == 1 || name == "resource",
            "{name} is there twice"
        );
        assert!(values.iter().all(|value| !value.contains('\0')));
        let first = values.first().copied().filter(|value| !value.is_empty());
        assert_eq!(form.text(name), first);
        let all = values.into_iter().filter(|value| !value.is_empty());
        assert_eq!(form.all(name), all.collect::<Vec<_>>());
    }
}

/// An `Authorization` header, and the body that comes with it.
pub(crate) fn client_authentication(data: &[u8]) {
    let Some((header, body)) = parts(data) else {
        return;
    };
    let Ok(form) = Form::parse(body.as_bytes()) else {
        return;
    };
    let Ok(Some(id)) = token::client_id(&form, Some(header)) else {
        return;
    };
    assert!(!id.is_empty());
    match form.text("client_id") {
        Some(named) => assert_eq!(named, id),
        None => assert!(!id.contains(char::is_control)),
    }
    if id.contains(char::is_control) {
        return;
    }
    // The same client by the header alone, as a library of clients writes it.
    let encoded: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let header = format!("Basic {}", STANDARD.encode(format!("{encoded}:")));
    let again = token::client_id(&Form::default(), Some(&header));
    assert_eq!(again.ok(), Some(Some(id)));
}

/// What a token is to be for.
pub(crate) fn resource(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    for issuer in [ISSUER, "http://127.0.0.1:8484"] {
        let Some(resource) = Resource::parse(issuer, text) else {
            continue;
        };
        let url = resource.url(issuer);
        assert_eq!(Resource::parse(issuer, &url), Some(resource));
        let (asked, written) = (Url::parse(text), Url::parse(&url));
        let (asked, written) = (asked.expect("it was read"), written.expect("it is a URL"));
        assert_eq!(asked.origin(), written.origin(), "outside of the issuer");
        assert_eq!(asked.path().trim_end_matches('/'), written.path());
    }
}

/// Words that are asked for.
pub(crate) fn scope(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let known = scope::known(text);
    assert_eq!(scope::known(&known.to_string()), known);
    let words: BTreeSet<&str> = text.split_ascii_whitespace().collect();
    assert!(known.0.iter().all(|scope| words.contains(scope.as_str())));
    if let Ok(asked) = scope::asked(Some(text)) {
        assert!(!asked.0.is_empty());
        let weighty = [Scope::Admin, Scope::ApprovalsDecide];
        assert!(
            weighty
                .into_iter()
                .all(|s| !asked.contains(s) || words.contains(s.as_str()))
        );
    }
}

/// A verifier, and a challenge.
pub(crate) fn pkce(data: &[u8]) {
    let Some((verifier, challenge)) = parts(data) else {
        return;
    };
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let made = URL_SAFE_NO_PAD.encode(digest);
    assert!(pkce::is_challenge(&made));
    assert_eq!(pkce::matches(&made, verifier), pkce::is_verifier(verifier));
    if pkce::matches(challenge, verifier) {
        assert!(challenge == made && verifier.is_ascii());
    }
}

/// What holds of what is kept of a client's words; and it says the same when it is read again.
fn check_kept(kept: &Described) {
    assert!(kept.name.chars().count() <= MAX_NAME);
    assert!(!kept.name.contains(char::is_control) && kept.name.trim() == kept.name);
    assert!((1..=MAX_REDIRECTS).contains(&kept.redirect_uris.len()));
    assert_eq!(
        kept.redirect_uris.iter().collect::<BTreeSet<_>>().len(),
        kept.redirect_uris.len()
    );
    for uri in &kept.redirect_uris {
        assert_eq!(redirect::check_registered(uri), Ok(()));
        assert!(answer_url(uri, &[("code", "x")]).is_some());
    }
    if let Some(uri) = &kept.client_uri {
        let url = Url::parse(uri).expect("a home page has an address");
        assert!(matches!(url.scheme(), "http" | "https") && url.username().is_empty());
    }
    let mut said = kept.metadata();
    said["client_name"] = kept.name.as_str().into();
    said["redirect_uris"] = json!(kept.redirect_uris);
    let again = said.as_object().map(Described::read);
    assert_eq!(again, Some(Ok(kept.clone())));
}

/// The body of a registration.
pub(crate) fn registration(data: &[u8]) {
    let said: Map<String, Value> = match register::object(data, Some("application/json")) {
        Ok(said) => said,
        Err(_) => return,
    };
    if let Ok(kept) = Described::read(&said) {
        check_kept(&kept);
    }
}

/// A document that a client names itself by.
pub(crate) fn client_document(data: &[u8]) {
    let client_id = "https://client.example.org/document.json";
    let Ok(kept) = read(client_id, data) else {
        return;
    };
    check_kept(&kept);
    // Of a member that is there twice, the last counts: no other reading may be taken.
    let said: Value = serde_json::from_slice(data).expect("it was read");
    assert_eq!(said["client_id"], client_id);
    assert!(said.get("client_secret").is_none());
}

/// The address of such a document.
pub(crate) fn client_document_url(data: &[u8]) {
    static FETCHING: OnceLock<Fetching> = OnceLock::new();
    let Ok(client_id) = str::from_utf8(data) else {
        return;
    };
    let fetching = FETCHING.get_or_init(|| {
        let config = GuardConfig {
            limits: document_limits(),
            ..GuardConfig::default()
        };
        let guarded: Guarded = guarded(config).expect("a client");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Fetching::new(Some(guarded), &clock)
    });
    match fetching.url(client_id) {
        Ok((url, _)) => {
            assert_eq!((url.as_str(), url.scheme()), (client_id, "https"));
            assert!(url.username().is_empty() && url.fragment().is_none());
            let port = url.port_or_known_default().expect("it has one");
            assert!(port == 443 || port >= 1024);
            check_public(&url);
        }
        Err(error) => assert!(!matches!(error, DocumentError::Unreachable)),
    }
}

/// No address of this machine's or a private network's, in whatever spelling.
fn check_public(url: &Url) {
    match url.host() {
        Some(Host::Ipv4(ip)) => {
            assert!(!ip.is_loopback() && !ip.is_private() && !ip.is_link_local());
            assert!(!ip.is_unspecified() && !ip.is_broadcast() && !ip.is_multicast());
        }
        Some(Host::Ipv6(ip)) => {
            assert!(!ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast());
            assert!(!ip.is_unique_local() && !ip.is_unicast_link_local());
            assert!(
                ip.to_ipv4_mapped()
                    .is_none_or(|ip| !ip.is_private() && !ip.is_loopback())
            );
        }
        // Where a name leads is looked at when it is resolved.
        Some(Host::Domain(_)) => {}
        None => panic!("no host"),
    }
}

/// Headers of a document's answer, a line each.
pub(crate) fn freshness(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|b| *b == b'\n').take(16) {
        let mut halves = line.splitn(2, |b| *b == b':');
        let (name, value) = (halves.next(), halves.next().unwrap_or_default());
        let name = name.and_then(|name| HeaderName::from_bytes(name).ok());
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value.trim_ascii())) {
            headers.append(name, value);
        }
    }
    let now = Timestamp::from_second(1_790_000_000).expect("a time");
    let fresh = freshness::fresh_for(&headers, now);
    assert!(fresh >= SignedDuration::from_mins(1) && fresh <= SignedDuration::from_hours(24));
}
