use deputy_core::SystemRng;
use deputy_core::clock::OffsetClock;

use super::*;
use crate::testing::for_each_world;

fn key(byte: u8) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32])
}

fn fresh() -> State {
    let mut state = State::new(UserId(42), &OffsetClock::default(), &SystemRng);
    state.started = Timestamp::from_millisecond(state.started.as_millisecond()).unwrap();
    state
}

#[test]
fn it_reads_what_it_signed_and_nothing_else() {
    let state = fresh();
    let text = state.sign(&key(1));
    assert_eq!(State::verify(&text, &key(1)), Some(state));
    assert_eq!(State::verify(&text, &key(2)), None, "another key");
    for i in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(State::verify(&changed, &key(1)), None, "character {i}");
        assert_eq!(State::verify(&text[..i], &key(1)), None, "cut at {i}");
    }
    for junk in [
        "",
        ".",
        "a.b",
        &"A".repeat(10_000),
        "\u{1F600}.\u{1F600}",
        &format!("{text}{text}"),
    ] {
        assert_eq!(State::verify(junk, &key(1)), None);
    }
}

#[test]
fn it_holds_no_secret_but_is_never_the_same() {
    let (a, b) = (fresh(), fresh());
    assert_ne!(a.nonce_hash(), b.nonce_hash());
    assert_ne!(a.sign(&key(1)), b.sign(&key(1)));
    assert!(
        a.sign(&key(1))
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c)),
        "fit for a query"
    );
}

#[tokio::test]
async fn replicas_agree_on_one_key() {
    for_each_world(async |w| {
        let other = w.another_process().await;
        let query = w.begin(w.alice, crate::Services::ALL).await;
        other.precheck(&query).await.unwrap();
        let stored = w
            .store
            .installation_secret("oauth-state")
            .await
            .unwrap()
            .unwrap();
        assert!(stored.len() > 32 + 28, "sealed, not plain");
    })
    .await;
}
