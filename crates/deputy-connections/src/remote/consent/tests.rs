use serde_json::json;

use super::super::testing::{RESOURCE, World, for_each_world};
use super::*;
use crate::testing::{Reply, parameter};

async fn begin(w: &World) -> Url {
    w.remote.begin(w.alice, &w.hers).await.unwrap()
}

async fn attached(w: &World) -> bool {
    let account = w.remote.account(w.alice, w.hers.id).await.unwrap();
    account.is_some_and(|account| account.connected)
}

#[tokio::test]
async fn a_consent_brings_a_token_for_its_person_and_its_url() {
    for_each_world(async |w| {
        let url = begin(&w).await;
        assert_eq!(url.path(), "/authorize");
        for (name, value) in [
            ("tenant", "1"),
            ("response_type", "code"),
            (
                "redirect_uri",
                "http://127.0.0.1:8484/servers/oauth/callback",
            ),
            ("code_challenge_method", "S256"),
            ("resource", w.hers.url.as_str()),
            ("scope", ""),
        ] {
            assert_eq!(parameter(&url, name), value, "{name}");
        }
        let query = w.provider.allow(&url);
        let connected = w.remote.complete(w.alice, query).await.unwrap();
        assert_eq!(connected.server_id, w.hers.id);
        let token = w.token().await.unwrap().unwrap();
        assert!(token.starts_with("at-"));

        // Nobody else's, at no other URL, and not plain in the database.
        assert!(
            w.remote
                .bearer(w.bob, w.his.id, &w.his.url)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            w.remote
                .bearer(w.bob, w.hers.id, &w.hers.url)
                .await
                .unwrap()
                .is_none()
        );
        let other = w.provider.at("/other");
        assert!(
            w.remote
                .bearer(w.alice, w.hers.id, &other)
                .await
                .unwrap()
                .is_none()
        );
        let row = w
            .store
            .user(w.alice)
            .remote_account(w.hers.id)
            .await
            .unwrap()
            .unwrap();
        for sealed in [row.access_token, row.refresh_token, row.client] {
            let sealed = sealed.unwrap();
            for plain in [token.as_bytes(), b"rt-", b"secret:of"] {
                assert!(!sealed.windows(plain.len()).any(|w| w == plain));
            }
        }
        let his = w.connect(w.bob, &w.his).await;
        assert_eq!(his.server_id, w.his.id);
        let his = w
            .remote
            .bearer(w.bob, w.his.id, &w.his.url)
            .await
            .unwrap()
            .unwrap();
        assert_ne!(*his.secret.expose(), token);
    })
    .await;
}

#[tokio::test]
async fn an_answer_counts_once_and_only_for_who_began() {
    for_each_world(async |w| {
        let query = w.provider.allow(&begin(&w).await);
        let refused = async |who, query: &CallbackQuery| {
            w.remote
                .complete(who, query.clone())
                .await
                .unwrap_err()
                .as_str()
        };
        // The wrong browser attaches nothing, and uses nothing up.
        assert_eq!(refused(w.bob, &query).await, "other_person");
        assert!(!attached(&w).await);
        let with = |state: Option<String>| CallbackQuery {
            state,
            ..query.clone()
        };
        assert_eq!(refused(w.alice, &with(None)).await, "missing_state");
        let mut forged = query.state.clone().unwrap();
        forged.replace_range(3..4, "B");
        assert_eq!(refused(w.alice, &with(Some(forged))).await, "forged_state");
        w.remote.precheck(&query).await.unwrap();
        w.remote.complete(w.alice, query.clone()).await.unwrap();
        assert_eq!(refused(w.alice, &query).await, "used_state");

        let late = w.provider.allow(&begin(&w).await);
        w.pass(11);
        assert_eq!(refused(w.alice, &late).await, "expired_state");
        assert!(w.remote.precheck(&late).await.is_err());
        let empty = CallbackQuery {
            code: None,
            ..w.provider.allow(&begin(&w).await)
        };
        assert_eq!(refused(w.alice, &empty).await, "missing_code");
    })
    .await;
}

#[tokio::test]
async fn who_answers_must_be_who_was_asked() {
    for_each_world(async |w| {
        let issuer = w.provider.issuer();
        for (advertised, iss, good) in [
            (true, Some(issuer.clone()), true),
            (true, None, false),
            (true, Some("https://evil.test".to_owned()), false),
            (true, Some(format!("{issuer}/")), false),
            (false, Some(issuer.clone()), true),
            (false, None, true),
            (false, Some(issuer.to_uppercase()), false),
        ] {
            w.provider.describe_server(
                &json!({"authorization_response_iss_parameter_supported": advertised}),
            );
            let before = w.provider.seen("/token").len();
            let query = w.provider.allow(&begin(&w).await);
            let outcome = w
                .remote
                .complete(
                    w.alice,
                    CallbackQuery {
                        iss: iss.clone(),
                        ..query
                    },
                )
                .await;
            assert_eq!(outcome.is_ok(), good, "{advertised} {iss:?}");
            if !good {
                assert!(matches!(outcome, Err(CallbackError::OtherIssuer)));
                assert_eq!(w.provider.seen("/token").len(), before, "no code was sent");
            }
        }
        // Its error isn't believed either, nor shown.
        w.provider.describe_server(&json!({}));
        let lie = CallbackQuery {
            code: None,
            error: Some("call_this_number".to_owned()),
            iss: Some("https://evil.test".to_owned()),
            ..w.provider.allow(&begin(&w).await)
        };
        let error = w.remote.complete(w.alice, lie).await.unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("call_this"),
            "{error:?}"
        );
        let honest = CallbackQuery {
            code: None,
            error: Some("access_denied<b>".to_owned()),
            ..w.provider.allow(&begin(&w).await)
        };
        let error = w.remote.complete(w.alice, honest).await.unwrap_err();
        assert!(matches!(&error, CallbackError::Refused { error } if error == "access_deniedb"));
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_for_grows_with_what_the_server_wants() {
    for_each_world(async |w| {
        let scope = async || parameter(&begin(&w).await, "scope");
        w.provider
            .describe_resource(&json!({"scopes_supported": ["usual", "two"]}));
        assert_eq!(scope().await, "usual two");
        w.provider.challenge(r#"Bearer scope="first""#);
        assert_eq!(scope().await, "first");
        w.provider
            .describe_server(&json!({"scopes_supported": ["first", "offline_access"]}));
        let url = begin(&w).await;
        assert_eq!(parameter(&url, "scope"), "first offline_access");
        assert_eq!(parameter(&url, "prompt"), "consent");
        let query = w.provider.allow(&url);
        w.remote.complete(w.alice, query).await.unwrap();

        let generation = w
            .remote
            .bearer(w.alice, w.hers.id, &w.hers.url)
            .await
            .unwrap()
            .unwrap()
            .generation;
        let more = r#"Bearer error="insufficient_scope", scope="second""#;
        let refused = w
            .remote
            .refused(
                w.alice,
                w.hers.id,
                &w.hers.url,
                Some(generation),
                Some(more),
            )
            .await;
        assert!(matches!(
            refused,
            Err(super::super::AccessError::ConsentNeeded)
        ));
        // The token is still good for what it was good for.
        assert!(w.token().await.unwrap().is_some());
        let account = w.remote.account(w.alice, w.hers.id).await.unwrap().unwrap();
        assert_eq!(account.wanted_scopes, ["second"]);
        assert_eq!(scope().await, "first offline_access second");
        w.connect(w.alice, &w.hers).await;
        let account = w.remote.account(w.alice, w.hers.id).await.unwrap().unwrap();
        assert_eq!(account.scopes, ["first", "offline_access", "second"]);
        assert!(account.wanted_scopes.is_empty());
        let mut hers = w.hers.clone();
        hers.scopes = vec!["template".to_owned()];
        let url = w
            .remote
            .begin(
                w.bob,
                &Server {
                    id: w.his.id,
                    ..hers
                },
            )
            .await
            .unwrap();
        assert_eq!(parameter(&url, "scope"), "first template offline_access");
    })
    .await;
}

#[tokio::test]
async fn a_code_that_is_not_exchanged_attaches_nothing() {
    for_each_world(async |w| {
        for (reply, reason) in [
            (Reply::error(400, "invalid_grant"), "invalid_grant"),
            (Reply::error(400, "weird<x>"), "weirdx"),
            (Reply::Json(500, json!({})), "server"),
            (Reply::Reset, "network"),
            (
                Reply::with_header(302, "location: http://169.254.169.254/"),
                "malformed",
            ),
            (
                Reply::Json(200, json!({"access_token": "a", "token_type": "DPoP"})),
                "token_type",
            ),
            (
                Reply::Json(200, json!({"token_type": "Bearer"})),
                "malformed",
            ),
        ] {
            w.provider.plant("/token", [reply]);
            let query = w.provider.allow(&begin(&w).await);
            match w.remote.complete(w.alice, query).await {
                Err(CallbackError::Exchange { reason: found }) => assert_eq!(found, reason),
                other => panic!("{other:?}"),
            }
            assert!(!attached(&w).await);
        }
        // A client that is not known any more is registered anew.
        let query = w.provider.allow(&begin(&w).await);
        w.provider.forget_clients();
        assert!(w.remote.complete(w.alice, query).await.is_err());
        w.connect(w.alice, &w.hers).await;
    })
    .await;
}

#[tokio::test]
async fn a_scope_that_is_not_known_any_more_is_not_asked_for_again() {
    for_each_world(async |w| {
        w.provider.challenge(r#"Bearer scope="old""#);
        w.connect(w.alice, &w.hers).await;
        w.provider.challenge(r#"Bearer scope="new""#);
        let url = begin(&w).await;
        assert_eq!(parameter(&url, "scope"), "old new");
        let refused = CallbackQuery {
            code: None,
            error: Some("invalid_scope".to_owned()),
            ..w.provider.allow(&url)
        };
        let error = w.remote.complete(w.alice, refused).await.unwrap_err();
        assert!(matches!(&error, CallbackError::Refused { error } if error == "invalid_scope"));
        // The account is there still.
        assert!(w.token().await.unwrap().is_some());
        assert_eq!(parameter(&begin(&w).await, "scope"), "new");
        // A person who says no is asked the same again.
        w.connect(w.alice, &w.hers).await;
        let refused = CallbackQuery {
            code: None,
            error: Some("access_denied".to_owned()),
            ..w.provider.allow(&begin(&w).await)
        };
        w.remote.complete(w.alice, refused).await.unwrap_err();
        let account = w.remote.account(w.alice, w.hers.id).await.unwrap().unwrap();
        assert_eq!(account.scopes, ["new"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_known_of_another_address_is_not_carried_over() {
    for_each_world(async |w| {
        w.provider.challenge(r#"Bearer scope="admin""#);
        w.connect(w.alice, &w.hers).await;
        let held = w.remote.bearer(w.alice, w.hers.id, &w.hers.url).await;
        let generation = held.unwrap().unwrap().generation;
        let challenge = format!(
            r#"Bearer error="insufficient_scope", scope="admin", resource_metadata="{}""#,
            w.provider.at("/elsewhere")
        );
        let more = Some(challenge.as_str());
        let refused = w
            .remote
            .refused(w.alice, w.hers.id, &w.hers.url, Some(generation), more);
        refused.await.err().unwrap();
        let row = async || {
            let hers = w.store.user(w.alice);
            hers.remote_account(w.hers.id).await.unwrap().unwrap()
        };
        let before = row().await;
        assert_eq!((before.step_ups, before.metadata_url.is_some()), (1, true));
        w.provider.document(
            "/.well-known/oauth-protected-resource/mcp/moved",
            Reply::Json(
                200,
                json!({"resource": w.hers.url, "authorization_servers": [w.provider.issuer()]}),
            ),
        );
        let moved = Server {
            url: w.provider.at("/mcp/moved"),
            ..w.hers.clone()
        };
        let url = w.remote.begin(w.alice, &moved).await.unwrap();
        let query = w.provider.allow(&url);
        w.remote.complete(w.alice, query).await.unwrap();
        let after = row().await;
        assert_eq!(after.server_url, moved.url.as_str());
        assert_eq!((after.step_ups, after.metadata_url), (0, None));
        assert!(after.connected_at > before.connected_at);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_gone_or_not_theirs_gets_no_account() {
    for_each_world(async |w| {
        let query = w.provider.allow(&begin(&w).await);
        let tx = w.store.begin().await.unwrap();
        tx.user(w.alice).own_server_delete(w.hers.id).await.unwrap();
        tx.commit().await.unwrap();
        let error = w.remote.complete(w.alice, query).await.unwrap_err();
        assert!(matches!(error, CallbackError::NoServer));
        // What it brought is given back.
        w.remote.sweep().await.unwrap();
        let told = w.provider.seen("/revoke");
        assert_eq!(told.len(), 1);
        assert!(told[0].form["token"].starts_with("rt-"));
        // Bob's server's number doesn't help her.
        let url = w.remote.begin(w.alice, &w.his).await.unwrap();
        let query = w.provider.allow(&url);
        let error = w.remote.complete(w.alice, query).await.unwrap_err();
        assert!(matches!(error, CallbackError::NoServer));
        assert!(w.remote.account(w.bob, w.his.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_server_at_a_private_address_is_refused_before_it_is_asked() {
    for_each_world(async |w| {
        for url in [
            "http://169.254.169.254/mcp",
            "https://127.0.0.1:1/mcp",
            "https://localhost/mcp",
            "http://example.com/mcp",
        ] {
            let server = Server {
                url: url.parse().unwrap(),
                ..w.hers.clone()
            };
            let error = w.remote.begin(w.alice, &server).await.unwrap_err();
            assert_eq!(error.as_str(), "blocked", "{url}: {error}");
        }
        w.provider
            .challenge(r#"Bearer resource_metadata="http://169.254.169.254/latest""#);
        let error = w.remote.begin(w.alice, &w.hers).await.unwrap_err();
        assert_eq!(error.as_str(), "blocked");
        assert!(error.to_string().contains("169.254.169.254"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_state_of_google_is_none_here_and_the_other_way_round() {
    for_each_world(async |w| {
        let google = crate::testing::connections_beside(&w.store, &w.lifecycle, &w.clock).await;
        let url = google.begin(w.alice, crate::Services::ALL).await.unwrap();
        let query = CallbackQuery {
            iss: Some(w.provider.issuer()),
            ..crate::testing::answer_to(&url)
        };
        let error = w.remote.complete(w.alice, query).await.unwrap_err();
        assert!(matches!(error, CallbackError::ForgedState));
        let query = w.provider.allow(&begin(&w).await);
        let error = google.complete(w.alice, query.clone()).await.unwrap_err();
        assert!(matches!(error, crate::CallbackError::ForgedState));
        w.remote.complete(w.alice, query).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_noted_stands_in_only_for_what_the_server_leaves_open() {
    for_each_world(async |w| {
        let refused = async |challenge: &str| {
            let refused = w
                .remote
                .refused(w.alice, w.hers.id, &w.hers.url, None, Some(challenge));
            refused.await.err().unwrap();
        };
        let hinting = |path: &str, more: &str| {
            format!(
                r#"Bearer resource_metadata="{}"{more}"#,
                w.provider.at(path)
            )
        };
        let scope = async || parameter(&begin(&w).await, "scope");
        w.provider
            .describe_resource(&json!({"scopes_supported": ["wide"]}));
        // Where the metadata is was noted; the scope is asked for.
        refused(&hinting(RESOURCE, "")).await;
        w.provider.challenge(r#"Bearer scope="narrow""#);
        assert_eq!(scope().await, "narrow");
        w.remote.forget(w.alice, w.hers.id).await.unwrap();

        // The scope was noted; where the metadata is, is asked for.
        let metadata =
            json!({"resource": w.hers.url, "authorization_servers": [w.provider.issuer()]});
        w.provider
            .document("/elsewhere", Reply::Json(200, metadata));
        w.provider.forget_document(RESOURCE);
        refused(r#"Bearer scope="noted""#).await;
        w.provider
            .challenge(&hinting("/elsewhere", r#", scope="less""#));
        assert_eq!(scope().await, "noted");

        // Where it was noted to be, nobody answers any more.
        w.provider.document("/gone", Reply::Json(503, json!({})));
        refused(&hinting("/gone", r#", scope="noted""#)).await;
        assert_eq!(scope().await, "noted");
        w.provider.challenge("Bearer");
        w.provider.describe_resource(&json!({}));
        assert_eq!(scope().await, "noted");
    })
    .await;
}

#[tokio::test]
async fn a_page_of_somebody_else_is_no_place_to_consent_at() {
    for_each_world(async |w| {
        let elsewhere = json!({
            "authorization_endpoint": "https://honest.test/authorize",
            "authorization_response_iss_parameter_supported": false,
        });
        w.provider.describe_server(&elsewhere);
        let begun = w.remote.begin(w.alice, &w.hers).await;
        assert_eq!(begun.unwrap_err().as_str(), "other_site");
        assert!(w.provider.seen("/register").is_empty());
    })
    .await;
}
