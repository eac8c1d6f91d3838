use deputy_core::Secret;
use deputy_store::testing::for_each_database;

use super::super::tests::*;
use super::*;
use crate::TokenRequest;

async fn revoke(
    desk: &Desk,
    token: &Secret<String>,
    client: &str,
) -> Result<Option<EndedGrant>, TokenEndpointError> {
    let body = form(&[("token", token.expose()), ("client_id", client)], &[]);
    desk.server.revoke(body.as_bytes(), FORM, None, HERE).await
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
        assert_eq!(revoke(&desk, &tokens.access_token, "").await.unwrap(), None);
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
        let ask = async |user: &crate::User, token: &Secret<String>| {
            let body = form(&[("token", token.expose())], &[]);
            let principal = in_browser(user);
            desk.server
                .introspect(&principal, body.as_bytes(), FORM)
                .await
                .unwrap()
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
            .end_grant(desk.anna.id, tokens.grant_id)
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
