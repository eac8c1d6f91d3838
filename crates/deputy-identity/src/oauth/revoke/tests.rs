use deputy_core::Secret;
use deputy_store::testing::for_each_database;

use super::super::PERSON;
use super::super::tests::*;
use super::*;
use crate::TokenRequest;

async fn revoke(
    desk: &Desk,
    token: &Secret<String>,
    client: &str,
) -> Result<Option<EndedGrant>, TokenEndpointError> {
    let body = form(&[("token", token.expose()), ("client_id", client)], &[]);
    let revoked = desk
        .server
        .revoke(body.as_bytes(), FORM, None, HERE)
        .await?;
    Ok(match revoked {
        Revoked::Grant(ended) => Some(ended),
        Revoked::Access | Revoked::Nothing => None,
    })
}

async fn asked(
    desk: &Desk,
    token: &Secret<String>,
    client: &str,
    bearer: Option<&Secret<String>>,
) -> Result<Value, TokenEndpointError> {
    let body = form(&[("token", token.expose()), ("client_id", client)], &[]);
    let bearer = bearer.map(|token| format!("bearer  {}", token.expose()));
    let body = body.as_bytes();
    desk.server
        .introspect(body, FORM, bearer.as_deref(), HERE)
        .await
}

#[tokio::test]
async fn a_refresh_token_that_is_given_back_ends_its_grant() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let kept = desk.tokens(&[]).await;
        let tokens = desk.tokens(&[]).await;
        let asked = desk.check(&[]).await.unwrap();
        let remembered = async || {
            let found = desk.server.remembered(desk.anna.id, &asked).await;
            found.unwrap().is_some()
        };
        let error = revoke(&desk, &tokens.refresh_token, OTHER)
            .await
            .unwrap_err();
        assert_eq!(error.error, "invalid_grant", "somebody else's");
        assert!(desk.opens(&tokens).await && remembered().await);
        let ended = revoke(&desk, &tokens.refresh_token, APP)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((ended.grant_id, ended.why), (tokens.grant_id, CLIENT));
        assert_eq!(ended.user_id, desk.anna.id);
        assert!(!remembered().await, "the next login asks the person");
        let error = desk
            .bearer(&tokens.access_token, MCP)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the client gave its access back on"),
            "{error}"
        );
        assert_eq!(
            revoke(&desk, &tokens.refresh_token, APP).await.unwrap(),
            None,
            "again"
        );
        assert!(desk.opens(&kept).await, "another grant of the same client");
    })
    .await;
}

#[tokio::test]
async fn an_access_token_that_is_given_back_ends_alone() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        let body = form(&[("token", tokens.access_token.expose())], &[]);
        for revoked in [Revoked::Access, Revoked::Nothing] {
            let told = desk.server.revoke(body.as_bytes(), FORM, None, HERE).await;
            assert_eq!(told.unwrap(), revoked);
        }
        assert!(!desk.opens(&tokens).await);
        let next = desk.refresh(&tokens.refresh_token, &[]).await.unwrap();
        assert!(desk.opens(&next).await);
    })
    .await;
}

#[tokio::test]
async fn what_is_unknown_is_as_good_as_revoked() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let nothing = "x".repeat(43);
        for text in [
            "nonsense",
            &format!("dpt_at_{nothing}"),
            &format!("dpt_rt_{nothing}"),
        ] {
            let text = Secret::from(text);
            assert_eq!(revoke(&desk, &text, APP).await.unwrap(), None);
        }
        let empty = desk.server.revoke(b"", FORM, None, HERE).await.unwrap_err();
        assert_eq!((empty.status, empty.error), (400, "invalid_request"));
        let json = desk
            .server
            .revoke(b"{}", Some("application/json"), None, HERE)
            .await;
        assert_eq!(json.unwrap_err().error, "invalid_request");
        let personal = Secret::new(format!("dpt_pat_{nothing}"));
        let error = revoke(&desk, &personal, APP).await.unwrap_err();
        assert_eq!(error.error, "unsupported_token_type");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_told_of_only_to_its_own_person() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[("scope", "chat tools:read")]).await;
        let request = TokenRequest {
            name: "script".to_owned(),
            scopes: Some(scopes("chat")),
            days: Some(1),
        };
        let made = desk
            .world
            .identity
            .create_token(desk.anna.id, request)
            .await;
        let (personal, _) = made.unwrap();
        let admin = desk.world.identity.user_by_name("admin").await.unwrap();
        let mut own = Vec::new();
        for user in [&desk.anna, &admin] {
            let request = TokenRequest {
                name: "asks".to_owned(),
                scopes: None,
                days: None,
            };
            let made = desk.world.identity.create_token(user.id, request).await;
            own.push((user.id, made.unwrap().0));
        }
        let ask = async |user: &crate::User, token: &Secret<String>| {
            let own = own.iter().find(|(id, _)| *id == user.id);
            let bearer = own.map(|(_, token)| token);
            asked(&desk, token, "", bearer).await.unwrap()
        };
        let told = ask(&desk.anna, &tokens.access_token).await;
        assert_eq!(told["active"], true);
        assert_eq!(told["scope"], "tools:read chat");
        assert_eq!(told["client_id"], APP);
        assert_eq!(told["sub"], desk.anna.id.0.to_string());
        assert_eq!(told["aud"], json!([MCP]));
        assert_eq!(told["iss"], URL);
        let lasts = told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap();
        assert_eq!(lasts, 3600);
        assert_eq!(ask(&desk.anna, &tokens.refresh_token).await["active"], true);
        assert_eq!(ask(&desk.anna, &personal).await["scope"], "chat");

        let inactive = json!({ "active": false });
        for token in [&tokens.access_token, &tokens.refresh_token, &personal] {
            assert_eq!(
                ask(&admin, token).await,
                inactive,
                "not even to an administrator"
            );
        }
        assert_eq!(ask(&desk.anna, &Secret::from("nonsense")).await, inactive);
        let next = desk.refresh(&tokens.refresh_token, &[]).await.unwrap();
        assert_eq!(
            ask(&desk.anna, &tokens.refresh_token).await,
            inactive,
            "rotated"
        );
        desk.pass(3600);
        assert_eq!(
            ask(&desk.anna, &next.access_token).await,
            inactive,
            "expired"
        );
        desk.pass(24 * 3600);
        assert_eq!(ask(&desk.anna, &personal).await, inactive, "expired");
        desk.server
            .end_grant(desk.anna.id, tokens.grant_id, PERSON)
            .await
            .unwrap();
        assert_eq!(
            ask(&desk.anna, &next.refresh_token).await,
            inactive,
            "ended"
        );
    })
    .await;
}

#[tokio::test]
async fn a_client_is_told_about_its_own_tokens_and_no_others() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        let elsewhere = desk.tokens(&[("resource", API)]).await;
        let other = [("client_id", OTHER), ("redirect_uri", OTHER_AT)];
        let code = desk.code(&other).await;
        let others = desk.redeem(&code, &other).await.unwrap();
        let tell = async |token, client: &str, bearer| {
            let told = asked(&desk, token, client, bearer).await.unwrap();
            told["active"] == true
        };
        // A token for any resource opens this, and what it may ask about hangs on the same grant.
        let own = Some(&tokens.access_token);
        assert!(tell(&tokens.access_token, "", own).await);
        assert!(tell(&tokens.refresh_token, "", own).await);
        assert!(tell(&elsewhere.refresh_token, "", Some(&elsewhere.access_token)).await);
        for token in [&elsewhere.access_token, &others.refresh_token] {
            assert!(!tell(token, "", own).await);
        }
        // Without one, the client is named.
        assert!(tell(&tokens.refresh_token, APP, None).await);
        assert!(tell(&others.access_token, OTHER, None).await);
        assert!(!tell(&others.access_token, APP, None).await);
        assert!(!tell(&Secret::from("dpt_rt_x"), APP, None).await);
        for (client, bearer) in [("", None), (APP, Some(&tokens.refresh_token))] {
            let refused = asked(&desk, &tokens.access_token, client, bearer).await;
            let refused = refused.unwrap_err();
            assert_eq!((refused.status, refused.error), (401, "invalid_token"));
        }
    })
    .await;
}

#[tokio::test]
async fn who_guesses_at_tokens_is_slowed_down_and_who_asks_about_their_own_is_not() {
    for_each_database(|store| async move {
        let desk = Desk::with(store, |config| config.token_per_min = 3).await;
        let tokens = desk.tokens(&[]).await;
        for _ in 0..20 {
            let told = asked(&desk, &tokens.access_token, APP, None).await;
            assert_eq!(told.unwrap()["active"], true);
        }
        let made_up = Secret::new(format!("dpt_at_{}", "x".repeat(43)));
        for _ in 0..3 {
            let told = asked(&desk, &made_up, APP, None).await.unwrap();
            assert_eq!(told["active"], false);
        }
        let refused = asked(&desk, &made_up, APP, None).await.unwrap_err();
        assert_eq!(refused.status, 429);
        desk.pass(60);
        for _ in 0..30 {
            let told = asked(&desk, &tokens.access_token, APP, None).await;
            assert_eq!(told.unwrap()["active"], true);
        }
        let refused = asked(&desk, &tokens.access_token, APP, None).await;
        assert_eq!(refused.unwrap_err().status, 429, "not without end either");
    })
    .await;
}
