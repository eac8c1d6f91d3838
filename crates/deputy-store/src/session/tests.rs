use deputy_core::{Clock as _, SystemClock};
use jiff::SignedDuration;

use super::*;
use crate::testing::for_each_database;
use crate::user::tests::add;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn now() -> Timestamp {
    from_ms(to_ms(SystemClock.now()))
}

fn session(id_hash: &str, user_id: Option<UserId>, at: Timestamp) -> Session {
    Session {
        id_hash: id_hash.to_owned(),
        user_id,
        data: "{}".to_owned(),
        user_agent: "Firefox".to_owned(),
        address: "203.0.113.7".to_owned(),
        created_at: at,
        last_seen_at: at,
        expires_at: at + HOUR * 10,
    }
}

#[tokio::test]
async fn a_session_that_was_ended_is_not_brought_back_by_a_late_save() {
    for_each_database(|store| async move {
        let anna = add(&store, "anna").await;
        let at = now();
        let tx = store.begin().await.unwrap();
        assert!(
            tx.insert_session(session("a", Some(anna.id), at))
                .await
                .unwrap()
        );
        assert!(
            !tx.insert_session(session("a", None, at)).await.unwrap(),
            "the hash is taken"
        );
        assert!(tx.set_session_data("a", r#"{"x":1}"#).await.unwrap());
        tx.commit().await.unwrap();
        let found = store.session("a").await.unwrap().unwrap();
        assert_eq!(
            (found.data.as_str(), found.user_id),
            (r#"{"x":1}"#, Some(anna.id))
        );

        let tx = store.begin().await.unwrap();
        tx.delete_session("a").await.unwrap();
        assert!(!tx.set_session_data("a", "{}").await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(store.session("a").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_person_ends_their_own_sessions_only() {
    for_each_database(|store| async move {
        let (anna, bob) = (add(&store, "anna").await, add(&store, "bob").await);
        let at = now();
        let tx = store.begin().await.unwrap();
        for (hash, user) in [
            ("a1", anna.id),
            ("a2", anna.id),
            ("a3", anna.id),
            ("b1", bob.id),
        ] {
            tx.insert_session(session(hash, Some(user), at))
                .await
                .unwrap();
        }
        assert!(!tx.user(anna.id).end_session("b1").await.unwrap());
        assert!(tx.user(anna.id).end_session("a3").await.unwrap());
        assert_eq!(tx.user(anna.id).end_sessions(Some("a1")).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let left = store.user(anna.id).sessions().await.unwrap();
        assert_eq!(
            left.iter().map(|s| s.id_hash.as_str()).collect::<Vec<_>>(),
            ["a1"]
        );
        assert_eq!(store.user(bob.id).sessions().await.unwrap().len(), 1);

        let tx = store.begin().await.unwrap();
        tx.user(bob.id).delete_user().await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.session("b1").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_sweep_takes_what_is_over_or_idle() {
    for_each_database(|store| async move {
        let at = now();
        let tx = store.begin().await.unwrap();
        tx.insert_session(session("over", None, at - HOUR * 11))
            .await
            .unwrap();
        tx.insert_session(session("idle", None, at - HOUR * 5))
            .await
            .unwrap();
        tx.insert_session(session("used", None, at - HOUR * 5))
            .await
            .unwrap();
        tx.touch_session("over", at).await.unwrap();
        tx.touch_session("used", at).await.unwrap();
        tx.touch_session("used", at - HOUR).await.unwrap();
        assert_eq!(tx.sweep_sessions(at, at - HOUR * 3).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(
            store.session("used").await.unwrap().unwrap().last_seen_at,
            at
        );
    })
    .await;
}
