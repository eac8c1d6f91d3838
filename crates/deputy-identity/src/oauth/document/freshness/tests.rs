use axum::http::HeaderValue;

use super::*;

const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn a_document_is_fresh_for_as_long_as_it_says_within_bounds() {
    let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
    for (headers, seconds) in [
        (&[][..], 600),
        (&[("cache-control", "max-age=3600")], 3600),
        (&[("cache-control", "public, Max-Age=\"3600\"")], 3600),
        (&[("cache-control", "max-age=3600, s-maxage=120")], 120),
        (&[("cache-control", "max-age=3600"), ("age", "3000")], 600),
        (&[("cache-control", "max-age=3600"), ("age", "4000")], 60),
        (
            &[("cache-control", "public"), ("cache-control", "max-age=90")],
            90,
        ),
        (&[("cache-control", "max-age=3600, no-cache")], 60),
        (&[("cache-control", "no-store")], 60),
        (&[("cache-control", "max-age=0")], 60),
        (&[("cache-control", "max-age=-5")], 60),
        (
            &[("cache-control", "max-age=99999999999999999999999")],
            86400,
        ),
        (&[("cache-control", "max-age=604800")], 86400),
        (&[("cache-control", "max-age=300"), ("expires", "0")], 300),
        (&[("cache-control", "public")], 600),
        (&[("expires", "Sun, 06 Nov 1994 09:49:37 GMT")], 3600),
        (
            &[
                ("expires", "Sun, 06 Nov 1994 09:49:37 GMT"),
                ("date", "Sun, 06 Nov 1994 09:39:37 GMT"),
            ],
            600,
        ),
        (&[("expires", NOW)], 60),
        (&[("expires", "Sun, 06 Nov 1984 08:49:37 GMT")], 60),
        (&[("expires", "0")], 60),
    ] {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                axum::http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        assert_eq!(fresh_for(&map, now).as_secs(), seconds, "{headers:?}");
    }
}
