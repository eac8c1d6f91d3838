//! Accounts at the remote MCP servers that people brought along.
//!
//! An account belongs to one person, one server of theirs and one URL: tokens are presented to the
//! URL they were got for and to no other, also when the server of that number is given another URL.
//! Everything is found out when a consent begins (RFC 9728, then RFC 8414) and sealed with the
//! tokens, so that a refresh needs neither discovery nor the server.
//!
//! # Why not the SDK's client
//!
//! rmcp has an OAuth client. It is made for a program of one person: it keeps the flow in memory,
//! does not store the client's secret, only warns where PKCE is not advertised, and finds
//! parameters in `WWW-Authenticate` by searching for their names. What is needed here beyond the
//! requests themselves (states that count once and for one person, tokens that are stored before
//! they are used, one refresh at a time over several processes) is there for Google already. So the
//! requests are written here, on that, and the official conformance suite judges them.
//!
//! # Where the rules come from
//!
//! MCP 2026-07-28, "Authorization" and its parts; RFC 6749, 6750, 7009, 7591, 8414, 8707, 9207,
//! 9728; the Client ID Metadata Document draft.
//!
//! # Parts
//!
//! `challenge` reads what a server says with 401 and 403, `discovery` finds out who gives tokens
//! for it, `client` is who we are to them, `consent` sends the person there and takes what they
//! come back with, `endpoint` speaks to the token endpoint, `access` hands out tokens and refreshes
//! them, `sweep` does what nobody asks for.

use std::sync::Arc;

use aws_lc_rs::hmac;
use deputy_core::http::Guarded;
use deputy_core::{Clock, Lifecycle, Rng, Secret, UserId};
use deputy_store::Store;
use deputy_store::remote_account::RemoteAccount;
use deputy_vault::{Place, Vault};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::OnceCell;
use url::Url;

mod access;
mod challenge;
mod client;
mod consent;
mod discovery;
mod endpoint;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod site;
mod sweep;

pub use access::{AccessError, NOTICE_REMOTE_DISCONNECTED, Token};
pub use client::CLIENT_METADATA_PATH;
pub use consent::{BeginError, CallbackError, Connected};
pub use discovery::DiscoveryError;

use crate::flight::Flights;
use crate::lease::Leases;
use crate::{StorageError, Timing};
use client::Client;

/// The path, on this installation, where authorization servers send people back to.
pub const CALLBACK_PATH: &str = "servers/oauth/callback";

/// This installation as an OAuth client of remote servers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where people are sent back to: the public URL and [`CALLBACK_PATH`].
    pub redirect_uri: Url,
    /// The origin of this installation.
    pub public_url: Url,
    /// Where this installation's client metadata document is; `None` where authorization servers
    /// can't read it, because the public URL is not https or is of this machine. It may be put
    /// elsewhere, for an installation that they don't reach.
    pub metadata_url: Option<Url>,
    /// How long things take.
    pub timing: Timing,
}

impl Config {
    /// The client of an installation at `public_url`, which must be an origin.
    pub fn new(public_url: &Url) -> Self {
        let reachable =
            public_url.scheme() == "https" && !deputy_core::http::is_loopback(public_url);
        let at = |path: &str| {
            let mut url = public_url.clone();
            url.set_path(path);
            url
        };
        Self {
            redirect_uri: at(CALLBACK_PATH),
            public_url: public_url.clone(),
            metadata_url: reachable.then(|| at(CLIENT_METADATA_PATH)),
            timing: Timing::default(),
        }
    }
}

/// A remote server of a person's, as far as accounts need to know it.
#[derive(Clone)]
pub struct Server {
    /// Its number.
    pub id: i64,
    /// Where it is.
    pub url: Url,
    /// Scopes that its template or the person asks for, beside those that the server asks for.
    pub scopes: Vec<String>,
    /// The id of a client that was registered there beforehand.
    pub client_id: Option<String>,
    /// And its secret, if it has one.
    pub client_secret: Option<Secret<String>>,
}

/// Everybody's accounts at remote servers. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    inner: Arc<Inner>,
}

/// What an account is about.
type Key = (UserId, i64);

struct Inner {
    store: Store,
    vault: Vault,
    config: Config,
    http: Guarded,
    lifecycle: Lifecycle,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    state_key: OnceCell<hmac::Key>,
    leases: Leases,
    flights: Arc<Flights<Key, AccessError>>,
}

/// How a person's account at a server stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Whether there is a token; without one, a consent is needed.
    pub connected: bool,
    /// Who gives the tokens.
    pub issuer: Option<String>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// The scopes that the server asks for beyond those.
    pub wanted_scopes: Vec<String>,
    /// When it was connected first.
    pub connected_at: Option<Timestamp>,
    /// When the access token expires, where that is known. It is renewed by itself.
    pub expires_at: Option<Timestamp>,
}

/// Who gives tokens for a server, and as which client we ask. Sealed with the tokens.
#[derive(Clone, Serialize, Deserialize)]
struct Grant {
    issuer: String,
    resource: String,
    token_endpoint: Url,
    revocation_endpoint: Option<Url>,
    client: Client,
}

impl Remote {
    /// Accounts on `store`. `http` is the only client that is used. Starts nothing: see
    /// [`Remote::start_sweep`].
    pub fn new(
        store: Store,
        vault: Vault,
        config: Config,
        http: Guarded,
        lifecycle: Lifecycle,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        let leases = Leases {
            store: store.clone(),
            clock: Arc::clone(&clock),
            rng: Arc::clone(&rng),
            poll: config.timing.poll,
        };
        Self {
            inner: Arc::new(Inner {
                store,
                vault,
                config,
                http,
                lifecycle,
                clock,
                rng,
                state_key: OnceCell::new(),
                leases,
                flights: Arc::default(),
            }),
        }
    }

    /// How this person's account at their server stands; `None` where the server never asked for
    /// one.
    pub async fn account(
        &self,
        user: UserId,
        server: i64,
    ) -> Result<Option<Account>, StorageError> {
        let row = self.inner.store.user(user).remote_account(server).await?;
        Ok(row.map(|row| Account {
            connected: row.access_token.is_some(),
            issuer: row.issuer,
            scopes: row.scopes,
            wanted_scopes: row.wanted_scopes,
            connected_at: row.connected_at,
            expires_at: row.expires_at,
        }))
    }
}

impl Inner {
    async fn row(&self, (user, server): Key) -> Result<Option<RemoteAccount>, StorageError> {
        Ok(self.store.user(user).remote_account(server).await?)
    }

    fn endpoint<'a>(&'a self, grant: &'a Grant) -> endpoint::Endpoint<'a> {
        endpoint::Endpoint {
            grant,
            http: &self.http,
            rng: &*self.rng,
            timing: self.config.timing,
            now: self.clock.now(),
        }
    }

    async fn seal(
        &self,
        place: &SealedAt,
        plain: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, StorageError> {
        Ok(self.vault.seal(&place.place(), plain.expose()).await?)
    }

    async fn open<T: DeserializeOwned>(
        &self,
        place: &SealedAt,
        sealed: &[u8],
    ) -> Result<T, StorageError> {
        let plain = self.vault.open(&place.place(), sealed).await?;
        serde_json::from_slice(plain.expose()).map_err(|_| deputy_vault::Error::Format.into())
    }

    async fn open_token(
        &self,
        place: &SealedAt,
        sealed: &[u8],
    ) -> Result<Secret<String>, StorageError> {
        Ok(self.vault.open_text(&place.place(), sealed).await?)
    }
}

/// The lease on an account.
fn lease_name((user, server): Key) -> String {
    format!("remote:{user}:{server}")
}

/// The provider, in shared tables, of consents about a server.
fn provider(server: i64) -> String {
    format!("remote:{server}")
}

/// Where something of an account is sealed for.
struct SealedAt {
    user: UserId,
    table: &'static str,
    row: String,
    column: &'static str,
}

impl SealedAt {
    fn account((user, server): Key, column: &'static str) -> Self {
        Self {
            user,
            table: "remote_accounts",
            row: server.to_string(),
            column,
        }
    }

    fn place(&self) -> Place<'_> {
        Place::of_user(
            self.user,
            self.table,
            &self.row,
            self.column,
            "remote-oauth",
        )
    }
}

const ACCESS_TOKEN: &str = "access_token";
const REFRESH_TOKEN: &str = "refresh_token";
const CLIENT: &str = "client";

/// A value with secrets in it as JSON, for sealing.
fn to_json(value: &impl Serialize) -> Secret<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "maps with text keys, written to memory")]
    Secret::new(serde_json::to_vec(value).expect("plain values"))
}

/// For fields of what is sealed.
fn exposed<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// For fields of what is sealed.
#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
fn exposed_option<S: Serializer>(
    secret: &Option<Secret<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

/// Scopes as lists: in order, each once.
fn union(lists: &[&[String]]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for scope in lists.iter().flat_map(|list| list.iter()) {
        if !all.contains(scope) {
            all.push(scope.clone());
        }
    }
    all.truncate(MAX_SCOPES);
    all
}

/// More scopes than this are never asked for.
const MAX_SCOPES: usize = 100;

/// What is wrong with whom, for the log: what a stranger says, as far as it may be shown.
fn word(text: &str) -> String {
    crate::upstream::code_for_log(text)
}

#[cfg(test)]
mod testing;
