use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::Url;

use super::client::{CALENDAR, Sandbox, answer};

const CALLBACK: &str = "http://127.0.0.1:9999/callback";
const GMAIL: &str = "https://www.googleapis.com/auth/gmail.readonly";

fn auth_url(sandbox: &Sandbox, more: &[(&str, &str)]) -> Url {
    let mut url = Url::parse(&sandbox.at("o/oauth2/v2/auth")).unwrap();
    let mut pairs = vec![
        ("client_id", "sandbox-client"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", CALENDAR),
        ("state", "s1"),
        ("access_type", "offline"),
    ];
    for (name, value) in more {
        pairs.retain(|(n, _)| n != name);
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

/// Answers the consent page; the redirect's parameters.
async fn decide(sandbox: &Sandbox, url: &Url, form: &[(&str, &str)]) -> Vec<(String, String)> {
    let reply = sandbox
        .http
        .post(url.clone())
        .form(form)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 302, "{}", reply.text().await.unwrap());
    let location = Url::parse(reply.headers()["location"].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(CALLBACK));
    location.query_pairs().into_owned().collect()
}

fn of<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    pairs.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
}

async fn token(sandbox: &Sandbox, form: &[(&str, &str)]) -> (u16, Value) {
    let mut all = vec![
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
    ];
    for pair in form {
        all.retain(|(n, _)| n != &pair.0);
        all.push(*pair);
    }
    answer(sandbox.http.post(sandbox.at("token")).form(&all)).await
}

async fn exchange(sandbox: &Sandbox, code: &str) -> (u16, Value) {
    token(
        sandbox,
        &[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
        ],
    )
    .await
}

const ALLOW: [(&str, &str); 3] = [
    ("email", "demo@sandbox.test"),
    ("scope", CALENDAR),
    ("decision", "allow"),
];

fn error(answer: &(u16, Value)) -> (u16, &str, &str) {
    (
        answer.0,
        answer.1["error"].as_str().unwrap(),
        answer.1["error_description"].as_str().unwrap(),
    )
}

#[tokio::test]
async fn consent_code_and_refresh() {
    let sandbox = Sandbox::start().await;
    let url = auth_url(&sandbox, &[]);
    let page = sandbox
        .http
        .get(url.clone())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        page.contains(r#"name="email""#)
            && page.contains(&format!(r#"name="scope" value="{CALENDAR}""#))
    );
    let back = decide(&sandbox, &url, &ALLOW).await;
    assert_eq!((of(&back, "state"), of(&back, "scope")), ("s1", CALENDAR));
    let (status, first) = exchange(&sandbox, of(&back, "code")).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(
        (first["expires_in"].as_i64(), first["token_type"].as_str()),
        (Some(3599), Some("Bearer"))
    );
    let refresh = first["refresh_token"].as_str().unwrap();

    // A code works once, for ten minutes.
    let again = exchange(&sandbox, of(&back, "code")).await;
    assert_eq!(error(&again), (400, "invalid_grant", "Bad Request"));
    assert_eq!(
        error(&exchange(&sandbox, "rubbish").await),
        (400, "invalid_grant", "Malformed auth code.")
    );
    let late = decide(&sandbox, &url, &ALLOW).await;
    sandbox.control("clock", json!({"advance_s": 601})).await;
    assert_eq!(exchange(&sandbox, of(&late, "code")).await.0, 400);

    // A refresh token comes with the first consent, and again only with prompt=consent.
    let back = decide(&sandbox, &url, &ALLOW).await;
    assert!(
        exchange(&sandbox, of(&back, "code"))
            .await
            .1
            .get("refresh_token")
            .is_none()
    );
    let back = decide(
        &sandbox,
        &auth_url(&sandbox, &[("prompt", "consent")]),
        &ALLOW,
    )
    .await;
    assert!(exchange(&sandbox, of(&back, "code")).await.1["refresh_token"].is_string());

    let (status, fresh) = token(
        &sandbox,
        &[("grant_type", "refresh_token"), ("refresh_token", refresh)],
    )
    .await;
    assert_eq!(
        (status, fresh["scope"].as_str(), fresh.get("refresh_token")),
        (200, Some(CALENDAR), None)
    );
}

#[tokio::test]
async fn the_clients_mistakes_are_pages() {
    let sandbox = Sandbox::start().await;
    for (wrong, status, error) in [
        (
            ("redirect_uri", "https://elsewhere.example/cb"),
            400,
            "redirect_uri_mismatch",
        ),
        (("redirect_uri", ""), 400, "invalid_request"),
        (("client_id", "nobody"), 401, "invalid_client"),
        (
            ("scope", "https://www.googleapis.com/auth/nothing"),
            400,
            "invalid_scope",
        ),
        (("response_type", "token"), 400, "unsupported_response_type"),
        (("code_challenge", "short"), 400, "invalid_request"),
        (("access_type", "always"), 400, "invalid_request"),
    ] {
        let reply = sandbox
            .http
            .get(auth_url(&sandbox, &[wrong]))
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), status, "{wrong:?}");
        assert!(reply.text().await.unwrap().contains(error), "{wrong:?}");
    }
    let back = decide(&sandbox, &auth_url(&sandbox, &[]), &[("decision", "deny")]).await;
    assert_eq!(
        (of(&back, "error"), of(&back, "state"), of(&back, "code")),
        ("access_denied", "s1", "")
    );
    let none = sandbox
        .http
        .get(auth_url(&sandbox, &[("prompt", "none")]))
        .send()
        .await
        .unwrap();
    assert!(
        none.headers()["location"]
            .to_str()
            .unwrap()
            .contains("error=interaction_required")
    );
}

#[tokio::test]
async fn scopes_are_granted_one_by_one_and_add_up() {
    let sandbox = Sandbox::start().await;
    let both = format!("{CALENDAR} {GMAIL}");
    let url = auth_url(
        &sandbox,
        &[("scope", &both), ("login_hint", "demo@sandbox.test")],
    );
    let page = sandbox
        .http
        .get(url.clone())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        !page.contains(r#"name="email""#),
        "the account is fixed by login_hint"
    );
    let back = decide(
        &sandbox,
        &url,
        &[("scope", CALENDAR), ("decision", "allow")],
    )
    .await;
    assert_eq!(
        exchange(&sandbox, of(&back, "code")).await.1["scope"],
        CALENDAR
    );

    let more = auth_url(
        &sandbox,
        &[
            ("scope", GMAIL),
            ("login_hint", "demo@sandbox.test"),
            ("include_granted_scopes", "true"),
        ],
    );
    let back = decide(&sandbox, &more, &[("scope", GMAIL), ("decision", "allow")]).await;
    assert_eq!(exchange(&sandbox, of(&back, "code")).await.1["scope"], both);

    let alone = auth_url(
        &sandbox,
        &[("scope", GMAIL), ("login_hint", "demo@sandbox.test")],
    );
    let back = decide(&sandbox, &alone, &[("scope", GMAIL), ("decision", "allow")]).await;
    assert_eq!(
        exchange(&sandbox, of(&back, "code")).await.1["scope"],
        GMAIL
    );
    let back = decide(&sandbox, &alone, &[("decision", "allow")]).await;
    assert_eq!(of(&back, "error"), "access_denied");
}

#[tokio::test]
async fn pkce_and_client_authentication() {
    let sandbox = Sandbox::start().await;
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    let url = auth_url(
        &sandbox,
        &[
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ],
    );
    let code = of(&decide(&sandbox, &url, &ALLOW).await, "code").to_owned();
    let with = |verifier: String| {
        let (sandbox, code) = (&sandbox, code.clone());
        async move {
            token(
                sandbox,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", &code),
                    ("redirect_uri", CALLBACK),
                    ("code_verifier", &verifier),
                ],
            )
            .await
        }
    };
    assert_eq!(
        error(&exchange(&sandbox, &code).await),
        (400, "invalid_grant", "Missing code verifier.")
    );
    assert_eq!(error(&with("w".repeat(43)).await).1, "invalid_grant");
    assert_eq!(with(verifier.clone()).await.0, 200);

    let plain = auth_url(&sandbox, &[("code_challenge", &verifier)]);
    let code = of(&decide(&sandbox, &plain, &ALLOW).await, "code").to_owned();
    let wrong = token(
        &sandbox,
        &[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_secret", "no"),
            ("redirect_uri", CALLBACK),
        ],
    )
    .await;
    assert_eq!(error(&wrong), (401, "invalid_client", "Unauthorized"));
    let elsewhere = token(
        &sandbox,
        &[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "http://127.0.0.1:1/"),
        ],
    )
    .await;
    assert_eq!(error(&elsewhere).1, "redirect_uri_mismatch");
    let basic = sandbox
        .http
        .post(sandbox.at("token"))
        .basic_auth("sandbox-client", Some("sandbox-secret"))
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &verifier),
        ]);
    assert_eq!(answer(basic).await.0, 200);
    assert_eq!(
        error(&token(&sandbox, &[("grant_type", "password")]).await).1,
        "unsupported_grant_type"
    );
}

#[tokio::test]
async fn revoking_anything_revokes_everything() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", &[CALENDAR]).await;
    let other = sandbox.person("demo@sandbox.test", &["openid"]).await;
    let guest = sandbox.person("guest@sandbox.test", &["openid"]).await;
    let revoke = |token: &str| {
        answer(
            sandbox
                .http
                .post(sandbox.at("revoke"))
                .form(&[("token", token)]),
        )
    };
    assert_eq!(revoke(&demo.token).await.0, 200);
    assert_eq!(
        error(&revoke(&demo.token).await),
        (400, "invalid_token", "Token expired or revoked")
    );
    assert_eq!(other.get("oauth2/v2/userinfo").await.0, 401);
    assert_eq!(guest.get("oauth2/v2/userinfo").await.0, 200);
    let dead = token(
        &sandbox,
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", &other.refresh),
        ],
    )
    .await;
    assert_eq!(
        error(&dead),
        (400, "invalid_grant", "Token has been expired or revoked.")
    );
    assert_eq!(revoke(&guest.refresh).await.0, 200);
    assert_eq!(guest.get("oauth2/v2/userinfo").await.0, 401);
}

#[tokio::test]
async fn refresh_tokens_die_of_many_things() {
    let sandbox = Sandbox::start().await;
    let alive = async |refresh: &str| {
        token(
            &sandbox,
            &[("grant_type", "refresh_token"), ("refresh_token", refresh)],
        )
        .await
        .0 == 200
    };
    let mail = sandbox.person("demo@sandbox.test", &[GMAIL]).await;
    let calendar = sandbox.person("demo@sandbox.test", &[CALENDAR]).await;
    sandbox
        .control(
            "tokens",
            json!({"account": "demo@sandbox.test", "action": "password_change"}),
        )
        .await;
    assert!(!alive(&mail.refresh).await && alive(&calendar.refresh).await);

    for _ in 0..100 {
        sandbox.person("demo@sandbox.test", &[CALENDAR]).await;
    }
    assert!(!alive(&calendar.refresh).await, "the oldest of 101");

    sandbox
        .control("tokens", json!({"refresh_ttl_s": 604_800}))
        .await;
    let testing = sandbox.person("guest@sandbox.test", &[CALENDAR]).await;
    sandbox
        .control("tokens", json!({"refresh_ttl_s": null, "access_ttl_s": 5}))
        .await;
    let lasting = sandbox.person("guest@sandbox.test", &["openid"]).await;
    sandbox.control("clock", json!({"advance_s": 6})).await;
    assert_eq!(lasting.get("oauth2/v2/userinfo").await.0, 401);
    sandbox
        .control("clock", json!({"advance_s": 604_800}))
        .await;
    assert!(!alive(&testing.refresh).await && alive(&lasting.refresh).await);
    sandbox
        .control("clock", json!({"advance_s": 184 * 86400}))
        .await;
    assert!(!alive(&lasting.refresh).await, "unused for six months");
}

#[tokio::test]
async fn an_id_token_says_who_signed_in() {
    use aws_lc_rs::rsa::PublicKeyComponents;
    use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;

    let sandbox = Sandbox::start().await;
    let scope = format!("openid email {CALENDAR}");
    let url = auth_url(&sandbox, &[("scope", &scope), ("nonce", "n1")]);
    let code = of(&decide(&sandbox, &url, &ALLOW).await, "code").to_owned();
    let (_, answer) = exchange(&sandbox, &code).await;
    let token = answer["id_token"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let get = |path: &str| super::client::answer(sandbox.http.get(sandbox.at(path)));
    let (_, configuration) = get(".well-known/openid-configuration").await;
    assert_eq!(configuration["jwks_uri"], sandbox.at("oauth2/v3/certs"));
    let (_, keys) = get("oauth2/v3/certs").await;
    let n = URL_SAFE_NO_PAD
        .decode(keys["keys"][0]["n"].as_str().unwrap())
        .unwrap();
    let key = PublicKeyComponents {
        n: n.as_slice(),
        e: &[1, 0, 1][..],
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .unwrap();
    let claims = URL_SAFE_NO_PAD
        .decode(signed.split('.').nth(1).unwrap())
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["email"], &claims["nonce"]),
        (&json!("demo@sandbox.test"), &json!("n1"))
    );
    assert_eq!(
        (&claims["aud"], &claims["iss"]),
        (
            &json!("sandbox-client"),
            &json!("https://accounts.google.com")
        )
    );
    let plain = decide(&sandbox, &auth_url(&sandbox, &[]), &ALLOW).await;
    assert!(
        exchange(&sandbox, of(&plain, "code"))
            .await
            .1
            .get("id_token")
            .is_none()
    );
}
