//! Accounts at third parties: consent, token custody, refresh. One provider so far: Google.
//!
//! # A connection
//!
//! A person has at most one Google connection: one row of `oauth_tokens` with an access token and a
//! refresh token, both sealed for that row. Two sets decide what it is good for: the *services* that
//! the person asked for and has not dropped, and the *scopes* that Google granted. A service counts
//! as connected when it is in the first set and its first scope is in the second. So a service that
//! was dropped stays dropped although Google's grant still covers it, and one whose box was left
//! unticked on Google's page is not connected although it was asked for.
//!
//! # Consent
//!
//! [`Connections::begin`] makes the URL and [`Connections::complete`] takes the answer, which counts
//! only for the person who began it. Every consent is asked with `prompt=consent`, because only then
//! Google answers with a refresh token. We ask for no identity scope, so without one nothing would
//! tell whether the new access token and the refresh token held from before are of the same account;
//! and a held refresh token never covers the scopes that are being added.
//!
//! # One refresh at a time
//!
//! [`Connections::access_token`] refreshes five minutes early. Callers of one process join the
//! refresh that is under way; processes exclude each other by a lease in the database; whoever gets
//! the lease looks again whether another was faster. The new token is stored, on condition that the
//! row is still the one that was read, before anybody gets it. A refresh runs as a task of its own,
//! so a caller that goes away doesn't interrupt it between Google and the database.
//!
//! Only `invalid_grant` removes a connection, and leaves the person a notice that says why. Anything
//! else keeps it and holds further refreshes back for a while; as long as the old access token is
//! valid, callers get that.
//!
//! # Revocation
//!
//! Disconnecting deletes the row first, in one transaction with a row that remembers to tell Google.
//! A person who connects again before Google was told cancels that: Google would revoke the new grant
//! with the old one.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use deputy_core::{Clock, Lifecycle, Rng, Secret, UserId};
use deputy_store::Store;
use deputy_store::oauth_token::OAuthToken;
use deputy_vault::{Place, Vault};
use tokio::sync::{OnceCell, broadcast};
use url::Url;

/// What the database fails with, as any error that can hold a [`StorageError`].
macro_rules! from_store {
    ($error:ty) => {
        impl From<deputy_store::Error> for $error {
            fn from(error: deputy_store::Error) -> Self {
                crate::StorageError::from(error).into()
            }
        }
    };
}
pub(crate) use from_store;

use flight::Flights;
use lease::{Lease, Leases};

mod access;
mod connection;
mod consent;
mod disconnect;
pub mod event;
mod flight;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lease;
mod notice;
mod refresh;
pub mod remote;
pub mod service;
mod state;
mod sweep;
mod upstream;

pub use access::{AccessError, Token};
pub use connection::{Connection, Status, StatusName};
pub use consent::{BeginError, CallbackError, CallbackQuery, Connected};
pub use deputy_store::notice::Notice;
pub use disconnect::{DisconnectError, Disconnected};
pub use event::{ConnectionEvent, ConnectionEventKind};
pub use notice::{NOTICE_DISCONNECTED, RemovalReason};
pub use service::{Service, Services, UnknownService};
pub use state::STATE_LIFETIME;

/// Google's authorization endpoint.
pub const GOOGLE_AUTH_URL: &str = "https://accounts.google.com/o/oauth2/v2/auth";
/// Google's token endpoint.
pub const GOOGLE_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Google's revocation endpoint.
pub const GOOGLE_REVOKE_URL: &str = "https://oauth2.googleapis.com/revoke";

/// What is missing when no OAuth client is configured, for whoever administers the installation.
pub const NOT_CONFIGURED: &str = "Google is not configured: set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET (docs/google-cloud.md says how to get them)";

const PROVIDER: &str = "google";
/// The Google OAuth client of this installation.
#[derive(Clone)]
pub struct Config {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret<String>,
    /// Where Google sends people back to; must be registered there.
    pub callback_url: Url,
    /// The authorization endpoint.
    pub auth_url: Url,
    /// The token endpoint.
    pub token_url: Url,
    /// The revocation endpoint.
    pub revoke_url: Url,
    /// How long things take.
    pub timing: Timing,
}

impl Config {
    /// A client at Google itself.
    pub fn google(client_id: String, client_secret: Secret<String>, callback_url: Url) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "constants of this module, parsed in a test"
        )]
        let url = |text: &str| Url::parse(text).expect("a URL");
        Self {
            client_id,
            client_secret,
            callback_url,
            auth_url: url(GOOGLE_AUTH_URL),
            token_url: url(GOOGLE_TOKEN_URL),
            revoke_url: url(GOOGLE_REVOKE_URL),
            timing: Timing::default(),
        }
    }
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// One request to Google, from connecting to the last byte. Default 10 s, at most 15 s.
    pub request: Duration,
    /// Before the second attempt; doubles for each one after. Default 1 s.
    pub retry: Duration,
    /// Between two looks at what another process is doing. Default 100 ms.
    pub poll: Duration,
    /// How long a caller whose token is still valid waits for an early refresh. Default 2 s.
    pub early: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            retry: Duration::from_secs(1),
            poll: Duration::from_millis(100),
            early: Duration::from_secs(2),
        }
    }
}

/// Something of ours failed: the database, or opening a sealed value.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] deputy_vault::Error),
}

/// Everybody's connections. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    vault: Vault,
    config: Option<Config>,
    http: reqwest::Client,
    lifecycle: Lifecycle,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    state_key: OnceCell<hmac::Key>,
    leases: Leases,
    flights: Arc<Flights<UserId, AccessError>>,
    events: broadcast::Sender<ConnectionEvent>,
}

impl Connections {
    /// Connections on `store`. `config` is `None` where no OAuth client is configured: then what
    /// needs Google answers with an error that says so. Starts nothing: see
    /// [`Connections::start_sweep`].
    pub fn new(
        store: Store,
        vault: Vault,
        config: Option<Config>,
        http: reqwest::Client,
        lifecycle: Lifecycle,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        let (events, _) = broadcast::channel(1024);
        let timing = config.as_ref().map(|c| c.timing).unwrap_or_default();
        let leases = Leases {
            store: store.clone(),
            clock: Arc::clone(&clock),
            rng: Arc::clone(&rng),
            poll: timing.poll,
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
                events,
            }),
        }
    }

    /// Whether an OAuth client is configured.
    pub fn is_configured(&self) -> bool {
        self.inner.config.is_some()
    }

    /// Told of everything that happens to connections in this process from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<ConnectionEvent> {
        self.inner.events.subscribe()
    }
}

impl Inner {
    fn tell(&self, user_id: UserId, kind: ConnectionEventKind) {
        // Fails when nobody listens.
        let _ = self.events.send(ConnectionEvent { user_id, kind });
    }

    fn timing(&self) -> Timing {
        self.config.as_ref().map(|c| c.timing).unwrap_or_default()
    }

    fn upstream<'a>(&'a self, config: &'a Config) -> upstream::Upstream<'a> {
        upstream::Upstream {
            config,
            http: &self.http,
            rng: &*self.rng,
            now: self.clock.now(),
        }
    }

    async fn row(&self, user: UserId) -> Result<Option<OAuthToken>, StorageError> {
        Ok(self.store.user(user).oauth_token(PROVIDER).await?)
    }

    async fn open(
        &self,
        user: UserId,
        column: Column,
        sealed: &[u8],
    ) -> Result<Secret<String>, StorageError> {
        Ok(self.vault.open_text(&column.place(user), sealed).await?)
    }

    async fn seal(
        &self,
        user: UserId,
        column: Column,
        plain: &Secret<String>,
    ) -> Result<Vec<u8>, StorageError> {
        Ok(self
            .vault
            .seal(&column.place(user), plain.expose().as_bytes())
            .await?)
    }

    /// Takes the lease on `user`'s connection; waits up to `patience` for another to give it back.
    async fn lease(&self, user: UserId, patience: Duration) -> Result<Option<Lease>, StorageError> {
        self.leases.take(lease_name(user), patience).await
    }
}

/// The lease on a person's connection.
fn lease_name(user: UserId) -> String {
    format!("{PROVIDER}:{user}")
}

/// The sealed columns of `oauth_tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    AccessToken,
    RefreshToken,
}

impl Column {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// The row is named by its provider: with the person that is its natural key.
    const fn place(self, user: UserId) -> Place<'static> {
        Place::of_user(user, "oauth_tokens", PROVIDER, self.as_str(), "oauth")
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
