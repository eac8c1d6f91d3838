use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(n, v)| {
            (
                n.parse::<HeaderName>().unwrap(),
                v.parse::<HeaderValue>().unwrap(),
            )
        })
        .collect()
}

#[test]
fn writes_from_other_sites_are_told_apart() {
    let own = "https://deputy.example";
    let check = |pairs: &[(&str, &str)]| from_own_site(&headers(pairs), own);
    assert!(check(&[]), "programs say nothing");
    assert!(check(&[("sec-fetch-site", "same-origin")]));
    assert!(!check(&[("sec-fetch-site", "cross-site")]));
    assert!(
        !check(&[("sec-fetch-site", "same-site"), ("origin", own)]),
        "a neighbouring subdomain is another site"
    );
    assert!(check(&[("origin", own)]));
    assert!(!check(&[("origin", "https://evil.example")]));
    assert!(!check(&[("origin", "null")]));
    assert!(check(&[
        ("origin", "http://localhost:8484"),
        ("host", "localhost:8484")
    ]));
}

#[test]
fn a_name_that_was_made_to_point_here_is_no_host() {
    let check = |host: &str| is_loopback_host(&headers(&[("host", host)]));
    assert!(check("127.0.0.1:8484") && check("localhost:8484") && check("[::1]:8484"));
    assert!(
        !check("evil.example:8484") && !check("192.168.0.7") && !check("127.0.0.1.evil.example")
    );
}
