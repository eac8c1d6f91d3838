use std::collections::BTreeSet;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::*;
use crate::testing::{CALENDAR_ONLY, Reply, eventually, for_each_world};
use crate::{Services, StatusName};

#[tokio::test]
async fn a_token_serves_until_five_minutes_before_its_end() {
    for_each_world(async |w| {
        assert!(matches!(
            w.connections.access_token(w.alice).await,
            Err(AccessError::NotConnected)
        ));
        w.connect(w.alice, Services::ALL).await;
        w.pass(54);
        let first = w.connections.access_token(w.alice).await.unwrap();
        assert_eq!(first.secret.expose(), "at-1");
        assert_eq!(w.google.refreshes().len(), 0);
        w.pass(1);
        let second = w.connections.access_token(w.alice).await.unwrap();
        assert_eq!(second.secret.expose(), "at-2");
        assert!(second.generation > first.generation && second.expires_at > first.expires_at);
        let refresh = &w.google.refreshes()[0].form;
        assert_eq!(refresh["refresh_token"], "rt-1");
        assert_eq!(
            (
                refresh["client_id"].as_str(),
                refresh["client_secret"].as_str()
            ),
            ("the-client", "the-client-secret")
        );
        w.connections.access_token(w.alice).await.unwrap();
        assert_eq!(w.google.refreshes().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn fifty_callers_make_one_refresh() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.pass(70);
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let connections = w.connections.clone();
            let alice = w.alice;
            callers.spawn(async move {
                connections
                    .access_token(alice)
                    .await
                    .unwrap()
                    .secret
                    .expose()
                    .clone()
            });
        }
        let tokens: BTreeSet<String> = callers.join_all().await.into_iter().collect();
        assert_eq!(tokens, BTreeSet::from(["at-2".to_owned()]));
        assert_eq!(w.google.refreshes().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_processes_make_one_refresh() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        let processes = [w.connections.clone(), w.another_process().await];
        for round in 1..=5 {
            w.pass(70);
            let mut callers = JoinSet::new();
            for i in 0..20 {
                let connections = processes[i % 2].clone();
                let alice = w.alice;
                callers.spawn(async move {
                    connections
                        .access_token(alice)
                        .await
                        .unwrap()
                        .secret
                        .expose()
                        .clone()
                });
            }
            let tokens: BTreeSet<String> = callers.join_all().await.into_iter().collect();
            assert_eq!(tokens.len(), 1, "{tokens:?}");
            assert_eq!(w.google.refreshes().len(), round);
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_never_given_again() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        let refused = w
            .connections
            .access_token(w.alice)
            .await
            .unwrap()
            .generation;
        let other = w.another_process().await;
        let mut callers = JoinSet::new();
        for connections in std::iter::repeat_n([w.connections.clone(), other.clone()], 10).flatten()
        {
            let alice = w.alice;
            callers.spawn(async move {
                connections
                    .refresh_after_unauthorized(alice, refused)
                    .await
                    .unwrap()
                    .secret
                    .expose()
                    .clone()
            });
        }
        let tokens: BTreeSet<String> = callers.join_all().await.into_iter().collect();
        assert_eq!(tokens, BTreeSet::from(["at-2".to_owned()]));
        assert_eq!(w.google.refreshes().len(), 1);

        // Google is down: there is no other token, so there is none.
        let refused = w
            .connections
            .access_token(w.alice)
            .await
            .unwrap()
            .generation;
        w.google
            .plant(std::iter::repeat_n(Reply::error(503, "x"), 3));
        let answer = w
            .connections
            .refresh_after_unauthorized(w.alice, refused)
            .await;
        assert!(matches!(answer, Err(AccessError::Temporarily { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_interrupt_the_refresh() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.pass(70);
        let gate = Arc::new(Semaphore::new(0));
        w.google.plant([Reply::Gated(Arc::clone(&gate))]);
        let left = tokio::select! {
            _ = w.connections.access_token(w.alice) => false,
            () = eventually(async || w.google.refreshes().len() == 1) => true,
        };
        assert!(left);
        gate.add_permits(1);
        eventually(async || {
            !w.connections
                .status(w.alice)
                .await
                .unwrap()
                .access_token_expired
        })
        .await;
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-2"
        );
        assert_eq!(w.google.refreshes().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_early_refresh_that_fails_leaves_the_old_token_in_use() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.pass(56);
        w.google
            .plant(std::iter::repeat_n(Reply::error(503, "x"), 3));
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-1"
        );
        assert_eq!(w.google.refreshes().len(), 3, "three attempts in all");
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-1"
        );
        assert_eq!(w.google.refreshes().len(), 3, "then a pause");
        w.google.plant([Reply::error(401, "invalid_client")]);
        w.pass(1);
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-1"
        );
        w.pass(1);
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-2"
        );
    })
    .await;
}

#[tokio::test]
async fn a_slow_early_refresh_keeps_nobody_waiting() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.pass(56);
        let gate = Arc::new(Semaphore::new(0));
        w.google.plant([Reply::Gated(Arc::clone(&gate))]);
        let mut config = crate::testing::config(&w.google);
        config.timing.early = Duration::from_millis(20);
        let hasty =
            crate::testing::connections(w.store.clone(), Some(config), &w.lifecycle, &w.clock);
        assert_eq!(
            hasty.access_token(w.alice).await.unwrap().secret.expose(),
            "at-1"
        );
        gate.add_permits(1);
        eventually(async || hasty.access_token(w.alice).await.unwrap().secret.expose() == "at-2")
            .await;
        assert_eq!(w.google.refreshes().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn short_lived_tokens_are_not_refreshed_on_every_call() {
    for_each_world(async |w| {
        w.google.plant([Reply::Json(
            200,
            json!({"access_token": "short", "refresh_token": "r", "expires_in": 120}),
        )]);
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.google.plant([Reply::Json(
            200,
            json!({"access_token": "short2", "expires_in": 120}),
        )]);
        for _ in 0..3 {
            assert_eq!(
                w.connections
                    .access_token(w.alice)
                    .await
                    .unwrap()
                    .secret
                    .expose(),
                "short"
            );
        }
        w.pass(1);
        for _ in 0..3 {
            assert_eq!(
                w.connections
                    .access_token(w.alice)
                    .await
                    .unwrap()
                    .secret
                    .expose(),
                "short2"
            );
        }
        assert_eq!(w.google.refreshes().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn without_a_refresh_token_it_ends_in_expired() {
    for_each_world(async |w| {
        w.google.plant([Reply::Json(
            200,
            json!({"access_token": "only", "expires_in": 3599}),
        )]);
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(57);
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "only"
        );
        w.pass(3);
        assert!(matches!(
            w.connections.access_token(w.alice).await,
            Err(AccessError::Expired)
        ));
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Expired
        );
        assert_eq!(w.google.refreshes().len(), 0);
        w.connect(w.alice, CALENDAR_ONLY).await;
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Connected
        );
    })
    .await;
}

#[tokio::test]
async fn without_a_client_the_token_serves_to_its_end() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        let process = w.unconfigured();
        w.pass(57);
        assert_eq!(
            process.access_token(w.alice).await.unwrap().secret.expose(),
            "at-1"
        );
        w.pass(3);
        let Err(error) = process.access_token(w.alice).await else {
            panic!("a token from nowhere")
        };
        assert!(matches!(error, AccessError::NotConfigured));
        assert!(error.to_string().contains("GOOGLE_CLIENT_SECRET"));
    })
    .await;
}

#[tokio::test]
async fn a_process_that_died_over_a_refresh_holds_nobody_up_for_long() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.pass(70);
        let gate = Arc::new(Semaphore::new(0));
        w.google.plant([Reply::Gated(Arc::clone(&gate))]);
        let doomed = deputy_core::Lifecycle::new();
        let process = crate::testing::connections(
            w.store.clone(),
            Some(crate::testing::config(&w.google)),
            &doomed,
            &w.clock,
        );
        let kill = async {
            eventually(async || w.google.refreshes().len() == 1).await;
            doomed.stop(Duration::ZERO).await;
        };
        let (answer, ()) = tokio::join!(process.access_token(w.alice), kill);
        assert!(matches!(answer, Err(AccessError::Temporarily { .. })));
        // Another process waits for the lease to lapse, and then gets the token.
        let lapse = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(w.google.refreshes().len(), 1, "the lease still holds");
            w.pass(2);
        };
        let (answer, ()) = tokio::join!(w.connections.access_token(w.alice), lapse);
        assert_eq!(answer.unwrap().secret.expose(), "at-2");
        assert_eq!(w.google.refreshes().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_use_is_noted_now_and_then() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        let used = async || {
            w.store
                .user(w.alice)
                .oauth_token("google")
                .await
                .unwrap()
                .unwrap()
                .last_used_at
        };
        let first = used().await;
        w.connections.access_token(w.alice).await.unwrap();
        assert_eq!(used().await, first);
        w.pass(61);
        w.connections.access_token(w.alice).await.unwrap();
        eventually(async || used().await > first).await;
    })
    .await;
}

#[tokio::test]
async fn two_people_with_the_same_of_everything_never_meet() {
    for_each_world(async |w| {
        let answer = |token: &str| {
            let body = json!({"access_token": format!("{token}-a"), "refresh_token": format!("{token}-r"), "expires_in": 3599});
            Reply::Json(200, body)
        };
        w.google.plant([answer("alice")]);
        w.connect(w.alice, CALENDAR_ONLY).await;
        assert!(matches!(w.connections.access_token(w.bob).await, Err(AccessError::NotConnected)));
        w.google.plant([answer("bob")]);
        w.connect(w.bob, CALENDAR_ONLY).await;
        let token = async |user| w.connections.access_token(user).await.unwrap().secret.expose().clone();
        assert_eq!((token(w.alice).await, token(w.bob).await), ("alice-a".to_owned(), "bob-a".to_owned()));

        w.pass(70);
        let (a, b) = tokio::join!(token(w.alice), token(w.bob));
        assert_ne!(a, b);
        let sent: BTreeSet<String> = w.google.refreshes().iter().map(|r| r.form["refresh_token"].clone()).collect();
        assert_eq!(sent, BTreeSet::from(["alice-r".to_owned(), "bob-r".to_owned()]));

        // One's sealed token in the other's row does not open.
        let row = w.store.user(w.alice).oauth_token("google").await.unwrap().unwrap();
        let theirs = w.store.user(w.bob).oauth_token("google").await.unwrap().unwrap();
        let mixed = deputy_store::oauth_token::OAuthToken { id: theirs.id, generation: theirs.generation + 1, ..row };
        let tx = w.store.begin().await.unwrap();
        assert!(tx.user(w.bob).oauth_token_replace(mixed, theirs.generation).await.unwrap());
        tx.commit().await.unwrap();
        assert!(matches!(w.connections.access_token(w.bob).await, Err(AccessError::Storage(_))));

        w.google.plant([Reply::error(400, "invalid_grant")]);
        let generation = w.connections.connection(w.alice).await.unwrap().unwrap().generation;
        let answer = w.connections.refresh_after_unauthorized(w.alice, generation).await;
        assert!(matches!(answer, Err(AccessError::Removed(_))));
        assert!(w.connections.connection(w.bob).await.unwrap().is_some());
        assert_eq!(w.connections.notices(w.bob).await.unwrap(), []);
    })
    .await;
}
