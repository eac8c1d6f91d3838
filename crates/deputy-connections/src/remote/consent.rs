//! Consent at a remote server's authorization server: sending a person there, and taking what they
//! come back with.
//!
//! The state is signed and its row counts once, as for Google: [`crate::state`]. What the consent
//! is about (who was asked, as whom, with which verifier) is sealed in the row.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::http::Blocked;
use deputy_core::{Secret, UserId, random};
use deputy_store::oauth_state::OAuthState;
use deputy_store::remote_account::RemoteAccount;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, HeaderValue, WWW_AUTHENTICATE};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::access::notice_kind;
use super::challenge::Challenge;
use super::client::Source;
use super::discovery::{Discovery, DiscoveryError, Found};
use super::{
    ACCESS_TOKEN, CLIENT, Grant, Inner, Key, REFRESH_TOKEN, Remote, SealedAt, Server, exposed,
    lease_name, provider, to_json, union, word,
};
use crate::refresh::after;
use crate::state::{self, State, StateError};
use crate::upstream::{Failure, TokenAnswer};
use crate::{CallbackQuery, StorageError};

/// How many consents of one person may be under way; the oldest beyond are forgotten.
const UNDER_WAY: u64 = 20;
/// How long a callback waits for a refresh of the same account to end.
const PATIENCE: Duration = Duration::from_secs(15);
/// Asks for a refresh token (OpenID Connect Core, section 11), where the authorization server knows
/// the word.
const OFFLINE_ACCESS: &str = "offline_access";

/// Why no consent can begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The server's own address may not be used.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// Nobody is known to give tokens for the server.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The authorization server takes no new clients: one must be registered there by hand and its
    /// id be given with the server.
    #[error(
        "the authorization server registers no clients by itself; register one there and enter its client id with the server"
    )]
    NoRegistration,
    /// The authorization server asks for a proof of identity that we don't have.
    #[error("the authorization server wants clients to authenticate in a way Deputy does not know")]
    NoAuthentication,
    /// The authorization server refused to register a client.
    #[error("the authorization server did not register Deputy ({0})")]
    Registration(String),
    /// The client that was entered with the server belongs to another authorization server than the
    /// one that the server names now.
    #[error(
        "the server names another authorization server than the one its client was registered at; remove the server and add it again if that is right"
    )]
    IssuerChanged,
    /// Something of ours failed.
    #[error("the consent can't be begun")]
    Storage(#[from] StorageError),
}

impl BeginError {
    /// A word for metrics and for the key of the page's text.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Blocked(_) | Self::Discovery(DiscoveryError::Blocked(_)) => "blocked",
            Self::Discovery(DiscoveryError::Temporary(_)) => "temporary",
            Self::Discovery(DiscoveryError::Nowhere) => "nowhere",
            Self::Discovery(_) => "discovery",
            Self::NoRegistration => "no_registration",
            Self::NoAuthentication => "no_authentication",
            Self::Registration(_) => "registration",
            Self::IssuerChanged => "issuer_changed",
            Self::Storage(_) => "storage",
        }
    }
}

impl From<deputy_store::Error> for BeginError {
    fn from(error: deputy_store::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// What a completed consent brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The server's number.
    pub server_id: i64,
    /// What was asked for and granted; empty where scopes weren't spoken of.
    pub scopes: Vec<String>,
}

/// Why a callback attached nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// There is no `state`.
    #[error("the state is missing")]
    MissingState,
    /// The `state` isn't one of ours.
    #[error("the state is not valid")]
    ForgedState,
    /// The consent was begun more than ten minutes ago.
    #[error("the consent took too long; begin again")]
    ExpiredState,
    /// The consent was completed or refused before.
    #[error("this answer was used already")]
    UsedState,
    /// Somebody else began the consent. It is still theirs to complete.
    #[error("this consent was begun by somebody else")]
    OtherPerson,
    /// The answer is not of the authorization server that was asked, or doesn't say so although it
    /// should (RFC 9207). What else it says is not believed.
    #[error("this answer comes from somebody else than was asked")]
    OtherIssuer,
    /// There is neither a code nor an error.
    #[error("the code is missing")]
    MissingCode,
    /// The person refused, or the authorization server did.
    #[error("the consent was refused ({error})")]
    Refused {
        /// The error code, e.g. `access_denied`.
        error: String,
    },
    /// The authorization server didn't exchange the code.
    #[error("the authorization server did not complete the connection ({reason})")]
    Exchange {
        /// Its error code, or what happened.
        reason: String,
    },
    /// The server was deleted meanwhile.
    #[error("the server is gone")]
    NoServer,
    /// Something of ours failed, or the program stops.
    #[error("the consent can't be completed")]
    Storage(#[source] Option<StorageError>),
}

impl CallbackError {
    /// The HTTP status of the page that says so: 400 for what the visit brought, 404 where the
    /// server is gone, 502 for the authorization server's failures, 500 for ours.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoServer => 404,
            Self::Exchange { .. } => 502,
            Self::Storage(_) => 500,
            _ => 400,
        }
    }

    /// A word for metrics and for the key of the page's text.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::MissingState => "missing_state",
            Self::ForgedState => "forged_state",
            Self::ExpiredState => "expired_state",
            Self::UsedState => "used_state",
            Self::OtherPerson => "other_person",
            Self::OtherIssuer => "other_issuer",
            Self::MissingCode => "missing_code",
            Self::Refused { .. } => "refused",
            Self::Exchange { .. } => "exchange",
            Self::NoServer => "no_server",
            Self::Storage(_) => "storage",
        }
    }
}

impl From<StorageError> for CallbackError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Some(error))
    }
}

impl From<deputy_store::Error> for CallbackError {
    fn from(error: deputy_store::Error) -> Self {
        Self::Storage(Some(error.into()))
    }
}

impl From<StateError> for CallbackError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Missing => Self::MissingState,
            StateError::Forged => Self::ForgedState,
            StateError::Expired => Self::ExpiredState,
        }
    }
}

/// A consent under way, as it is sealed in the state's row.
#[derive(Serialize, Deserialize)]
struct Pending {
    server_id: i64,
    server_url: Url,
    grant: Grant,
    /// What was asked for; empty where nothing was named.
    scopes: Vec<String>,
    /// Whether the answer must say whose it is.
    says_issuer: bool,
    redirect_uri: String,
    #[serde(serialize_with = "exposed")]
    verifier: Secret<String>,
}

impl Remote {
    /// Begins a consent of `user` for their `server` and returns the page to send the person to.
    /// The answer counts once, within ten minutes, and only for this person. Asks the server and
    /// its authorization server, which may take as long as they do.
    pub async fn begin(&self, user: UserId, server: &Server) -> Result<Url, BeginError> {
        let begun = self.inner.begin(user, server).await;
        let word = begun.as_ref().map_or_else(BeginError::as_str, |_| "begun");
        metrics::counter!("deputy_remote_consent_total", "outcome" => word).increment(1);
        if let Err(error) = &begun {
            tracing::info!(%user, server = server.id, %error, "no consent could begin");
        }
        begun
    }

    /// Whether `query` is worth asking a visitor to sign in for: checks the `state` as far as that
    /// goes without knowing the visitor.
    pub async fn precheck(&self, query: &CallbackQuery) -> Result<(), CallbackError> {
        self.inner.read_state(query).await.map(|_| ())
    }

    /// Completes a consent with what the authorization server sent the browser of `user` back with,
    /// who must be signed in there. Another person's visit attaches nothing and uses nothing up.
    pub async fn complete(
        &self,
        user: UserId,
        query: CallbackQuery,
    ) -> Result<Connected, CallbackError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a browser that goes away must not interrupt it between the
        // authorization server and the database.
        let task = self
            .inner
            .lifecycle
            .spawn(async move { inner.complete(user, &query).await });
        let outcome = match task.await {
            Ok(Some(outcome)) => outcome,
            Ok(None) | Err(_) => Err(CallbackError::Storage(None)),
        };
        let word = outcome
            .as_ref()
            .map_or_else(CallbackError::as_str, |_| "completed");
        metrics::counter!("deputy_remote_consent_total", "outcome" => word).increment(1);
        match &outcome {
            Ok(connected) => {
                tracing::info!(%user, server = connected.server_id, "an account at a remote server was connected");
            }
            Err(error) => tracing::info!(%user, %error, "a consent attached nothing"),
        }
        outcome
    }
}

fn pending_at(user: UserId, nonce_hash: &str) -> SealedAt {
    SealedAt {
        user,
        table: "oauth_states",
        row: nonce_hash.to_owned(),
        column: "verifier",
    }
}

impl Inner {
    async fn begin(&self, user: UserId, server: &Server) -> Result<Url, BeginError> {
        self.http.check(&server.url)?;
        let account = self
            .row((user, server.id))
            .await?
            .filter(|row| row.server_url == server.url.as_str());
        let challenge = self.challenge(server, account.as_ref()).await?;
        let found = Discovery { http: &self.http }
            .find(&server.url, challenge.resource_metadata.as_deref())
            .await?;
        let before = account.filter(|row| row.issuer.as_ref() == Some(&found.server.issuer));
        self.check_binding(user, server, &found).await?;
        let client = self.client(user, server, &found.server).await?;
        let held = before.map(|row| row.scopes).unwrap_or_default();
        let scopes = scopes(&challenge, &found, &held, &server.scopes);
        let url = found.server.authorization_endpoint;
        let pending = Pending {
            server_id: server.id,
            server_url: server.url.clone(),
            grant: Grant {
                issuer: found.server.issuer,
                resource: found.resource,
                token_endpoint: found.server.token_endpoint,
                revocation_endpoint: found.server.revocation_endpoint,
                client,
            },
            scopes,
            says_issuer: found.server.authorization_response_iss_parameter_supported,
            redirect_uri: self.config.redirect_uri.to_string(),
            // 43 characters of the unreserved set, as RFC 7636 section 4.1 asks.
            verifier: random::token("", &*self.rng),
        };
        let state = self.remember(user, &pending).await?;
        Ok(consent_url(url, &pending, &state))
    }

    /// What the server asked for: as it was noted when a call was refused, else by asking it.
    async fn challenge(
        &self,
        server: &Server,
        account: Option<&RemoteAccount>,
    ) -> Result<Challenge, BeginError> {
        if let Some(row) = account
            && (row.metadata_url.is_some() || !row.wanted_scopes.is_empty())
        {
            return Ok(Challenge {
                resource_metadata: row.metadata_url.clone(),
                scopes: row.wanted_scopes.clone(),
                error: None,
            });
        }
        let request = json!({
            "jsonrpc": "2.0",
            "id": 0,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "deputy", "version": env!("CARGO_PKG_VERSION")},
            },
        });
        let accept = HeaderValue::from_static("application/json, text/event-stream");
        let asked = self
            .http
            .post(&server.url)
            .header(ACCEPT, accept)
            .json(&request)
            .timeout(self.config.timing.request)
            .send()
            .await;
        match asked {
            Ok(answer) => {
                let headers = answer.headers().get_all(WWW_AUTHENTICATE);
                let all: Vec<&str> = headers.iter().filter_map(|h| h.to_str().ok()).collect();
                Ok(Challenge::parse(&all.join(", ")).unwrap_or_default())
            }
            Err(deputy_core::http::GuardError::Blocked(blocked)) => Err(blocked.into()),
            // The well-known places may answer all the same.
            Err(_) => Ok(Challenge::default()),
        }
    }

    /// A client that was entered with the server is presented only where it was registered: at the
    /// issuer of the first consent (MCP 2026-07-28, "Authorization Server Binding").
    async fn check_binding(
        &self,
        user: UserId,
        server: &Server,
        found: &Found,
    ) -> Result<(), BeginError> {
        let key = (user, server.id);
        let Some(id) = &server.client_id else {
            return Ok(());
        };
        let Some(sealed) = self.row(key).await?.and_then(|row| row.client) else {
            return Ok(());
        };
        let grant: Grant = self.open(&SealedAt::account(key, CLIENT), &sealed).await?;
        let same = grant.client.source == Source::Given && grant.client.id == *id;
        if same && grant.issuer != found.server.issuer {
            return Err(BeginError::IssuerChanged);
        }
        Ok(())
    }

    /// Stores a consent that begins; returns its `state`.
    async fn remember(&self, user: UserId, pending: &Pending) -> Result<String, StorageError> {
        let state = State::new(user, &*self.clock, &*self.rng);
        let nonce_hash = state.nonce_hash();
        let sealed = self
            .seal(&pending_at(user, &nonce_hash), &to_json(pending))
            .await?;
        let row = OAuthState {
            nonce_hash,
            provider: provider(pending.server_id),
            services: Vec::new(),
            verifier: sealed,
            created_at: state.started,
            expires_at: state.expires(),
            consumed_at: None,
        };
        let tx = self.store.begin().await?;
        tx.user(user).oauth_state_add(row, UNDER_WAY).await?;
        tx.commit().await?;
        Ok(state.sign(self.state_key().await?))
    }

    async fn state_key(&self) -> Result<&hmac::Key, StorageError> {
        self.state_key
            .get_or_try_init(|| state::load_key(&self.vault))
            .await
    }

    async fn read_state(&self, query: &CallbackQuery) -> Result<State, CallbackError> {
        let key = self.state_key().await?;
        Ok(State::read(query.state.as_deref(), key, self.clock.now())?)
    }

    async fn complete(
        &self,
        user: UserId,
        query: &CallbackQuery,
    ) -> Result<Connected, CallbackError> {
        let state = self.read_state(query).await?;
        if state.user != user {
            return Err(CallbackError::OtherPerson);
        }
        let nonce_hash = state.nonce_hash();
        let row = self
            .store
            .user(user)
            .oauth_state(&nonce_hash)
            .await?
            .ok_or(CallbackError::ExpiredState)?;
        if row.consumed_at.is_some() {
            return Err(CallbackError::UsedState);
        }
        let server = row
            .provider
            .strip_prefix("remote:")
            .and_then(|n| n.parse().ok());
        let server: i64 = server.ok_or(CallbackError::ForgedState)?;
        let pending: Pending = self
            .open(&pending_at(user, &nonce_hash), &row.verifier)
            .await?;
        let name = lease_name((user, server));
        let Some(lease) = self.leases.take(name, PATIENCE).await? else {
            return Err(CallbackError::Exchange {
                reason: "busy".to_owned(),
            });
        };
        let work = self.redeem(user, &row, &pending, query);
        self.leases.under(lease, work).await
    }

    /// Uses the consent up, and exchanges its code if there is one.
    async fn redeem(
        &self,
        user: UserId,
        consent: &OAuthState,
        pending: &Pending,
        query: &CallbackQuery,
    ) -> Result<Connected, CallbackError> {
        let tx = self.store.begin().await?;
        let first = tx
            .user(user)
            .oauth_state_consume(&consent.nonce_hash, self.clock.now())
            .await?;
        tx.commit().await?;
        if !first {
            return Err(CallbackError::UsedState);
        }
        // Before anything else of the answer is believed, its error included.
        let from_the_right_one = match &query.iss {
            Some(iss) => *iss == pending.grant.issuer,
            None => !pending.says_issuer,
        };
        if !from_the_right_one {
            return Err(CallbackError::OtherIssuer);
        }
        if let Some(error) = &query.error {
            if matches!(error.as_str(), "unauthorized_client" | "invalid_client") {
                self.forget_registered(user, &pending.grant).await?;
            }
            return Err(CallbackError::Refused { error: word(error) });
        }
        let code = query.code.as_ref().ok_or(CallbackError::MissingCode)?;
        let answer = self
            .endpoint(&pending.grant)
            .exchange(code, &pending.verifier, &pending.redirect_uri)
            .await;
        match answer {
            Ok(answer) => self.attach(user, pending, answer).await,
            Err(failure) => {
                let reason = match failure {
                    Failure::InvalidGrant { .. } => "invalid_grant".to_owned(),
                    Failure::Rejected { code } => {
                        if matches!(code.as_str(), "unauthorized_client" | "invalid_client") {
                            self.forget_registered(user, &pending.grant).await?;
                        }
                        code
                    }
                    Failure::Temporary { cause, .. } => cause.as_str().to_owned(),
                };
                Err(CallbackError::Exchange { reason })
            }
        }
    }

    /// Where the client was registered on the spot, the next consent registers another.
    pub(super) async fn forget_registered(
        &self,
        user: UserId,
        grant: &Grant,
    ) -> Result<(), StorageError> {
        if grant.client.source == Source::Registered {
            self.forget_client(user, &grant.issuer).await?;
        }
        Ok(())
    }

    async fn attach(
        &self,
        user: UserId,
        pending: &Pending,
        answer: TokenAnswer,
    ) -> Result<Connected, CallbackError> {
        let key: Key = (user, pending.server_id);
        let sealed = Sealed {
            client: self
                .seal(&SealedAt::account(key, CLIENT), &to_json(&pending.grant))
                .await?,
            access_token: self
                .seal_token(key, ACCESS_TOKEN, &answer.access_token)
                .await?,
            refresh_token: match &answer.refresh_token {
                Some(token) => Some(self.seal_token(key, REFRESH_TOKEN, token).await?),
                None => None,
            },
        };
        let now = self.clock.now();
        let tx = self.store.begin().await?;
        let scope = tx.user(user);
        let before = scope.remote_account_for_update(pending.server_id).await?;
        let row = merge(before.as_ref(), pending, &answer, sealed, now);
        let scopes = row.scopes.clone();
        let there = match &before {
            Some(before) => scope.remote_account_replace(row, before.generation).await?,
            None => scope.remote_account_add(row).await?,
        };
        if !there {
            return Err(CallbackError::NoServer);
        }
        scope.notice_clear(&notice_kind(pending.server_id)).await?;
        tx.commit().await?;
        Ok(Connected {
            server_id: pending.server_id,
            scopes,
        })
    }

    pub(super) async fn seal_token(
        &self,
        key: Key,
        column: &'static str,
        token: &Secret<String>,
    ) -> Result<Vec<u8>, StorageError> {
        let place = SealedAt::account(key, column);
        Ok(self
            .vault
            .seal(&place.place(), token.expose().as_bytes())
            .await?)
    }
}

struct Sealed {
    client: Vec<u8>,
    access_token: Vec<u8>,
    refresh_token: Option<Vec<u8>>,
}

/// The row after a consent.
fn merge(
    before: Option<&RemoteAccount>,
    pending: &Pending,
    answer: &TokenAnswer,
    sealed: Sealed,
    now: Timestamp,
) -> RemoteAccount {
    // What was asked for stays in, also where less was granted: a server that asks for it again has
    // been refused it, and the next consent must not ask for less (MCP 2026-07-28, "Step-Up").
    let granted = answer.scopes.clone().unwrap_or_default();
    let scopes = union(&[&pending.scopes, &granted]);
    let same = before.is_some_and(|b| b.scopes.len() == scopes.len());
    RemoteAccount {
        server_id: pending.server_id,
        server_url: pending.server_url.to_string(),
        issuer: Some(pending.grant.issuer.clone()),
        client: Some(sealed.client),
        access_token: Some(sealed.access_token),
        refresh_token: sealed.refresh_token,
        expires_at: after(now, answer.lifetime),
        step_ups: before.filter(|_| same).map_or(0, |b| b.step_ups),
        scopes,
        wanted_scopes: Vec::new(),
        metadata_url: before.and_then(|b| b.metadata_url.clone()),
        // Above whatever a deleted predecessor had.
        generation: now
            .as_millisecond()
            .max(before.map_or(0, |b| b.generation + 1)),
        connected_at: before.and_then(|b| b.connected_at).or(Some(now)),
        refreshed_at: now,
        last_used_at: now,
        failures: 0,
        retry_at: Timestamp::UNIX_EPOCH,
        created_at: before.map_or(now, |b| b.created_at),
        updated_at: now,
    }
}

/// What to ask for (MCP 2026-07-28, "Scope Selection Strategy"): what the server asked for, else
/// what it calls usual; with what was asked for before, and what is set for the server.
fn scopes(challenge: &Challenge, found: &Found, held: &[String], extra: &[String]) -> Vec<String> {
    let usual = found.scopes.as_deref().unwrap_or_default();
    let asked = if challenge.scopes.is_empty() && extra.is_empty() {
        usual
    } else {
        &challenge.scopes
    };
    let mut scopes = union(&[held, asked, extra]);
    let offline = found.server.scopes_supported.as_ref();
    if !scopes.is_empty() && offline.is_some_and(|all| all.iter().any(|s| s == OFFLINE_ACCESS)) {
        scopes = union(&[&scopes, &[OFFLINE_ACCESS.to_owned()]]);
    }
    scopes
}

fn consent_url(mut url: Url, pending: &Pending, state: &str) -> Url {
    let challenge = digest::digest(&digest::SHA256, pending.verifier.expose().as_bytes());
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &pending.grant.client.id)
        .append_pair("redirect_uri", &pending.redirect_uri)
        .append_pair("state", state)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
        .append_pair("code_challenge_method", "S256")
        .append_pair("resource", &pending.grant.resource);
    if !pending.scopes.is_empty() {
        query.append_pair("scope", &pending.scopes.join(" "));
    }
    if pending.scopes.iter().any(|scope| scope == OFFLINE_ACCESS) {
        // Without it the word is ignored (OpenID Connect Core, section 11).
        query.append_pair("prompt", "consent");
    }
    drop(query);
    url
}

#[cfg(test)]
mod tests;
