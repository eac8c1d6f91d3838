use super::*;
use crate::testing::{CALENDAR_ONLY, GMAIL_ONLY, Reply, for_each_world};
use crate::{AccessError, ConnectionEvent, StatusName};

#[tokio::test]
async fn it_is_gone_here_and_google_is_told() {
    for_each_world(async |w| {
        assert!(matches!(
            w.connections.disconnect(w.alice, Services::ALL).await,
            Err(DisconnectError::NotFound)
        ));
        w.connect(w.alice, Services::ALL).await;
        w.connect(w.bob, Services::ALL).await;
        let mut events = w.connections.subscribe();
        let done = w
            .connections
            .disconnect(w.alice, Services::ALL)
            .await
            .unwrap();
        assert_eq!(
            done,
            Disconnected {
                dropped: Services::ALL,
                remaining: Services::NONE,
                revoked: true
            }
        );
        assert_eq!(
            events.try_recv().unwrap(),
            ConnectionEvent {
                user_id: w.alice,
                kind: ConnectionEventKind::Disconnected
            }
        );
        assert_eq!(w.google.revoked(), ["rt-1"]);
        assert!(matches!(
            w.connections.access_token(w.alice).await,
            Err(AccessError::NotConnected)
        ));
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Disconnected
        );
        assert!(matches!(
            w.connections.disconnect(w.alice, Services::ALL).await,
            Err(DisconnectError::NotFound)
        ));
        assert_eq!(
            w.connections
                .access_token(w.bob)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-2"
        );
        assert_eq!(w.connections.sweep().await.unwrap().revoked, 0, "told once");
    })
    .await;
}

#[tokio::test]
async fn a_dropped_service_stays_dropped_until_it_is_connected_again() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY.union(GMAIL_ONLY)).await;
        let mut events = w.connections.subscribe();
        let done = w.connections.disconnect(w.alice, GMAIL_ONLY).await.unwrap();
        assert_eq!(
            done,
            Disconnected {
                dropped: GMAIL_ONLY,
                remaining: CALENDAR_ONLY,
                revoked: false
            }
        );
        assert_eq!(
            events.try_recv().unwrap(),
            ConnectionEvent {
                user_id: w.alice,
                kind: ConnectionEventKind::ServicesChanged
            }
        );
        assert!(matches!(
            w.connections.disconnect(w.alice, GMAIL_ONLY).await,
            Err(DisconnectError::NotFound)
        ));
        let connection = async || w.connections.connection(w.alice).await.unwrap().unwrap();
        assert!(
            connection()
                .await
                .scopes
                .iter()
                .all(|s| s.contains("calendar"))
        );

        // Google's grant still covers it, and says so at each refresh and consent.
        w.pass(70);
        w.connections.access_token(w.alice).await.unwrap();
        assert_eq!(connection().await.services, CALENDAR_ONLY);
        let drive = Services {
            drive: true,
            ..Services::NONE
        };
        w.connect(w.alice, drive).await;
        assert_eq!(connection().await.services, CALENDAR_ONLY.union(drive));
        w.connect(w.alice, GMAIL_ONLY).await;
        assert_eq!(connection().await.services, Services::ALL);
        assert_eq!(w.google.revoked(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn google_is_told_when_the_last_service_goes() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY.union(GMAIL_ONLY)).await;
        w.connections
            .disconnect(w.alice, CALENDAR_ONLY)
            .await
            .unwrap();
        assert_eq!(w.google.revoked(), Vec::<String>::new());
        let done = w.connections.disconnect(w.alice, GMAIL_ONLY).await.unwrap();
        assert!(done.revoked && done.remaining.is_empty());
        assert_eq!(w.google.revoked(), ["rt-1"]);
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Disconnected
        );
        w.connect(w.alice, CALENDAR_ONLY).await;
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().services,
            CALENDAR_ONLY
        );
        w.pass(70);
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-3",
            "there is a refresh token again"
        );
    })
    .await;
}

#[tokio::test]
async fn a_revocation_that_fails_is_told_later_even_by_another_process() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.google.plant_revoke([
            Reply::error(503, "x"),
            Reply::with_header(429, "retry-after: 600"),
            Reply::Reset,
        ]);
        let done = w
            .connections
            .disconnect(w.alice, Services::ALL)
            .await
            .unwrap();
        assert!(!done.revoked);
        assert_eq!(w.google.revoked().len(), 1);
        // As after a crash: only the row remembers.
        let process = w.another_process().await;
        assert_eq!(
            process.sweep().await.unwrap().failed,
            0,
            "not before its time"
        );
        w.pass(1);
        assert_eq!(process.sweep().await.unwrap().failed, 1);
        w.pass(9);
        assert_eq!(
            process.sweep().await.unwrap(),
            crate::sweep::Swept::default(),
            "as long as Google wishes"
        );
        w.pass(2);
        assert_eq!(process.sweep().await.unwrap().failed, 1);
        w.pass(10);
        assert_eq!(process.sweep().await.unwrap().revoked, 1);
        assert_eq!(w.google.revoked(), ["rt-1"; 4]);
        w.pass(60 * 24);
        assert_eq!(process.sweep().await.unwrap().revoked, 0);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_google_does_not_know_counts_as_revoked() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.google.plant_revoke([Reply::error(400, "invalid_token")]);
        assert!(
            w.connections
                .disconnect(w.alice, Services::ALL)
                .await
                .unwrap()
                .revoked
        );
    })
    .await;
}

#[tokio::test]
async fn connecting_again_cancels_a_revocation_that_would_end_the_new_grant() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.google.plant_revoke([Reply::error(503, "x")]);
        assert!(
            !w.connections
                .disconnect(w.alice, Services::ALL)
                .await
                .unwrap()
                .revoked
        );
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(60);
        let swept = w.connections.sweep().await.unwrap();
        assert_eq!((swept.revoked, swept.failed), (0, 0));
        assert_eq!(w.google.revoked().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_revocation_is_given_up_after_a_month() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.google
            .plant_revoke(std::iter::repeat_n(Reply::error(503, "x"), 3));
        w.connections
            .disconnect(w.alice, Services::ALL)
            .await
            .unwrap();
        w.pass(1);
        assert_eq!(w.connections.sweep().await.unwrap().failed, 1);
        w.pass(31 * 24 * 60);
        w.connections.sweep().await.unwrap();
        w.pass(24 * 60);
        w.connections.sweep().await.unwrap();
        assert_eq!(w.google.revoked().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn without_a_client_it_is_gone_here_and_google_is_told_when_there_is_one() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        let done = w
            .unconfigured()
            .disconnect(w.alice, Services::ALL)
            .await
            .unwrap();
        assert!(!done.revoked);
        w.pass(2);
        assert_eq!(w.unconfigured().sweep().await.unwrap().revoked, 0);
        assert_eq!(w.connections.sweep().await.unwrap().revoked, 1);
        assert_eq!(w.google.revoked(), ["rt-1"]);
    })
    .await;
}

#[test]
fn pauses_double_up_to_six_hours() {
    let minutes: Vec<i64> = [0, 1, 5, 9, 10, 30, i32::MAX]
        .into_iter()
        .map(|n| pause_after(n).as_secs() / 60)
        .collect();
    assert_eq!(minutes, [0, 1, 16, 256, 360, 360, 360]);
}
