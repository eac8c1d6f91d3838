//! Who we are to an authorization server.
//!
//! In this order (MCP 2026-07-28, "Client Registration"): a client that somebody registered there
//! and named with the server; our client metadata document, whose URL is the id; a client that is
//! registered there on the spot (RFC 7591). A registered client is kept, with its secret and its
//! end, per person, issuer and redirect. It is replaced when it has lapsed, and when the
//! authorization server seems to have forgotten it.

use deputy_core::Secret;
use deputy_core::http::{GuardError, GuardedRequest};
use deputy_core::{UserId, secret};
use deputy_store::remote_client::RemoteClient;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::consent::BeginError;
use super::discovery::{AuthorizationServer, DiscoveryError};
use super::{Config, Inner, Remote, SealedAt, Server, exposed_option, provider, to_json, word};
use crate::StorageError;

/// The path, on this installation, of its client metadata document.
pub const CLIENT_METADATA_PATH: &str = "oauth/client-metadata.json";

/// A registration must last at least as long as a consent may take.
const LASTS: SignedDuration = SignedDuration::from_mins(15);
/// How many registered clients of one person are kept.
const KEPT: u64 = 50;
/// So many consents at one server that nobody came back from may be the authorization server's "I
/// don't know this client", which only the person sees.
const UNANSWERED: u64 = 2;
const MAX_ID: usize = 2048;

/// How a client proves itself at the token endpoint (RFC 7591, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    /// It is public.
    None,
    /// By HTTP Basic.
    ClientSecretBasic,
    /// In the form.
    ClientSecretPost,
}

impl Method {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// It was named with the server.
    Given,
    /// Our metadata document.
    Document,
    /// It was registered on the spot.
    Registered,
}

/// A client at an authorization server.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) id: String,
    #[serde(serialize_with = "exposed_option")]
    pub(super) secret: Option<Secret<String>>,
    pub(super) method: Method,
    pub(super) source: Source,
}

impl Client {
    /// What a request to the token or revocation endpoint needs: `form` with the client's fields,
    /// and the header where the client proves itself there.
    pub(super) fn sign<'a>(
        &'a self,
        request: GuardedRequest,
        mut form: Vec<(&'a str, &'a str)>,
    ) -> GuardedRequest {
        let secret = self.secret.as_ref().map_or("", |s| s.expose().as_str());
        let request = match self.method {
            Method::None => {
                form.push(("client_id", &self.id));
                request
            }
            Method::ClientSecretPost => {
                form.push(("client_id", &self.id));
                form.push(("client_secret", secret));
                request
            }
            Method::ClientSecretBasic => match basic(&self.id, secret) {
                Some(header) => request.header(AUTHORIZATION, header),
                None => request,
            },
        };
        request
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .form(&form)
    }
}

/// Id and secret in form encoding, as RFC 6749 section 2.3.1 has it.
fn basic(id: &str, secret: &str) -> Option<HeaderValue> {
    use base64::Engine as _;
    let encoded =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = Secret::new(format!("{}:{}", encoded(id), encoded(secret)));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose());
    let mut header = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The answer to a registration (RFC 7591, section 3.2.1).
#[derive(Deserialize)]
pub(super) struct Registered {
    client_id: String,
    #[serde(default)]
    client_secret: Option<Secret<String>>,
    /// Seconds since 1970; 0 for never.
    #[serde(default)]
    client_secret_expires_at: Option<f64>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
}

impl Remote {
    /// This installation's client metadata document, where authorization servers can read it.
    pub fn client_metadata(&self) -> Option<Value> {
        let config = &self.inner.config;
        let url = config.metadata_url.as_ref()?;
        let mut document = metadata(config, application_type(&config.redirect_uri), Method::None);
        document["client_id"] = url.as_str().into();
        Some(document)
    }
}

/// What we say about ourselves (RFC 7591, section 2).
fn metadata(config: &Config, application_type: &str, method: Method) -> Value {
    json!({
        "client_name": "Deputy",
        "client_uri": config.public_url,
        "redirect_uris": [config.redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method.as_str(),
        "application_type": application_type,
    })
}

/// OpenID Connect allows a redirect to this machine to native clients only.
fn application_type(redirect: &Url) -> &'static str {
    if redirect.scheme() == "https" && !deputy_core::http::is_loopback(redirect) {
        "web"
    } else {
        "native"
    }
}

impl Inner {
    /// The client to ask `issuer` as, for a consent of `user` at `server`.
    pub(super) async fn client(
        &self,
        user: UserId,
        server: &Server,
        issuer: &AuthorizationServer,
    ) -> Result<Client, BeginError> {
        let supported = issuer.token_endpoint_auth_methods_supported.as_deref();
        if let Some(id) = &server.client_id {
            let method = match &server.client_secret {
                Some(_) => with_secret(supported).ok_or(BeginError::NoAuthentication)?,
                None => Method::None,
            };
            return Ok(Client {
                id: id.clone(),
                secret: server.client_secret.clone(),
                method,
                source: Source::Given,
            });
        }
        let public = supported.is_none_or(|methods| methods.iter().any(|m| m == "none"));
        if let Some(url) = &self.config.metadata_url
            && issuer.client_id_metadata_document_supported
            && public
        {
            return Ok(Client {
                id: url.to_string(),
                secret: None,
                method: Method::None,
                source: Source::Document,
            });
        }
        let Some(endpoint) = &issuer.registration_endpoint else {
            return Err(BeginError::NoRegistration);
        };
        if let Some(client) = self.registered(user, server, &issuer.issuer).await? {
            return Ok(client);
        }
        let method = with_secret(supported)
            .or(public.then_some(Method::None))
            .ok_or(BeginError::NoAuthentication)?;
        let (client, expires_at) = self.register(endpoint, method, supported).await?;
        self.keep(user, &issuer.issuer, &client, expires_at).await?;
        Ok(client)
    }

    /// The client that was registered for this person before, if it is still good.
    async fn registered(
        &self,
        user: UserId,
        server: &Server,
        issuer: &str,
    ) -> Result<Option<Client>, StorageError> {
        let scope = self.store.user(user);
        let redirect = self.config.redirect_uri.as_str();
        let Some(row) = scope.remote_client(issuer, redirect).await? else {
            return Ok(None);
        };
        let until = self.clock.now().checked_add(LASTS);
        let lapsed = row
            .expires_at
            .is_some_and(|at| until.is_ok_and(|until| at < until));
        // Those before it were another client's.
        let open = scope
            .oauth_states_unanswered(&provider(server.id), row.created_at)
            .await?;
        if lapsed || open >= UNANSWERED {
            return Ok(None);
        }
        match self.open(&self.kept_at(user, issuer), &row.client).await {
            Ok(client) => Ok(Some(client)),
            Err(StorageError::Vault(error)) => {
                tracing::warn!(%user, %error, "a registered client can't be opened; another is registered");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn kept_at(&self, user: UserId, issuer: &str) -> SealedAt {
        let name = format!("{issuer}\0{}", self.config.redirect_uri);
        SealedAt {
            user,
            table: "remote_clients",
            row: secret::sha256_hex(name.as_bytes()),
            column: "client",
        }
    }

    async fn keep(
        &self,
        user: UserId,
        issuer: &str,
        client: &Client,
        expires_at: Option<Timestamp>,
    ) -> Result<(), StorageError> {
        let sealed = self
            .seal(&self.kept_at(user, issuer), &to_json(client))
            .await?;
        let row = RemoteClient {
            issuer: issuer.to_owned(),
            redirect_uri: self.config.redirect_uri.to_string(),
            client: sealed,
            expires_at,
            created_at: self.clock.now(),
        };
        let tx = self.store.begin().await?;
        tx.user(user).remote_client_put(row, KEPT).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets a registered client that its authorization server doesn't know any more.
    pub(super) async fn forget_client(
        &self,
        user: UserId,
        issuer: &str,
    ) -> Result<(), StorageError> {
        let tx = self.store.begin().await?;
        tx.user(user)
            .remote_client_delete(issuer, self.config.redirect_uri.as_str())
            .await?;
        Ok(tx.commit().await?)
    }

    /// Registers a client; tries the other application type where the redirect doesn't please.
    async fn register(
        &self,
        endpoint: &Url,
        method: Method,
        supported: Option<&[String]>,
    ) -> Result<(Client, Option<Timestamp>), BeginError> {
        let first = application_type(&self.config.redirect_uri);
        let other = if first == "web" { "native" } else { "web" };
        let mut refused = String::new();
        for kind in [first, other] {
            let fetched = self
                .http
                .post(endpoint)
                .header(ACCEPT, HeaderValue::from_static("application/json"))
                .json(&metadata(&self.config, kind, method))
                .fetch()
                .await
                .map_err(|error| match error {
                    GuardError::Blocked(blocked) => BeginError::Discovery(blocked.into()),
                    _ => DiscoveryError::Temporary("the authorization server").into(),
                })?;
            if fetched.status.is_success() {
                let answer: Registered = fetched
                    .json()
                    .map_err(|_| BeginError::Registration("no client in the answer".to_owned()))?;
                return registered(answer, method, supported);
            }
            if fetched.status.is_server_error() || fetched.status == 429 {
                return Err(DiscoveryError::Temporary("the authorization server").into());
            }
            let error = fetched.json::<Value>().ok();
            let code = error.as_ref().and_then(|e| e.get("error")?.as_str());
            refused = code.map_or_else(|| fetched.status.as_u16().to_string(), word);
            if !matches!(
                code,
                Some("invalid_redirect_uri" | "invalid_client_metadata")
            ) {
                break;
            }
        }
        Err(BeginError::Registration(refused))
    }
}

pub(super) fn registered(
    answer: Registered,
    asked: Method,
    supported: Option<&[String]>,
) -> Result<(Client, Option<Timestamp>), BeginError> {
    let wrong = |what: &str| BeginError::Registration(what.to_owned());
    if answer.client_id.is_empty() || answer.client_id.len() > MAX_ID {
        return Err(wrong("no client in the answer"));
    }
    let secret = answer.client_secret.filter(|s| !s.expose().is_empty());
    let method = match (&answer.token_endpoint_auth_method, &secret) {
        (_, None) => Method::None,
        (Some(name), Some(_)) => {
            Method::of(name).ok_or_else(|| wrong("an unknown authentication method"))?
        }
        (None, Some(_)) if asked == Method::None => {
            with_secret(supported).unwrap_or(Method::ClientSecretBasic)
        }
        (None, Some(_)) => asked,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds; what is out of range never ends"
    )]
    let expires_at = answer
        .client_secret_expires_at
        .filter(|at| *at > 0.0 && secret.is_some())
        .and_then(|at| Timestamp::from_second(at as i64).ok());
    let client = Client {
        id: answer.client_id,
        secret,
        method,
        source: Source::Registered,
    };
    Ok((client, expires_at))
}

/// How a client with a secret proves itself: as the authorization server says; where it says
/// nothing, by Basic (RFC 8414, section 2).
fn with_secret(supported: Option<&[String]>) -> Option<Method> {
    let Some(supported) = supported else {
        return Some(Method::ClientSecretBasic);
    };
    [Method::ClientSecretBasic, Method::ClientSecretPost]
        .into_iter()
        .find(|method| supported.iter().any(|name| name == method.as_str()))
}

#[cfg(test)]
mod tests;
