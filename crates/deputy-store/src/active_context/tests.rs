use deputy_core::UserId;
use jiff::SignedDuration;

use super::*;
use crate::Store;
use crate::testing::{for_each_database, user};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn context(server: &str, session: &str) -> ActiveContext {
    ActiveContext {
        server: server.to_owned(),
        server_id: None,
        settings: "{\"tool\":\"x\"}".to_owned(),
        session: session.to_owned(),
        selected_at: at(0),
        last_used_at: at(0),
    }
}

async fn set(store: &Store, user: UserId, context: ActiveContext) {
    let tx = store.begin().await.unwrap();
    tx.user(user).active_context_set(context).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn one_is_selected_used_and_cleared_for_its_person_only() {
    for_each_database(|store| async move {
        let (anna, bert) = (user(&store, "anna").await, user(&store, "bert").await);
        assert_eq!(store.user(anna).active_context().await.unwrap(), None);
        set(&store, anna, context("gmail", "s1")).await;
        set(&store, anna, context("drive", "s2")).await;
        set(&store, bert, context("gmail", "s3")).await;

        let later = at(0) + SignedDuration::from_mins(5);
        let tx = store.begin().await.unwrap();
        for (session, known) in [("s1", false), ("s2", true), ("s3", false)] {
            let scope = tx.user(anna);
            let used = scope.active_context_used(session, later).await;
            assert_eq!(used.unwrap(), known, "{session}");
        }
        tx.commit().await.unwrap();
        let mut wanted = context("drive", "s2");
        wanted.last_used_at = later;
        assert_eq!(
            store.user(anna).active_context().await.unwrap(),
            Some(wanted)
        );

        let tx = store.begin().await.unwrap();
        let mine = tx.user(anna);
        assert!(!mine.active_context_clear(Some("s3")).await.unwrap());
        assert!(mine.active_context_clear(Some("s2")).await.unwrap());
        assert!(!mine.active_context_clear(None).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(store.user(anna).active_context().await.unwrap(), None);
        assert_eq!(
            store.user(bert).active_context().await.unwrap(),
            Some(context("gmail", "s3"))
        );
    })
    .await;
}
