use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::testing::{for_each_database, user};

#[tokio::test]
async fn one_of_a_kind_and_only_its_person_sees_it() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let parameters = |reason: &str| BTreeMap::from([("reason".to_owned(), reason.to_owned())]);
        let at = |s| Timestamp::from_second(s).unwrap();
        let tx = store.begin().await.unwrap();
        tx.user(alice)
            .notice_put("google.disconnected", &parameters("revoked"), at(1))
            .await
            .unwrap();
        tx.user(alice)
            .notice_put("google.disconnected", &parameters("testing"), at(2))
            .await
            .unwrap();
        tx.user(alice)
            .notice_put("other", &BTreeMap::new(), at(3))
            .await
            .unwrap();
        tx.user(bob)
            .notice_put("google.disconnected", &parameters("bob's"), at(4))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let notices = store.user(alice).notices().await.unwrap();
        let kinds: Vec<&str> = notices.iter().map(|n| n.kind.as_str()).collect();
        assert_eq!(kinds, ["other", "google.disconnected"]);
        assert_eq!(notices[1].parameters, parameters("testing"));
        assert_eq!(notices[1].created_at, at(2));

        let tx = store.begin().await.unwrap();
        assert!(
            !tx.user(bob).notice_dismiss(notices[0].id).await.unwrap(),
            "a stranger's notice stays"
        );
        assert!(tx.user(alice).notice_dismiss(notices[0].id).await.unwrap());
        tx.user(alice)
            .notice_clear("google.disconnected")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.user(alice).notices().await.unwrap(), []);
        assert_eq!(store.user(bob).notices().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_adds_to_a_notice_holds_it() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let at = |s| Timestamp::from_second(s).unwrap();
        let said = |text: &str| BTreeMap::from([("clients".to_owned(), text.to_owned())]);
        let tx = store.begin().await.unwrap();
        tx.user(bob)
            .notice_put("access.first", &said("his"), at(1))
            .await
            .unwrap();
        let hers = tx.user(alice);
        let held = hers.notice_hold("access.first", at(2)).await.unwrap();
        assert!(held.is_empty());
        hers.notice_put("access.first", &said("hers"), at(3))
            .await
            .unwrap();
        let held = hers.notice_hold("access.first", at(4)).await.unwrap();
        assert_eq!(held, said("hers"));
        tx.commit().await.unwrap();
        let notices = store.user(alice).notices().await.unwrap();
        assert_eq!(notices.len(), 1);
        assert_eq!(
            (&notices[0].parameters, notices[0].created_at),
            (&said("hers"), at(3))
        );
        assert_eq!(
            store.user(bob).notices().await.unwrap()[0].parameters,
            said("his")
        );
    })
    .await;
}
