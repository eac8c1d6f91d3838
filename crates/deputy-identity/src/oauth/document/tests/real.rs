//! Documents of clients as they are.

use super::*;

#[test]
fn the_documents_of_real_clients_are_taken() {
    let claude_code = json!({
        "client_id": "https://claude.ai/oauth/claude-code-client-metadata",
        "client_name": "Claude Code",
        "client_uri": "https://claude.ai",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let claude = json!({
        "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata",
        "client_name": "Claude",
        "client_uri": "https://claude.ai",
        "logo_uri": "https://claude.ai/images/claude_app_icon.png",
        "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let chatgpt = json!({
        "client_id": "https://chatgpt.com/oauth/IbUR3zxyNQ16/client.json",
        "client_uri": "https://chatgpt.com/",
        "client_name": "ChatGPT",
        "logo_uri": "https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
        "redirect_uris": ["https://chatgpt.com/connector/oauth/IbUR3zxyNQ16"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "response_types": ["code", "id_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
    });
    for said in [claude_code, claude, chatgpt] {
        let id = said["client_id"].as_str().unwrap();
        let described = read(id, said.to_string().as_bytes()).unwrap();
        assert_eq!(described.name, said["client_name"].as_str().unwrap());
        // The URLs themselves pass, as far as can be seen without a network.
        let clock: Arc<dyn Clock> = Arc::new(deputy_core::SystemClock);
        let guard = guarded(GuardConfig::default()).unwrap();
        Fetching::new(Some(guard), &clock).url(id).unwrap();
    }
}

#[test]
fn a_document_keeps_the_redirects_that_can_be_used() {
    let id = "https://example.org/client.json";
    let of = |redirects: Value| {
        let said = json!({ "client_id": id, "client_name": "One", "redirect_uris": redirects });
        read(id, said.to_string().as_bytes())
    };
    let kept = of(json!(["http://192.168.1.4/cb", "https://example.org/cb"])).unwrap();
    assert_eq!(kept.redirect_uris, ["https://example.org/cb"]);
    assert!(of(json!(["http://192.168.1.4/cb"])).is_err());
    assert!(of(json!(["https://example.org/cb", "javascript:alert(1)"])).is_err());
}
