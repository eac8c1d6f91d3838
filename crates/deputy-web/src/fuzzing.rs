//! What fuzzing tries of this crate: see docs/testing.md, "Fuzzing". Built for that and for tests alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Uri};
use url::Url;

use crate::auth::{bearer_token, behind_proxies, without_slash};
use crate::oauth::said::said;
use crate::{cookie, language, middleware, next};

/// A parser, and what must hold of it for any input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name. `fuzz/corpus/NAME` has what each begins with.
pub const TARGETS: &[Target] = &[
    ("after-sign-in", after_sign_in),
    ("browser-headers", browser_headers),
    ("name-shown", name_shown),
    ("proxies", proxies),
    ("request-address", request_address),
];

fn header(name: HeaderName, value: &[u8]) -> Option<HeaderMap> {
    Some(HeaderMap::from_iter([(
        name,
        HeaderValue::from_bytes(value).ok()?,
    )]))
}

/// Where a link wants somebody to go after the sign-in: nowhere but to this site.
fn after_sign_in(data: &[u8]) {
    let Ok(next) = str::from_utf8(data) else {
        return;
    };
    let path = next::safe(next);
    assert!(path == next || path == "/");
    assert!(path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\"));
    assert!(!path.contains(char::is_control));
    for here in [
        "https://deputy.example.org/login",
        "http://127.0.0.1:8484/login?next=x",
    ] {
        let here = Url::parse(here).expect("an address");
        let there = here.join(path).expect("it leads somewhere");
        assert_eq!(there.origin(), here.origin(), "{path} leads outside");
        assert!(there.username().is_empty() && there.password().is_none());
    }
    // Through the sign-in page and back.
    let again =
        Url::parse("https://deputy.example.org").and_then(|url| url.join(&next::login_again(path)));
    let again = again.expect("an address of ours");
    assert_eq!(again.path(), "/login");
    let back = again.query_pairs().find(|(name, _)| name == "next");
    assert_eq!(back.expect("it says where to").1, path);
}

/// What a browser says of itself, in the header of each kind.
fn browser_headers(data: &[u8]) {
    for name in [ACCEPT_LANGUAGE, COOKIE] {
        if let Some(headers) = header(name, data) {
            let _ = language::of_browser(&headers);
            let found = cookie::find(&headers, "deputy_language");
            assert!(found.is_none_or(|value| !value.contains(';')));
        }
    }
    if let Some(headers) = header(HOST, data) {
        let _ = middleware::is_loopback_host(&headers);
    }
    let Some(token) = header(AUTHORIZATION, data).as_ref().and_then(bearer_token) else {
        return;
    };
    let token = token.expose();
    assert!(!token.is_empty() && token.trim() == token);
    let again = header(AUTHORIZATION, format!("bEARER {token}").as_bytes());
    let again = again.as_ref().and_then(bearer_token);
    assert_eq!(
        again.map(|again| again.expose().clone()).as_ref(),
        Some(token)
    );
}

/// What a program calls itself: in one line, nothing in it that can't be seen, and not endless.
fn name_shown(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let shown = said(text, 80);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert!(shown.chars().count() <= 81 * "⟨U+10FFFF⟩".chars().count());
}

/// `X-Forwarded-For`: nobody is taken for somebody else on the word of a stranger.
fn proxies(data: &[u8]) {
    let Some(headers) = header(HeaderName::from_static("x-forwarded-for"), data) else {
        return;
    };
    let trusted: [ipnet::IpNet; 2] = [
        "10.0.0.0/8".parse().expect("a network"),
        "fd00::/8".parse().expect("one"),
    ];
    let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(behind_proxies(stranger, &headers, &trusted), stranger);
    let said: Vec<IpAddr> = (String::from_utf8_lossy(data).split(','))
        .filter_map(|hop| hop.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .collect();
    for proxy in [
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        Ipv6Addr::LOCALHOST.into(),
    ] {
        let client = behind_proxies(proxy, &headers, &trusted);
        assert!(client == proxy || said.contains(&client));
        assert!(
            client == proxy || proxy.is_ipv4(),
            "on the word of a stranger"
        );
    }
}

/// The address of a request, with a slash at its end or without.
fn request_address(data: &[u8]) {
    let Some(uri) = str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse::<Uri>().ok())
    else {
        return;
    };
    // The slash that an address always has stays.
    if uri.path() != "/"
        && let Some(plain) = without_slash(&uri)
    {
        assert_eq!(plain.query(), uri.query());
        assert_eq!(plain.authority(), uri.authority());
        assert_eq!(format!("{}/", plain.path()), uri.path());
    }
}

#[cfg(test)]
mod tests;
