//! What is no document, and what is not even asked for.

use super::*;
use crate::oauth::redirect::RedirectError;

#[tokio::test]
async fn answers_that_are_no_document_are_refused() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let id = site.at("/client.json");
        let (_, fine) = site.document("/client.json", "Fine");
        let moved = Page::status(302).with("location", &site.at("/real.json"));
        site.document("/real.json", "Real");
        let padded = |size: usize| {
            let mut page = fine.clone();
            page.body.push_str(&" ".repeat(size - page.body.len()));
            page
        };
        let fault = |change: Value| {
            let mut said: Value = serde_json::from_str(&fine.body).unwrap();
            for (member, value) in change.as_object().unwrap() {
                said[member] = value.clone();
            }
            Page::json(&said)
        };
        let cases = [
            (moved, DocumentError::Status(302)),
            (Page::status(500), DocumentError::Status(500)),
            (Page::status(204), DocumentError::Status(204)),
            (fine.clone().with("content-type", "text/html"), DocumentError::NotJson),
            (fine.clone().with("content-type", "text/plain"), DocumentError::NotJson),
            (padded(16 * 1024 + 1), DocumentError::TooLarge),
            (Page::json(&json!(["x"])), DocumentError::NotJson),
            (Page::json(&json!({})), DocumentError::OtherClient),
            (fault(json!({"client_id": format!("{id}/")})), DocumentError::OtherClient),
            (fault(json!({"client_id": id.to_uppercase()})), DocumentError::OtherClient),
            (fault(json!({"client_secret": "x"})), DocumentError::Secret("client_secret")),
            (fault(json!({"client_secret_expires_at": 0})), DocumentError::Secret("client_secret_expires_at")),
            (fault(json!({"token_endpoint_auth_method": "client_secret_post"})), DocumentError::Authentication),
            (fault(json!({"token_endpoint_auth_method": "private_key_jwt"})), DocumentError::Authentication),
            (
                fault(json!({"token_endpoint_auth_method": "none", "token_endpoint_auth_methods_supported": ["private_key_jwt"]})),
                DocumentError::Authentication,
            ),
            (fault(json!({"redirect_uris": []})), DocumentError::Fault(Fault::Redirects)),
            (
                fault(json!({"redirect_uris": ["data:/x"]})),
                DocumentError::Fault(Fault::Redirect(RedirectError::Scheme("data".into()))),
            ),
            (
                fault(json!({"grant_types": ["client_credentials"]})),
                DocumentError::Fault(Fault::Unsupported("grant_types", "authorization_code")),
            ),
        ];
        for (page, expected) in cases {
            site.put("/client.json", page);
            assert_eq!(error(server.client(&id).await), expected);
            world.clock.advance(SignedDuration::from_mins(3));
        }
        for page in [
            padded(16 * 1024),
            fine.clone().with("content-type", "application/json; charset=utf-8"),
            fine.clone().with("content-type", "application/oauth-client+json"),
        ] {
            site.put("/client.json", page);
            server.client(&id).await.unwrap();
            world.clock.advance(SignedDuration::from_mins(30));
        }
    })
    .await;
}

#[tokio::test]
async fn urls_that_could_be_read_in_two_ways_or_lead_inside_are_refused() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let host = site.origin.strip_prefix("http://").unwrap().to_owned();
        let port = host.rsplit_once(':').unwrap().1.to_owned();
        for id in [
            "https://example.org".to_owned(),
            "https://example.org/a/../client.json".to_owned(),
            "https://example.org/./client.json".to_owned(),
            "https://example.org/%2e%2E/client.json".to_owned(),
            "https://example.org/client.json#x".to_owned(),
            "https://example.org/client.json#".to_owned(),
            "https://me@example.org/client.json".to_owned(),
            "https://me:pw@example.org/client.json".to_owned(),
            "https://@example.org/client.json".to_owned(),
            "https://EXAMPLE.org/client.json".to_owned(),
            "https://example.org./client.json".to_owned(),
            "https://example.org.:8443/client.json".to_owned(),
            "HTTPS://example.org/client.json".to_owned(),
            "https://example.org:443/client.json".to_owned(),
            "https://example.org:22/client.json".to_owned(),
            "https://example.org:0/client.json".to_owned(),
            "https://example.org\\client.json".to_owned(),
            "https://exa\tmple.org/client.json".to_owned(),
            " https://example.org/client.json".to_owned(),
            "https://example.org/client.json\n".to_owned(),
            "https://ex\u{e4}mple.org/client.json".to_owned(),
            "https:///client.json".to_owned(),
            "http://example.org/client.json".to_owned(),
            "ftp://example.org/client.json".to_owned(),
            "file:///etc/passwd".to_owned(),
            "javascript://example.org/%0aalert(1)".to_owned(),
            format!("https://example.org/{}", "a".repeat(MAX_URL)),
            // This machine, its neighbours, a cloud's metadata, in every spelling.
            "https://127.0.0.1/c".to_owned(),
            "https://127.1/c".to_owned(),
            "https://2130706433/c".to_owned(),
            "https://0x7f.0.0.1/c".to_owned(),
            "https://0177.0.0.1/c".to_owned(),
            "https://0x7f000001/c".to_owned(),
            "https://127.0.0.1./c".to_owned(),
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/c".to_owned(),
            "https://%31%32%37.0.0.1/c".to_owned(),
            "https://0.0.0.0/c".to_owned(),
            "https://[::1]/c".to_owned(),
            "https://[::]/c".to_owned(),
            "https://[::ffff:127.0.0.1]/c".to_owned(),
            "https://[::ffff:7f00:1]/c".to_owned(),
            "https://[::ffff:10.0.0.1]/c".to_owned(),
            "https://[64:ff9b::10.0.0.1]/c".to_owned(),
            "https://[fe80::1]/c".to_owned(),
            "https://[fd00:ec2::254]/c".to_owned(),
            "https://[2002:7f00:1::]/c".to_owned(),
            "https://10.0.0.1/c".to_owned(),
            "https://192.168.0.1/c".to_owned(),
            "https://172.16.0.1/c".to_owned(),
            "https://100.64.0.1/c".to_owned(),
            "https://169.254.169.254/latest/meta-data/".to_owned(),
            // Names that lead here; and the site that is allowed, otherwise than it is.
            "https://localhost/c".to_owned(),
            format!("https://localhost:{port}/client.json"),
            format!("http://localhost:{port}/client.json"),
            format!("http://127.1:{port}/client.json"),
            format!("http://me@{host}/client.json"),
            format!("http://{host}/a/../client.json"),
            format!("http://{host}"),
        ] {
            // Each from elsewhere: what is in question here is not how often.
            world.clock.advance(SignedDuration::from_mins(3));
            let refused = error(server.client(&id).await);
            // A name is known to lead here only once it is resolved.
            let is_refused = match refused {
                DocumentError::Url(_) | DocumentError::Blocked(_) => true,
                DocumentError::Unreachable => id.starts_with("https://localhost"),
                _ => false,
            };
            assert!(is_refused, "{id}: {refused}");
        }
        assert_eq!(site.visits(), 0);
        // What is no URL at all is no document either.
        for id in [
            "",
            "example.org/client.json",
            "https:/example.org/c",
            "urn:x:y",
        ] {
            assert!(
                matches!(server.client(id).await, Err(ClientError::Unknown)),
                "{id}"
            );
        }
    })
    .await;
}

#[test]
fn a_url_is_refused_for_its_length_its_port_and_its_scheme_in_these_words() {
    let clock: Arc<dyn Clock> = Arc::new(deputy_core::SystemClock);
    let guard = guarded(GuardConfig::default()).unwrap();
    let fetching = Fetching::new(Some(guard), &clock);
    let host = "https://example.org/";
    let of = |length: usize| format!("{host}{}", "a".repeat(length - host.len()));
    let (longest, longer) = (of(512), of(513));
    for (id, wrong) in [
        (longest.as_str(), None),
        (&longer, Some("at most 512 bytes long")),
        ("https://example.org:1024/c", None),
        (
            "https://example.org:1023/c",
            Some("on port 443, or one from 1024 on"),
        ),
        ("ftp://example.org/c", Some("an https:// URL with a path")),
        ("https:///", Some("an https:// URL with a path")),
    ] {
        let refused = fetching.url(id).err();
        assert_eq!(refused, wrong.map(DocumentError::Url), "{id:.40}");
    }
}
