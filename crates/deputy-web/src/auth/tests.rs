use super::*;

fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for line in forwarded {
        headers.append("x-forwarded-for", line.parse().unwrap());
    }
    let trusted: Vec<_> = trusted.iter().map(|t| t.parse().unwrap()).collect();
    behind_proxies(peer.parse().unwrap(), &headers, &trusted).to_string()
}

#[test]
fn nobody_is_believed_by_default() {
    assert_eq!(seen("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
}

#[test]
fn a_trusted_proxy_names_its_client() {
    let proxy = &["10.0.0.0/8"];
    assert_eq!(seen("10.0.0.2", &["198.51.100.1"], proxy), "198.51.100.1");
    assert_eq!(
        seen("::ffff:10.0.0.2", &["198.51.100.1"], proxy),
        "198.51.100.1"
    );
    assert_eq!(seen("10.0.0.2", &[], proxy), "10.0.0.2");
}

#[test]
fn what_the_client_wrote_itself_does_not_count() {
    let proxy = &["10.0.0.0/8"];
    assert_eq!(
        seen("10.0.0.2", &["1.1.1.1, 198.51.100.1"], proxy),
        "198.51.100.1"
    );
    assert_eq!(
        seen("10.0.0.2", &["1.1.1.1", "198.51.100.1, 10.0.0.3"], proxy),
        "198.51.100.1"
    );
    assert_eq!(seen("10.0.0.2", &["nonsense"], proxy), "10.0.0.2");
    assert_eq!(seen("203.0.113.9", &["1.1.1.1"], proxy), "203.0.113.9");
}
