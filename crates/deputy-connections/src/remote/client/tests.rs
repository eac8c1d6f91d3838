use serde_json::json;

use super::super::testing::{World, config, for_each_world};
use super::super::{BeginError, Config};
use super::*;
use crate::testing::{Reply, parameter};

fn public() -> Config {
    Config {
        timing: config().timing,
        ..Config::new(&"https://deputy.example.org".parse().unwrap())
    }
}

async fn client_id(w: &World) -> String {
    parameter(
        &w.remote.begin(w.alice, &w.hers).await.unwrap(),
        "client_id",
    )
}

#[tokio::test]
async fn our_document_names_itself_and_where_people_come_back() {
    for_each_world(async |w| {
        assert_eq!(w.remote.client_metadata(), None);
        let remote = w.with(public());
        let document = remote.client_metadata().unwrap();
        assert_eq!(document["client_id"], "https://deputy.example.org/oauth/client-metadata.json");
        assert_eq!(document["redirect_uris"], json!(["https://deputy.example.org/servers/oauth/callback"]));
        assert_eq!(document["token_endpoint_auth_method"], "none");
        assert_eq!(document["application_type"], "web");
        assert!(document["client_name"].is_string());

        // It is used where it can be read and is welcome; a client entered with the server goes first.
        w.provider.describe_server(&json!({"client_id_metadata_document_supported": true}));
        let url = remote.begin(w.alice, &w.hers).await.unwrap();
        assert_eq!(parameter(&url, "client_id"), document["client_id"]);
        assert!(client_id(&w).await.starts_with("client-"));
        let mut given = w.hers.clone();
        given.client_id = Some("by-hand".to_owned());
        let url = remote.begin(w.alice, &given).await.unwrap();
        assert_eq!(parameter(&url, "client_id"), "by-hand");
        w.provider.describe_server(&json!({"client_id_metadata_document_supported": true, "token_endpoint_auth_methods_supported": ["client_secret_basic"]}));
        let url = remote.begin(w.alice, &w.hers).await.unwrap();
        assert!(parameter(&url, "client_id").starts_with("client-"));

        // An installation that nobody reaches has it elsewhere.
        w.provider.describe_server(&json!({"client_id_metadata_document_supported": true}));
        let mut config = config();
        let elsewhere = "https://example.org/deputy.json";
        config.metadata_url = Some(elsewhere.parse().unwrap());
        let remote = w.with(config);
        assert_eq!(remote.client_metadata().unwrap()["client_id"], elsewhere);
        let url = remote.begin(w.alice, &w.hers).await.unwrap();
        assert_eq!(parameter(&url, "client_id"), elsewhere);
    })
    .await;
}

#[tokio::test]
async fn every_method_of_authentication_works_also_in_another_process() {
    for_each_world(async |w| {
        for (supported, method) in [
            (json!(["client_secret_basic"]), "client_secret_basic"),
            (json!(["client_secret_post"]), "client_secret_post"),
            (json!(["none"]), "none"),
            (json!(null), "client_secret_basic"),
        ] {
            w.provider
                .describe_server(&json!({"token_endpoint_auth_methods_supported": supported}));
            w.remote
                .inner
                .forget_client(w.alice, &w.provider.issuer())
                .await
                .unwrap();
            let connected = w.connect(w.alice, &w.hers).await;
            assert_eq!(connected.server_id, w.hers.id);
            let asked = w.provider.seen("/register");
            let asked: Value = serde_json::from_str(&asked.last().unwrap().body).unwrap();
            assert_eq!(asked["token_endpoint_auth_method"], method);
            assert_eq!(asked["application_type"], "native");
            assert_eq!(
                asked["grant_types"],
                json!(["authorization_code", "refresh_token"])
            );
            // The secret is there after a restart.
            w.pass(58);
            let other = w.another_process().await;
            let token = other.bearer(w.alice, w.hers.id, &w.hers.url).await.unwrap();
            assert!(token.is_some());
            let last = w.provider.refreshes().pop().unwrap();
            assert_eq!(
                last.headers.contains_key("authorization"),
                method == "client_secret_basic"
            );
            assert_eq!(
                last.form.contains_key("client_secret"),
                method == "client_secret_post"
            );
            assert_eq!(
                last.form.contains_key("client_id"),
                method != "client_secret_basic"
            );
        }
        w.provider.describe_server(
            &json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}),
        );
        w.remote
            .inner
            .forget_client(w.alice, &w.provider.issuer())
            .await
            .unwrap();
        let error = w.remote.begin(w.alice, &w.hers).await.unwrap_err();
        assert!(matches!(error, BeginError::NoAuthentication));
    })
    .await;
}

#[tokio::test]
async fn a_registration_is_kept_per_person_until_it_lapses_or_seems_forgotten() {
    for_each_world(async |w| {
        let first = client_id(&w).await;
        assert_eq!(client_id(&w).await, first);
        // Two that nobody came back from: the authorization server may not know us any more.
        let second = client_id(&w).await;
        assert_ne!(second, first);
        // That one is given the same time.
        assert_eq!(client_id(&w).await, second);
        let url = w.remote.begin(w.bob, &w.his).await.unwrap();
        assert!(![first, second].contains(&parameter(&url, "client_id")));

        let lapsing = json!({
            "client_id": "lapsing", "client_secret": "s",
            "client_secret_expires_at": w.clock_seconds() + 3600,
        });
        w.provider.plant("/register", [Reply::Json(200, lapsing)]);
        w.pass(70);
        let swept = w.store.begin().await.unwrap();
        swept
            .oauth_states_delete_lapsed(jiff::Timestamp::MAX)
            .await
            .unwrap();
        swept.commit().await.unwrap();
        w.remote
            .inner
            .forget_client(w.alice, &w.provider.issuer())
            .await
            .unwrap();
        let lapsing = json!({
            "client_id": "lapsing", "client_secret": "s",
            "client_secret_expires_at": w.clock_seconds() + 3600,
        });
        w.provider.clear("/register");
        w.provider.plant("/register", [Reply::Json(200, lapsing)]);
        assert_eq!(client_id(&w).await, "lapsing");
        w.pass(30);
        assert_eq!(client_id(&w).await, "lapsing");
        w.pass(20);
        assert_ne!(client_id(&w).await, "lapsing");
    })
    .await;
}

#[tokio::test]
async fn a_registration_that_fails_says_why() {
    for_each_world(async |w| {
        let error = async || w.remote.begin(w.alice, &w.hers).await.unwrap_err();
        // The other type of application is tried, once.
        let refused = || Reply::error(400, "invalid_redirect_uri");
        w.provider.plant("/register", [refused()]);
        assert!(w.remote.begin(w.alice, &w.hers).await.is_ok());
        let kinds: Vec<bool> = w.provider.seen("/register").iter().map(|s| s.body.contains("\"native\"")).collect();
        assert_eq!(kinds, [true, false]);
        w.remote.inner.forget_client(w.alice, &w.provider.issuer()).await.unwrap();
        for (replies, reason) in [
            (vec![refused(), refused()], "invalid_redirect_uri"),
            (vec![Reply::error(403, "access_denied<script>")], "access_deniedscript"),
            (vec![Reply::Json(201, json!({"client_id": ""}))], "no client in the answer"),
            (vec![Reply::Json(201, json!({"client_id": "x", "client_secret": "y", "token_endpoint_auth_method": "tls_client_auth"}))], "an unknown authentication method"),
            (vec![Reply::with_header(307, "location: https://169.254.169.254/")], "307"),
        ] {
            w.provider.plant("/register", replies);
            match error().await {
                BeginError::Registration(found) => assert_eq!(found, reason),
                other => panic!("{other:?}"),
            }
        }
        for reply in [Reply::Reset, Reply::Json(503, json!({})), Reply::with_header(429, "retry-after: 9")] {
            w.provider.plant("/register", [reply]);
            assert_eq!(error().await.as_str(), "temporary");
        }
        w.provider.describe_server(&json!({"registration_endpoint": null}));
        assert!(matches!(error().await, BeginError::NoRegistration));
    })
    .await;
}

#[tokio::test]
async fn a_client_entered_with_the_server_stays_with_its_issuer() {
    for_each_world(async |w| {
        w.provider.knows("by-hand", Some("s:e+c/r et%"));
        let mut hers = w.hers.clone();
        hers.client_id = Some("by-hand".to_owned());
        hers.client_secret = Some("s:e+c/r et%".into());
        w.connect(w.alice, &hers).await;
        assert!(w.provider.seen("/register").is_empty());
        assert!(w.provider.seen("/token")[0].headers.contains_key("authorization"));

        let other = format!("{}/tenant", w.provider.issuer());
        w.provider.describe_resource(&json!({"authorization_servers": [other]}));
        w.provider.document(
            "/.well-known/oauth-authorization-server/tenant",
            Reply::Json(200, json!({
                "issuer": other, "authorization_endpoint": w.provider.at("/a"), "token_endpoint": w.provider.at("/evil"),
                "registration_endpoint": w.provider.at("/register"), "code_challenge_methods_supported": ["S256"],
            })),
        );
        let error = w.remote.begin(w.alice, &hers).await.unwrap_err();
        assert!(matches!(error, BeginError::IssuerChanged));
        // A client registered on the spot is registered anew at the other.
        let url = w.remote.begin(w.alice, &w.hers).await.unwrap();
        assert!(parameter(&url, "client_id").starts_with("client-"));
    })
    .await;
}
