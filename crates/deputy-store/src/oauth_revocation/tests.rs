use deputy_core::UserId;
use jiff::Timestamp;

use super::OAuthRevocation;
use crate::testing::{for_each_database, user};

fn revocation(token: &[u8], second: i64) -> OAuthRevocation {
    let at = Timestamp::from_second(second).unwrap();
    OAuthRevocation {
        id: 0,
        user: UserId(0),
        provider: "google".to_owned(),
        token: token.to_vec(),
        token_column: "refresh_token".to_owned(),
        attempts: 0,
        next_at: at,
        created_at: at,
    }
}

#[tokio::test]
async fn due_ones_come_oldest_first_and_can_be_put_off() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        let late = tx
            .user(alice)
            .oauth_revocation_add(revocation(b"late", 20))
            .await
            .unwrap();
        let early = tx
            .user(bob)
            .oauth_revocation_add(revocation(b"early", 10))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let at = |s| Timestamp::from_second(s).unwrap();
        let due = store
            .oauth_revocations_due("google", at(20), 10)
            .await
            .unwrap();
        assert_eq!(due.iter().map(|r| r.id).collect::<Vec<_>>(), [early, late]);
        assert_eq!(
            (due[0].user, due[0].token.as_slice()),
            (bob, b"early".as_slice())
        );
        let due = async |provider, until| {
            let due = store.oauth_revocations_due(provider, at(until), 10);
            due.await.unwrap().len()
        };
        assert_eq!(due("google", 19).await, 1);
        assert_eq!(due("other", 99).await, 0);
        let hers = store.user(alice);
        assert_eq!(hers.oauth_revocations_left("google").await.unwrap(), 1);
        assert_eq!(hers.oauth_revocations_left("other").await.unwrap(), 0);

        let tx = store.begin().await.unwrap();
        assert!(
            !tx.user(alice)
                .oauth_revocation_delay(early, 1, at(50))
                .await
                .unwrap(),
            "not hers"
        );
        assert!(
            tx.user(bob)
                .oauth_revocation_delay(early, 1, at(50))
                .await
                .unwrap()
        );
        assert!(
            !tx.user(bob).oauth_revocation_delete(late).await.unwrap(),
            "not his"
        );
        assert_eq!(
            tx.user(alice)
                .oauth_revocations_delete("google")
                .await
                .unwrap(),
            1
        );
        tx.commit().await.unwrap();
        assert_eq!(
            store
                .user(bob)
                .oauth_revocation(early)
                .await
                .unwrap()
                .unwrap()
                .attempts,
            1
        );
        assert_eq!(
            store.user(alice).oauth_revocation(early).await.unwrap(),
            None
        );
        assert_eq!(due("google", 49).await, 0);
        let tx = store.begin().await.unwrap();
        assert!(tx.user(bob).oauth_revocation_delete(early).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(due("google", 99).await, 0);
    })
    .await;
}
