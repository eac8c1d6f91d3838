//! Clients whose identifier is the URL of a document that says who they are
//! (draft-ietf-oauth-client-id-metadata-document, as MCP has it).
//!
//! Such a client is the same for all who use it, needs no registration, and its URL's host says
//! whose it is. The price is that a stranger, by naming a URL, has this server make a request.
//!
//! # What a stranger can't make of it
//!
//! - The URL is `https`, public, in its plain spelling, without user information, fragment or dot
//!   segments, and on a port where web servers are. Requests go through [`Guarded`]: no private
//!   address in whatever spelling, no name that resolves to one, no redirects; at most 16 KiB in
//!   5 s. Plain `http` only towards what the administrator allows by host and port.
//! - A document that is fresh (by its headers, a minute at least and a day at most) or that failed
//!   within the last minute is not fetched again. One URL is fetched once at a time. What nobody
//!   has allowed anything yet is limited per address, and overall; those in use are not, so that a
//!   stranger can't shut them out.
//! - What went wrong on the way is said in the log only: an answer that told a name that does not
//!   resolve from one that resolves to a private address would map our network.
//!
//! # What is believed
//!
//! The document's `client_id` must be its URL, byte by byte; redirect URIs are held to the rules of
//! [`super::redirect`]. A document with a secret in it is refused. Clients here are public: one that
//! lists the ways it can authenticate has to list `none` (`token_endpoint_auth_methods_supported`),
//! whatever it prefers. One that names `private_key_jwt` as its only way is refused rather than
//! taken without it, since whoever wrote that relies on nobody else being able to redeem its codes.
//!
//! A document that can't be reached goes on counting for a day after it was last fresh, so that
//! nobody is locked out by another's outage. One that is gone, or no longer holds, counts no more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::header::{ACCEPT, HeaderValue};
use deputy_core::http::{Blocked, GuardError, GuardLimits, Guarded};
use deputy_core::{Clock, Throttle, Throttled};
use deputy_store::oauth_client::{ClientKind, ClientRow, NewClient};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::Url;

use super::client::{Client, ClientError};
use super::described::{Described, Fault, text, texts};
use super::{AuthorizationServer, Documents as Setting, later};
use crate::sign_in::network;

pub(super) mod freshness;
mod offered;

pub(super) use offered::PROBE;

/// Largest document, in bytes.
const MAX: usize = 16 * 1024;
/// Longest URL of one, in bytes.
const MAX_URL: usize = 512;
/// How long fetching one may take, with everything.
const TIMEOUT: Duration = Duration::from_secs(5);
/// For so long a failure is not repeated.
pub(super) const FAILED: SignedDuration = SignedDuration::from_secs(60);
/// Most failures that are remembered.
const MAX_FAILED: usize = 1000;
/// For so long after it was fresh, a document that can't be reached still counts.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// Documents that nobody has allowed anything: fetches per address and hour.
const PER_ADDRESS: u32 = 30;
/// And in all per minute.
const PER_MINUTE: u32 = 60;
/// And at once.
const AT_ONCE: usize = 16;

/// What fetching a document may spend: 16 KiB and 5 s.
pub fn document_limits() -> GuardLimits {
    GuardLimits {
        connect: TIMEOUT,
        total: Some(TIMEOUT),
        body: MAX,
        ..GuardLimits::default()
    }
}

/// Why a document says nothing about a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The identifier is not the URL of a document.
    #[error("a client's identifier that is a URL must be {0}")]
    Url(&'static str),
    /// The URL may not be used.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// No answer, or too many are being waited for.
    #[error("the client's document can't be fetched at present")]
    Unreachable,
    /// An answer other than 200.
    #[error("the client's document was answered with status {0}")]
    Status(u16),
    /// Over 16 KiB.
    #[error("the client's document is larger than {MAX} bytes")]
    TooLarge,
    /// No JSON object, or not said to be JSON.
    #[error("the client's document is not a JSON object of the type application/json")]
    NotJson,
    /// It is about another client.
    #[error("the client's document names another client_id than its own URL")]
    OtherClient,
    /// It holds a secret.
    #[error("the client's document must not contain {0}")]
    Secret(&'static str),
    /// It can't authenticate as is done here.
    #[error("the client's document must list 'none' among the ways in which it authenticates")]
    Authentication,
    /// What it says can't be taken.
    #[error("the client's document: {0}")]
    Fault(#[from] Fault),
}

impl DocumentError {
    /// Whether the document may be as good as ever.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

/// Whether an identifier claims to be the URL of a document.
pub(super) fn is_url(client_id: &str) -> bool {
    client_id.contains("://")
}

/// Fetches documents, so often and no more.
pub(super) struct Fetching {
    guarded: Option<Guarded>,
    clock: Arc<dyn Clock>,
    /// Whether one was fetched when it was last tried.
    works: AtomicBool,
    addresses: Throttle<IpAddr>,
    all: Throttle<()>,
    at_once: Semaphore,
    flights: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
    failed: Mutex<HashMap<String, (Timestamp, DocumentError)>>,
}

/// A document that was read.
#[derive(Debug)]
struct Read {
    described: Described,
    fresh_for: SignedDuration,
}

impl Fetching {
    pub(super) fn new(guarded: Option<Guarded>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            guarded,
            works: AtomicBool::new(false),
            addresses: Throttle::new(PER_ADDRESS, Duration::from_hours(1), Arc::clone(clock)),
            all: Throttle::new(PER_MINUTE, Duration::from_mins(1), Arc::clone(clock)),
            at_once: Semaphore::new(AT_ONCE),
            flights: Mutex::default(),
            failed: Mutex::default(),
            clock: Arc::clone(clock),
        }
    }

    /// The URL that `client_id` is, if a document may be at it.
    pub(super) fn url(&self, client_id: &str) -> Result<(Url, &Guarded), DocumentError> {
        let guarded = self.guarded.as_ref().ok_or(DocumentError::Unreachable)?;
        if client_id.len() > MAX_URL {
            return Err(DocumentError::Url("at most 512 bytes long"));
        }
        let url =
            Url::parse(client_id).map_err(|_| DocumentError::Url("an https:// URL with a path"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(DocumentError::Url("an https:// URL with a path"));
        }
        if url.fragment().is_some() {
            return Err(DocumentError::Url("without a fragment"));
        }
        if url.host_str().is_some_and(|host| host.ends_with('.')) {
            return Err(DocumentError::Url("without a dot at the end of its host"));
        }
        guarded.check(&url)?;
        // A parser drops dot segments, tabs, a port that is the scheme's own and whatever else
        // could be written in two ways; it adds the slash of a path that is missing.
        if url.as_str() != client_id {
            return Err(DocumentError::Url(
                "written in its plain form, with a path and without dot segments",
            ));
        }
        let is_web = |port: u16| port == 443 || port >= 1024;
        let port = url.port_or_known_default().unwrap_or_default();
        if !guarded.is_allowed(&url) && !is_web(port) {
            return Err(DocumentError::Url("on port 443, or one from 1024 on"));
        }
        Ok((url, guarded))
    }

    /// Fetches and reads the document of `client_id`.
    async fn fetch(
        &self,
        client_id: &str,
        url: &Url,
        guarded: &Guarded,
    ) -> Result<Read, DocumentError> {
        let fetched = guarded
            .get(url)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .timeout(TIMEOUT)
            .fetch()
            .await
            .map_err(|error| {
                tracing::info!(
                    client_id,
                    error = &error as &dyn std::error::Error,
                    "a client's document could not be fetched"
                );
                match error {
                    GuardError::TooLarge { .. } => DocumentError::TooLarge,
                    _ => DocumentError::Unreachable,
                }
            })?;
        if fetched.status.as_u16() != 200 {
            return Err(DocumentError::Status(fetched.status.as_u16()));
        }
        if !guarded.is_allowed(url) {
            self.works.store(true, Ordering::Relaxed);
        }
        if fetched.body.len() > MAX {
            return Err(DocumentError::TooLarge);
        }
        if !fetched.is_json() {
            return Err(DocumentError::NotJson);
        }
        Ok(Read {
            described: read(client_id, &fetched.body)?,
            fresh_for: freshness::fresh_for(&fetched.headers, self.clock.now()),
        })
    }

    /// Held while a document is fetched, so that whoever asks for it meanwhile waits and then finds
    /// it.
    fn flight(&self, client_id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get(client_id).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::default();
        flights.insert(client_id.to_owned(), Arc::downgrade(&flight));
        flight
    }

    fn failed(&self, client_id: &str) -> Option<DocumentError> {
        let failed = self.failed.lock();
        let (until, error) = failed.get(client_id)?;
        (*until > self.clock.now()).then(|| error.clone())
    }

    fn note(&self, client_id: &str, failed: Option<&DocumentError>) {
        let mut known = self.failed.lock();
        let Some(error) = failed else {
            known.remove(client_id);
            return;
        };
        let now = self.clock.now();
        if known.len() >= MAX_FAILED {
            known.retain(|_, (until, _)| *until > now);
        }
        if known.len() >= MAX_FAILED {
            // More failures in a minute than strangers are allowed fetches.
            known.clear();
        }
        let until = later(now, FAILED);
        known.insert(client_id.to_owned(), (until, error.clone()));
    }

    /// Counts a fetch of a document that nobody has allowed anything.
    fn count(&self, address: Option<IpAddr>) -> Result<(), Throttled> {
        if let Some(address) = address {
            self.addresses.hit(&network(address))?;
        }
        self.all.hit(&())
    }
}

impl AuthorizationServer {
    /// The client whose document is at `client_id`, from its copy or fetched.
    pub(super) async fn document(
        &self,
        client_id: &str,
        address: Option<IpAddr>,
    ) -> Result<Client, ClientError> {
        let documents = &self.inner.documents;
        if self.inner.config.documents == Setting::Off || documents.guarded.is_none() {
            return Err(ClientError::Unknown);
        }
        let (url, guarded) = documents.url(client_id)?;
        if let Some(fresh) = self.fresh(self.copy(client_id).await?) {
            return Ok(fresh);
        }
        let flight = documents.flight(client_id);
        let _alone = flight.lock().await;
        let copy = self.copy(client_id).await?;
        if let Some(fresh) = self.fresh(copy.clone()) {
            return Ok(fresh);
        }
        let copy = copy.filter(|row| self.may_count(row));
        if let Some(error) = documents.failed(client_id) {
            return otherwise(copy, error);
        }
        let is_in_use = copy.as_ref().is_some_and(|row| row.authorized_at.is_some());
        let fetched = if is_in_use {
            documents.fetch(client_id, &url, guarded).await
        } else {
            if let Err(throttled) = documents.count(address) {
                return copy.map(Client::from).ok_or(throttled.into());
            }
            match tokio::time::timeout(TIMEOUT, documents.at_once.acquire()).await {
                Ok(Ok(_permit)) => documents.fetch(client_id, &url, guarded).await,
                _ => return otherwise(copy, DocumentError::Unreachable),
            }
        };
        documents.note(client_id, fetched.as_ref().err());
        match fetched {
            Ok(read) => self.keep(client_id, &url, read, address).await,
            Err(error) => otherwise(copy, error),
        }
    }

    async fn copy(&self, client_id: &str) -> Result<Option<ClientRow>, deputy_store::Error> {
        let row = self.inner.store.oauth_client(client_id).await?;
        Ok(row.filter(|row| row.kind == ClientKind::Document))
    }

    fn fresh(&self, copy: Option<ClientRow>) -> Option<Client> {
        let now = self.now();
        copy.filter(|row| row.fresh_until.is_some_and(|until| until > now))
            .map(Client::from)
    }

    /// Whether an old copy still counts where there is no newer one.
    fn may_count(&self, copy: &ClientRow) -> bool {
        copy.fresh_until
            .and_then(|until| until.checked_add(STALE).ok())
            .is_some_and(|until| until > self.now())
    }

    async fn keep(
        &self,
        client_id: &str,
        url: &Url,
        read: Read,
        address: Option<IpAddr>,
    ) -> Result<Client, ClientError> {
        let now = self.now();
        let name = if read.described.name.is_empty() {
            url.host_str().unwrap_or_default().to_owned()
        } else {
            read.described.name.clone()
        };
        let from = address.map(|address| network(address).to_string());
        let new = NewClient {
            client_id: client_id.to_owned(),
            kind: ClientKind::Document,
            name,
            metadata: read.described.metadata(),
            redirect_uris: read.described.redirect_uris,
            created_from: from.clone(),
            at: now,
            fresh_until: now.checked_add(read.fresh_for).ok(),
        };
        let is_known = self.copy(client_id).await?.is_some();
        if !is_known {
            let from = from.as_deref().unwrap_or_default();
            if self
                .make_room(ClientKind::Document, from, now)
                .await
                .is_err()
            {
                // It is who it says; only its copy finds no room.
                return Ok(Client::from(new));
            }
        }
        let tx = self.inner.store.begin().await?;
        let row = tx.put_oauth_document(new).await?;
        tx.commit().await?;
        Ok(Client::from(row))
    }
}

/// The old copy, where what went wrong says nothing about the document itself.
fn otherwise(copy: Option<ClientRow>, error: DocumentError) -> Result<Client, ClientError> {
    match copy {
        Some(copy) if error.is_temporary() => Ok(Client::from(copy)),
        _ => Err(error.into()),
    }
}

/// What the document of `client_id` says.
pub(super) fn read(client_id: &str, body: &[u8]) -> Result<Described, DocumentError> {
    let said: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| DocumentError::NotJson)?;
    if text(&said, "client_id")? != Some(client_id) {
        return Err(DocumentError::OtherClient);
    }
    for secret in ["client_secret", "client_secret_expires_at"] {
        if said.contains_key(secret) {
            return Err(DocumentError::Secret(secret));
        }
    }
    let is_public = match texts(&said, "token_endpoint_auth_methods_supported")? {
        Some(listed) => listed.contains(&"none"),
        None => matches!(
            text(&said, "token_endpoint_auth_method")?,
            None | Some("none")
        ),
    };
    if !is_public {
        return Err(DocumentError::Authentication);
    }
    Ok(Described::read(&said)?)
}

#[cfg(test)]
mod tests;
