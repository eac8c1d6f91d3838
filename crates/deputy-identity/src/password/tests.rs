use std::sync::Arc;

use deputy_core::SystemRng;

use super::*;

fn check(policy: PasswordPolicy, password: &str) -> Result<(), PasswordError> {
    policy.check("Валентина", &Secret::from(password))
}

#[test]
fn short_long_common_and_name_like_passwords_are_refused() {
    use PasswordError::{Common, LikeName, TooLong, TooShort};
    let cases = [
        ("", Err(TooShort)),
        ("sevench", Err(TooShort)),
        ("парольх", Err(TooShort)),
        ("eight ch", Ok(())),
        ("Password1", Err(Common)),
        ("ПАРОЛЬ123", Err(Common)),
        ("aaaaaaaaaaaa", Err(Common)),
        ("валентина", Err(LikeName)),
        ("Валентина1!", Err(LikeName)),
        ("Валентина и лошадь", Ok(())),
    ];
    for (password, expected) in cases {
        assert_eq!(
            check(PasswordPolicy::Strict, password),
            expected,
            "{password}"
        );
    }
    assert_eq!(check(PasswordPolicy::Strict, &"ab".repeat(64)), Ok(()));
    assert_eq!(
        check(PasswordPolicy::Strict, &"ab".repeat(65)),
        Err(TooLong)
    );
}

#[test]
fn the_sandbox_takes_demo_for_demo() {
    assert_eq!(
        PasswordPolicy::Sandbox.check("demo", &Secret::from("demo")),
        Ok(())
    );
    assert_eq!(
        check(PasswordPolicy::Sandbox, ""),
        Err(PasswordError::TooShort)
    );
}

#[test]
fn the_common_ones_are_long_enough_to_matter_and_folded() {
    for common in COMMON.lines() {
        assert!(common.chars().count() >= MIN, "{common}");
        assert_eq!(common, common.to_lowercase());
    }
}

fn hasher(cost: HashCost) -> Hasher {
    Hasher::new(cost, Arc::new(SystemRng))
}

#[tokio::test]
async fn a_hash_fits_its_password_alone() {
    let hasher = hasher(HashCost::cheapest());
    let password = Secret::from("пароль с ё");
    let hash = hasher.hash(&password).await.unwrap();
    assert!(
        hash.expose().starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
        "{}",
        hash.expose()
    );
    assert_ne!(
        hasher.hash(&password).await.unwrap().expose(),
        hash.expose(),
        "the salt is new"
    );
    let verify = async |text: &str| {
        hasher
            .verify(&Secret::from(text), Some(hash.clone()))
            .await
            .unwrap()
    };
    assert_eq!(verify("пароль с ё").await, Verified::Yes);
    assert_eq!(
        verify("пароль с е\u{308}").await,
        Verified::Yes,
        "from another keyboard"
    );
    assert_eq!(verify("пароль с е").await, Verified::No);
    assert_eq!(verify("").await, Verified::No);
}

#[tokio::test]
async fn nobodys_hash_fits_nothing_and_costs_as_much() {
    let cost = HashCost {
        memory_kib: 64,
        passes: 3,
        lanes: 2,
    };
    let hash = nobodys(cost);
    let parsed = PasswordHash::new(hash.expose()).unwrap();
    let params = Params::try_from(&parsed).unwrap();
    assert_eq!(
        (params.m_cost(), params.t_cost(), params.p_cost()),
        (64, 3, 2)
    );
    assert_eq!(
        parsed.hash.unwrap().as_bytes().len(),
        Params::DEFAULT_OUTPUT_LEN
    );
    for password in ["", "demo", "AAAA"] {
        assert_eq!(
            hasher(cost)
                .verify(&Secret::from(password), None)
                .await
                .unwrap(),
            Verified::No
        );
    }
}

#[tokio::test]
async fn a_hash_of_another_cost_fits_and_is_stale() {
    let password = Secret::from("correct horse");
    let hash = hasher(HashCost::cheapest()).hash(&password).await.unwrap();
    let dearer = hasher(HashCost {
        passes: 2,
        ..HashCost::cheapest()
    });
    assert_eq!(
        dearer.verify(&password, Some(hash)).await.unwrap(),
        Verified::YesButStale
    );
}

#[tokio::test]
async fn a_damaged_hash_is_an_error_and_no_way_in() {
    let hasher = hasher(HashCost::cheapest());
    for hash in ["", "x", "$argon2id$v=19$m=8,t=1,p=1$AAAA"] {
        let verified = hasher
            .verify(&Secret::from("x"), Some(Secret::from(hash)))
            .await;
        assert!(
            !matches!(verified, Ok(Verified::Yes | Verified::YesButStale)),
            "{hash}"
        );
    }
}

#[tokio::test]
async fn at_most_two_at_once_a_short_queue_and_the_rest_is_turned_away() {
    let hasher = hasher(HashCost::cheapest());
    let held = Arc::clone(&hasher.running)
        .acquire_many_owned(2)
        .await
        .unwrap();
    let password = Secret::from("x");
    let mut waiting: Vec<_> = (0..QUEUE)
        .map(|_| Box::pin(hasher.hash(&password)))
        .collect();
    for one in &mut waiting {
        assert!(futures_poll(one).await.is_none(), "both places are taken");
    }
    assert_eq!(hasher.hash(&password).await.err(), Some(HashError::Busy));
    drop(held);
    for one in waiting {
        one.await.unwrap();
    }
    assert_eq!(hasher.waiting.load(Ordering::SeqCst), 0);
    hasher.hash(&password).await.unwrap();
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}
