use std::str::FromStr as _;

use deputy_core::SystemRng;

use super::*;

fn token(text: &str) -> Secret<String> {
    Secret::new(format!("dpt_rt_{text:x<43}"))
}

fn successor() -> Successor {
    Successor {
        access_token: Secret::from("dpt_at_next"),
        access_ends: Timestamp::from_millisecond(1_795_000_000_123).unwrap(),
        refresh_token: Secret::from("dpt_rt_next"),
        scopes: Scopes::from_str("tools:read chat").unwrap(),
        resources: vec!["https://deputy.test/mcp".to_owned()],
    }
}

#[test]
fn the_old_token_opens_what_was_sealed_under_it() {
    let sealed = successor().seal(&SystemRng, &token("a"), 7).unwrap();
    let opened = Successor::open(&sealed, &token("a"), 7).unwrap();
    let expected = successor();
    assert_eq!(opened.access_token.expose(), expected.access_token.expose());
    assert_eq!(
        opened.refresh_token.expose(),
        expected.refresh_token.expose()
    );
    assert_eq!(opened.access_ends, expected.access_ends);
    assert_eq!(opened.scopes, expected.scopes);
    assert_eq!(opened.resources, expected.resources);
}

#[test]
fn nothing_of_it_can_be_read_without_the_old_token() {
    let sealed = successor().seal(&SystemRng, &token("a"), 7).unwrap();
    for part in [b"dpt_at_".as_slice(), b"dpt_rt_", b"deputy.test", b"chat"] {
        assert!(!sealed.windows(part.len()).any(|window| window == part));
    }
    let again = successor().seal(&SystemRng, &token("a"), 7).unwrap();
    assert_ne!(sealed, again, "a fresh nonce each time");
}

#[test]
fn nothing_else_opens_it() {
    let sealed = successor().seal(&SystemRng, &token("a"), 7).unwrap();
    assert!(
        Successor::open(&sealed, &token("b"), 7).is_err(),
        "another token"
    );
    assert!(
        Successor::open(&sealed, &token("a"), 8).is_err(),
        "another grant"
    );
    for i in 0..sealed.len() {
        let mut bent = sealed.clone();
        bent[i] ^= 1;
        assert!(
            Successor::open(&bent, &token("a"), 7).is_err(),
            "bit of byte {i}"
        );
        assert!(
            Successor::open(&sealed[..i], &token("a"), 7).is_err(),
            "cut at {i}"
        );
    }
}
