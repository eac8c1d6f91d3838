use deputy_core::{Caller, Scope};
use deputy_store::testing::{count_oauth_grants, for_each_database};
use proptest::prelude::*;

use super::super::tests::*;
use super::super::{DocumentError, redirect};
use super::*;

mod allowed;

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
        let most = desk.check(&many[..20]).await.unwrap();
        assert_eq!(most.resources.len(), 20);
        let longest = "s".repeat(8 * 1024);
        assert!(desk.check(&[("state", &longest)]).await.is_ok());
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

#[test]
fn what_passes_is_told_from_what_is_wrong() {
    let reason = |error: ClientError| match AuthorizeError::from(error) {
        AuthorizeError::Page(reason) => reason,
        redirect @ AuthorizeError::Redirect { .. } => panic!("{redirect}"),
    };
    for passing in [
        DocumentError::Unreachable,
        DocumentError::Status(503),
        DocumentError::Status(429),
    ] {
        let reason = reason(passing.into());
        assert!(matches!(reason, PageReason::Unavailable(60)), "{reason}");
    }
    for wrong in [DocumentError::Status(404), DocumentError::OtherClient] {
        let reason = reason(wrong.into());
        assert!(matches!(reason, PageReason::Document(_)), "{reason}");
    }
    let throttled = Throttled {
        retry_after: std::time::Duration::from_secs(90),
    };
    let reason = reason(throttled.into());
    assert!(matches!(reason, PageReason::Throttled(_)), "{reason}");
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

mod held;
