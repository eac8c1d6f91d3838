use serde_json::json;

use super::AuthorizationServer;

fn keeps(issuer: &str, page: &str, token: &str, says_issuer: bool) -> bool {
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": page,
        "token_endpoint": token,
        "authorization_response_iss_parameter_supported": says_issuer,
    });
    let server: AuthorizationServer = serde_json::from_value(metadata).unwrap();
    server.keeps_its_codes()
}

#[test]
fn a_code_goes_to_who_gave_it() {
    for (issuer, page, token) in [
        (
            "https://a.example",
            "https://a.example/authorize",
            "https://a.example/token",
        ),
        // One party, several hosts.
        (
            "https://cf.mcp.example.com",
            "https://mcp.example.com/authorize",
            "https://cf.mcp.example.com/token",
        ),
        (
            "https://accounts.example.com",
            "https://accounts.example.com/auth",
            "https://oauth2.example.net/token",
        ),
        // Somebody else's sign-in as a whole.
        (
            "https://mcp.small.example",
            "https://login.example.com/authorize",
            "https://login.example.com/token",
        ),
        (
            "http://127.0.0.1:1",
            "http://127.0.0.1:2/authorize",
            "http://127.0.0.1:3/token",
        ),
        (
            "http://localhost:1",
            "http://localhost:2/authorize",
            "http://localhost:1/token",
        ),
    ] {
        assert!(keeps(issuer, page, token, false), "{issuer} {page}");
    }
    for (issuer, page, token) in [
        (
            "https://evil.example",
            "https://honest.test/authorize",
            "https://evil.example/token",
        ),
        // A tenant, its platform's page, and an address of its own.
        (
            "https://evil.platform.example",
            "https://login.platform.example/authorize",
            "https://evil.test/token",
        ),
        (
            "https://evil.co.uk",
            "https://honest.co.uk/authorize",
            "https://evil.co.uk/token",
        ),
        (
            "https://evil.workers.dev",
            "https://honest.workers.dev/authorize",
            "https://evil.workers.dev/token",
        ),
        (
            "http://127.0.0.2",
            "http://127.0.0.1/authorize",
            "http://127.0.0.2/token",
        ),
        (
            "http://honest.test",
            "https://honest.test/authorize",
            "http://honest.test/token",
        ),
    ] {
        assert!(!keeps(issuer, page, token, false), "{issuer} {page}");
        // The answer says whose it is, and is compared.
        assert!(keeps(issuer, page, token, true));
    }
}
