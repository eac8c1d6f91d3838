//! A program that registered itself and logs in anew.

use deputy_store::testing::for_each_database;

use super::super::super::REPLACED;
use super::*;

/// Tokens of a fresh grant for [`OTHER`], which registered itself.
async fn log_in(desk: &Desk, scope: &str, resource: &str) -> TokenAnswer {
    let wish = [
        ("client_id", OTHER),
        ("redirect_uri", OTHER_AT),
        ("scope", scope),
        ("resource", resource),
    ];
    let code = desk.code(&wish).await;
    let redeeming = [("client_id", OTHER), ("redirect_uri", OTHER_AT)];
    desk.redeem(&code, &redeeming).await.unwrap()
}

async fn is_live(desk: &Desk, tokens: &TokenAnswer) -> bool {
    let grants = desk.server.grants(desk.anna.id).await.unwrap();
    grants.iter().any(|grant| grant.id == tokens.grant_id)
}

#[tokio::test]
async fn an_installation_that_logs_in_anew_leaves_nothing_behind() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let first = log_in(&desk, "chat", MCP).await;
        assert!(first.replaced.is_empty());
        // Asking alone ends nothing.
        let wish = [("client_id", OTHER), ("redirect_uri", OTHER_AT)];
        desk.code(&wish).await;
        assert!(desk.opens(&first).await);
        let second = log_in(&desk, "chat tools:read", MCP).await;
        let replaced: Vec<_> = second
            .replaced
            .iter()
            .map(|e| (e.grant_id, e.why))
            .collect();
        assert_eq!(replaced, [(first.grant_id, REPLACED)]);
        assert!(desk.opens(&second).await && !desk.opens(&first).await);
        let why = desk.bearer(&first.access_token, MCP).await.unwrap_err();
        let why = why.to_string();
        assert!(why.starts_with("the client logged in anew on"), "{why}");
        let old = [("client_id", OTHER)];
        let refused = refusal(desk.refresh(&first.refresh_token, &old).await);
        assert_eq!((refused.error, refused.ended), ("invalid_grant", None));
        let asked = desk.check(&wish).await.unwrap();
        let consent = desk.server.remembered(desk.anna.id, &asked).await.unwrap();
        assert!(consent.is_some(), "the newer consent stays");
    })
    .await;
}

#[tokio::test]
async fn what_opens_something_else_stays_and_so_does_what_is_shared() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let mcp = log_in(&desk, "chat tools:read", MCP).await;
        let api = log_in(&desk, "chat tools:read", API).await;
        let less = log_in(&desk, "chat", MCP).await;
        for tokens in [&mcp, &api, &less] {
            assert!(tokens.replaced.is_empty());
            assert!(is_live(&desk, tokens).await);
        }
        // Of a client whose id all installations share nothing ends by itself.
        let one = desk.tokens(&[]).await;
        let two = desk.tokens(&[]).await;
        assert!(desk.opens(&one).await && desk.opens(&two).await);
        // Nor anything of another person's.
        let bob = desk.world.add("bob").await;
        let bobs = Desk { anna: bob, ..desk };
        let tokens = log_in(&bobs, "chat tools:read", MCP).await;
        assert!(tokens.replaced.is_empty());
        assert!(bobs.opens(&mcp).await);
    })
    .await;
}
