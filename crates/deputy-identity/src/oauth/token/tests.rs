//! What the token endpoint takes and refuses; redeeming; what the two kinds have in common.

use deputy_store::testing::for_each_database;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::super::tests::*;
use super::super::{Config, Documents, REPLAY, Revoked};
use super::*;

#[tokio::test]
async fn a_code_works_once_and_its_replay_ends_that_grant_alone() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let other = desk.tokens(&[]).await;
        let code = desk.code(&[]).await;
        let tokens = desk.redeem(&code, &[]).await.unwrap();
        // Somebody else's client does not even learn that there was one.
        let error = refusal(desk.redeem(&code, &[("client_id", OTHER)]).await);
        assert_eq!((error.error, &error.ended), ("invalid_grant", &None));
        assert!(desk.opens(&tokens).await);

        desk.pass(30);
        let error = refusal(desk.redeem(&code, &[]).await);
        assert_eq!((error.status, error.error), (400, "invalid_grant"));
        let ended = error.ended.unwrap();
        assert_eq!((ended.grant_id, ended.why), (tokens.grant_id, REPLAY));
        assert!(!desk.opens(&tokens).await);
        let error = refusal(desk.refresh(&tokens.refresh_token, &[]).await);
        assert!(
            error.description.starts_with("a code was used twice"),
            "{error}"
        );
        assert!(
            desk.opens(&other).await,
            "another grant of the same person and client"
        );
        let notices = desk.world.store.user(desk.anna.id).notices().await.unwrap();
        assert_eq!(notices[0].kind, super::super::NOTICE_REUSE);
        assert_eq!(notices[0].parameters["client"], "The app");
        assert_eq!(
            refusal(desk.redeem(&code, &[]).await).ended,
            None,
            "ended once"
        );
    })
    .await;
}

#[tokio::test]
async fn a_client_that_sends_its_code_twice_in_a_moment_stays_logged_in() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        for change in [
            (
                "code_verifier",
                "another-verifier-of-43-characters-at-least-0",
            ),
            ("code_verifier", ""),
            ("redirect_uri", OTHER_AT),
            ("redirect_uri", ""),
        ] {
            let code = desk.code(&[]).await;
            let tokens = desk.redeem(&code, &[]).await.unwrap();
            desk.pass(29);
            let refused = refusal(desk.redeem(&code, &[]).await);
            assert_eq!((refused.status, refused.error), (400, "invalid_grant"));
            assert_eq!(refused.ended, None);
            assert!(desk.opens(&tokens).await);
            // Who knows the code but not the rest is somebody else.
            let refused = refusal(desk.redeem(&code, &[change]).await);
            assert_eq!(refused.ended.unwrap().why, REPLAY, "{change:?}");
            assert!(!desk.opens(&tokens).await);
        }
        let none = Desk {
            config: Config {
                grace: jiff::SignedDuration::ZERO,
                ..desk.config.clone()
            },
            ..desk
        };
        let (_, strict) = none.replica(&none.world.clock);
        let code = none.code(&[]).await;
        none.redeem(&code, &[]).await.unwrap();
        let body = Desk::redeeming(&code, &[]);
        let refused = refusal(strict.token(body.as_bytes(), FORM, None, HERE).await);
        assert_eq!(refused.ended.unwrap().why, REPLAY, "no grace");
    })
    .await;
}

#[tokio::test]
async fn after_a_misuse_the_person_is_asked_again() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[]).await.unwrap();
        let remembered = async || {
            let found = desk.server.remembered(desk.anna.id, &asked).await;
            found.unwrap().is_some()
        };
        let code = desk.code(&[]).await;
        desk.redeem(&code, &[]).await.unwrap();
        refusal(desk.redeem(&code, &[]).await);
        assert!(remembered().await, "nothing ended");
        desk.pass(30);
        refusal(desk.redeem(&code, &[]).await);
        assert!(!remembered().await, "a code");
        let old = desk.tokens(&[]).await.refresh_token;
        desk.refresh(&old, &[]).await.unwrap();
        assert!(remembered().await);
        desk.pass(30);
        refusal(desk.refresh(&old, &[]).await);
        assert!(!remembered().await, "a refresh token");
        // What comes later still does not undo what the person said since.
        desk.tokens(&[]).await;
        refusal(desk.refresh(&old, &[]).await);
        assert!(remembered().await);
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_uses_nothing_up() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let code = desk.code(&[("scope", "chat")]).await;
        for (changes, error) in [
            (("client_id", OTHER), "invalid_grant"),
            (("client_id", "nobody"), "invalid_client"),
            (("client_id", ""), "invalid_request"),
            (("redirect_uri", ""), "invalid_grant"),
            (
                ("redirect_uri", "https://app.test/callback"),
                "invalid_grant",
            ),
            (
                ("redirect_uri", "https://app.test/callback?tenant=%31"),
                "invalid_grant",
            ),
            (("code_verifier", ""), "invalid_request"),
            (("code_verifier", "short"), "invalid_grant"),
            (("code_verifier", &challenge()), "invalid_grant"),
            (("resource", "https://evil.test/mcp"), "invalid_target"),
            (("resource", API), "invalid_target"),
            (("resource", "nonsense"), "invalid_target"),
            (("client_secret", "x"), "invalid_client"),
            (("client_assertion", "x"), "invalid_client"),
            (("grant_type", ""), "invalid_request"),
            (("grant_type", "password"), "unsupported_grant_type"),
            (("code", ""), "invalid_request"),
        ] {
            let refused = refusal(desk.redeem(&code, &[changes]).await);
            assert_eq!(refused.error, error, "{changes:?}");
            let status = if error == "invalid_client" { 401 } else { 400 };
            assert_eq!(
                (refused.status, refused.ended),
                (status, None),
                "{changes:?}"
            );
        }
        let tokens = desk
            .redeem(&code, &[("resource", MCP), ("scope", "admin x")])
            .await;
        let tokens = tokens.unwrap();

        for (changes, error) in [
            (("client_id", OTHER), "invalid_grant"),
            (("client_id", "nobody"), "invalid_client"),
            (("resource", API), "invalid_target"),
            (("scope", "admin tools:read"), "invalid_scope"),
            (("client_secret", "x"), "invalid_client"),
            (("refresh_token", ""), "invalid_request"),
        ] {
            let refused = refusal(desk.refresh(&tokens.refresh_token, &[changes]).await);
            assert_eq!(refused.error, error, "{changes:?}");
        }
        let next = desk.refresh(&tokens.refresh_token, &[]).await.unwrap();
        assert_eq!(next.kind, Issued::Refresh);
    })
    .await;
}

#[tokio::test]
async fn a_redirect_uri_is_named_again_where_it_was_named() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let unnamed = [("redirect_uri", "")];
        let code = desk.code(&unnamed).await;
        assert!(desk.redeem(&code, &unnamed).await.is_ok());
        let code = desk.code(&unnamed).await;
        let wrong = [("redirect_uri", OTHER_AT)];
        assert_eq!(
            refusal(desk.redeem(&code, &wrong).await).error,
            "invalid_grant"
        );
        assert!(
            desk.redeem(&code, &[]).await.is_ok(),
            "the one that was meant"
        );
    })
    .await;
}

#[tokio::test]
async fn a_code_is_over_after_its_time_and_when_its_grant_ends() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let code = desk.code(&[]).await;
        desk.pass(299);
        assert!(desk.redeem(&code, &[]).await.is_ok());
        let code = desk.code(&[]).await;
        desk.pass(300);
        assert_eq!(
            refusal(desk.redeem(&code, &[]).await).error,
            "invalid_grant"
        );
        desk.pass(-200);
        assert_eq!(
            refusal(desk.redeem(&code, &[]).await).error,
            "invalid_grant",
            "still"
        );
        let code = desk.code(&[]).await;
        desk.world
            .identity
            .disable_user(desk.anna.id)
            .await
            .unwrap();
        let refused = refusal(desk.redeem(&code, &[]).await);
        assert_eq!(refused.description, "the account is disabled");
        desk.world.identity.enable_user(desk.anna.id).await.unwrap();
        desk.server.remove_client(APP).await.unwrap();
        assert_eq!(
            refusal(desk.redeem(&code, &[]).await).error,
            "invalid_client"
        );
    })
    .await;
}

#[tokio::test]
async fn of_many_who_redeem_a_code_at_once_one_is_first() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let code = desk.code(&[]).await;
        let body = Desk::redeeming(&code, &[]);
        let lifecycle = deputy_core::Lifecycle::new();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (server, body) = (desk.server.clone(), body.clone());
                let task = async move { server.token(body.as_bytes(), FORM, None, HERE).await };
                lifecycle.spawn(task)
            })
            .collect();
        let mut given = Vec::new();
        let mut ended = 0;
        for task in tasks {
            match task.await.unwrap().unwrap() {
                Ok(tokens) => given.push(tokens),
                Err(error) => {
                    assert_eq!(error.error, "invalid_grant");
                    ended += usize::from(error.ended.is_some());
                }
            }
        }
        assert_eq!((given.len(), ended), (1, 0));
        assert!(desk.opens(&given[0]).await);
    })
    .await;
}

#[tokio::test]
async fn the_request_is_taken_strictly() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let code = desk.code(&[]).await;
        let good = Desk::redeeming(&code, &[]);
        let post = async |body: &str, media: Option<&str>| {
            desk.server.token(body.as_bytes(), media, None, HERE).await
        };
        for (body, media) in [
            (good.clone(), None),
            (good.clone(), Some("application/json")),
            (good.clone(), Some("text/plain")),
            (good.clone(), Some(";;;")),
            (format!("{good}&code=x"), FORM),
            (format!("{good}&client_id={APP}"), FORM),
            (format!("{good}&x=%FF"), FORM),
            (format!("{good}&x={}", "y".repeat(40_000)), FORM),
            (String::new(), FORM),
            ("{\"grant_type\":\"authorization_code\"}".to_owned(), FORM),
        ] {
            let refused = refusal(post(&body, media).await);
            assert_eq!(
                (refused.status, refused.error),
                (400, "invalid_request"),
                "{media:?}"
            );
            assert!(refused.json()["error_description"].is_string());
        }
        let charset = Some("application/x-www-form-urlencoded; charset=UTF-8");
        assert!(post(&good, charset).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_client_has_no_secret_and_may_name_itself_in_the_header() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let code = desk.code(&[]).await;
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let post = async |body: String, header: String| {
            desk.server
                .token(body.as_bytes(), FORM, Some(&header), HERE)
                .await
        };
        let good = Desk::redeeming(&code, &[]);
        for (header, status, error) in [
            (basic("app:secret"), 401, "invalid_client"),
            (basic(":secret"), 401, "invalid_client"),
            (basic(":"), 401, "invalid_client"),
            (basic("app"), 401, "invalid_client"),
            (basic("nobody:"), 400, "invalid_request"),
            ("Basic !!!".to_owned(), 401, "invalid_client"),
            ("Basic".to_owned(), 401, "invalid_client"),
            (basic("a%00b:"), 401, "invalid_client"),
            (basic("%FF:"), 401, "invalid_client"),
        ] {
            let refused = refusal(post(good.clone(), header.clone()).await);
            assert_eq!((refused.status, refused.error), (status, error), "{header}");
        }
        let unnamed = Desk::redeeming(&code, &[("client_id", "")]);
        for header in [basic("nobody:"), "Bearer x".to_owned(), String::new()] {
            let refused = refusal(post(unnamed.clone(), header).await);
            assert_eq!((refused.status, refused.error), (401, "invalid_client"));
        }
        let given = post(unnamed, basic("%61pp:")).await.unwrap();
        // What an HTTP stack adds by itself says nothing about a client that is named.
        let mut refresh = given.refresh_token;
        for header in ["Bearer x", "bearer", "Digest a=b", ""] {
            let body = Desk::refreshing(&refresh, &[]);
            let next = post(body, header.to_owned()).await;
            refresh = next.unwrap().refresh_token;
        }
    })
    .await;
}

#[tokio::test]
async fn one_address_that_asks_too_often_keeps_nobody_else_out() {
    for_each_database(|store| async move {
        let desk = Desk::with(store, |config| config.token_per_min = 5).await;
        let code = desk.code(&[]).await;
        for _ in 0..5 {
            let refused = refusal(desk.post("grant_type=nonsense").await);
            assert_eq!(refused.status, 400);
        }
        let refused = refusal(desk.redeem(&code, &[]).await);
        assert_eq!(
            (refused.status, refused.error),
            (429, "temporarily_unavailable")
        );
        assert!((1..=60).contains(&refused.retry_after.unwrap()));
        let elsewhere = "2001:db8::1".parse().unwrap();
        let body = Desk::redeeming(&code, &[]);
        let given = desk
            .server
            .token(body.as_bytes(), FORM, None, elsewhere)
            .await;
        let given = given.unwrap();
        assert!(desk.opens(&given).await);
        // The same subscriber, by the /64.
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let ask = async |body: &str, from| {
            let answer = desk.server.token(body.as_bytes(), FORM, None, from).await;
            answer.map_err(|refused| refused.status)
        };
        for _ in 0..5 {
            let refused = ask("grant_type=nonsense", neighbour).await;
            assert_eq!(refused.err(), Some(400));
        }
        let body = Desk::refreshing(&given.refresh_token, &[]);
        assert_eq!(ask(&body, elsewhere).await.err(), Some(429));
        desk.pass(60);
        assert!(
            ask(&body, elsewhere).await.is_ok(),
            "and for a minute at most"
        );
    })
    .await;
}

#[tokio::test]
async fn what_succeeds_counts_for_the_grant_and_not_for_the_address() {
    for_each_database(|store| async move {
        let desk = Desk::with(store, |config| config.token_per_min = 5).await;
        let other = desk.tokens(&[]).await;
        let given = desk.tokens(&[]).await;
        let mut refresh = given.refresh_token;
        // A shell loop: far more than may fail.
        for _ in 0..49 {
            refresh = desk.refresh(&refresh, &[]).await.unwrap().refresh_token;
        }
        let next = desk.refresh(&refresh, &[]).await.unwrap();
        // The same again counts too, and uses nothing up.
        let refused = refusal(desk.refresh(&refresh, &[]).await);
        assert_eq!(
            (refused.status, refused.error, &refused.ended),
            (429, "temporarily_unavailable", &None)
        );
        assert!((1..=60).contains(&refused.retry_after.unwrap()));
        let refused = refusal(desk.refresh(&next.refresh_token, &[]).await);
        assert_eq!(refused.status, 429);
        assert!(desk.opens(&next).await);
        let others = desk.refresh(&other.refresh_token, &[]).await;
        assert!(others.is_ok(), "another grant from the same address");
        desk.pass(60);
        let next = desk.refresh(&next.refresh_token, &[]).await.unwrap();
        assert!(desk.opens(&next).await);
        // A limit that is used up does not hide a theft.
        let refused = refusal(desk.refresh(&refresh, &[]).await);
        assert_eq!(refused.ended.unwrap().why, super::super::REUSE);
    })
    .await;
}

#[tokio::test]
async fn nothing_secret_is_in_an_error() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        for body in [
            Desk::refreshing(&tokens.refresh_token, &[("resource", API)]),
            Desk::refreshing(&tokens.refresh_token, &[("x", "%"), ("scope", "admin")]),
            format!(
                "refresh_token={0}&refresh_token={0}",
                tokens.refresh_token.expose()
            ),
            Desk::redeeming(tokens.refresh_token.expose(), &[]),
        ] {
            let refused = refusal(desk.post(&body).await);
            let shown = format!("{refused:?} {refused} {}", refused.json());
            assert!(
                !shown.contains(&tokens.refresh_token.expose()[7..]),
                "{shown}"
            );
            assert!(!shown.contains(VERIFIER));
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_that_fails_is_said_to_and_ends_nothing() {
    let test = deputy_store::testing::sqlite().await;
    let desk = Desk::new(test.store.clone()).await;
    let tokens = desk.tokens(&[]).await;
    deputy_store::testing::execute(&test.url, "ALTER TABLE oauth_refresh_tokens RENAME TO away")
        .await;
    let refused = refusal(desk.refresh(&tokens.refresh_token, &[]).await);
    assert_eq!(
        (refused.status, refused.error),
        (503, "temporarily_unavailable")
    );
    assert!(refused.retry_after.is_some() && refused.ended.is_none());
    deputy_store::testing::execute(&test.url, "ALTER TABLE away RENAME TO oauth_refresh_tokens")
        .await;
    assert!(desk.refresh(&tokens.refresh_token, &[]).await.is_ok());
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = Config::new("https://deputy.test/");
    assert_eq!(config.public_url, URL);
    assert_eq!(config.grace.as_secs(), 30);
    assert_eq!(config.token_per_min, 60);
    assert_eq!(config.documents, Documents::Auto);
}

#[tokio::test]
async fn a_body_never_panics_and_is_never_the_servers_fault() {
    let test = deputy_store::testing::sqlite().await;
    let desk = Desk::new(test.store.clone()).await;
    let form = "(grant_type=(authorization_code|refresh_token|[a-z]{0,6}))?\
                (&(code|client_id|refresh_token|resource|scope|code_verifier|token)=[ -~]{0,60}){0,6}";
    let sent = (
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            form.prop_map(String::into_bytes),
        ],
        prop_oneof![
            Just(FORM.map(str::to_owned)),
            proptest::option::of("(application/x-www-form-urlencoded)?.{0,10}"),
        ],
        proptest::option::of("(Basic )?[ -~]{0,40}"),
    );
    let mut runner = TestRunner::default();
    for _ in 0..300 {
        let (body, media, header) = sent.new_tree(&mut runner).unwrap().current();
        let (media, header) = (media.as_deref(), header.as_deref());
        let refused = refusal(desk.server.token(&body, media, header, HERE).await);
        assert!((400..500).contains(&refused.status), "{refused} {body:?}");
        match desk.server.revoke(&body, media, header, HERE).await {
            Ok(ended) => assert_eq!(ended, Revoked::Nothing),
            Err(refused) => assert!((400..500).contains(&refused.status), "{refused}"),
        }
    }
}

mod replaced;
mod rotation;
