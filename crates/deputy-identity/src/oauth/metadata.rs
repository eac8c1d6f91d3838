//! What clients read to find their way: about this server (RFC 8414) and about what it protects
//! (RFC 9728).
//!
//! No member is null and none is there that this server does not do: clients believe every word,
//! and some refuse a document for one that is null.

use deputy_core::Scope;
use serde_json::{Value, json};

use super::{AuthorizationServer, Resource};

/// Says that a client wants refresh tokens (`OpenID` Connect). Legal, and says nothing here:
/// everybody gets them.
const OFFLINE: &str = "offline_access";

impl AuthorizationServer {
    /// The document about this server, for `/.well-known/oauth-authorization-server` and, the same,
    /// for `/.well-known/openid-configuration`, where some clients look first.
    pub fn metadata(&self) -> Value {
        let issuer = self.issuer();
        // Some clients ask for all of them, so those are left out that nobody has by default.
        let scopes = Resource::Api.scopes().0;
        let mut scopes: Vec<&str> = scopes.into_iter().map(Scope::as_str).collect();
        scopes.push(OFFLINE);
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/oauth/authorize"),
            "token_endpoint": format!("{issuer}/oauth/token"),
            "registration_endpoint": format!("{issuer}/oauth/register"),
            "revocation_endpoint": format!("{issuer}/oauth/revoke"),
            "introspection_endpoint": format!("{issuer}/oauth/introspect"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "introspection_endpoint_auth_methods_supported": ["Bearer", "none"],
            "scopes_supported": scopes,
            "authorization_response_iss_parameter_supported": true,
            "protected_resources": [Resource::Mcp.url(issuer), Resource::Api.url(issuer)],
        });
        // Said only when it works: a client that can name itself by a URL tries nothing else.
        if self.documents_work() {
            document["client_id_metadata_document_supported"] = true.into();
        }
        document
    }

    /// The document about a resource, for
    /// [`deputy_core::challenge::metadata_url`]. Without `offline_access`,
    /// which is no right of a resource.
    pub fn resource_metadata(&self, resource: &Resource) -> Value {
        let issuer = self.issuer();
        let name = match resource {
            Resource::Mcp => "Deputy: all tools".to_owned(),
            Resource::McpServer(server) => format!("Deputy: {server}"),
            Resource::Api => "Deputy: REST API".to_owned(),
        };
        let scopes = resource.scopes();
        let scopes: Vec<&str> = scopes.0.iter().map(|scope| scope.as_str()).collect();
        json!({
            "resource": resource.url(issuer),
            "authorization_servers": [issuer],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
            "resource_name": name,
        })
    }
}

#[cfg(test)]
mod tests;
