use axum::http::HeaderValue;

use super::*;

const ORIGIN_HERE: &str = "https://deputy.example";

fn from(headers: &[(&'static str, &'static str)]) -> bool {
    let map = headers.iter().map(|(name, value)| {
        (
            header::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    is_same_origin(&map.collect(), ORIGIN_HERE)
}

#[test]
fn a_request_from_another_page_is_told_apart() {
    assert!(from(&[
        ("sec-fetch-site", "same-origin"),
        ("origin", ORIGIN_HERE)
    ]));
    assert!(from(&[("sec-fetch-site", "none")]));
    assert!(from(&[("origin", ORIGIN_HERE)]));
    assert!(
        from(&[]),
        "a script that sends neither has no cookie it did not ask for"
    );
    for site in ["cross-site", "same-site", "", "Same-Origin"] {
        assert!(
            !from(&[("sec-fetch-site", site), ("origin", ORIGIN_HERE)]),
            "{site}"
        );
    }
    for origin in [
        "null",
        "",
        "https://evil.example",
        "http://deputy.example",
        "https://deputy.example:8443",
    ] {
        assert!(!from(&[("origin", origin)]), "{origin}");
    }
}
