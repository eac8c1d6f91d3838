//! What a person allows, and what is remembered of it.

use super::*;

#[tokio::test]
async fn nobody_is_given_more_than_was_asked_ticked_and_theirs() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let all = Scopes::all().to_string();
        let asked = desk.check(&[("scope", &all)]).await.unwrap();
        let person = in_browser(&desk.anna);
        assert!(!asked.offered(person.role).contains(Scope::Admin));
        let allowed = desk.server.allow(&person, &asked, &Scopes::all()).await;
        assert_eq!(allowed.ok().unwrap().scopes, asked.offered(person.role));

        let asked = desk.check(&[("scope", "tools:read chat")]).await.unwrap();
        let ticked = scopes("chat approvals:decide admin");
        let allowed = desk.server.allow(&person, &asked, &ticked).await;
        assert_eq!(allowed.ok().unwrap().scopes, scopes("chat"));
        let grants = count_oauth_grants(&desk.world.store, desk.anna.id).await;
        for ticked in ["", "admin", "audit:read"] {
            let refused = desk.server.allow(&person, &asked, &scopes(ticked)).await;
            assert!(
                matches!(refused.err(), Some(AllowError::Nothing)),
                "{ticked}"
            );
        }
        // What acts for a person gives nobody else leave to.
        for caller in [
            Caller::System,
            Caller::Token {
                id: 1,
                name: String::new(),
            },
            Caller::Client {
                grant: 1,
                id: String::new(),
                name: String::new(),
            },
        ] {
            let principal = Principal {
                caller,
                ..person.clone()
            };
            let refused = desk.server.allow(&principal, &asked, &Scopes::all()).await;
            assert!(matches!(refused.err(), Some(AllowError::NotInPerson)));
        }
        let after = count_oauth_grants(&desk.world.store, desk.anna.id).await;
        assert_eq!(after, grants);
    })
    .await;
}

#[tokio::test]
async fn the_page_is_left_out_only_for_what_was_allowed_before_at_the_same_https_address() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let first = [("scope", "tools:read chat"), ("resource", MCP)];
        desk.code(&first).await;
        let asked = desk.check(&first).await.unwrap();
        let consent = desk
            .server
            .remembered(desk.anna.id, &asked)
            .await
            .unwrap()
            .unwrap();
        let skips = async |changes: &[(&str, &str)]| {
            let asked = desk.check(changes).await.unwrap();
            desk.server.may_skip(&asked, &consent)
        };
        assert!(skips(&first).await);
        assert!(skips(&[("scope", "chat")]).await, "less");
        assert!(
            !skips(&[("scope", "tools:read chat audit:read")]).await,
            "more"
        );
        assert!(
            !skips(&[("scope", "chat"), ("resource", API)]).await,
            "elsewhere"
        );
        assert!(
            !skips(&[("scope", "chat"), ("prompt", "consent")]).await,
            "asked for"
        );
        assert!(!skips(&[("scope", "chat"), ("prompt", "login consent")]).await);
        let other = [
            ("client_id", OTHER),
            ("redirect_uri", OTHER_AT),
            ("scope", "chat"),
        ];
        assert!(!skips(&other).await, "somebody else's consent");
        let at = |redirect_uri: &str| Consent {
            redirect_uri: redirect_uri.to_owned(),
            ..consent.clone()
        };
        let asked = desk.check(&first).await.unwrap();
        assert!(
            !desk.server.may_skip(&asked, &at(OTHER_AT)),
            "another address of it"
        );
        let theirs = Consent {
            client_id: OTHER.to_owned(),
            ..at(APP_AT)
        };
        assert!(!desk.server.may_skip(&asked, &theirs));
        // The weighty ones are ticked each time.
        let consent = Consent {
            scopes: Scopes::all(),
            ..consent
        };
        let asked = desk.check(&[("scope", "approvals:decide")]).await.unwrap();
        assert!(!desk.server.may_skip(&asked, &consent));
        // Nobody answers for the address of one that registered itself.
        let own = [("client_id", OTHER), ("redirect_uri", OTHER_AT)];
        desk.code(&own).await;
        let asked = desk.check(&own).await.unwrap();
        let theirs = desk.server.remembered(desk.anna.id, &asked).await.unwrap();
        assert!(!desk.server.may_skip(&asked, &theirs.unwrap()));
        // Any program can listen on a loopback port.
        let uri = "http://localhost:8181/callback";
        let local = [("client_id", "deputy-cli"), ("redirect_uri", uri)];
        desk.code(&local).await;
        let asked = desk.check(&local).await.unwrap();
        let consent = desk
            .server
            .remembered(desk.anna.id, &asked)
            .await
            .unwrap()
            .unwrap();
        assert!(!desk.server.may_skip(&asked, &consent));
    })
    .await;
}

#[tokio::test]
async fn so_many_logins_in_a_minute_show_no_page() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let admin = desk.world.identity.user_by_name("admin").await.unwrap();
        for _ in 0..10 {
            assert!(desk.server.count_skip(desk.anna.id));
        }
        assert!(!desk.server.count_skip(desk.anna.id));
        assert!(desk.server.count_skip(admin.id), "somebody else's");
        desk.pass(60);
        assert!(desk.server.count_skip(desk.anna.id));
    })
    .await;
}

#[tokio::test]
async fn what_nobody_redeems_shuts_nobody_out() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let held = desk.tokens(&[]).await;
        let others = [("client_id", OTHER), ("redirect_uri", OTHER_AT)];
        let other = desk.code(&others).await;
        let mut codes = Vec::new();
        for _ in 0..5 {
            codes.push(desk.code(&[]).await);
        }
        let count = count_oauth_grants(&desk.world.store, desk.anna.id).await;
        assert_eq!(count, 3, "the one held, and one of each");
        let last = codes.pop().unwrap();
        for code in codes {
            let refused = desk.redeem(&code, &[]).await.err().unwrap();
            assert_eq!((refused.error, refused.ended), ("invalid_grant", None));
        }
        assert!(desk.redeem(&last, &[]).await.is_ok());
        assert!(desk.redeem(&other, &others).await.is_ok());
        assert!(desk.opens(&held).await);
    })
    .await;
}

#[tokio::test]
async fn nobody_can_have_allowed_too_much() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[]).await.unwrap();
        let principal = in_browser(&desk.anna);
        let tx = desk.world.store.begin().await.unwrap();
        let (at, expires_at) = desk.server.span(desk.config.refresh);
        for i in 0..MAX_GRANTS {
            let grant = NewGrant {
                client_id: APP.to_owned(),
                client_name: APP.to_owned(),
                redirect_uri: APP_AT.to_owned(),
                scopes: scopes("chat"),
                resources: vec![MCP.to_owned()],
                at,
                expires_at,
            };
            let grant = tx.user(desk.anna.id).insert_oauth_grant(grant).await;
            let code = NewCode {
                code_hash: format!("{i}"),
                grant_id: grant.unwrap().id,
                redirect_uri: APP_AT.to_owned(),
                redirect_given: true,
                challenge: challenge(),
                at,
                expires_at,
            };
            tx.insert_oauth_code(code).await.unwrap();
            assert!(tx.use_oauth_code(&format!("{i}"), at).await.unwrap());
        }
        tx.commit().await.unwrap();
        let refused = desk.server.allow(&principal, &asked, &Scopes::all()).await;
        assert!(matches!(
            refused.err(),
            Some(AllowError::TooMany(MAX_GRANTS))
        ));
        desk.pass(desk.config.refresh.as_secs());
        let allowed = desk.server.allow(&principal, &asked, &Scopes::all()).await;
        assert!(allowed.is_ok(), "what has lapsed does not count");
    })
    .await;
}
