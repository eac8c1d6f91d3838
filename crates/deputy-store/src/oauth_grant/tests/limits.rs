//! What no row takes.

use super::*;

#[tokio::test]
async fn nothing_hangs_on_a_grant_that_is_gone_and_no_hash_is_there_twice() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let made = full(&store, alice, "1").await;
        // One transaction each: on PostgreSQL the first failure ends it.
        let tx = store.begin().await.unwrap();
        let done = tx.insert_oauth_code(code("x", 999)).await;
        assert!(matches!(done, Err(Error::Dangling(_))), "{done:?}");
        drop(tx);
        let tx = store.begin().await.unwrap();
        let done = tx.insert_access_token(access("x", 999)).await;
        assert!(matches!(done, Err(Error::Dangling(_))), "{done:?}");
        drop(tx);
        let tx = store.begin().await.unwrap();
        let done = tx.insert_refresh_token(refresh("x", 999)).await;
        assert!(matches!(done, Err(Error::Dangling(_))), "{done:?}");
        drop(tx);
        let tx = store.begin().await.unwrap();
        let done = tx.user(UserId(999)).insert_oauth_grant(grant("abc")).await;
        assert!(matches!(done, Err(Error::Dangling(_))), "{done:?}");
        drop(tx);
        let tx = store.begin().await.unwrap();
        let done = tx.insert_oauth_code(code("c1", made.id)).await;
        assert!(matches!(done, Err(Error::Conflict(_))), "{done:?}");
        drop(tx);
        let tx = store.begin().await.unwrap();
        let done = tx.insert_access_token(access("a1", made.id)).await;
        assert!(matches!(done, Err(Error::Conflict(_))), "{done:?}");
        drop(tx);
        let tx = store.begin().await.unwrap();
        let done = tx.insert_refresh_token(refresh("r1", made.id)).await;
        assert!(matches!(done, Err(Error::Conflict(_))), "{done:?}");
        drop(tx);

        let tx = store.begin().await.unwrap();
        assert!(tx.delete_access_token("a1").await.unwrap());
        assert!(!tx.delete_access_token("a1").await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.access_token("a1").await.unwrap().is_none());
        assert!(store.refresh_token("r1").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn what_no_row_takes_is_refused_before_the_database_sees_it() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let made = full(&store, alice, "1").await;
        let tx = store.begin().await.unwrap();
        let nul = || "a\0b".to_owned();
        let long = |bytes: usize| "x".repeat(bytes);
        for case in [
            NewGrant {
                client_id: nul(),
                ..grant("a")
            },
            NewGrant {
                client_id: long(1025),
                ..grant("a")
            },
            NewGrant {
                client_name: nul(),
                ..grant("a")
            },
            NewGrant {
                client_name: long(1025),
                ..grant("a")
            },
            NewGrant {
                redirect_uri: nul(),
                ..grant("a")
            },
            NewGrant {
                redirect_uri: long(4097),
                ..grant("a")
            },
            NewGrant {
                resources: vec![nul()],
                ..grant("a")
            },
            NewGrant {
                resources: vec!["a b".to_owned()],
                ..grant("a")
            },
            NewGrant {
                resources: vec![long(16_385)],
                ..grant("a")
            },
        ] {
            let done = tx.user(alice).insert_oauth_grant(case.clone()).await;
            assert!(matches!(done, Err(Error::Unfit { .. })), "{case:?}");
        }
        for case in [
            NewCode {
                code_hash: nul(),
                ..code("x", made.id)
            },
            NewCode {
                code_hash: long(65),
                ..code("x", made.id)
            },
            NewCode {
                redirect_uri: nul(),
                ..code("x", made.id)
            },
            NewCode {
                redirect_uri: long(4097),
                ..code("x", made.id)
            },
            NewCode {
                challenge: nul(),
                ..code("x", made.id)
            },
            NewCode {
                challenge: long(129),
                ..code("x", made.id)
            },
        ] {
            let done = tx.insert_oauth_code(case.clone()).await;
            assert!(matches!(done, Err(Error::Unfit { .. })), "{case:?}");
        }
        for case in [
            NewAccessToken {
                token_hash: long(65),
                ..access("x", made.id)
            },
            NewAccessToken {
                resources: vec![nul()],
                ..access("x", made.id)
            },
        ] {
            let done = tx.insert_access_token(case.clone()).await;
            assert!(matches!(done, Err(Error::Unfit { .. })), "{case:?}");
        }
        let done = tx.insert_refresh_token(refresh(&long(65), made.id)).await;
        assert!(matches!(done, Err(Error::Unfit { .. })));
        let done = tx.end_oauth_grant(made.id, &long(33), at(1100)).await;
        assert!(matches!(done, Err(Error::Unfit { .. })));
        // The transaction goes on: the database never saw any of it.
        assert!(tx.use_oauth_code("c1", at(1100)).await.unwrap());
        tx.commit().await.unwrap();
    })
    .await;
}
