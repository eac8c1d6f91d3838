use deputy_core::{Caller, Scope};
use deputy_store::testing::for_each_database;
use proptest::prelude::*;

use super::super::redirect;
use super::super::tests::*;
use super::*;

fn page(result: Result<Asked, AuthorizeError>) -> PageReason {
    match result.unwrap_err() {
        AuthorizeError::Page(reason) => reason,
        other @ AuthorizeError::Redirect { .. } => panic!("redirects: {other}"),
    }
}

/// The error that goes back, and whether its address is trusted.
fn back(result: Result<Asked, AuthorizeError>) -> (&'static str, bool) {
    match result.unwrap_err() {
        AuthorizeError::Redirect {
            redirect,
            trusted_redirect,
            error,
            ..
        } => {
            assert_eq!(parameter(&redirect, "error").as_deref(), Some(error));
            assert_eq!(
                parameter(&redirect, "iss").as_deref(),
                Some(URL),
                "RFC 9207"
            );
            assert!(parameter(&redirect, "code").is_none());
            (error, trusted_redirect)
        }
        AuthorizeError::Page(reason) => panic!("a page: {reason}"),
    }
}

#[tokio::test]
async fn an_unknown_client_or_address_is_never_redirected() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        for client in [
            "nobody",
            "APP",
            "app ",
            "https://nowhere.test/client.json",
            "a\u{2028}b",
        ] {
            let reason = page(
                desk.check(&[("client_id", client), ("scope", "nothing")])
                    .await,
            );
            let fits = matches!(reason, PageReason::UnknownClient | PageReason::Document(_));
            assert!(fits, "{client}: {reason}");
        }
        for uri in [
            "https://app.test/callback",
            "https://app.test/callback?tenant=1&x=2",
            "https://app.test/callback?tenant=1#",
            "https://app.test/Callback?tenant=1",
            "https://app.test:443/callback?tenant=1",
            "https://APP.test/callback?tenant=1",
            "https://app.test/callback/?tenant=1",
            "https://app.test.evil.test/callback?tenant=1",
            "https://evil.test/?https://app.test/callback?tenant=1",
            "https://app.test@evil.test/callback?tenant=1",
            "http://app.test/callback?tenant=1",
            "javascript:alert(1)",
            "//app.test/callback?tenant=1",
            "https://other.test/callback",
        ] {
            let reason = page(
                desk.check(&[("redirect_uri", uri), ("scope", "nothing")])
                    .await,
            );
            assert!(
                matches!(reason, PageReason::WrongRedirect),
                "{uri}: {reason}"
            );
        }
        // With several addresses, one must be named.
        let reason = page(
            desk.check(&[("client_id", "deputy-cli"), ("redirect_uri", "")])
                .await,
        );
        assert!(matches!(reason, PageReason::WrongRedirect), "{reason}");
        let asked = desk.check(&[("redirect_uri", "")]).await.unwrap();
        assert_eq!(
            (asked.redirect_uri.as_str(), asked.redirect_given),
            (APP_AT, false)
        );
    })
    .await;
}

#[tokio::test]
async fn a_loopback_address_may_have_any_port() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        for uri in [
            "http://localhost:8181/callback",
            "http://127.0.0.1:1/callback",
        ] {
            let changes = [("client_id", "deputy-cli"), ("redirect_uri", uri)];
            let asked = desk.check(&changes).await.unwrap();
            let url = desk.server.deny(&asked).unwrap();
            assert!(
                url.as_str()
                    .starts_with(&format!("{uri}?error=access_denied&")),
                "{url}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_page() {
    let good = Desk::query(&[]);
    for query in [
        String::new(),
        "response_type=code".to_owned(),
        format!("{good}&client_id=other"),
        format!("{good}&redirect_uri=https%3A%2F%2Fevil.test"),
        format!("{good}&state=2"),
        format!("{good}&scope=a&scope=b"),
        format!("{good}&%63lient_id=other"),
        format!("{good}&x=%00"),
        format!("{good}&x=%FF"),
    ] {
        match AuthorizeRequest::parse(&query) {
            Err(AuthorizeError::Page(PageReason::Malformed(_))) => {}
            other => panic!("{query}: {other:?}"),
        }
    }
    assert!(AuthorizeRequest::parse(&format!("{good}&unknown=1&resource=a&resource=b")).is_ok());
}

#[tokio::test]
async fn every_client_must_use_pkce_with_s256() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        for changes in [
            [("code_challenge", ""), ("x", "")],
            [("code_challenge_method", ""), ("x", "")],
            [
                ("code_challenge_method", "plain"),
                ("code_challenge", VERIFIER),
            ],
            [("code_challenge_method", "s256"), ("x", "")],
            [("code_challenge_method", "none"), ("x", "")],
            [("code_challenge", "short"), ("x", "")],
            [("code_challenge", VERIFIER), ("x", "")],
        ] {
            assert_eq!(back(desk.check(&changes).await), ("invalid_request", true));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_goes_back_to_the_client_with_state_and_issuer() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let many: Vec<String> = (0..21).map(|i| format!("{URL}/mcp/s{i}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|url| ("resource", url.as_str())).collect();
        let long = "s".repeat(MAX_STATE + 1);
        let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
            (vec![("response_type", "")], "invalid_request"),
            (
                vec![("response_type", "token")],
                "unsupported_response_type",
            ),
            (
                vec![("response_type", "code token")],
                "unsupported_response_type",
            ),
            (vec![("response_mode", "fragment")], "invalid_request"),
            (vec![("response_mode", "form_post")], "invalid_request"),
            (vec![("request", "eyJ")], "invalid_request"),
            (
                vec![("request_uri", "https://evil.test/r")],
                "invalid_request",
            ),
            (vec![("scope", "nothing known")], "invalid_scope"),
            (
                vec![("resource", "https://evil.test/mcp")],
                "invalid_target",
            ),
            (vec![("resource", URL)], "invalid_target"),
            (vec![("resource", MCP), ("resource", "x")], "invalid_target"),
            (many, "invalid_target"),
            (vec![("state", &long)], "invalid_request"),
        ];
        for (changes, expected) in cases {
            let result = desk.check(&changes).await;
            if let Err(AuthorizeError::Redirect { redirect, .. }) = &result {
                let state = parameter(redirect, "state");
                let sent = changes.iter().find(|(name, _)| *name == "state");
                assert_eq!(state.as_deref(), sent.is_none().then_some("st&te"));
                assert!(
                    redirect
                        .as_str()
                        .starts_with("https://app.test/callback?tenant=1&error=")
                );
            }
            assert_eq!(back(result), (expected, true), "{changes:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_error_is_not_bounced_unasked_to_who_registered_itself() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let of = |client, uri| [("client_id", client), ("redirect_uri", uri), ("scope", "x")];
        assert_eq!(
            back(desk.check(&of(OTHER, OTHER_AT)).await),
            ("invalid_scope", false)
        );
        assert_eq!(
            back(desk.check(&of(APP, APP_AT)).await),
            ("invalid_scope", true)
        );
        let builtin = of("deputy-cli", "http://localhost:9/callback");
        assert_eq!(back(desk.check(&builtin).await), ("invalid_scope", true));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_names_the_issuer_and_the_state() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let asked = desk.check(&[]).await.unwrap();
        let url = desk.server.deny(&asked).unwrap();
        assert_eq!(parameter(&url, "error").as_deref(), Some("access_denied"));
        assert_eq!(parameter(&url, "state").as_deref(), Some("st&te"));
        assert_eq!(parameter(&url, "iss").as_deref(), Some(URL));
        let asked = desk
            .check(&[("state", ""), ("prompt", "none")])
            .await
            .unwrap();
        assert!(asked.prompt_none && !asked.prompt_consent);
        let url = desk.server.interaction_required(&asked).unwrap();
        assert_eq!(
            parameter(&url, "error").as_deref(),
            Some("interaction_required")
        );
        assert_eq!(parameter(&url, "state"), None);
    })
    .await;
}

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
        let grants = desk
            .world
            .store
            .user(desk.anna.id)
            .count_oauth_grants()
            .await
            .unwrap();
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
        let after = desk
            .world
            .store
            .user(desk.anna.id)
            .count_oauth_grants()
            .await
            .unwrap();
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
        let user = desk.world.store.user(desk.anna.id);
        let count = user.count_oauth_grants().await;
        assert_eq!(count.unwrap(), 3, "the one held, and one of each");
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

#[test]
fn an_answer_goes_after_what_the_address_has_already() {
    let answer = [("code", "a b"), ("state", "ö&=")];
    for (uri, expected) in [
        (
            "https://a.test/cb",
            "https://a.test/cb?code=a+b&state=%C3%B6%26%3D",
        ),
        (
            "https://a.test/cb?x=1",
            "https://a.test/cb?x=1&code=a+b&state=%C3%B6%26%3D",
        ),
        (
            "https://a.test/cb?",
            "https://a.test/cb?code=a+b&state=%C3%B6%26%3D",
        ),
        (
            "cursor://app/cb",
            "cursor://app/cb?code=a+b&state=%C3%B6%26%3D",
        ),
        ("com.app:/cb", "com.app:/cb?code=a+b&state=%C3%B6%26%3D"),
    ] {
        assert_eq!(answer_url(uri, &answer).unwrap().as_str(), expected);
    }
    assert!(answer_url("https://a.test/#x", &[]).is_none());
    assert!(answer_url("nonsense", &[]).is_none());
}

proptest! {
    #[test]
    fn a_query_never_panics(query in ".{0,200}") {
        let _ = AuthorizeRequest::parse(&query);
    }

    #[test]
    fn an_answer_never_leaves_the_address(state in ".{0,60}", code in "[ -~]{1,40}") {
        let uri = "https://a.test/cb?x=1";
        let url = answer_url(uri, &[("code", &code), ("state", &state)]).unwrap();
        prop_assert_eq!(url.host_str(), Some("a.test"));
        prop_assert_eq!(url.path(), "/cb");
        prop_assert_eq!(parameter(&url, "code"), Some(code));
        prop_assert_eq!(parameter(&url, "state"), Some(state));
        prop_assert!(redirect::matches(uri, uri));
    }
}
