use serde_json::{Value, json};

use super::*;

const SERVER: &str = "https://deputy.example.org";

fn server() -> ServerUrl {
    ServerUrl::parse(SERVER).unwrap()
}

fn metadata() -> Value {
    json!({
        "issuer": SERVER,
        "authorization_endpoint": format!("{SERVER}/oauth/authorize"),
        "token_endpoint": format!("{SERVER}/oauth/token"),
        "revocation_endpoint": format!("{SERVER}/oauth/revoke"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn checked(metadata: Value) -> Result<Endpoints, DiscoveryError> {
    check_issuer(&server(), serde_json::from_value(metadata).unwrap())
}

fn with(name: &str, value: Value) -> Value {
    let mut metadata = metadata();
    metadata[name] = value;
    metadata
}

#[test]
fn a_server_that_says_what_was_typed_is_believed() {
    let endpoints = checked(metadata()).unwrap();
    assert_eq!(endpoints.token.path(), "/oauth/token");
    assert!(endpoints.names_issuer && endpoints.revoke.is_some());
    let resource =
        json!({ "resource": format!("{SERVER}/api"), "authorization_servers": [SERVER] });
    check_resource(&server(), &serde_json::from_value(resource).unwrap()).unwrap();
}

#[test]
fn a_server_that_says_it_is_elsewhere_is_not_followed() {
    let said = checked(with("issuer", json!("https://other.example.org"))).unwrap_err();
    let message = said.to_string();
    assert!(
        message.contains("deputy login https://other.example.org"),
        "{message}"
    );
    for issuer in [
        "https://deputy.example.org/",
        "javascript:alert(1)",
        "http://10.0.0.1",
        "x\u{1b}[2J",
    ] {
        let message = checked(with("issuer", json!(issuer)))
            .unwrap_err()
            .to_string();
        assert!(message.contains("another server"), "{issuer}: {message}");
    }
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
    ] {
        for url in [
            "https://evil.example/x",
            "http://deputy.example.org/x",
            "https://deputy.example.org:8443/x",
        ] {
            let message = checked(with(endpoint, json!(url))).unwrap_err().to_string();
            assert!(
                message.contains("another host"),
                "{endpoint} {url}: {message}"
            );
        }
    }
    for (resource, trusted) in [
        ("https://other.example.org/api", SERVER),
        ("https://deputy.example.org", SERVER),
        ("https://deputy.example.org/api", "https://evil.example"),
    ] {
        let resource = json!({ "resource": resource, "authorization_servers": [trusted] });
        assert!(check_resource(&server(), &serde_json::from_value(resource).unwrap()).is_err());
    }
}

#[test]
fn a_server_without_pkce_is_refused() {
    for methods in [json!([]), json!(["plain"])] {
        let message = checked(with("code_challenge_methods_supported", methods))
            .unwrap_err()
            .to_string();
        assert!(message.contains("PKCE"), "{message}");
    }
}
