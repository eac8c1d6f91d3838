use deputy_core::Clock as _;
use deputy_store::testing::for_each_database;

use super::super::tests::*;
use super::*;
use crate::oauth::{AuthorizeError, PageReason};

#[tokio::test]
async fn a_blocked_client_asks_for_nothing_gets_nothing_and_loses_what_it_had() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let tokens = desk.tokens(&[]).await;
        let waiting = desk.code(&[]).await;
        let asked = desk.check(&[]).await.unwrap();
        let blocked = desk.server.block(&Subject::Client(APP.to_owned())).await;
        let blocked = blocked.unwrap();
        assert_eq!(blocked.ended.len(), 2, "one redeemed, one not");
        let why = desk.bearer(&tokens.access_token, MCP).await.unwrap_err();
        assert!(why.to_string().starts_with("an administrator blocked"));
        let refused = desk.check(&[]).await.unwrap_err();
        let is_blocked = matches!(refused, AuthorizeError::Page(PageReason::Blocked));
        assert!(is_blocked, "{refused}");
        for refused in [
            desk.refresh(&tokens.refresh_token, &[]).await,
            desk.redeem(&waiting, &[]).await,
        ] {
            let refused = refusal(refused);
            assert_eq!(
                (refused.status, refused.error),
                (400, "unauthorized_client")
            );
        }
        // A consent that was under way comes to nothing.
        let principal = in_browser(&desk.anna);
        let late = desk.server.allow(&principal, &asked, &asked.scopes).await;
        let code = parameter(&late.unwrap().location, "code").unwrap();
        let refused = refusal(desk.redeem(&code, &[]).await);
        assert_eq!(refused.error, "unauthorized_client");

        let again = desk.server.block(&Subject::Client(APP.to_owned())).await;
        let again = again.unwrap();
        assert_eq!((again.block, again.ended.len()), (blocked.block.clone(), 1));
        let id = blocked.block.id;
        let unblocked = desk.server.unblock(id).await.unwrap();
        assert_eq!(unblocked, Some(blocked.block));
        assert_eq!(desk.server.unblock(id).await.unwrap(), None);
        assert!(!desk.opens(&tokens).await, "what ended stays ended");
        let tokens = desk.tokens(&[]).await;
        assert!(desk.opens(&tokens).await);
    })
    .await;
}

#[tokio::test]
async fn a_blocked_host_takes_all_that_is_described_there() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let now = desk.world.clock.now();
        let tx = desk.world.store.begin().await.unwrap();
        for id in [
            "https://evil.test/a.json",
            "https://evil.test:8443/b.json",
            "https://good.test/evil.test/c.json",
            "https://not-evil.test/d.json",
        ] {
            let grant = deputy_store::oauth_grant::NewGrant {
                client_id: id.to_owned(),
                client_name: "x".to_owned(),
                redirect_uri: APP_AT.to_owned(),
                scopes: scopes("chat"),
                resources: vec![MCP.to_owned()],
                at: now,
                expires_at: now + jiff::SignedDuration::from_hours(1),
            };
            let made = tx.user(desk.anna.id).insert_oauth_grant(grant).await;
            made.unwrap();
        }
        // Nothing is left of this one but that the person need not be asked.
        let lapsed = "https://evil.test/lapsed.json";
        let consent = deputy_store::oauth_consent::Consent {
            client_id: lapsed.to_owned(),
            redirect_uri: APP_AT.to_owned(),
            scopes: scopes("chat"),
            resources: vec![MCP.to_owned()],
            allowed_at: now,
        };
        let hers = tx.user(desk.anna.id);
        hers.put_oauth_consent(consent).await.unwrap();
        tx.commit().await.unwrap();
        let subject = Subject::Host(" EVIL.test. ".to_owned());
        let blocked = desk.server.block(&subject).await.unwrap();
        assert_eq!(blocked.block.name, "evil.test");
        let ended: Vec<_> = blocked.ended.iter().map(|g| g.client_id.as_str()).collect();
        let evil = ["https://evil.test/a.json", "https://evil.test:8443/b.json"];
        assert_eq!(ended, evil);
        let hers = desk.world.store.user(desk.anna.id);
        assert!(hers.oauth_consent(lapsed).await.unwrap().is_none());
        let new = ["https://evil.test/new.json", "https://evil.test./a.json"];
        for id in evil.iter().chain(&new) {
            assert!(desk.server.is_blocked(id).await.unwrap(), "{id}");
        }
        for id in [
            "https://good.test/",
            "evil.test",
            "https://a.evil.test/x",
            APP,
        ] {
            assert!(!desk.server.is_blocked(id).await.unwrap(), "{id}");
        }
        let refused = desk.check(&[("client_id", evil[0])]).await.unwrap_err();
        let is_blocked = matches!(refused, AuthorizeError::Page(PageReason::Blocked));
        assert!(is_blocked, "nothing is fetched: {refused}");
    })
    .await;
}

#[tokio::test]
async fn what_is_neither_a_client_nor_a_host_is_not_blocked() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let client = |id: &str| Subject::Client(id.to_owned());
        let host = |name: &str| Subject::Host(name.to_owned());
        for subject in [
            client(""),
            client(" app"),
            client("a\nb"),
            client(&"x".repeat(1025)),
            host(""),
            host("a b"),
            host("evil.test/x"),
            host("evil.test:8443"),
            host("x@evil.test"),
            host("evil.test?x"),
            host("https://evil.test"),
        ] {
            let refused = desk.server.block(&subject).await;
            assert!(matches!(refused, Err(BlockError::Name(_))), "{subject:?}");
        }
        // As an id it would block nothing.
        let mistaken = desk.server.block(&client("evil.test")).await;
        assert!(matches!(mistaken, Err(BlockError::Host(_))), "{mistaken:?}");
        assert!(desk.server.blocks(None, 10).await.unwrap().is_empty());
        assert!(desk.server.block(&client("com.example")).await.is_err());
        let block = async |subject| desk.server.block(&subject).await.unwrap().block;
        let one = block(client("https://evil.test/c.json")).await;
        let two = block(host("evil.test")).await;
        let listed = async |after, limit| desk.server.blocks(after, limit).await.unwrap();
        assert_eq!(listed(None, 10).await, [one.clone(), two.clone()]);
        assert_eq!(listed(None, 1).await, std::slice::from_ref(&one));
        assert_eq!(listed(Some(one.id), 10).await, [two]);
    })
    .await;
}

#[tokio::test]
async fn an_administrator_ends_all_access_of_a_client_or_of_a_person() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[]).await.unwrap();
        let remembered = async || {
            let found = desk.server.remembered(desk.anna.id, &asked).await;
            found.unwrap().is_some()
        };
        let first = desk.tokens(&[]).await;
        let cli = [
            ("client_id", "deputy-cli"),
            ("redirect_uri", "http://127.0.0.1:8181/callback"),
        ];
        let code = desk.code(&cli).await;
        let own = desk.redeem(&code, &cli).await.unwrap();
        let programs = desk.server.programs(0, 10).await.unwrap();
        assert_eq!(programs.len(), 2);
        let ended = desk.server.end_client("deputy-cli").await.unwrap();
        assert_eq!(ended.len(), 1);
        assert!(!desk.opens(&own).await && desk.opens(&first).await);
        assert!(
            desk.server
                .end_client("deputy-cli")
                .await
                .unwrap()
                .is_empty()
        );
        let code = desk.code(&cli).await;
        let own = desk.redeem(&code, &cli).await.unwrap();
        assert!(desk.opens(&own).await, "it may ask again");

        let admin = desk.world.identity.user_by_name("admin").await.unwrap();
        assert!(desk.server.end_person(admin.id).await.unwrap().is_empty());
        assert!(remembered().await);
        let ended = desk.server.end_person(desk.anna.id).await.unwrap();
        assert_eq!(ended.len(), 2);
        assert!(!desk.opens(&own).await && !desk.opens(&first).await);
        assert!(!remembered().await);
        let why = desk.bearer(&own.access_token, MCP).await.unwrap_err();
        assert!(
            why.to_string()
                .starts_with("an administrator ended the access")
        );
    })
    .await;
}
