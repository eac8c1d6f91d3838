use deputy_core::{Clock as _, SystemClock};

use super::*;
use crate::testing::for_each_database;
use crate::user::tests::add;

fn key(key_id: &str, root_id: &str) -> NewUserKey {
    NewUserKey {
        key_id: key_id.to_owned(),
        root_id: root_id.to_owned(),
        wrapped: key_id.as_bytes().to_vec(),
        at: SystemClock.now(),
    }
}

#[tokio::test]
async fn an_owner_has_one_active_key_and_keeps_the_former() {
    for_each_database(|store| async move {
        let anna = add(&store, "anna").await;
        let tx = store.begin().await.unwrap();
        tx.user(anna.id)
            .insert_active_key(key("a1", "r"))
            .await
            .unwrap();
        tx.user(anna.id)
            .insert_active_key(key("a2", "r"))
            .await
            .unwrap();
        tx.insert_installation_key(key("i1", "r")).await.unwrap();
        tx.insert_installation_key(key("i2", "r")).await.unwrap();
        assert_eq!(
            tx.user(anna.id).active_key().await.unwrap().unwrap().key_id,
            "a1"
        );
        assert_eq!(
            tx.installation_active_key().await.unwrap().unwrap().key_id,
            "i1"
        );
        tx.user(anna.id).retire_active_key().await.unwrap();
        tx.user(anna.id)
            .insert_active_key(key("a3", "r"))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        assert_eq!(
            store
                .user(anna.id)
                .active_key()
                .await
                .unwrap()
                .unwrap()
                .key_id,
            "a3"
        );
        assert!(store.user(anna.id).key("a1").await.unwrap().is_some());
        assert!(store.user(anna.id).key("i1").await.unwrap().is_none());
        assert!(store.installation_key("a3").await.unwrap().is_none());
        assert_eq!(
            store.installation_key("i1").await.unwrap().unwrap().owner,
            None
        );

        let tx = store.begin().await.unwrap();
        assert_eq!(tx.user(anna.id).delete_keys().await.unwrap(), 2);
        tx.commit().await.unwrap();
        let uses = store.root_key_uses().await.unwrap();
        assert_eq!(
            uses,
            vec![RootKeyUse {
                root_id: "r".to_owned(),
                keys: 1
            }]
        );
    })
    .await;
}

#[tokio::test]
async fn two_at_once_agree_on_one_first_key() {
    for_each_database(|store| async move {
        let anna = add(&store, "anna").await;
        let add_key = async |name: &'static str| {
            let tx = store.begin().await.unwrap();
            tx.user(anna.id)
                .insert_active_key(key(name, "r"))
                .await
                .unwrap();
            let active = tx.user(anna.id).active_key().await.unwrap().unwrap().key_id;
            tx.commit().await.unwrap();
            active
        };
        let (one, other) = tokio::join!(add_key("a1"), add_key("a2"));
        assert_eq!(one, other);
    })
    .await;
}

#[tokio::test]
async fn a_rewrap_loses_to_one_that_came_first() {
    for_each_database(|store| async move {
        let anna = add(&store, "anna").await;
        let tx = store.begin().await.unwrap();
        tx.user(anna.id)
            .insert_active_key(key("a1", "old"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let seen = store.keys_not_under("new", 0, 10).await.unwrap();
        assert_eq!(seen.len(), 1);
        let tx = store.begin().await.unwrap();
        assert!(
            tx.rewrap_key(&seen[0], "new", b"first".to_vec())
                .await
                .unwrap()
        );
        assert!(
            !tx.rewrap_key(&seen[0], "new", b"second".to_vec())
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
        assert!(store.keys_not_under("new", 0, 10).await.unwrap().is_empty());
        let now = store.user(anna.id).active_key().await.unwrap().unwrap();
        assert_eq!(
            (now.root_id.as_str(), now.wrapped.as_slice()),
            ("new", b"first".as_slice())
        );
    })
    .await;
}
