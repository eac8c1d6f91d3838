use deputy_core::{CallId, SystemClock, SystemRng};
use jiff::Timestamp;

use crate::Error;
use crate::testing::{for_each_database, user};

#[tokio::test]
async fn a_call_is_kept_once_for_its_person_and_forgotten_in_time() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let call = CallId::new(&SystemClock, &SystemRng);
        let at = |second| Timestamp::from_second(second).unwrap();
        let tx = store.begin().await.unwrap();
        let kept = tx
            .user(alice)
            .keep_workspace_call(call, "{}".into(), at(5))
            .await;
        kept.unwrap();
        tx.commit().await.unwrap();
        let tx = store.begin().await.unwrap();
        let again = tx
            .user(alice)
            .keep_workspace_call(call, "[]".into(), at(6))
            .await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        drop(tx);
        let answer = store.user(alice).workspace_call(call).await.unwrap();
        assert_eq!(answer.as_deref(), Some("{}"));
        assert_eq!(store.user(bob).workspace_call(call).await.unwrap(), None);

        let tx = store.begin().await.unwrap();
        assert_eq!(tx.workspace_calls_sweep(at(5)).await.unwrap(), 0);
        assert_eq!(tx.workspace_calls_sweep(at(6)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(store.user(alice).workspace_call(call).await.unwrap(), None);
    })
    .await;
}
