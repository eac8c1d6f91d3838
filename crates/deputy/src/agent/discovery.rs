//! What a server says of itself: which authorization server its API trusts (RFC 9728), and where that one's endpoints
//! are (RFC 8414).
//!
//! A Deputy server is its own authorization server, so both documents must name the very address that was typed, byte
//! for byte, and every endpoint must be there. A document that says otherwise is not followed: a login that begins at
//! one address ends at it (RFC 9207 and RFC 9700 section 4.4, mix-up).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::server::ServerUrl;
use super::terminal::plain;

/// The largest document that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// Why there is nothing to log in to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    /// No connection, or it broke.
    #[error("{0} does not answer")]
    Unreachable(String, #[source] reqwest::Error),
    /// The address answers, but not as a Deputy server does.
    #[error("{url} answered {status}: is this the address of a Deputy server with a login?")]
    Status { url: Url, status: u16 },
    /// No document.
    #[error("{0} is not the document that a Deputy server has there")]
    Document(Url),
    /// The server is known under another address.
    #[error("{typed} says that its address is {says}; log in there: deputy login {says}")]
    Address { typed: String, says: String },
    /// The documents contradict what was asked, or each other.
    #[error("{server} can't be logged in to: {what}")]
    Unfit { server: String, what: String },
}

/// Where to log in.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    pub(crate) revoke: Option<Url>,
    /// Whether every answer names its issuer (RFC 9207).
    pub(crate) names_issuer: bool,
}

#[derive(Deserialize)]
pub(super) struct Resource {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    revocation_endpoint: Option<Url>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Asks the server.
pub(crate) async fn discover(
    http: &reqwest::Client,
    server: &ServerUrl,
) -> Result<Endpoints, DiscoveryError> {
    let about = server.well_known("oauth-protected-resource", "/api");
    let resource: Resource = document(http, server, about).await?;
    check_resource(server, &resource)?;
    let about = server.well_known("oauth-authorization-server", "");
    let metadata: Metadata = document(http, server, about).await?;
    check_issuer(server, metadata)
}

pub(super) fn check_resource(
    server: &ServerUrl,
    resource: &Resource,
) -> Result<(), DiscoveryError> {
    if resource.resource != server.api() {
        return Err(elsewhere(server, resource.resource.strip_suffix("/api")));
    }
    if !resource
        .authorization_servers
        .iter()
        .any(|issuer| issuer == server.issuer())
    {
        return Err(unfit(server, "its API trusts another authorization server"));
    }
    Ok(())
}

pub(super) fn check_issuer(
    server: &ServerUrl,
    metadata: Metadata,
) -> Result<Endpoints, DiscoveryError> {
    if metadata.issuer != server.issuer() {
        return Err(elsewhere(server, Some(&metadata.issuer)));
    }
    if !metadata
        .code_challenge_methods_supported
        .iter()
        .any(|method| method == "S256")
    {
        return Err(unfit(server, "it does not offer PKCE with S256"));
    }
    let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint];
    for url in endpoints.into_iter().chain(&metadata.revocation_endpoint) {
        if !server.is_home_of(url) {
            return Err(unfit(server, "it names an endpoint on another host"));
        }
    }
    Ok(Endpoints {
        authorize: metadata.authorization_endpoint,
        token: metadata.token_endpoint,
        revoke: metadata.revocation_endpoint,
        names_issuer: metadata.authorization_response_iss_parameter_supported,
    })
}

fn unfit(server: &ServerUrl, what: &str) -> DiscoveryError {
    DiscoveryError::Unfit {
        server: server.to_string(),
        what: what.to_owned(),
    }
}

/// The server says that it is somewhere else: worth telling only if it can be typed.
fn elsewhere(server: &ServerUrl, says: Option<&str>) -> DiscoveryError {
    match says.and_then(|says| ServerUrl::parse(says).ok()) {
        Some(says) if says != *server => DiscoveryError::Address {
            typed: server.to_string(),
            says: plain(says.issuer()),
        },
        _ => unfit(server, "it says that it is another server"),
    }
}

async fn document<T: DeserializeOwned>(
    http: &reqwest::Client,
    server: &ServerUrl,
    url: Url,
) -> Result<T, DiscoveryError> {
    let unreachable = |error| DiscoveryError::Unreachable(server.to_string(), error);
    let mut response = http.get(url.clone()).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(DiscoveryError::Status { url, status });
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&piece);
        if body.len() > LARGEST {
            return Err(DiscoveryError::Document(url));
        }
    }
    serde_json::from_slice(&body).map_err(|_| DiscoveryError::Document(url))
}

#[cfg(test)]
mod tests;
