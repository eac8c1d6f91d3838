use uuid::Uuid;

use super::*;
use crate::testing::{for_each_database, user};

#[tokio::test]
async fn outcomes_are_counted_in_bytes() {
    for_each_database(|store| async move {
        let (anna, bert) = (user(&store, "anna").await, user(&store, "bert").await);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let call = RepeatableCall {
            request_digest: "r".to_owned(),
            call_id: CallId(Uuid::from_u128(1)),
            attempts: 1,
            lease_until: now,
            result: None,
        };
        let bytes = async |who| store.user(who).repeatable_calls_bytes().await.unwrap();
        let tx = store.begin().await.unwrap();
        for key in ["a", "b", "c"] {
            let scope = tx.user(anna);
            scope.repeatable_call_begin(key, &call, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(bytes(anna).await, 0);
        let tx = store.begin().await.unwrap();
        for (key, size) in [("a", 70_000), ("c", 5)] {
            let scope = tx.user(anna);
            scope
                .repeatable_call_finish(key, vec![1; size])
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!((bytes(anna).await, bytes(bert).await), (70_005, 0));
    })
    .await;
}
