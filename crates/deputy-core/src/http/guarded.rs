//! The client for URLs that a person, a server or a client gave us.
//!
//! Such a URL may point at this machine, at its neighbours or at a cloud's metadata, and whoever
//! gave it would read the answer with our rights. So every request is checked before it is made,
//! and there is no way to make one unchecked: [`Guarded`] keeps its clients to itself.
//!
//! - The scheme is https; no user information.
//! - An address written in the URL is checked here, because a resolver is never asked about one.
//!   The URL parser has brought the odd spellings (`127.1`, `0x7f.1`, `2130706433`, full-width
//!   digits) into one form by then.
//! - A name is resolved by a resolver that gives public addresses only. What it gives is what is
//!   connected to, so a name that answers differently the second time gains nothing.
//! - The address that answered is looked at once more before its answer is given to anybody.
//! - Redirects are not followed. Who must follow one uses [`Guarded::get_following`], which checks
//!   each hop.
//! - No proxy from the environment; the size of the answer and the time are limited.
//!
//! A self-hosted Deputy has neighbours worth reaching. The administrator names them, host *and*
//! port ([`PrivateHosts`]); only for those, addresses are not looked at and plain http is allowed.
//! They have a client of their own, so a permission for one port of a name can't be used for
//! another.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::USER_AGENT;
use super::address::is_public;
use crate::Secret;

/// How many redirects [`Guarded::get_following`] follows.
pub const REDIRECTS: usize = 3;

/// What a guarded client may spend, and whom it may reach although they are private.
#[derive(Clone, Debug, Default)]
pub struct GuardConfig {
    /// What the administrator allows although it is private.
    pub private_hosts: PrivateHosts,
    /// What a request may spend.
    pub limits: GuardLimits,
}

/// What a guarded request may spend.
#[derive(Clone, Copy, Debug)]
pub struct GuardLimits {
    /// To resolve and connect. Default 5 s.
    pub connect: Duration,
    /// From sending to the last byte of the answer; `None` for streams. Default 15 s.
    pub total: Option<Duration>,
    /// Between two pieces of the answer; `None`: only `total` counts. Default `None`.
    pub idle: Option<Duration>,
    /// Bytes of an answer that [`GuardedRequest::fetch`] takes, after decompression. Default 256
    /// KiB.
    pub body: usize,
    /// How long a connection that nobody uses is kept. Default 90 s.
    pub keep: Duration,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Some(Duration::from_secs(15)),
            idle: None,
            body: 256 * 1024,
            keep: Duration::from_secs(90),
        }
    }
}

impl GuardLimits {
    /// For answers that stream for as long as they have something to say: `idle` between two pieces
    /// of one, no limit in all.
    pub fn streaming(idle: Duration) -> Self {
        Self {
            total: None,
            idle: Some(idle),
            ..Self::default()
        }
    }
}

/// Hosts and ports that may be reached although they are private, and by plain http. Written
/// `host:port,…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivateHosts(BTreeSet<(Host<String>, u16)>);

/// One entry of [`PrivateHosts`] is not `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not host:port")]
pub struct NotAHost(String);

impl PrivateHosts {
    /// Whether the host and port of `url` are among them.
    pub fn contains(&self, url: &Url) -> bool {
        match (url.host(), url.port_or_known_default()) {
            (Some(host), Some(port)) => self.0.contains(&(host.to_owned(), port)),
            _ => false,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and the host and port of `url`, where it has them.
    #[must_use]
    pub fn with(mut self, url: &Url) -> Self {
        if let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) {
            self.0.insert((host.to_owned(), port));
        }
        self
    }
}

impl FromStr for PrivateHosts {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                let wrong = || NotAHost(entry.to_owned());
                let (host, port) = entry.rsplit_once(':').ok_or_else(wrong)?;
                let host = Host::parse(host).map_err(|_| wrong())?;
                let port = port.parse().ok().filter(|p| *p != 0).ok_or_else(wrong)?;
                Ok((host, port))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Why a URL may not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Neither https nor allowed by the administrator.
    #[error("'{0}' must be an https:// address")]
    Scheme(String),
    /// It carries a name or a password.
    #[error("an address must not carry a user name or a password")]
    Userinfo,
    /// It has no host.
    #[error("an address without a host")]
    NoHost,
    /// It is, or its name resolves to, an address that is not public.
    #[error("'{0}' is not on the public internet, and the administrator has not allowed it")]
    PrivateAddress(String),
}

/// Why a guarded request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The URL, or what it redirected to, may not be used.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// The answer is larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: usize,
    },
    /// It redirected more than [`REDIRECTS`] times, or to what is no URL.
    #[error("too many redirects")]
    Redirects,
    /// The answer is not of the type that was asked for.
    #[error("the answer is not JSON")]
    NotJson,
    /// The network: no such name, no connection, TLS, a timeout, an answer cut short. Without the
    /// URL, whose query may hold secrets.
    #[error("{}", network_text(.0))]
    Network(#[source] reqwest::Error),
}

impl GuardError {
    /// Whether the same request may go better later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Network(error) if !error.is_builder())
    }

    /// Whether nothing can have reached the other side.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Blocked(_) => true,
            Self::Network(error) => error.is_builder() || error.is_connect(),
            Self::TooLarge { .. } | Self::Redirects | Self::NotJson => false,
        }
    }
}

fn network_text(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_builder() {
        "no request could be made of this"
    } else {
        "the connection broke"
    }
}

impl From<reqwest::Error> for GuardError {
    fn from(error: reqwest::Error) -> Self {
        // What our resolver said comes back wrapped in what the layers above it made of it.
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(cause) = source {
            if let Some(blocked) = cause.downcast_ref::<Blocked>() {
                return Self::Blocked(blocked.clone());
            }
            source = cause.source();
        }
        Self::Network(error.without_url())
    }
}

/// A client that reaches the public internet and what the administrator allows. Cheap to clone.
#[derive(Clone)]
pub struct Guarded {
    inner: Arc<Clients>,
}

struct Clients {
    public: reqwest::Client,
    /// None where the administrator allows nothing.
    allowed: Option<reqwest::Client>,
    private_hosts: PrivateHosts,
    body: usize,
}

/// An answer that was read whole.
#[derive(Debug)]
pub struct Fetched {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed, within the limit.
    pub body: Vec<u8>,
}

impl Fetched {
    /// Whether the answer says that it is JSON (`application/json` or `…+json`).
    pub fn is_json(&self) -> bool {
        is_json(&self.headers)
    }

    /// The body read as JSON; `NotJson` where the answer doesn't say so or doesn't hold `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, GuardError> {
        if !self.is_json() {
            return Err(GuardError::NotJson);
        }
        serde_json::from_slice(&self.body).map_err(|_| GuardError::NotJson)
    }
}

/// Whether these headers say JSON (`application/json` or `…+json`).
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json"))
}

/// A guarded client. Fails where TLS can't be set up.
pub fn guarded(config: GuardConfig) -> Result<Guarded, reqwest::Error> {
    let GuardConfig {
        private_hosts,
        limits,
    } = config;
    Ok(Guarded {
        inner: Arc::new(Clients {
            public: builder(limits).dns_resolver(Arc::new(PublicOnly)).build()?,
            allowed: if private_hosts.is_empty() {
                None
            } else {
                Some(builder(limits).build()?)
            },
            private_hosts,
            body: limits.body,
        }),
    })
}

fn builder(limits: GuardLimits) -> reqwest::ClientBuilder {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that builds clients"
    )]
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(limits.connect)
        .pool_idle_timeout(limits.keep)
        .gzip(true);
    if let Some(tls) = super::tls::own() {
        builder = builder.tls_backend_preconfigured(tls);
    }
    if let Some(total) = limits.total {
        builder = builder.timeout(total);
    }
    if let Some(idle) = limits.idle {
        builder = builder.read_timeout(idle);
    }
    builder
}

impl Guarded {
    /// Whether `url` may be used. A name is only known to be public once it is resolved, which the
    /// request does.
    pub fn check(&self, url: &Url) -> Result<(), Blocked> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Blocked::Userinfo);
        }
        let host = url.host().ok_or(Blocked::NoHost)?;
        if self.is_allowed(url) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(Blocked::Scheme(shown(url)));
        }
        let public = match host {
            Host::Domain(_) => true,
            Host::Ipv4(ip) => is_public(ip.into()),
            Host::Ipv6(ip) => is_public(ip.into()),
        };
        if public {
            Ok(())
        } else {
            Err(Blocked::PrivateAddress(shown(url)))
        }
    }

    /// Whether the administrator allows `url` by host and port.
    pub fn is_allowed(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https") && self.inner.private_hosts.contains(url)
    }

    /// A request to be sent; checked when it is.
    pub fn request(&self, method: Method, url: &Url) -> GuardedRequest {
        GuardedRequest {
            guarded: self.clone(),
            url: url.clone(),
            request: self.inner.public.request(method, url.clone()),
        }
    }

    /// A `GET`.
    pub fn get(&self, url: &Url) -> GuardedRequest {
        self.request(Method::GET, url)
    }

    /// A `POST`.
    pub fn post(&self, url: &Url) -> GuardedRequest {
        self.request(Method::POST, url)
    }

    /// Sends `request` if its URL may be used. The answer's body is not limited in size: it
    /// streams.
    pub async fn execute(
        &self,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, GuardError> {
        self.check(request.url())?;
        if let Some(allowed) = &self.inner.allowed
            && self.is_allowed(request.url())
        {
            return Ok(allowed.execute(request).await?);
        }
        let response = self.inner.public.execute(request).await?;
        match response.remote_addr() {
            Some(address) if !is_public(address.ip()) => {
                Err(Blocked::PrivateAddress(shown(response.url())).into())
            }
            _ => Ok(response),
        }
    }

    /// Reads what `url` holds, following at most [`REDIRECTS`] redirects, each checked as `url`
    /// itself.
    pub async fn get_following(
        &self,
        url: &Url,
        accept: &'static str,
    ) -> Result<Fetched, GuardError> {
        self.follow(url, accept, |_| true).await
    }

    /// The same, for what only `url`'s origin may say: a redirect to another one is not followed.
    pub async fn get_following_within(
        &self,
        url: &Url,
        accept: &'static str,
    ) -> Result<Fetched, GuardError> {
        let origin = url.origin();
        self.follow(url, accept, |to| to.origin() == origin).await
    }

    async fn follow(
        &self,
        url: &Url,
        accept: &'static str,
        may: impl Fn(&Url) -> bool,
    ) -> Result<Fetched, GuardError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let fetched = self
                .get(&url)
                .header(http::header::ACCEPT, HeaderValue::from_static(accept))
                .fetch()
                .await?;
            if !fetched.status.is_redirection() || fetched.status == StatusCode::NOT_MODIFIED {
                return Ok(fetched);
            }
            url = fetched
                .headers
                .get(LOCATION)
                .and_then(|location| location.to_str().ok())
                .and_then(|location| url.join(location).ok())
                .filter(&may)
                .ok_or(GuardError::Redirects)?;
        }
        Err(GuardError::Redirects)
    }
}

/// A request that is checked when it is sent.
#[must_use = "a request does nothing until it is sent"]
pub struct GuardedRequest {
    guarded: Guarded,
    url: Url,
    request: reqwest::RequestBuilder,
}

impl GuardedRequest {
    /// With a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With these headers.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.request = self.request.headers(headers);
        self
    }

    /// With a bearer token.
    pub fn bearer(mut self, token: &Secret<String>) -> Self {
        self.request = self.request.bearer_auth(token.expose());
        self
    }

    /// With a name and a password, as they are.
    pub fn basic(mut self, name: &str, password: &str) -> Self {
        self.request = self.request.basic_auth(name, Some(password));
        self
    }

    /// With a form as its body.
    pub fn form<T: serde::Serialize + ?Sized>(mut self, form: &T) -> Self {
        self.request = self.request.form(form);
        self
    }

    /// With JSON as its body.
    pub fn json<T: serde::Serialize + ?Sized>(mut self, json: &T) -> Self {
        self.request = self.request.json(json);
        self
    }

    /// With these bytes as its body.
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    /// Within this time instead of the client's.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.request = self.request.timeout(total);
        self
    }

    /// Sends it. The answer's body is not limited in size: it streams.
    pub async fn send(self) -> Result<reqwest::Response, GuardError> {
        // Before it is built: what is no URL for a client is refused as that.
        self.guarded.check(&self.url)?;
        let request = self.request.build()?;
        self.guarded.execute(request).await
    }

    /// Sends it and reads the answer, up to the client's limit.
    pub async fn fetch(self) -> Result<Fetched, GuardError> {
        let limit = self.guarded.inner.body;
        let mut response = self.send().await?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > limit {
                return Err(GuardError::TooLarge { limit });
            }
            body.extend_from_slice(&piece);
        }
        Ok(Fetched {
            status,
            headers,
            body,
        })
    }
}

/// What of a URL may be shown: no path, no query.
fn shown(url: &Url) -> String {
    let mut text = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        text.push(':');
        text.push_str(&port.to_string());
    }
    text.truncate(300);
    text
}

/// Resolves names to public addresses only.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (public, private): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.partition(|address| is_public(address.ip()));
            if public.is_empty() && !private.is_empty() {
                return Err(Box::new(Blocked::PrivateAddress(name.as_str().to_owned())) as _);
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
