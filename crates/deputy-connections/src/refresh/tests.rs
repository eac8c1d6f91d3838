use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;

use super::*;
use crate::testing::{
    CALENDAR, CALENDAR_ONLY, GMAIL_ONLY, Reply, World, eventually, for_each_world,
};
use crate::{ConnectionEvent, Services, StatusName};

fn html() -> Reply {
    Reply::Raw(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>"
            .to_owned(),
    )
}

/// What a call brings after these answers of Google, and how many it asked for.
async fn outcome(w: &World, replies: Vec<Reply>) -> (String, usize) {
    let asked = w.google.refreshes().len();
    w.google.plant(replies);
    let word = match w.connections.access_token(w.alice).await {
        Ok(token) => token.secret.expose().clone(),
        Err(AccessError::Temporarily { retry_after }) => format!("in {} s", retry_after.as_secs()),
        Err(error) => error.to_string(),
    };
    (word, w.google.refreshes().len() - asked)
}

#[tokio::test]
async fn each_fault_has_its_outcome_and_keeps_the_connection() {
    for_each_world(async |w| {
        let token = |token: &str| Reply::Json(200, json!({"access_token": token, "expires_in": 3599}));
        let wait = |header: &str| Reply::with_header(429, header);
        let cases: Vec<(&str, Vec<Reply>, &str, usize)> = vec![
            ("503 twice, then fine", vec![Reply::error(503, "x"), Reply::error(500, "x"), token("t1")], "t1", 3),
            ("502 for ever", vec![Reply::error(502, "x"), Reply::error(502, "x"), Reply::error(502, "x")], "in 5 s", 3),
            ("429 without a time", vec![wait("x: y"), token("t2")], "t2", 2),
            ("429 at once", vec![wait("retry-after: 0"), token("t3")], "t3", 2),
            ("429 for two minutes", vec![wait("retry-after: 120")], "in 120 s", 1),
            ("429 for a year", vec![wait("retry-after: 31536000")], "in 3600 s", 1),
            ("429 until the past", vec![wait("retry-after: Tue, 01 Dec 2020 10:00:00 GMT"), token("t4")], "t4", 2),
            ("reset, then fine", vec![Reply::Reset, token("t5")], "t5", 2),
            ("reset for ever", vec![Reply::Reset, Reply::Reset], "in 5 s", 2),
            ("half an answer", vec![Reply::Raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"acc".to_owned()), token("t6")], "t6", 2),
            ("not HTTP", vec![Reply::Raw("220 smtp ready\r\n".to_owned()), token("t7")], "t7", 2),
            ("HTML with 200", vec![html(), html()], "in 5 s", 2),
            ("an endless answer", vec![Reply::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(100_000))), token("t8")], "t8", 2),
            ("a redirect", vec![Reply::with_header(302, "location: http://127.0.0.1:9/"), token("t9")], "t9", 2),
            ("an unknown error", vec![Reply::error(400, "no_such_code")], "Google refuses this installation's OAuth client (no_such_code): check GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET (docs/google-cloud.md)", 1),
            ("a wrong secret", vec![Reply::error(401, "invalid_client")], "Google refuses this installation's OAuth client (invalid_client): check GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET (docs/google-cloud.md)", 1),
            ("no lifetime", vec![Reply::Json(200, json!({"access_token": "t10"}))], "t10", 1),
            ("a lifetime as a string", vec![Reply::Json(200, json!({"access_token": "t11", "expires_in": "3599"}))], "t11", 1),
        ];
        w.connect(w.alice, CALENDAR_ONLY).await;
        for (name, replies, expected, requests) in cases {
            w.pass(70);
            assert_eq!(outcome(&w, replies).await, (expected.to_owned(), requests), "{name}");
            let status = w.connections.status(w.alice).await.unwrap();
            assert_eq!((status.status, status.services), (StatusName::Connected, CALENDAR_ONLY), "{name}");
        }
        let sent: BTreeSet<String> = w.google.refreshes().iter().map(|r| r.form["refresh_token"].clone()).collect();
        assert_eq!(sent, BTreeSet::from(["rt-1".to_owned()]), "the refresh token was kept throughout");
        assert_eq!(w.connections.notices(w.alice).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(70);
        w.google.plant([
            Reply::Silence(Duration::from_secs(30)),
            Reply::Silence(Duration::from_secs(30)),
        ]);
        let mut config = crate::testing::config(&w.google);
        config.timing.request = Duration::from_millis(100);
        let process =
            crate::testing::connections(w.store.clone(), Some(config), &w.lifecycle, &w.clock);
        let started = Instant::now();
        assert!(matches!(
            process.access_token(w.alice).await,
            Err(AccessError::Temporarily { .. })
        ));
        assert!(started.elapsed() < Duration::from_secs(5));
    })
    .await;
}

#[tokio::test]
async fn after_a_failure_google_is_left_alone_for_longer_and_longer() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(70);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let (word, _) = outcome(&w, vec![Reply::Reset, Reply::Reset]).await;
            let again = outcome(&w, vec![]).await;
            assert_eq!(again.1, 0, "asked during the pause");
            let seconds: i64 = word
                .trim_start_matches("in ")
                .trim_end_matches(" s")
                .parse()
                .unwrap();
            pauses.push(seconds);
            w.clock.advance(SignedDuration::from_secs(seconds));
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        let (word, requests) = outcome(&w, vec![]).await;
        assert_eq!((word.as_str(), requests), ("at-2", 1));
        w.pass(70);
        assert_eq!(
            outcome(&w, vec![Reply::Reset, Reply::Reset]).await.0,
            "in 5 s",
            "a success starts over"
        );
    })
    .await;
}

#[tokio::test]
async fn an_ended_grant_is_removed_once_and_the_person_learns_why() {
    for_each_world(async |w| {
        const DAY: i64 = 24 * 60;
        let rapt = Reply::Json(400, json!({"error": "invalid_grant", "error_subtype": "invalid_rapt"}));
        let plain = || Reply::error(400, "invalid_grant");
        let limited = Reply::Json(200, json!({"access_token": "a", "refresh_token": "r", "refresh_token_expires_in": 9 * 86_400}));
        for (grant, days, reply, expected) in [
            (None, 7, plain(), RemovalReason::TestingMode),
            (None, 9, plain(), RemovalReason::Revoked),
            (None, 1, rapt, RemovalReason::Reauthentication),
            (Some(limited), 10, plain(), RemovalReason::TimeLimit),
        ] {
            w.google.plant(grant);
            w.connect(w.alice, CALENDAR_ONLY).await;
            assert_eq!(w.connections.notices(w.alice).await.unwrap(), [], "connecting settles the notice");
            w.pass(days * DAY);
            let mut events = w.connections.subscribe();
            let asked = w.google.refreshes().len();
            w.google.plant([reply]);
            let mut callers = tokio::task::JoinSet::new();
            for _ in 0..10 {
                let connections = w.connections.clone();
                let alice = w.alice;
                callers.spawn(async move { connections.access_token(alice).await.map(|_| ()) });
            }
            for answer in callers.join_all().await {
                match answer {
                    Err(AccessError::Removed(reason)) => assert_eq!(reason, expected),
                    Err(AccessError::NotConnected) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(w.google.refreshes().len(), asked + 1, "no retry");
            assert!(matches!(w.connections.access_token(w.alice).await, Err(AccessError::NotConnected)));
            assert_eq!(w.connections.status(w.alice).await.unwrap().status, StatusName::Disconnected);
            assert_eq!(
                events.try_recv().unwrap(),
                ConnectionEvent { user_id: w.alice, kind: ConnectionEventKind::Disconnected }
            );
            assert!(events.try_recv().is_err());
            let notices = w.connections.notices(w.alice).await.unwrap();
            assert_eq!(notices.len(), 1);
            assert_eq!(notices[0].kind, NOTICE_DISCONNECTED);
            assert_eq!(notices[0].parameters["reason"], expected.as_str());
            assert_eq!(notices[0].parameters["services"], "calendar");
        }
        let id = w.connections.notices(w.alice).await.unwrap()[0].id;
        assert!(!w.connections.dismiss_notice(w.bob, id).await.unwrap());
        assert!(w.connections.dismiss_notice(w.alice, id).await.unwrap());
        assert_eq!(w.connections.notices(w.alice).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn old_news_does_not_end_a_connection_made_meanwhile() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        let row = w
            .store
            .user(w.alice)
            .oauth_token("google")
            .await
            .unwrap()
            .unwrap();
        w.connect(w.alice, GMAIL_ONLY).await;
        let inner = &w.connections.inner;
        assert!(inner.remove(w.alice, &row, None).await.is_ok());
        assert!(w.connections.connection(w.alice).await.unwrap().is_some());
        assert_eq!(w.connections.notices(w.alice).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_disconnect_during_a_refresh_wins() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(70);
        let gate = Arc::new(Semaphore::new(0));
        w.google.plant([Reply::Gated(Arc::clone(&gate))]);
        let disconnect = async {
            eventually(async || w.google.refreshes().len() == 1).await;
            let during = w.connections.disconnect(w.alice, Services::ALL);
            let open = async {
                eventually(async || w.connections.connection(w.alice).await.unwrap().is_none())
                    .await;
                gate.add_permits(1);
            };
            tokio::join!(during, open).0.unwrap()
        };
        let (answer, disconnected) = tokio::join!(w.connections.access_token(w.alice), disconnect);
        assert!(matches!(answer, Err(AccessError::NotConnected)));
        assert!(disconnected.revoked);
        assert_eq!(w.google.revoked(), ["rt-1"]);
        assert!(w.connections.connection(w.alice).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_rotated_refresh_token_is_stored_before_the_access_token_is_used() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(70);
        w.google.plant([Reply::Json(
            200,
            json!({"access_token": "a2", "refresh_token": "r2", "expires_in": 3599}),
        )]);
        assert_eq!(outcome(&w, vec![]).await.0, "a2");
        // Another process knows all of it.
        w.pass(70);
        w.another_process()
            .await
            .access_token(w.alice)
            .await
            .unwrap();
        assert_eq!(w.google.refreshes()[1].form["refresh_token"], "r2");
    })
    .await;
}

#[tokio::test]
async fn narrower_scopes_take_services_away_and_wider_ones_bring_them_back() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY.union(GMAIL_ONLY)).await;
        let mut events = w.connections.subscribe();
        w.pass(70);
        w.google.plant([Reply::Json(
            200,
            json!({"access_token": "a2", "expires_in": 3599, "scope": CALENDAR}),
        )]);
        w.connections.access_token(w.alice).await.unwrap();
        let connection = w.connections.connection(w.alice).await.unwrap().unwrap();
        assert_eq!(
            (connection.services, connection.scopes),
            (CALENDAR_ONLY, vec![CALENDAR.to_owned()])
        );
        let kinds: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
            .map(|e| e.kind)
            .collect();
        assert_eq!(
            kinds,
            [
                ConnectionEventKind::TokenRefreshed,
                ConnectionEventKind::ServicesChanged
            ]
        );
        w.pass(70);
        w.connections.access_token(w.alice).await.unwrap();
        let connection = w.connections.connection(w.alice).await.unwrap().unwrap();
        assert_eq!(connection.services, CALENDAR_ONLY.union(GMAIL_ONLY));
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_jumps_costs_a_refresh_and_no_more() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(24 * 60);
        w.connections.access_token(w.alice).await.unwrap();
        w.pass(-24 * 60);
        w.connections.access_token(w.alice).await.unwrap();
        assert!(w.google.refreshes().len() <= 2);
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Connected
        );
    })
    .await;
}
