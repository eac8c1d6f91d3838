//! Who gives tokens for a server: its metadata (RFC 9728), then the metadata of the authorization
//! server that it names (RFC 8414, or OpenID Connect Discovery).
//!
//! One departure from the letter: an issuer that is only an origin may have a slash at its end in
//! one document and none in the other. RFC 3986 calls the two equivalent, common server libraries
//! add the slash, and the official SDKs take it. The answer's `iss` is compared as it is, with what
//! the authorization server calls itself.

use deputy_core::http::{Blocked, Fetched, GuardError, Guarded};
use serde::Deserialize;
use url::Url;

use super::challenge::is_scope;
use super::word;

/// How many of the authorization servers that a server names are tried.
const MAX_SERVERS: usize = 3;
const JSON: &str = "application/json";
/// The longest issuer; what is longer is no issuer for us.
const MAX_ISSUER: usize = 512;

/// Why nobody is known to give tokens for a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// A URL that the server or its authorization server named may not be used.
    #[error("the server sends Deputy where it does not go: {0}")]
    Blocked(#[from] Blocked),
    /// Neither the server nor its origin says how to get a token.
    #[error("the server does not say where to sign in")]
    Nowhere,
    /// The server's metadata is of another server.
    #[error("the server's metadata is for another address")]
    ResourceMismatch,
    /// The authorization server's metadata can't be found.
    #[error("the authorization server does not describe itself")]
    NoMetadata,
    /// The metadata is another authorization server's.
    #[error("the authorization server's description is another's")]
    IssuerMismatch,
    /// The authorization server doesn't say that it knows PKCE with S256.
    #[error("the authorization server does not support PKCE (S256)")]
    NoPkce,
    /// It can't do what is needed.
    #[error("the authorization server does not support {0}")]
    Unsupported(&'static str),
    /// Somebody doesn't answer; it may work later.
    #[error("{0} does not answer as it should; try again later")]
    Temporary(&'static str),
}

/// A protected resource's metadata, as far as it is used (RFC 9728, section 2).
#[derive(Debug, Deserialize)]
pub(super) struct ResourceMetadata {
    pub(super) resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    pub(super) scopes_supported: Option<Vec<String>>,
}

/// An authorization server's metadata, as far as it is used (RFC 8414, section 2).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AuthorizationServer {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    #[serde(default)]
    pub(super) registration_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) revocation_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) scopes_supported: Option<Vec<String>>,
    #[serde(default)]
    response_types_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    pub(super) client_id_metadata_document_supported: bool,
}

/// What discovery found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// What `resource` says in our requests.
    pub(super) resource: String,
    /// The scopes that the server names as the usual ones.
    pub(super) scopes: Option<Vec<String>>,
    /// Who gives the tokens.
    pub(super) server: AuthorizationServer,
}

/// Asks around with a guarded client.
pub(super) struct Discovery<'a> {
    pub(super) http: &'a Guarded,
}

impl Discovery<'_> {
    /// Finds out who gives tokens for the server at `url`, which said with a refusal that its
    /// metadata is at `hint`.
    pub(super) async fn find(
        &self,
        url: &Url,
        hint: Option<&str>,
    ) -> Result<Found, DiscoveryError> {
        let Some(metadata) = self.resource(url, hint).await? else {
            // Servers of the protocol's version 2025-03-26 are their own authorization server.
            let issuer = url.origin().ascii_serialization();
            let server = match self.authorization_server(&issuer).await {
                Err(DiscoveryError::NoMetadata) => return Err(DiscoveryError::Nowhere),
                found => found?,
            };
            return Ok(Found {
                resource: canonical(url),
                scopes: None,
                server,
            });
        };
        if !covers(&metadata.resource, url) {
            return Err(DiscoveryError::ResourceMismatch);
        }
        let mut error = DiscoveryError::Nowhere;
        for issuer in metadata.authorization_servers.iter().take(MAX_SERVERS) {
            match self.authorization_server(issuer).await {
                Ok(server) => {
                    return Ok(Found {
                        resource: metadata.resource,
                        scopes: metadata.scopes_supported.map(only_scopes),
                        server,
                    });
                }
                Err(refused) => error = refused,
            }
        }
        Err(error)
    }

    /// The server's metadata: where it said, else at the two well-known places.
    async fn resource(
        &self,
        url: &Url,
        hint: Option<&str>,
    ) -> Result<Option<ResourceMetadata>, DiscoveryError> {
        let hinted = hint.and_then(|hint| url.join(hint).ok());
        let mut places: Vec<Url> = hinted.into_iter().collect();
        let path = url.path().trim_end_matches('/');
        let root = "/.well-known/oauth-protected-resource";
        if !path.is_empty() {
            places.push(at(url, &format!("{root}{path}")));
        }
        places.push(at(url, root));
        for place in places {
            if let Some(fetched) = self
                .document(self.http.get_following(&place, JSON), "the server")
                .await?
                && let Ok(metadata) = fetched.json::<ResourceMetadata>()
            {
                return Ok(Some(metadata));
            }
        }
        Ok(None)
    }

    /// The metadata of the authorization server `issuer`, checked.
    async fn authorization_server(
        &self,
        issuer: &str,
    ) -> Result<AuthorizationServer, DiscoveryError> {
        let url = Url::parse(issuer).map_err(|_| DiscoveryError::NoMetadata)?;
        if issuer.len() > MAX_ISSUER || url.query().is_some() || url.fragment().is_some() {
            return Err(DiscoveryError::NoMetadata);
        }
        self.http.check(&url)?;
        let path = url.path().trim_end_matches('/');
        let mut places = vec![
            at(
                &url,
                &format!("/.well-known/oauth-authorization-server{path}"),
            ),
            at(&url, &format!("/.well-known/openid-configuration{path}")),
        ];
        if !path.is_empty() {
            places.push(at(
                &url,
                &format!("{path}/.well-known/openid-configuration"),
            ));
        }
        for place in places {
            // Who redirects to another origin would speak for whoever is there.
            let answer = self.http.get_following_within(&place, JSON);
            let Some(fetched) = self.document(answer, "the authorization server").await? else {
                continue;
            };
            let Ok(server) = fetched.json::<AuthorizationServer>() else {
                continue;
            };
            self.examine(issuer, &server)?;
            return Ok(server);
        }
        Err(DiscoveryError::NoMetadata)
    }

    /// Whether the metadata found for `issuer` is its own and enough.
    pub(super) fn examine(
        &self,
        issuer: &str,
        server: &AuthorizationServer,
    ) -> Result<(), DiscoveryError> {
        if !is_same_issuer(issuer, &server.issuer) {
            tracing::info!(issuer = word(issuer), "an issuer's metadata is another's");
            return Err(DiscoveryError::IssuerMismatch);
        }
        let endpoints = [&server.authorization_endpoint, &server.token_endpoint];
        let optional = [&server.registration_endpoint, &server.revocation_endpoint];
        for endpoint in endpoints.into_iter().chain(optional.into_iter().flatten()) {
            self.http.check(endpoint)?;
        }
        let lists = |list: &Option<Vec<String>>, value: &str| {
            list.as_ref().map(|list| list.iter().any(|v| v == value))
        };
        if lists(&server.response_types_supported, "code") == Some(false) {
            return Err(DiscoveryError::Unsupported("authorization codes"));
        }
        if lists(&server.code_challenge_methods_supported, "S256") != Some(true) {
            return Err(DiscoveryError::NoPkce);
        }
        Ok(())
    }

    /// What a place answers; `None` where there is nothing of use.
    async fn document(
        &self,
        answer: impl Future<Output = Result<Fetched, GuardError>>,
        whose: &'static str,
    ) -> Result<Option<Fetched>, DiscoveryError> {
        match answer.await {
            Ok(fetched) if fetched.status.is_success() => Ok(Some(fetched)),
            Ok(fetched) if fetched.status.is_server_error() || fetched.status == 429 => {
                Err(DiscoveryError::Temporary(whose))
            }
            Ok(_)
            | Err(GuardError::NotJson | GuardError::TooLarge { .. } | GuardError::Redirects) => {
                Ok(None)
            }
            Err(GuardError::Blocked(blocked)) => Err(blocked.into()),
            Err(GuardError::Network(error)) => {
                tracing::info!(%error, "metadata could not be fetched");
                Err(DiscoveryError::Temporary(whose))
            }
        }
    }
}

pub(super) fn only_scopes(scopes: Vec<String>) -> Vec<String> {
    let mut scopes = scopes;
    scopes.retain(|scope| is_scope(scope));
    scopes.truncate(super::MAX_SCOPES);
    scopes
}

/// Another path on the same origin.
fn at(url: &Url, path: &str) -> Url {
    let mut place = url.clone();
    place.set_path(path);
    place.set_query(None);
    place.set_fragment(None);
    place
}

/// The server's address as `resource` where it doesn't name one itself: without a fragment, and
/// without a slash that stands for nothing (MCP 2026-07-28, "Canonical Server URI").
pub(super) fn canonical(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    let text = String::from(url.clone());
    if url.path() == "/" && url.query().is_none() {
        text.trim_end_matches('/').to_owned()
    } else {
        text
    }
}

/// Whether a resource of this name covers `url`: the same origin, and the same path or one above
/// it.
pub(super) fn covers(resource: &str, url: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else {
        return false;
    };
    if resource.origin() != url.origin()
        || !resource.origin().is_tuple()
        || resource.fragment().is_some()
        || !resource.username().is_empty()
        || resource.password().is_some()
    {
        return false;
    }
    match url.path().strip_prefix(resource.path()) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || resource.path().ends_with('/'),
        None => resource.path().strip_suffix('/') == Some(url.path()),
    }
}

fn is_same_issuer(one: &str, other: &str) -> bool {
    let bare = |issuer: &str| -> String {
        match Url::parse(issuer) {
            Ok(url) if url.path() == "/" => issuer.strip_suffix('/').unwrap_or(issuer).to_owned(),
            _ => issuer.to_owned(),
        }
    };
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests;
