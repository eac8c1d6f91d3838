use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::ServerSetup;
use crate::testing::{for_each_database, user};

fn setup(id: u128, second: i64) -> ServerSetup {
    let created_at = Timestamp::from_second(second).unwrap();
    ServerSetup {
        id: Uuid::from_u128(id),
        server_type: "github".to_owned(),
        state: vec![1, 2, 3],
        version: 1,
        created_at,
        expires_at: created_at + SignedDuration::from_hours(24),
    }
}

#[tokio::test]
async fn of_two_answers_to_one_version_one_is_taken_and_a_stranger_finds_nothing() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let (id, now) = (Uuid::from_u128(7), Timestamp::from_second(1500).unwrap());
        let tx = store.begin().await.unwrap();
        tx.user(alice)
            .server_setup_add(setup(7, 1000), 5)
            .await
            .unwrap();
        assert!(
            !tx.user(bob)
                .server_setup_save(id, 1, vec![9])
                .await
                .unwrap()
        );
        assert!(!tx.user(bob).server_setup_delete(id).await.unwrap());
        assert!(
            tx.user(alice)
                .server_setup_save(id, 1, vec![4])
                .await
                .unwrap()
        );
        assert!(
            !tx.user(alice)
                .server_setup_save(id, 1, vec![5])
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();

        let found = store
            .user(alice)
            .server_setup(id, now)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((found.version, found.state), (2, vec![4]));
        assert_eq!(store.user(bob).server_setup(id, now).await.unwrap(), None);

        let tx = store.begin().await.unwrap();
        assert!(tx.user(alice).server_setup_delete(id).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(store.user(alice).server_setup(id, now).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_oldest_beyond_the_limit_and_the_lapsed_go() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        tx.user(bob)
            .server_setup_add(setup(100, 1), 3)
            .await
            .unwrap();
        for i in 0..5u32 {
            tx.user(alice)
                .server_setup_add(setup(u128::from(i), 1000 + i64::from(i)), 3)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let now = Timestamp::from_second(1010).unwrap();
        let has = async |user, id: u128, at| {
            let id = Uuid::from_u128(id);
            store
                .user(user)
                .server_setup(id, at)
                .await
                .unwrap()
                .is_some()
        };
        assert!(!has(alice, 1, now).await);
        assert!(has(alice, 2, now).await);
        assert!(has(bob, 100, now).await);

        // A lapsed one is not found although its row is there.
        let later = Timestamp::from_second(1003 + 86_400).unwrap();
        assert!(!has(alice, 3, later).await);
        assert!(has(alice, 4, later).await);
        let tx = store.begin().await.unwrap();
        assert_eq!(tx.server_setups_delete_lapsed(later).await.unwrap(), 2);
        tx.commit().await.unwrap();
    })
    .await;
}
