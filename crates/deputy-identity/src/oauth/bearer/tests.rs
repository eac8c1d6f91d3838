use deputy_core::clock::OffsetClock;
use deputy_core::{Clock as _, Role, Scope, Secret};
use deputy_store::testing::for_each_database;
use jiff::SignedDuration;

use super::super::tests::*;
use super::*;
use crate::TokenRequest;

#[tokio::test]
async fn a_token_opens_the_resources_it_is_for_and_no_other() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let notes = format!("{MCP}/notes");
        let usual = desk.tokens(&[]).await;
        let both = desk
            .tokens(&[("resource", API), ("resource", &notes)])
            .await;
        for (token, resource, opens) in [
            (&usual, MCP, true),
            (&usual, API, false),
            (&usual, notes.as_str(), false),
            (&usual, "https://deputy.test/mcp/", false),
            (&usual, "", false),
            (&both, MCP, false),
            (&both, API, true),
            (&both, notes.as_str(), true),
            (&both, "https://deputy.test/mcp/other", false),
        ] {
            match desk.bearer(&token.access_token, resource).await {
                Ok(_) => assert!(opens, "{resource}"),
                Err(AuthError::Audience) => assert!(!opens, "{resource}"),
                Err(other) => panic!("{resource}: {other}"),
            }
        }
        let request = TokenRequest {
            name: "script".to_owned(),
            scopes: None,
            days: None,
        };
        let made = desk
            .world
            .identity
            .create_token(desk.anna.id, request)
            .await;
        let (personal, _) = made.unwrap();
        for resource in [MCP, API, notes.as_str()] {
            assert!(desk.bearer(&personal, resource).await.is_ok(), "{resource}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_person_sees_when_an_access_was_last_used() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        let last = async || {
            let grants = desk.server.grants(desk.anna.id).await.unwrap();
            grants[0].last_used_at
        };
        desk.world.clock.advance(SignedDuration::from_mins(7));
        let later = desk.world.clock.now();
        assert!(last().await < Some(later));
        desk.bearer(&tokens.access_token, MCP).await.unwrap();
        assert!(last().await >= Some(later));
    })
    .await;
}

#[tokio::test]
async fn only_an_access_token_is_one() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let code = desk.code(&[]).await;
        let tokens = desk.tokens(&[]).await;
        let text = tokens.access_token.expose();
        for presented in [
            Secret::new(code),
            tokens.refresh_token.clone(),
            Secret::from(""),
            Secret::from("dpt_at_"),
            Secret::new(text.to_uppercase()),
            Secret::new(format!("{text}A")),
            Secret::new(text[..text.len() - 1].to_owned()),
            Secret::new(format!("{}A", &text[..text.len() - 1])),
            Secret::new(text.replace("dpt_at_", "dpt_rt_")),
            Secret::new(format!("dpt_at_{}", "\0".repeat(43))),
            Secret::new(deputy_core::secret::sha256_hex(text.as_bytes())),
        ] {
            if presented.expose() == text {
                continue;
            }
            let error = desk.bearer(&presented, MCP).await.unwrap_err();
            assert!(matches!(error, AuthError::Unknown), "{error}");
        }
        assert!(desk.opens(&tokens).await);
    })
    .await;
}

#[tokio::test]
async fn rights_are_those_of_the_moment() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let identity = &desk.world.identity;
        identity.set_role(desk.anna.id, Role::Admin).await.unwrap();
        let anna = identity.user(desk.anna.id).await.unwrap();
        let asked = desk.check(&[("scope", "admin chat")]).await.unwrap();
        let allowed = desk
            .server
            .allow(&in_browser(&anna), &asked, &asked.scopes)
            .await;
        let code = parameter(&allowed.ok().unwrap().location, "code").unwrap();
        let tokens = desk.redeem(&code, &[]).await.unwrap();
        let principal = desk.bearer(&tokens.access_token, MCP).await.unwrap();
        assert!(principal.may(Scope::Admin) && principal.may(Scope::Chat));
        assert!(!principal.may(Scope::ToolsRead));

        identity.set_role(desk.anna.id, Role::User).await.unwrap();
        let principal = desk.bearer(&tokens.access_token, MCP).await.unwrap();
        assert!(!principal.scopes.contains(Scope::Admin) && principal.may(Scope::Chat));

        identity.disable_user(desk.anna.id).await.unwrap();
        let error = desk.bearer(&tokens.access_token, MCP).await.unwrap_err();
        assert!(matches!(error, AuthError::Disabled), "{error}");
        let error = refusal(desk.refresh(&tokens.refresh_token, &[]).await);
        assert_eq!(
            (error.error, error.description.as_str()),
            ("invalid_grant", "the account is disabled")
        );
        identity.enable_user(desk.anna.id).await.unwrap();
        assert!(
            desk.refresh(&tokens.refresh_token, &[]).await.is_ok(),
            "nothing was used up"
        );

        identity.delete_user(desk.anna.id).await.unwrap();
        let error = desk.bearer(&tokens.access_token, MCP).await.unwrap_err();
        assert!(matches!(error, AuthError::Unknown), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_dead_token_live() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        desk.pass(3600);
        let error = desk.bearer(&tokens.access_token, MCP).await.unwrap_err();
        assert!(matches!(error, AuthError::Expired), "{error}");
        desk.pass(-1800);
        let error = desk.bearer(&tokens.access_token, MCP).await.unwrap_err();
        assert!(matches!(error, AuthError::Expired), "{error}");
        // A process that starts with a clock that is years behind.
        let clock = OffsetClock::default();
        clock.advance(SignedDuration::from_hours(-24 * 1000));
        let (identity, server) = desk.replica(&clock);
        let text = tokens.access_token.expose();
        let error = identity.authenticate_bearer(text, MCP).await.unwrap_err();
        assert!(matches!(error, AuthError::Expired), "{error}");
        let body = Desk::refreshing(&tokens.refresh_token, &[]);
        let error = refusal(server.token(body.as_bytes(), FORM, None, HERE).await);
        assert_eq!(
            (error.status, error.error),
            (503, "temporarily_unavailable")
        );
        // The client kept its token, and the clock was put right.
        assert!(desk.refresh(&tokens.refresh_token, &[]).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_ends_no_grant() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        let clock = OffsetClock::default();
        clock.advance(SignedDuration::from_hours(24 * 1000));
        let (identity, server) = desk.replica(&clock);
        let text = tokens.access_token.expose();
        let error = identity.authenticate_bearer(text, MCP).await.unwrap_err();
        assert!(matches!(error, AuthError::Expired), "{error}");
        let body = Desk::refreshing(&tokens.refresh_token, &[]);
        let error = refusal(server.token(body.as_bytes(), FORM, None, HERE).await);
        assert_eq!((error.error, error.ended), ("invalid_grant", None));
        assert!(
            desk.opens(&tokens).await,
            "it was another process's mistake"
        );
        assert!(desk.refresh(&tokens.refresh_token, &[]).await.is_ok());
    })
    .await;
}

#[test]
fn a_token_lives_from_when_it_was_made_until_it_ends() {
    let clock = OffsetClock::default();
    let now = clock.now();
    let at = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    assert!(is_live(now, at(10), now));
    assert!(is_live(now, at(10), at(9)));
    assert!(!is_live(now, at(10), at(10)), "the end is not of it");
    assert!(
        is_live(at(300), at(400), now),
        "another replica's clock may be ahead"
    );
    assert!(!is_live(at(301), at(400), now));
}

#[tokio::test]
async fn the_last_use_is_swept_into_the_grant() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        let user = desk.world.store.user(desk.anna.id);
        let row = user.oauth_grant(tokens.grant_id).await.unwrap().unwrap();
        assert_eq!(row.last_used_at, None);
        assert!(desk.opens(&tokens).await);
        desk.world.identity.sweep().await.unwrap();
        let row = user.oauth_grant(tokens.grant_id).await.unwrap().unwrap();
        assert!(row.last_used_at.is_some());
    })
    .await;
}
