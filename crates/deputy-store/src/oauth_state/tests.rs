use jiff::{SignedDuration, Timestamp};

use super::OAuthState;
use crate::testing::{for_each_database, user};

fn state(nonce_hash: &str, second: i64) -> OAuthState {
    let created_at = Timestamp::from_second(second).unwrap();
    OAuthState {
        nonce_hash: nonce_hash.to_owned(),
        provider: "google".to_owned(),
        services: vec!["calendar".to_owned(), "gmail".to_owned()],
        verifier: vec![1, 2, 3],
        created_at,
        expires_at: created_at + SignedDuration::from_mins(10),
        consumed_at: None,
    }
}

#[tokio::test]
async fn used_once_by_the_person_who_began_it() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        tx.user(alice)
            .oauth_state_add(state("a", 1000), 10)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            store.user(alice).oauth_state("a").await.unwrap(),
            Some(state("a", 1000))
        );
        assert_eq!(store.user(bob).oauth_state("a").await.unwrap(), None);
        let unanswered = async |who, provider: &str| {
            let since = Timestamp::from_second(1000).unwrap();
            let theirs = store.user(who);
            let count = theirs.oauth_states_unanswered(provider, since).await;
            count.unwrap()
        };
        assert_eq!(unanswered(alice, "google").await, 1);
        assert_eq!(unanswered(alice, "other").await, 0);
        assert_eq!(unanswered(bob, "google").await, 0);
        let later = Timestamp::from_second(1001).unwrap();
        let hers = store.user(alice);
        let count = hers.oauth_states_unanswered("google", later).await;
        assert_eq!(count.unwrap(), 0);

        let at = Timestamp::from_second(1100).unwrap();
        let tx = store.begin().await.unwrap();
        assert!(!tx.user(bob).oauth_state_consume("a", at).await.unwrap());
        assert!(tx.user(alice).oauth_state_consume("a", at).await.unwrap());
        assert!(!tx.user(alice).oauth_state_consume("a", at).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(unanswered(alice, "google").await, 0);
        assert_eq!(
            store
                .user(alice)
                .oauth_state("a")
                .await
                .unwrap()
                .unwrap()
                .consumed_at,
            Some(at)
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_forgotten_is_one_persons_at_one_provider() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let other = |nonce: &str| OAuthState {
            provider: "remote:1".to_owned(),
            ..state(nonce, 1000)
        };
        let tx = store.begin().await.unwrap();
        for (who, state) in [
            (alice, state("a", 1000)),
            (alice, other("b")),
            (bob, other("c")),
        ] {
            tx.user(who).oauth_state_add(state, 3).await.unwrap();
        }
        let hers = tx.user(alice);
        assert_eq!(hers.oauth_states_forget("remote:1").await.unwrap(), 1);
        assert_eq!(hers.oauth_states_forget("remote:1").await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert!(store.user(alice).oauth_state("a").await.unwrap().is_some());
        assert!(store.user(alice).oauth_state("b").await.unwrap().is_none());
        assert!(store.user(bob).oauth_state("c").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn the_oldest_beyond_the_limit_and_the_lapsed_go() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        tx.user(bob)
            .oauth_state_add(state("b", 1), 3)
            .await
            .unwrap();
        for i in 0..5 {
            tx.user(alice)
                .oauth_state_add(state(&format!("a{i}"), 1000 + i), 3)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        assert!(store.user(alice).oauth_state("a1").await.unwrap().is_none());
        assert!(store.user(alice).oauth_state("a2").await.unwrap().is_some());
        assert!(store.user(bob).oauth_state("b").await.unwrap().is_some());

        let tx = store.begin().await.unwrap();
        let before = Timestamp::from_second(1003 + 600).unwrap();
        assert_eq!(tx.oauth_states_delete_lapsed(before).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert!(store.user(alice).oauth_state("a3").await.unwrap().is_some());
    })
    .await;
}
