use serde_json::{Value, json};

use super::super::testing::{World, for_each_world};
use super::*;
use crate::testing::{Reply, eventually};

const DATE: &str = "retry-after: Thu, 01 Jan 1970 00:00:10 GMT";

async fn notices(w: &World) -> Vec<String> {
    let notices = w.store.user(w.alice).notices().await.unwrap();
    notices.into_iter().map(|n| n.kind).collect()
}

async fn generation(w: &World) -> i64 {
    let held = w.remote.bearer(w.alice, w.hers.id, &w.hers.url).await;
    held.unwrap().unwrap().generation
}

async fn refused(
    w: &World,
    generation: Option<i64>,
    challenge: Option<&str>,
) -> Result<Token, AccessError> {
    w.remote
        .refused(w.alice, w.hers.id, &w.hers.url, generation, challenge)
        .await
}

#[tokio::test]
async fn a_token_is_refreshed_early_once_over_tasks_and_processes() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        let first = w.token().await.unwrap().unwrap();
        w.pass(54);
        assert_eq!(w.token().await.unwrap().unwrap(), first);
        w.pass(2);
        let other = w.another_process().await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..20 {
            let remote = if n % 2 == 0 {
                w.remote.clone()
            } else {
                other.clone()
            };
            let (user, server, url) = (w.alice, w.hers.id, w.hers.url.clone());
            tasks.spawn(async move {
                let token = remote.bearer(user, server, &url).await.unwrap().unwrap();
                token.secret.expose().clone()
            });
        }
        let tokens = tasks.join_all().await;
        assert!(
            tokens.iter().all(|t| *t != first && *t == tokens[0]),
            "{tokens:?}"
        );
        let refreshes = w.provider.refreshes();
        assert_eq!(refreshes.len(), 1);
        assert_eq!(refreshes[0].form["resource"], w.hers.url.as_str());
        // The rotated token is the one that is used next.
        w.pass(58);
        assert_ne!(w.token().await.unwrap().unwrap(), tokens[0]);
        assert_eq!(w.provider.refreshes().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn faults_of_the_token_endpoint_are_no_logout() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        let html = || Reply::Raw("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>".to_owned());
        for (name, replies, attempts) in [
            ("429, seconds", vec![Reply::with_header(429, "retry-after: 90")], 1),
            ("429, absurd", vec![Reply::with_header(429, "retry-after: 999999999999999")], 1),
            ("429, nothing", vec![Reply::with_header(429, "x: y"), Reply::with_header(429, "x: y"), Reply::with_header(429, "x: y")], 3),
            ("500", vec![Reply::Json(500, json!({})), Reply::Json(502, json!({})), Reply::Json(503, json!({}))], 3),
            ("reset", vec![Reply::Reset, Reply::Reset], 2),
            ("html", vec![html(), html()], 2),
            ("redirect", vec![Reply::with_header(307, "location: https://169.254.169.254/"), Reply::with_header(307, "location: /token")], 2),
        ] {
            // Past the end of the token.
            w.pass(24 * 60);
            let before = w.provider.refreshes().len();
            w.provider.plant("/token", replies);
            let error = w.token().await.unwrap_err();
            assert!(matches!(error, AccessError::Temporarily { .. }), "{name}: {error:?}");
            assert_eq!(w.provider.refreshes().len(), before + attempts, "{name}");
            // No storm: the next one waits.
            assert!(w.token().await.is_err(), "{name}");
            assert_eq!(w.provider.refreshes().len(), before + attempts, "{name}");
            w.pass(61);
            assert!(w.token().await.unwrap().is_some(), "{name}");
            assert!(notices(&w).await.is_empty());
        }
        // Good after a failure or two, within one refresh.
        for replies in [vec![Reply::Json(503, json!({}))], vec![Reply::Reset], vec![Reply::with_header(429, DATE)]] {
            w.pass(24 * 60);
            w.provider.plant("/token", replies);
            assert!(w.token().await.unwrap().is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn answers_of_every_form_are_understood() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        let ok = |answer: Value| [Reply::Json(200, answer)];
        // Without a refresh token the old one stays; a lifetime may be a string.
        w.pass(58);
        w.provider.plant("/token", ok(json!({"access_token": "kept", "expires_in": "600"})));
        assert_eq!(w.token().await.unwrap().unwrap(), "kept");
        w.pass(11);
        let token = w.token().await.unwrap().unwrap();
        assert!(token.starts_with("at-"), "the refresh token was there still: {token}");
        // Without a lifetime it is good until it is refused; with one that is odd as well.
        for answer in [json!({"access_token": "endless", "refresh_token": "rt"}), json!({"access_token": "endless", "refresh_token": "rt", "expires_in": "soon"})] {
            w.pass(58);
            w.provider.plant("/token", ok(answer));
            let held = generation(&w).await;
            w.pass(30 * 24 * 60);
            assert_eq!(w.token().await.unwrap().unwrap(), "endless");
            w.provider.plant("/token", ok(json!({"access_token": "after", "refresh_token": "rt2", "expires_in": 3600, "scope": "narrow"})));
            let token = refused(&w, Some(held), None).await.unwrap();
            assert_eq!(token.secret.expose(), "after");
            assert!(token.generation > held);
            // Whoever was refused before that gets the newer one without another refresh.
            let token = refused(&w, Some(held), None).await.unwrap();
            assert_eq!(token.secret.expose(), "after");
        }
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_grant_is_told_once_and_not_tried_again() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        w.pass(61);
        w.provider
            .plant("/token", [Reply::error(400, "invalid_grant")]);
        assert!(matches!(w.token().await, Err(AccessError::ConsentNeeded)));
        assert_eq!(w.provider.refreshes().len(), 1);
        assert_eq!(notices(&w).await, [notice_kind(w.hers.id)]);
        for _ in 0..3 {
            assert!(w.token().await.unwrap().is_none());
            assert!(matches!(
                refused(&w, None, None).await,
                Err(AccessError::ConsentNeeded)
            ));
        }
        assert_eq!(w.provider.refreshes().len(), 1);
        let account = w.remote.account(w.alice, w.hers.id).await.unwrap().unwrap();
        assert!(!account.connected);
        w.connect(w.alice, &w.hers).await;
        assert!(notices(&w).await.is_empty());
        assert!(w.token().await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_client_that_was_forgotten_is_registered_anew_one_that_was_entered_is_not() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        w.provider.forget_clients();
        w.pass(61);
        assert!(matches!(w.token().await, Err(AccessError::ConsentNeeded)));
        assert_eq!(w.provider.refreshes().len(), 1);
        w.connect(w.alice, &w.hers).await;
        assert_eq!(w.provider.seen("/register").len(), 2);

        w.provider.knows("by-hand", Some("s"));
        let mut his = w.his.clone();
        his.client_id = Some("by-hand".to_owned());
        his.client_secret = Some("s".into());
        w.connect(w.bob, &his).await;
        w.provider.forget_clients();
        w.pass(61);
        let bobs = async || w.remote.bearer(w.bob, his.id, &his.url).await;
        let before = w.provider.refreshes().len();
        // It says so also while nobody is asked again.
        for _ in 0..2 {
            assert!(matches!(bobs().await, Err(AccessError::Configuration { code }) if code == "invalid_client"));
            assert_eq!(w.provider.refreshes().len(), before + 1);
        }
        w.provider.knows("by-hand", Some("s"));
        w.pass(1);
        assert!(bobs().await.unwrap().is_some());

        // The secret is another one: it is entered with the server, and signing in again takes it up.
        w.provider.knows("by-hand", Some("rotated"));
        w.pass(61);
        assert!(matches!(bobs().await, Err(AccessError::Configuration { .. })));
        his.client_secret = Some("rotated".into());
        w.connect(w.bob, &his).await;
        assert!(bobs().await.unwrap().is_some());
        w.pass(61);
        assert!(bobs().await.unwrap().is_some(), "the refresh uses the new secret too");
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_spent_in_whatever_words_that_is_said() {
    for_each_world(async |w| {
        for (status, code) in [
            (200, "bad_refresh_token"),
            (401, "invalid_token"),
            (400, "expired_token"),
        ] {
            w.connect(w.alice, &w.hers).await;
            w.pass(61);
            w.provider.plant("/token", [Reply::error(status, code)]);
            assert!(
                matches!(w.token().await, Err(AccessError::ConsentNeeded)),
                "{code}"
            );
            assert_eq!(notices(&w).await, [notice_kind(w.hers.id)], "{code}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_asked_about_ever_more_rarely() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        w.pass(61);
        w.provider
            .document("/token", Reply::error(400, "invalid_request"));
        // Asked every ten minutes for two days, and swept as well.
        for _ in 0..288 {
            let refused = w.token().await;
            assert!(
                matches!(&refused, Err(AccessError::NotRenewed { code }) if code == "invalid_request"),
                "{refused:?}"
            );
            w.remote.sweep().await.unwrap();
            w.pass(10);
        }
        let asked = w.provider.refreshes().len();
        assert!((5..20).contains(&asked), "{asked}");
        // Signing in again mends it at once.
        w.provider.forget_document("/token");
        w.connect(w.alice, &w.hers).await;
        assert!(w.token().await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn our_document_at_another_address_is_another_client() {
    for_each_world(async |w| {
        let at = |url: &str| {
            let mut config = super::super::testing::config();
            config.metadata_url = Some(url.parse().unwrap());
            w.with(config)
        };
        let (old, new) = ("https://old.example/c.json", "https://new.example/c.json");
        w.provider
            .describe_server(&json!({"client_id_metadata_document_supported": true}));
        w.provider.knows(old, None);
        let url = at(old).begin(w.alice, &w.hers).await.unwrap();
        let query = w.provider.allow(&url);
        at(old).complete(w.alice, query).await.unwrap();
        w.provider.forget_clients();
        w.pass(61);
        let held = async |url| at(url).bearer(w.alice, w.hers.id, &w.hers.url).await;
        // As long as it is ours, that is somebody's mistake.
        assert!(matches!(
            held(old).await,
            Err(AccessError::Configuration { .. })
        ));
        w.pass(10);
        assert!(matches!(held(new).await, Err(AccessError::ConsentNeeded)));
        assert_eq!(notices(&w).await, [notice_kind(w.hers.id)]);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_lives_for_no_time_is_good_until_it_is_refused() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        w.pass(58);
        let answer = json!({"access_token": "at-once", "refresh_token": "rt", "expires_in": 0});
        w.provider.document("/token", Reply::Json(200, answer));
        for _ in 0..3 {
            assert_eq!(w.token().await.unwrap().unwrap(), "at-once");
        }
        assert_eq!(w.provider.refreshes().len(), 1);
        w.provider.forget_document("/token");
        let answer = json!({"access_token": "brief", "refresh_token": "rt", "expires_in": 1});
        w.provider.plant("/token", [Reply::Json(200, answer)]);
        let held = generation(&w).await;
        let token = refused(&w, Some(held), None).await.unwrap();
        assert_eq!(token.secret.expose(), "brief");
    })
    .await;
}

#[tokio::test]
async fn calls_that_are_refused_at_once_all_lead_to_the_consent() {
    for_each_world(async |w| {
        for round in 0..5 {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..6 {
                let (remote, user, server) = (w.remote.clone(), w.alice, w.hers.clone());
                tasks.spawn(async move {
                    let challenge = Some(r#"Bearer scope="a b""#);
                    remote
                        .refused(user, server.id, &server.url, None, challenge)
                        .await
                });
            }
            for outcome in tasks.join_all().await {
                assert!(
                    matches!(outcome, Err(AccessError::ConsentNeeded)),
                    "{round}: {:?}",
                    outcome.err()
                );
            }
            w.remote.forget(w.alice, w.hers.id).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn refusals_without_a_consent_between_them_are_one_round() {
    for_each_world(async |w| {
        let more = [
            r#"Bearer error="insufficient_scope""#,
            r#"Bearer error="insufficient_scope", scope="admin""#,
        ];
        w.provider.challenge(r#"Bearer scope="admin""#);
        w.connect(w.alice, &w.hers).await;
        for round in 1..=2 {
            for _ in 0..4 {
                for challenge in more {
                    let outcome = refused(&w, Some(generation(&w).await), Some(challenge)).await;
                    match outcome {
                        Err(AccessError::ConsentNeeded) if round < 2 => {}
                        Err(AccessError::Refused) if round == 2 => {}
                        _ => panic!("round {round}"),
                    }
                }
            }
            w.connect(w.alice, &w.hers).await;
        }
        // The person has signed in once more although the server was told no: it is asked anew.
        let outcome = refused(&w, Some(generation(&w).await), Some(more[1])).await;
        assert!(matches!(outcome, Err(AccessError::ConsentNeeded)));
    })
    .await;
}

#[tokio::test]
async fn what_a_server_asked_for_is_kept_until_the_consent() {
    for_each_world(async |w| {
        assert!(w.token().await.unwrap().is_none());
        let elsewhere = w.provider.at("/elsewhere");
        let metadata =
            json!({"resource": w.hers.url, "authorization_servers": [w.provider.issuer()]});
        w.provider
            .document("/elsewhere", Reply::Json(200, metadata));
        let challenge = format!(r#"Bearer resource_metadata="{elsewhere}", scope="a b""#);
        assert!(matches!(
            refused(&w, None, Some(&challenge)).await,
            Err(AccessError::ConsentNeeded)
        ));
        assert!(matches!(
            refused(&w, None, Some(&challenge)).await,
            Err(AccessError::ConsentNeeded)
        ));
        let url = w.remote.begin(w.alice, &w.hers).await.unwrap();
        assert_eq!(crate::testing::parameter(&url, "scope"), "a b");
        assert_eq!(
            w.provider.paths()[0],
            "/elsewhere",
            "nobody was asked for it again"
        );
        // A stranger's number makes no row.
        let stranger = w
            .remote
            .refused(w.bob, w.hers.id, &w.hers.url, None, Some(&challenge))
            .await;
        assert!(matches!(stranger, Err(AccessError::ConsentNeeded)));
        assert!(w.remote.account(w.bob, w.hers.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_never_content_is_told_no() {
    for_each_world(async |w| {
        let more = r#"Bearer error="insufficient_scope", scope="admin""#;
        w.provider.challenge(r#"Bearer scope="admin""#);
        w.connect(w.alice, &w.hers).await;
        for round in 1..=2 {
            let outcome = refused(&w, Some(generation(&w).await), Some(more)).await;
            match outcome {
                Err(AccessError::ConsentNeeded) if round < 2 => {
                    w.connect(w.alice, &w.hers).await;
                }
                Err(AccessError::Refused) if round == 2 => {}
                _ => panic!("round {round}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_at_another_url_is_another_server() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        let moved = w.provider.at("/moved");
        let none = w.remote.bearer(w.alice, w.hers.id, &moved).await.unwrap();
        assert!(none.is_none());
        let refused = w
            .remote
            .refused(w.alice, w.hers.id, &moved, None, Some("Bearer scope=x"))
            .await;
        assert!(matches!(refused, Err(AccessError::ConsentNeeded)));
        assert!(w.provider.refreshes().is_empty());
        // The account is the other URL's now.
        assert!(w.token().await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn what_is_forgotten_is_revoked_at_once_or_later() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        assert!(w.remote.forget(w.alice, w.hers.id).await.unwrap());
        assert!(!w.remote.forget(w.alice, w.hers.id).await.unwrap());
        let told = w.provider.seen("/revoke");
        assert_eq!(told.len(), 1);
        assert!(told[0].form["token"].starts_with("rt-"));
        assert_eq!(told[0].form["token_type_hint"], "refresh_token");
        assert!(told[0].headers.contains_key("authorization"));
        assert!(w.token().await.unwrap().is_none());

        // Bob's provider is down; it is told when it is back.
        w.connect(w.bob, &w.his).await;
        w.provider
            .plant("/revoke", [Reply::Json(503, json!({})), Reply::Reset]);
        w.remote.forget_all(w.bob).await.unwrap();
        assert_eq!(w.remote.untold(w.bob).await.unwrap(), 1);
        assert_eq!(w.remote.untold(w.alice).await.unwrap(), 0);
        for _ in 0..3 {
            w.pass(10);
            w.remote.sweep().await.unwrap();
        }
        eventually(async || w.provider.seen("/revoke").len() == 4).await;
        w.pass(600);
        w.remote.sweep().await.unwrap();
        assert_eq!(w.provider.seen("/revoke").len(), 4);
        assert_eq!(w.remote.untold(w.bob).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_comes_when_the_account_is_forgotten_goes_with_it() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        w.pass(61);
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        w.provider
            .plant("/token", [Reply::Gated(Arc::clone(&gate))]);
        let before = w.provider.refreshes().len();
        let refreshing = {
            let (remote, user, server) = (w.remote.clone(), w.alice, w.hers.clone());
            w.lifecycle
                .spawn(async move { remote.bearer(user, server.id, &server.url).await })
        };
        eventually(async || w.provider.refreshes().len() > before).await;
        let mut forgetting = {
            let (remote, user, server) = (w.remote.clone(), w.alice, w.hers.id);
            w.lifecycle
                .spawn(async move { remote.forget(user, server).await })
        };
        let early = std::time::Duration::from_millis(100);
        let early = tokio::time::timeout(early, &mut forgetting).await;
        assert!(early.is_err(), "it waits for the refresh");
        gate.add_permits(1);
        let _ = refreshing.await.unwrap();
        assert!(forgetting.await.unwrap().unwrap().unwrap());
        // Not the token that was spent, but the one that came for it.
        let told = w.provider.seen("/revoke");
        let spent = &w.provider.refreshes()[before].form["refresh_token"];
        assert_eq!(told.len(), 1);
        assert_ne!(&told[0].form["token"], spent);
        assert!(w.token().await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn what_was_begun_before_the_account_is_forgotten_connects_nothing() {
    for_each_world(async |w| {
        let url = w.remote.begin(w.alice, &w.hers).await.unwrap();
        let query = w.provider.allow(&url);
        let his = w.remote.begin(w.bob, &w.his).await.unwrap();
        assert!(!w.remote.forget(w.alice, w.hers.id).await.unwrap());
        let error = w.remote.complete(w.alice, query).await.unwrap_err();
        assert_eq!(error.as_str(), "expired_state");
        assert!(w.provider.seen("/token").is_empty());
        let query = w.provider.allow(&his);
        w.remote.complete(w.bob, query).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn one_that_does_not_answer_holds_nobody_up() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        w.connect(w.bob, &w.his).await;
        w.pass(54);
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        // Whoever comes first waits.
        w.provider
            .plant("/token", [Reply::Gated(Arc::clone(&gate))]);
        let sweeping = {
            let remote = w.remote.clone();
            w.lifecycle.spawn(async move { remote.sweep().await })
        };
        eventually(async || w.provider.refreshes().len() == 2).await;
        assert!(!sweeping.is_finished());
        gate.add_permits(1);
        sweeping.await.unwrap().unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_sweep_refreshes_what_is_in_use() {
    for_each_world(async |w| {
        w.connect(w.alice, &w.hers).await;
        w.remote.sweep().await.unwrap();
        assert!(w.provider.refreshes().is_empty());
        w.pass(54);
        w.remote.sweep().await.unwrap();
        assert_eq!(w.provider.refreshes().len(), 1);
        w.remote.sweep().await.unwrap();
        assert_eq!(w.provider.refreshes().len(), 1);
    })
    .await;
}
