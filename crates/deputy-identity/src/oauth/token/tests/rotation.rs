//! Refresh tokens: always rotated, the same answer for some seconds, the end of the grant after.

use std::collections::BTreeSet;

use deputy_core::clock::OffsetClock;
use deputy_core::{Lifecycle, Secret};
use deputy_store::testing::for_each_database;
use jiff::SignedDuration;

use super::super::super::tests::*;
use super::super::super::{NOTICE_REUSE, PERSON, REUSE};
use super::super::*;

#[tokio::test]
async fn every_refresh_rotates() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let first = desk.tokens(&[]).await;
        let mut seen = BTreeSet::from([first.refresh_token.expose().clone()]);
        let mut refresh = first.refresh_token;
        for _ in 0..4 {
            desk.pass(7 * 24 * 3600);
            let next = desk.refresh(&refresh, &[]).await.unwrap();
            assert!(seen.insert(next.refresh_token.expose().clone()));
            assert!(desk.opens(&next).await);
            refresh = next.refresh_token;
        }
        desk.pass(30 * 24 * 3600);
        let refused = refusal(desk.refresh(&refresh, &[]).await);
        assert_eq!(refused.description, "the refresh token has expired");
    })
    .await;
}

#[tokio::test]
async fn within_the_grace_the_old_token_gives_the_same_again() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let old = desk.tokens(&[]).await.refresh_token;
        let first = desk.refresh(&old, &[]).await.unwrap();
        desk.pass(20);
        let again = desk.refresh(&old, &[]).await.unwrap();
        assert_eq!(
            (first.kind, again.kind),
            (Issued::Refresh, Issued::Repeated)
        );
        assert_eq!(first.access_token.expose(), again.access_token.expose());
        assert_eq!(first.refresh_token.expose(), again.refresh_token.expose());
        assert_eq!(first.scopes, again.scopes);
        assert_eq!(first.expires_in, 3600);
        assert!(
            (3579..=3580).contains(&again.expires_in),
            "{}",
            again.expires_in
        );
        // Also from another process, and after the successor was used.
        let next = desk.refresh(&first.refresh_token, &[]).await.unwrap();
        let (_, replica) = desk.replica(&desk.world.clock);
        let body = Desk::refreshing(&old, &[]);
        let again = replica
            .token(body.as_bytes(), FORM, None, HERE)
            .await
            .unwrap();
        assert_eq!(first.refresh_token.expose(), again.refresh_token.expose());
        assert!(desk.opens(&next).await && desk.opens(&again).await);
    })
    .await;
}

#[tokio::test]
async fn after_the_grace_a_used_refresh_token_ends_that_grant_alone() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let other = desk.tokens(&[]).await;
        let old = desk.tokens(&[]).await.refresh_token;
        let next = desk.refresh(&old, &[]).await.unwrap();
        desk.pass(31);
        // Not for who is not its client.
        let refused = refusal(desk.refresh(&old, &[("client_id", OTHER)]).await);
        assert_eq!(refused.ended, None);
        assert!(desk.opens(&next).await);

        // A request that is wrong otherwise shows that the token was stolen all the same.
        let refused = refusal(desk.refresh(&old, &[("resource", API)]).await);
        assert_eq!((refused.status, refused.error), (400, "invalid_grant"));
        let ended = refused.ended.unwrap();
        assert_eq!((ended.grant_id, ended.why), (next.grant_id, REUSE));
        assert_eq!(
            (ended.client_id.as_str(), ended.user_id),
            (APP, desk.anna.id)
        );
        assert!(!desk.opens(&next).await, "at once");
        let refused = refusal(desk.refresh(&next.refresh_token, &[]).await);
        assert!(
            refused
                .description
                .starts_with("a refresh token was used twice"),
            "{refused}"
        );
        assert_eq!(refused.ended, None);
        assert!(
            desk.opens(&other).await,
            "another grant of the same person and client"
        );
        let notices = desk.world.store.user(desk.anna.id).notices().await.unwrap();
        assert_eq!(notices.len(), 2, "with the one of its first login");
        assert_eq!(notices[0].kind, NOTICE_REUSE);
        assert_eq!(notices[0].parameters["why"], REUSE);
    })
    .await;
}

#[tokio::test]
async fn of_many_who_refresh_at_once_all_get_one_successor() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let old = desk.tokens(&[]).await.refresh_token;
        let body = Desk::refreshing(&old, &[]);
        let lifecycle = Lifecycle::new();
        let (_, replica) = desk.replica(&desk.world.clock);
        let tasks: Vec<_> = (0..20)
            .map(|i| {
                let server = if i % 2 == 0 { &desk.server } else { &replica };
                let (server, body) = (server.clone(), body.clone());
                let task = async move { server.token(body.as_bytes(), FORM, None, HERE).await };
                lifecycle.spawn(task)
            })
            .collect();
        let mut given = BTreeSet::new();
        let mut first = 0;
        for task in tasks {
            let tokens = task.await.unwrap().unwrap().unwrap();
            first += usize::from(tokens.kind == Issued::Refresh);
            given.insert((
                tokens.access_token.expose().clone(),
                tokens.refresh_token.expose().clone(),
            ));
        }
        assert_eq!((given.len(), first), (1, 1));
        let (_, successor) = given.pop_first().unwrap();
        desk.pass(3600);
        assert!(desk.refresh(&Secret::new(successor), &[]).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn two_who_want_tokens_for_different_things_share_the_successor() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let both = [
            ("resource", API),
            ("resource", MCP),
            ("scope", "chat tools:read"),
        ];
        let old = desk.tokens(&both).await.refresh_token;
        let mcp = desk.refresh(&old, &[("resource", MCP)]).await.unwrap();
        let api = desk
            .refresh(&old, &[("resource", API), ("scope", "chat")])
            .await
            .unwrap();
        assert_eq!(mcp.refresh_token.expose(), api.refresh_token.expose());
        assert_eq!(api.kind, Issued::Repeated);
        assert!(desk.bearer(&mcp.access_token, MCP).await.is_ok());
        assert!(desk.bearer(&mcp.access_token, API).await.is_err());
        assert!(desk.bearer(&api.access_token, MCP).await.is_err());
        let principal = desk.bearer(&api.access_token, API).await.unwrap();
        assert_eq!(principal.scopes, scopes("chat"));
        // Narrowed for that token only (RFC 6749 section 6).
        let next = desk.refresh(&api.refresh_token, &[]).await.unwrap();
        assert_eq!(next.scopes, scopes("chat tools:read"));
        for resource in [MCP, API] {
            assert!(desk.bearer(&next.access_token, resource).await.is_ok());
        }
    })
    .await;
}

#[tokio::test]
async fn who_repeats_for_another_resource_alone_gets_a_token_for_that() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let both = [("resource", API), ("resource", MCP), ("scope", "chat")];
        let old = desk.tokens(&both).await.refresh_token;
        let mcp = desk.refresh(&old, &[("resource", MCP)]).await.unwrap();
        let api = desk.refresh(&old, &[("resource", API)]).await.unwrap();
        assert_eq!(api.kind, Issued::Repeated);
        assert_eq!(api.scopes, mcp.scopes);
        assert_eq!(api.expires_in, 3600, "with a time of its own");
        assert!(desk.bearer(&api.access_token, API).await.is_ok());
        assert!(desk.bearer(&api.access_token, MCP).await.is_err());
        assert!(desk.bearer(&mcp.access_token, API).await.is_err());
        let again = desk.refresh(&old, &[("resource", MCP)]).await.unwrap();
        assert_eq!(again.access_token.expose(), mcp.access_token.expose());
    })
    .await;
}

#[tokio::test]
async fn after_a_year_the_person_is_asked_again_however_often_it_was_renewed() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let mut tokens = desk.tokens(&[]).await;
        let month = 29 * 24 * 3600;
        for _ in 0..12 {
            desk.pass(month);
            tokens = desk.refresh(&tokens.refresh_token, &[]).await.unwrap();
            assert_eq!(tokens.expires_in, 3600);
        }
        let grants = desk.server.grants(desk.anna.id).await.unwrap();
        let lasts = grants[0].expires_at.duration_since(grants[0].created_at);
        assert_eq!(lasts, SignedDuration::from_hours(365 * 24));
        // The last hour is shorter.
        desk.pass(365 * 24 * 3600 - 12 * month - 60);
        let last = desk.refresh(&tokens.refresh_token, &[]).await.unwrap();
        assert!(last.expires_in <= 60, "{}", last.expires_in);
        let repeated = desk
            .refresh(&tokens.refresh_token, &[("scope", "tools:read")])
            .await;
        assert!(repeated.unwrap().expires_in <= 60);
        desk.pass(60);
        let refused = refusal(desk.refresh(&last.refresh_token, &[]).await);
        assert_eq!(refused.error, "invalid_grant");
        assert!(!desk.opens(&last).await);
    })
    .await;
}

#[tokio::test]
async fn repeating_the_first_scope_works_with_offline_access_too() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = [("scope", "chat openid offline_access")];
        let tokens = desk.tokens(&asked).await;
        let next = desk.refresh(&tokens.refresh_token, &asked).await.unwrap();
        assert_eq!(next.scopes, scopes("chat"));
        let only = [("scope", "offline_access")];
        let next = desk.refresh(&next.refresh_token, &only).await.unwrap();
        assert_eq!(next.scopes, scopes("chat"));
    })
    .await;
}

#[tokio::test]
async fn what_the_person_did_not_tick_is_left_out_of_what_is_repeated() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let first = ("scope", "chat tools:read approvals:decide");
        let asked = desk.check(&[first]).await.unwrap();
        let ticked = scopes("chat");
        let allowed = desk
            .server
            .allow(&in_browser(&desk.anna), &asked, &ticked)
            .await;
        let code = parameter(&allowed.ok().unwrap().location, "code").unwrap();
        let tokens = desk.redeem(&code, &[first]).await.unwrap();
        assert_eq!(tokens.scopes, ticked);
        let next = desk.refresh(&tokens.refresh_token, &[first]).await.unwrap();
        assert_eq!(next.json()["scope"], "chat");
        let principal = desk.bearer(&next.access_token, MCP).await.unwrap();
        assert_eq!(principal.scopes, ticked, "repeating gives nothing more");
    })
    .await;
}

#[tokio::test]
async fn without_a_grace_the_second_use_ends_the_grant() {
    for_each_database(|store| async move {
        let desk = Desk::with(store, |config| config.grace = SignedDuration::ZERO).await;
        let old = desk.tokens(&[]).await.refresh_token;
        let next = desk.refresh(&old, &[]).await.unwrap();
        assert!(desk.opens(&next).await);
        let refused = refusal(desk.refresh(&old, &[]).await);
        assert_eq!(refused.ended.unwrap().why, REUSE);
        assert!(!desk.opens(&next).await);
    })
    .await;
}

#[tokio::test]
async fn what_ended_gives_nothing_in_its_grace_either() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let old = desk.tokens(&[]).await;
        let next = desk.refresh(&old.refresh_token, &[]).await.unwrap();
        desk.server
            .end_grant(desk.anna.id, next.grant_id, PERSON)
            .await
            .unwrap();
        let refused = refusal(desk.refresh(&old.refresh_token, &[]).await);
        assert!(
            refused
                .description
                .starts_with("access was taken away on /settings on")
        );
        assert_eq!(refused.ended, None, "who ended it first, ended it");
    })
    .await;
}

#[tokio::test]
async fn answers_are_forgotten_after_the_grace() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let old = desk.tokens(&[]).await.refresh_token;
        desk.refresh(&old, &[]).await.unwrap();
        let hash = deputy_core::secret::sha256_hex(old.expose().as_bytes());
        let answer = async || {
            let found = desk.world.store.refresh_token(&hash).await.unwrap();
            found.unwrap().0.answer
        };
        desk.pass(30 + 60 - 1);
        desk.server.sweep().await.unwrap();
        assert_eq!(desk.server.forget_answers().await.unwrap(), 0);
        assert!(
            answer().await.is_some(),
            "for a replica whose clock is behind"
        );
        desk.pass(2);
        assert_eq!(desk.server.forget_answers().await.unwrap(), 1);
        assert_eq!(answer().await, None);
        assert_eq!(
            refusal(desk.refresh(&old, &[]).await).ended.unwrap().why,
            REUSE
        );
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_opens_no_grace_again() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let old = desk.tokens(&[]).await.refresh_token;
        let next = desk.refresh(&old, &[]).await.unwrap();
        desk.pass(45);
        assert!(desk.opens(&next).await);
        // The process has seen that the grace is over; then the clock is set back into it.
        let _ = desk.server.grants(desk.anna.id).await.unwrap();
        desk.pass(-40);
        assert_eq!(
            refusal(desk.refresh(&old, &[]).await).ended.unwrap().why,
            REUSE
        );
    })
    .await;
}

#[tokio::test]
async fn a_replica_whose_clock_is_behind_repeats_or_says_so_and_ends_nothing() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let old = desk.tokens(&[]).await.refresh_token;
        // Old enough to be known to a clock that is an hour behind.
        desk.pass(2 * 3600);
        let next = desk.refresh(&old, &[]).await.unwrap();
        let body = Desk::refreshing(&old, &[]);
        let behind = async |seconds: i64| {
            let clock = OffsetClock::default();
            clock.advance(desk.world.clock.offset() - SignedDuration::from_secs(seconds));
            let (_, server) = desk.replica(&clock);
            server.token(body.as_bytes(), FORM, None, HERE).await
        };
        let again = behind(60).await.unwrap();
        assert_eq!(again.refresh_token.expose(), next.refresh_token.expose());
        for seconds in [3600, 24 * 3600 * 1000] {
            let refused = refusal(behind(seconds).await);
            assert_eq!((refused.status, refused.ended), (503, None));
        }
        assert!(desk.opens(&next).await);
    })
    .await;
}

#[tokio::test]
async fn whatever_happens_at_once_nothing_fails_and_no_end_is_lost() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let lifecycle = Lifecycle::new();
        let mut grants = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..5 {
            let tokens = desk.tokens(&[]).await;
            let body = Desk::refreshing(&tokens.refresh_token, &[]);
            let given_back = form(&[("token", tokens.refresh_token.expose())], &[]);
            for i in 0..6 {
                let (server, anna, grant) = (desk.server.clone(), desk.anna.id, tokens.grant_id);
                let (body, given_back) = (body.clone(), given_back.clone());
                tasks.push(lifecycle.spawn(async move {
                    match i {
                        4 => server
                            .end_grant(anna, grant, PERSON)
                            .await
                            .map(|_| ())
                            .unwrap(),
                        5 => {
                            let body = given_back.as_bytes();
                            server.revoke(body, FORM, None, HERE).await.unwrap();
                            server.sweep().await.unwrap();
                        }
                        _ => match server.token(body.as_bytes(), FORM, None, HERE).await {
                            Ok(_) => {}
                            Err(refused) => assert_eq!(refused.error, "invalid_grant"),
                        },
                    }
                }));
            }
            grants.push(tokens);
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        for tokens in grants {
            assert!(!desk.opens(&tokens).await);
            let refused = refusal(desk.refresh(&tokens.refresh_token, &[]).await);
            assert_eq!((refused.error, refused.ended), ("invalid_grant", None));
        }
        assert!(desk.server.grants(desk.anna.id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_was_tampered_with_gives_nothing() {
    let test = deputy_store::testing::sqlite().await;
    let desk = Desk::new(test.store.clone()).await;
    let old = desk.tokens(&[]).await.refresh_token;
    let next = desk.refresh(&old, &[]).await.unwrap();
    let sql = "UPDATE oauth_refresh_tokens SET answer = X'0100' WHERE answer IS NOT NULL";
    deputy_store::testing::execute(&test.url, sql).await;
    let refused = refusal(desk.refresh(&old, &[]).await);
    assert_eq!((refused.status, refused.error), (500, "server_error"));
    assert!(
        desk.opens(&next).await,
        "the holder of the successor goes on"
    );
}
