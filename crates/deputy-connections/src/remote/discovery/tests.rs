use deputy_core::Lifecycle;
use deputy_core::http::{GuardConfig, PrivateHosts, guarded};
use serde_json::json;

use super::super::testing::{Provider, RESOURCE, SERVER};
use super::*;
use crate::testing::Reply;

async fn find(provider: &Provider, url: &Url, hint: Option<&str>) -> Result<Found, DiscoveryError> {
    let http = guarded(GuardConfig {
        private_hosts: PrivateHosts::default().with(&provider.origin),
        ..GuardConfig::default()
    });
    Discovery {
        http: &http.unwrap(),
    }
    .find(url, hint)
    .await
}

async fn provider() -> (Provider, Url) {
    let provider = Provider::start(&Lifecycle::new()).await;
    let url = provider.at("/mcp");
    (provider, url)
}

fn moved(to: &str) -> Reply {
    Reply::with_header(302, &format!("location: {to}"))
}

fn page() -> Reply {
    let page = "<html>";
    Reply::Raw(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    ))
}

fn gone() -> Reply {
    Reply::Json(404, json!({}))
}

#[test]
fn a_resource_covers_what_is_at_or_below_its_path() {
    for (resource, url, covered) in [
        ("https://a.test/mcp", "https://a.test/mcp", true),
        ("https://a.test/mcp", "https://a.test/mcp?x=1", true),
        ("https://A.test:443/mcp", "https://a.test/mcp", true),
        ("https://a.test/mcp", "https://a.test/mcp/one", true),
        ("https://a.test", "https://a.test/mcp", true),
        ("https://a.test/", "https://a.test/mcp", true),
        ("https://a.test/mcp/", "https://a.test/mcp", true),
        ("https://a.test/mcp/", "https://a.test/mcp/one", true),
        ("https://a.test/mcp", "https://a.test/mcp2", false),
        ("https://a.test/mcp/one", "https://a.test/mcp", false),
        ("https://b.test/mcp", "https://a.test/mcp", false),
        ("http://a.test/mcp", "https://a.test/mcp", false),
        ("https://a.test:8443/mcp", "https://a.test/mcp", false),
        ("https://x@a.test/mcp", "https://a.test/mcp", false),
        ("https://a.test/mcp#x", "https://a.test/mcp", false),
        ("/mcp", "https://a.test/mcp", false),
        ("", "https://a.test/mcp", false),
    ] {
        assert_eq!(
            covers(resource, &url.parse().unwrap()),
            covered,
            "{resource} {url}"
        );
    }
}

#[test]
fn canonical_names_and_issuers() {
    let name = |url: &str| canonical(&url.parse().unwrap());
    assert_eq!(name("https://A.test"), "https://a.test");
    assert_eq!(name("https://a.test/mcp/#x"), "https://a.test/mcp/");
    assert_eq!(name("https://a.test/?x"), "https://a.test/?x");
    assert!(is_same_issuer("https://a.test", "https://a.test/"));
    assert!(is_same_issuer("https://a.test/t", "https://a.test/t"));
    for other in [
        "https://a.test/t/",
        "https://a.test/T",
        "https://A.test/t",
        "https://a.test:443/t",
    ] {
        assert!(!is_same_issuer("https://a.test/t", other), "{other}");
    }
}

#[tokio::test]
async fn the_hint_is_asked_first_then_the_path_then_the_root() {
    let (provider, url) = provider().await;
    let metadata = json!({"resource": url, "authorization_servers": [provider.issuer()], "scopes_supported": ["a", "no good", "b"]});
    provider.document("/elsewhere", Reply::Json(200, metadata.clone()));
    let hint = provider.at("/elsewhere");
    let found = find(&provider, &url, Some(hint.as_str())).await.unwrap();
    assert_eq!(found.scopes, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(found.resource, url.as_str());
    assert_eq!(provider.paths(), ["/elsewhere", SERVER]);

    // Relative, and by a redirect within the same site.
    provider.document("/moved", moved("/elsewhere"));
    assert!(find(&provider, &url, Some("/moved")).await.is_ok());

    // A page for everything, as single-page applications have it, is no metadata.
    provider.document(RESOURCE, page());
    provider.document(
        "/.well-known/oauth-protected-resource",
        Reply::Json(200, metadata),
    );
    let before = provider.paths().len();
    assert!(find(&provider, &url, None).await.is_ok());
    assert_eq!(
        provider.paths()[before..],
        [RESOURCE, "/.well-known/oauth-protected-resource", SERVER]
    );
}

#[tokio::test]
async fn an_authorization_server_with_a_path_is_asked_in_the_order_of_the_specification() {
    let (provider, url) = provider().await;
    let issuer = format!("{}/tenant", provider.issuer());
    provider.describe_resource(&json!({"authorization_servers": [issuer]}));
    let last = "/tenant/.well-known/openid-configuration";
    let document = json!({
        "issuer": issuer, "authorization_endpoint": provider.at("/a"), "token_endpoint": provider.at("/t"),
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    provider.document(last, Reply::Json(200, document));
    let found = find(&provider, &url, None).await.unwrap();
    assert_eq!(found.server.issuer, issuer);
    assert_eq!(
        provider.paths(),
        [
            RESOURCE,
            "/.well-known/oauth-authorization-server/tenant",
            "/.well-known/openid-configuration/tenant",
            last
        ]
    );
}

#[tokio::test]
async fn only_its_own_origin_describes_an_authorization_server() {
    let (provider, url) = provider().await;
    let there = find(&provider, &url, None).await.unwrap();
    let document = json!({
        "issuer": there.server.issuer, "authorization_endpoint": provider.at("/a"), "token_endpoint": provider.at("/t"),
        "code_challenge_methods_supported": ["S256"],
    });
    provider.document("/described", Reply::Json(200, document));
    provider.document(SERVER, moved("/described"));
    assert!(find(&provider, &url, None).await.is_ok());
    for elsewhere in ["https://elsewhere.invalid/", "http://169.254.169.254/"] {
        provider.document(SERVER, moved(elsewhere));
        assert_eq!(
            find(&provider, &url, None).await.unwrap_err(),
            DiscoveryError::NoMetadata
        );
    }
}

#[tokio::test]
async fn a_server_without_metadata_is_its_own_authorization_server() {
    let (provider, url) = provider().await;
    provider.document(RESOURCE, gone());
    let found = find(&provider, &url, None).await.unwrap();
    assert_eq!(found.resource, url.as_str());
    provider.document(SERVER, gone());
    assert_eq!(
        find(&provider, &url, None).await.unwrap_err(),
        DiscoveryError::Nowhere
    );
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let (provider, url) = provider().await;
    let refused = async || find(&provider, &url, None).await.unwrap_err();
    for (changes, error) in [
        (
            json!({"code_challenge_methods_supported": null}),
            DiscoveryError::NoPkce,
        ),
        (
            json!({"code_challenge_methods_supported": ["plain"]}),
            DiscoveryError::NoPkce,
        ),
        (
            json!({"issuer": "https://evil.test"}),
            DiscoveryError::IssuerMismatch,
        ),
        (
            json!({"response_types_supported": ["token"]}),
            DiscoveryError::Unsupported("authorization codes"),
        ),
        (json!({"token_endpoint": null}), DiscoveryError::NoMetadata),
        (
            json!({"authorization_endpoint": "nowhere"}),
            DiscoveryError::NoMetadata,
        ),
    ] {
        provider.describe_server(&changes.clone());
        assert_eq!(refused().await, error, "{changes}");
    }
    provider.describe_server(&json!({}));
    for (changes, error) in [
        (
            json!({"resource": "https://evil.test/mcp"}),
            DiscoveryError::ResourceMismatch,
        ),
        (
            json!({"resource": provider.at("/other")}),
            DiscoveryError::ResourceMismatch,
        ),
        (
            json!({"authorization_servers": []}),
            DiscoveryError::Nowhere,
        ),
        (
            json!({"authorization_servers": ["not a url"]}),
            DiscoveryError::NoMetadata,
        ),
        (
            json!({"authorization_servers": [format!("{}?x", provider.issuer())]}),
            DiscoveryError::NoMetadata,
        ),
    ] {
        provider.describe_resource(&changes.clone());
        assert_eq!(refused().await, error, "{changes}");
    }
    // The second one does.
    provider.describe_resource(
        &json!({"authorization_servers": ["https://169.254.169.254", provider.issuer()]}),
    );
    assert!(find(&provider, &url, None).await.is_ok());
    provider.document(RESOURCE, Reply::Json(503, json!({})));
    assert_eq!(refused().await, DiscoveryError::Temporary("the server"));
}

#[tokio::test]
async fn nothing_leads_to_a_private_address() {
    let (provider, url) = provider().await;
    let blocked = |found: Result<Found, DiscoveryError>| {
        assert!(
            matches!(found, Err(DiscoveryError::Blocked(_))),
            "{found:?}"
        );
    };
    let metadata = "http://169.254.169.254/latest/meta-data/";
    for hint in [
        metadata,
        "https://169.254.169.254/",
        "https://[::ffff:169.254.169.254]/",
        "https://127.0.0.1/x",
        "file:///etc/passwd",
    ] {
        blocked(find(&provider, &url, Some(hint)).await);
    }
    provider.document("/hop", moved(metadata));
    blocked(find(&provider, &url, Some("/hop")).await);
    provider.document(RESOURCE, moved("https://10.0.0.1/"));
    blocked(find(&provider, &url, None).await);
    for issuer in [
        "http://169.254.169.254",
        "https://192.168.0.1",
        "https://localhost",
        "http://auth.example.com",
    ] {
        provider.describe_resource(&json!({"authorization_servers": [issuer]}));
        blocked(find(&provider, &url, None).await);
    }
    provider.describe_resource(&json!({}));
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
    ] {
        for target in [metadata, "https://[fd00::1]/", "javascript:alert(1)"] {
            let mut changes = json!({});
            changes[endpoint] = target.into();
            provider.describe_server(&changes);
            blocked(find(&provider, &url, None).await);
        }
    }
}
