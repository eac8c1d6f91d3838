use jiff::SignedDuration;

use super::*;
use crate::testing::{for_each_database, user};

const NOON: Timestamp = Timestamp::constant(1_790_000_000, 0);

#[tokio::test]
async fn an_app_counts_from_its_first_code_on() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let tx = store.begin().await.unwrap();
        let her = tx.user(anna);
        assert!(her.put_pending_totp(b"first", NOON).await.unwrap());
        let later = NOON + SignedDuration::from_secs(5);
        assert!(her.put_pending_totp(b"second", later).await.unwrap());
        assert!(
            !her.take_totp_step(10).await.unwrap(),
            "it does not count yet"
        );
        assert!(!her.has_second_factor().await.unwrap());
        assert!(!her.activate_totp(b"first", 10, later).await.unwrap());
        assert!(her.activate_totp(b"second", 10, later).await.unwrap());
        assert!(!her.activate_totp(b"second", 11, later).await.unwrap());
        assert!(!her.put_pending_totp(b"third", later).await.unwrap());
        tx.commit().await.unwrap();
        let found = store.user(anna).totp_factor().await.unwrap().unwrap();
        assert_eq!(
            (
                found.secret.as_slice(),
                found.created_at,
                found.active_at,
                found.last_step
            ),
            (b"second".as_slice(), later, Some(later), 10)
        );
        assert!(store.user(anna).has_second_factor().await.unwrap());
        assert_eq!(store.people_with_totp().await.unwrap(), [anna].into());
    })
    .await;
}

#[tokio::test]
async fn a_step_is_taken_once_and_none_before_it() {
    for_each_database(|store| async move {
        let (anna, ivan) = (user(&store, "anna").await, user(&store, "ivan").await);
        let tx = store.begin().await.unwrap();
        for who in [anna, ivan] {
            tx.user(who).put_pending_totp(b"s", NOON).await.unwrap();
            tx.user(who).activate_totp(b"s", 100, NOON).await.unwrap();
        }
        tx.commit().await.unwrap();
        let take = async |who, step| {
            let tx = store.begin().await.unwrap();
            let taken = tx.user(who).take_totp_step(step).await.unwrap();
            tx.commit().await.unwrap();
            taken
        };
        assert!(!take(anna, 100).await);
        assert!(take(anna, 102).await);
        assert!(!take(anna, 102).await && !take(anna, 101).await);
        assert!(take(ivan, 101).await, "another person's is another");
        // Ten at once.
        let mut taken = 0;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let store = store.clone();
            tasks.spawn(async move {
                let tx = store.begin().await.unwrap();
                let taken = tx.user(anna).take_totp_step(103).await.unwrap();
                tx.commit().await.unwrap();
                taken
            });
        }
        while let Some(done) = tasks.join_next().await {
            taken += usize::from(done.unwrap());
        }
        assert_eq!(taken, 1);
    })
    .await;
}

#[tokio::test]
async fn it_is_removed_and_goes_with_its_person() {
    for_each_database(|store| async move {
        let (anna, ivan) = (user(&store, "anna").await, user(&store, "ivan").await);
        let tx = store.begin().await.unwrap();
        for who in [anna, ivan] {
            tx.user(who).put_pending_totp(b"s", NOON).await.unwrap();
        }
        assert!(tx.user(anna).delete_totp().await.unwrap());
        assert!(!tx.user(anna).delete_totp().await.unwrap());
        tx.user(ivan).delete_user().await.unwrap();
        tx.commit().await.unwrap();
        for who in [anna, ivan] {
            assert!(store.user(who).totp_factor().await.unwrap().is_none());
        }
    })
    .await;
}
