use jiff::{SignedDuration, Timestamp};

use crate::testing::for_each_database;

#[tokio::test]
async fn one_holder_at_a_time_and_a_dead_one_lapses() {
    for_each_database(|store| async move {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let until = now + SignedDuration::from_secs(60);
        assert!(store.lease_take("google:1", "a", now, until).await.unwrap());
        assert!(!store.lease_take("google:1", "b", now, until).await.unwrap());
        assert!(
            store.lease_take("google:2", "b", now, until).await.unwrap(),
            "another name is another lease"
        );
        assert!(
            store.lease_take("google:1", "a", now, until).await.unwrap(),
            "its holder may renew it"
        );
        assert!(store.lease_held("google:1", now).await.unwrap());
        assert_eq!(
            store
                .lease_holder("google:1", now)
                .await
                .unwrap()
                .as_deref(),
            Some("a")
        );
        assert_eq!(store.lease_holder("google:1", until).await.unwrap(), None);

        assert!(!store.lease_held("google:1", until).await.unwrap());
        let later = until + SignedDuration::from_secs(60);
        assert!(
            store
                .lease_take("google:1", "b", until, later)
                .await
                .unwrap(),
            "a lapsed lease is free"
        );
        store.lease_release("google:1", "a").await.unwrap();
        assert!(
            store.lease_held("google:1", until).await.unwrap(),
            "who lost it can't give it back"
        );
        store.lease_release("google:1", "b").await.unwrap();
        assert!(!store.lease_held("google:1", until).await.unwrap());

        // Whoever has it.
        assert!(store.lease_remove("google:2").await.unwrap());
        assert!(!store.lease_held("google:2", now).await.unwrap());
        assert!(!store.lease_remove("google:2").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_one_gets_it() {
    for_each_database(|store| async move {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let until = now + SignedDuration::from_secs(60);
        let mut tries = tokio::task::JoinSet::new();
        for i in 0..20 {
            let store = store.clone();
            tries.spawn(async move {
                store
                    .lease_take("x", &i.to_string(), now, until)
                    .await
                    .unwrap()
            });
        }
        let taken = tries.join_all().await.into_iter().filter(|t| *t).count();
        assert_eq!(taken, 1);
    })
    .await;
}

#[tokio::test]
async fn lapsed_leases_are_swept() {
    for_each_database(|store| async move {
        let now = Timestamp::from_second(1_000_000).unwrap();
        store
            .lease_take("old", "a", now, now + SignedDuration::from_secs(1))
            .await
            .unwrap();
        store
            .lease_take("new", "a", now, now + SignedDuration::from_secs(100))
            .await
            .unwrap();
        let tx = store.begin().await.unwrap();
        assert_eq!(
            tx.leases_delete_lapsed(now + SignedDuration::from_secs(50))
                .await
                .unwrap(),
            1
        );
        tx.commit().await.unwrap();
        assert!(store.lease_held("new", now).await.unwrap());
    })
    .await;
}
