use super::*;
use crate::testing::{CALENDAR_ONLY, Reply, eventually, for_each_world};
use crate::{Services, StatusName};

const DAY: i64 = 24 * 60;

#[tokio::test]
async fn it_refreshes_what_is_used_before_the_callers_have_to() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.pass(50);
        assert_eq!(w.connections.sweep().await.unwrap(), Swept::default());
        w.pass(3);
        assert_eq!(w.connections.sweep().await.unwrap().refreshed, 1);
        assert_eq!(w.connections.sweep().await.unwrap().refreshed, 0);
        w.pass(30);
        w.connections.access_token(w.alice).await.unwrap();
        assert_eq!(w.google.refreshes().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_uses_is_refreshed_once_a_week() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.pass(2 * DAY);
        assert_eq!(w.connections.sweep().await.unwrap().refreshed, 0);
        w.pass(6 * DAY);
        assert_eq!(w.connections.sweep().await.unwrap().refreshed, 1);
        w.pass(DAY);
        assert_eq!(w.connections.sweep().await.unwrap().refreshed, 0);
        w.pass(7 * DAY);
        w.google.plant([Reply::error(400, "invalid_grant")]);
        assert_eq!(w.connections.sweep().await.unwrap().refreshed, 1);
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Disconnected
        );
        assert_eq!(
            w.connections.notices(w.alice).await.unwrap()[0].parameters["reason"],
            "revoked"
        );
    })
    .await;
}

#[tokio::test]
async fn two_replicas_sweep_without_doing_it_twice() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.connect(w.bob, Services::ALL).await;
        let other = w.another_process().await;
        w.pass(53);
        let (a, b) = tokio::join!(Box::pin(w.connections.sweep()), Box::pin(other.sweep()));
        assert_eq!((a.unwrap().failed, b.unwrap().failed), (0, 0));
        assert_eq!(w.google.refreshes().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn when_google_is_down_it_leaves_off() {
    for_each_world(async |w| {
        for i in 0..5 {
            let user = deputy_store::testing::user(&w.store, &format!("user{i}")).await;
            w.connect(user, CALENDAR_ONLY).await;
        }
        w.pass(53);
        w.google.plant(std::iter::repeat_n(Reply::Reset, 6));
        let swept = w.connections.sweep().await.unwrap();
        assert_eq!((swept.failed, swept.refreshed), (HOPELESS, 0));
        assert_eq!(w.google.refreshes().len(), 6);
        w.pass(1);
        assert_eq!(w.connections.sweep().await.unwrap().refreshed, 5);
    })
    .await;
}

#[tokio::test]
async fn what_has_lapsed_is_cleared_and_still_answered_rightly() {
    for_each_world(async |w| {
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        w.pass(11);
        assert_eq!(w.connections.sweep().await.unwrap().cleared, 0);
        w.pass(60);
        assert_eq!(w.connections.sweep().await.unwrap().cleared, 1);
        let late = w.connections.complete(w.alice, query).await;
        assert!(matches!(late, Err(crate::CallbackError::ExpiredState)));
    })
    .await;
}

#[tokio::test]
async fn the_task_sweeps_and_ends_with_the_program() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.pass(53);
        let life = deputy_core::Lifecycle::new();
        let process = crate::testing::connections(
            w.store.clone(),
            Some(crate::testing::config(&w.google)),
            &life,
            &w.clock,
        );
        process.start_sweep();
        eventually(async || w.google.refreshes().len() == 1).await;
        assert!(life.stop(Duration::from_secs(5)).await, "it ends by itself");
    })
    .await;
}
