use jiff::Timestamp;

use super::{DueForRefresh, OAuthToken, RefreshedToken};
use crate::testing::{for_each_database, user};
use crate::{Error, Store};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn token(generation: i64) -> OAuthToken {
    OAuthToken {
        id: 0,
        provider: "google".to_owned(),
        access_token: b"access".to_vec(),
        refresh_token: Some(b"refresh".to_vec()),
        expires_at: at(4600),
        scopes: vec!["s1".to_owned(), "s2".to_owned()],
        services: vec!["calendar".to_owned()],
        generation,
        account: Some("a@example.org".to_owned()),
        connected_at: at(1000),
        granted_at: at(1000),
        refreshed_at: at(1000),
        refresh_expires_at: None,
        last_used_at: at(1000),
        failures: 0,
        retry_at: at(0),
        created_at: at(1000),
        updated_at: at(1000),
    }
}

async fn add(store: &Store, user: deputy_core::UserId, token: OAuthToken) -> OAuthToken {
    let tx = store.begin().await.unwrap();
    tx.user(user).oauth_token_add(token).await.unwrap();
    tx.commit().await.unwrap();
    store
        .user(user)
        .oauth_token("google")
        .await
        .unwrap()
        .unwrap()
}

fn refreshed(refresh_token: Option<&[u8]>) -> RefreshedToken {
    RefreshedToken {
        access_token: b"access2".to_vec(),
        refresh_token: refresh_token.map(<[u8]>::to_vec),
        expires_at: at(9000),
        scopes: vec!["s1".to_owned()],
        refresh_expires_at: None,
        refreshed_at: at(5000),
    }
}

#[tokio::test]
async fn a_row_comes_back_as_it_went_and_only_to_its_person() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let stored = add(&store, alice, token(7)).await;
        assert!(
            OAuthToken {
                id: stored.id,
                ..token(7)
            } == stored
        );
        assert!(
            store
                .user(bob)
                .oauth_token("google")
                .await
                .unwrap()
                .is_none()
        );
        assert!(store.user(bob).oauth_tokens().await.unwrap().is_empty());
        assert_eq!(store.user(alice).oauth_tokens().await.unwrap().len(), 1);

        let tx = store.begin().await.unwrap();
        let again = tx.user(alice).oauth_token_add(token(8)).await;
        assert!(
            matches!(again, Err(Error::Conflict(_))),
            "one connection per person and provider"
        );
        drop(tx);
        let tx = store.begin().await.unwrap();
        assert!(!tx.user(bob).oauth_token_delete(stored.id, 7).await.unwrap());
        assert!(
            !tx.user(bob)
                .oauth_token_refresh(stored.id, 7, refreshed(None))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(bob)
                .oauth_token_replace(stored.clone(), 7)
                .await
                .unwrap()
        );
        assert!(
            !tx.user(bob)
                .oauth_token_services(stored.id, &[], at(2))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(bob)
                .oauth_token_used(stored.id, at(2))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(bob)
                .oauth_token_refresh_failed(stored.id, 7, 1, at(2))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        assert!(
            store
                .user(alice)
                .oauth_token("google")
                .await
                .unwrap()
                .unwrap()
                == stored
        );
    })
    .await;
}

#[tokio::test]
async fn a_refresh_counts_once_and_keeps_the_old_refresh_token() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let stored = add(&store, alice, token(7)).await;
        let tx = store.begin().await.unwrap();
        assert!(
            tx.user(alice)
                .oauth_token_refresh_failed(stored.id, 7, 2, at(4700))
                .await
                .unwrap()
        );
        assert!(
            tx.user(alice)
                .oauth_token_refresh(stored.id, 7, refreshed(None))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(alice)
                .oauth_token_refresh(stored.id, 7, refreshed(None))
                .await
                .unwrap(),
            "lost the race"
        );
        assert!(
            !tx.user(alice)
                .oauth_token_refresh_failed(stored.id, 7, 9, at(9999))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(alice)
                .oauth_token_delete(stored.id, 7)
                .await
                .unwrap(),
            "old news"
        );
        tx.commit().await.unwrap();
        let row = store
            .user(alice)
            .oauth_token("google")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.generation, 8);
        assert_eq!(row.access_token, b"access2");
        assert_eq!(row.refresh_token.as_deref(), Some(b"refresh".as_slice()));
        assert_eq!((row.failures, row.retry_at), (0, at(0)));
        assert_eq!(row.scopes, ["s1"]);

        let tx = store.begin().await.unwrap();
        assert!(
            tx.user(alice)
                .oauth_token_refresh(stored.id, 8, refreshed(Some(b"new")))
                .await
                .unwrap()
        );
        assert!(
            tx.user(alice)
                .oauth_token_delete(stored.id, 9)
                .await
                .unwrap()
        );
        drop(tx);
        let row = store
            .user(alice)
            .oauth_token("google")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.generation, 8, "what wasn't committed didn't happen");
    })
    .await;
}

#[tokio::test]
async fn services_and_uses_are_noted_and_the_tokens_stay() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let row = add(&store, alice, token(7)).await;
        let tx = store.begin().await.unwrap();
        let locked = tx
            .user(alice)
            .oauth_token_for_update("google")
            .await
            .unwrap()
            .unwrap();
        assert!(locked == row);
        let services = vec!["drive".to_owned()];
        assert!(
            tx.user(alice)
                .oauth_token_services(row.id, &services, at(6000))
                .await
                .unwrap()
        );
        assert!(
            tx.user(alice)
                .oauth_token_used(row.id, at(6001))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        let row = store
            .user(alice)
            .oauth_token("google")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (row.services, row.last_used_at, row.updated_at),
            (services, at(6001), at(6000))
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_consent_replaces_the_row_it_saw() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let stored = add(&store, alice, token(7)).await;
        let mut new = OAuthToken {
            id: stored.id,
            generation: 20,
            account: None,
            ..token(20)
        };
        new.services = vec!["calendar".to_owned(), "gmail".to_owned()];
        let tx = store.begin().await.unwrap();
        assert!(
            !tx.user(alice)
                .oauth_token_replace(new.clone(), 6)
                .await
                .unwrap()
        );
        assert!(
            tx.user(alice)
                .oauth_token_replace(new.clone(), 7)
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        assert!(
            store
                .user(alice)
                .oauth_token("google")
                .await
                .unwrap()
                .unwrap()
                == new
        );
    })
    .await;
}

#[tokio::test]
async fn the_sweep_takes_what_is_used_and_expires_or_is_stale() {
    for_each_database(|store| async move {
        let due = DueForRefresh {
            now: at(100_000),
            expiring_before: at(100_600),
            used_after: at(90_000),
            stale_before: at(50_000),
            limit: 10,
        };
        let fresh = OAuthToken {
            expires_at: at(103_000),
            refreshed_at: at(99_000),
            last_used_at: at(99_000),
            ..token(1)
        };
        let cases = [
            (
                "expiring",
                OAuthToken {
                    expires_at: at(100_500),
                    ..fresh.clone()
                },
                true,
            ),
            ("fresh", fresh.clone(), false),
            (
                "idle",
                OAuthToken {
                    expires_at: at(95_000),
                    last_used_at: at(80_000),
                    ..fresh.clone()
                },
                false,
            ),
            (
                "stale",
                OAuthToken {
                    expires_at: at(50_000),
                    refreshed_at: at(46_000),
                    last_used_at: at(46_000),
                    ..fresh.clone()
                },
                true,
            ),
            (
                "failing",
                OAuthToken {
                    expires_at: at(100_500),
                    retry_at: at(100_001),
                    ..fresh.clone()
                },
                false,
            ),
            (
                "no refresh token",
                OAuthToken {
                    expires_at: at(100_500),
                    refresh_token: None,
                    ..fresh.clone()
                },
                false,
            ),
            (
                "other provider",
                OAuthToken {
                    expires_at: at(100_500),
                    provider: "other".to_owned(),
                    ..fresh.clone()
                },
                false,
            ),
        ];
        let mut expected = Vec::new();
        for (name, token, taken) in cases {
            let id = user(&store, name).await;
            let tx = store.begin().await.unwrap();
            tx.user(id).oauth_token_add(token).await.unwrap();
            tx.commit().await.unwrap();
            if taken {
                expected.insert(0, id);
            }
        }
        assert_eq!(
            store.oauth_tokens_due("google", due).await.unwrap(),
            expected
        );
    })
    .await;
}
