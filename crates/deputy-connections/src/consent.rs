//! Consent: sending a person to Google, and taking what they come back with.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::{Secret, UserId, random};
use deputy_store::oauth_state::OAuthState;
use deputy_vault::Place;
use serde::Deserialize;
use url::Url;

use crate::state::{self, State, StateError};
use crate::upstream::{Failure, code_for_log};
use crate::{Config, Connections, Inner, NOT_CONFIGURED, PROVIDER, Services, StorageError};

mod attach;

pub(crate) use attach::revocation_of;

/// How many consents of one person may be under way; the oldest beyond are forgotten.
const UNDER_WAY: u64 = 20;
/// How long a callback waits for a refresh or revocation of the same connection to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why no consent can begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// No OAuth client is configured.
    #[error("{NOT_CONFIGURED}")]
    NotConfigured,
    /// The set of services is empty.
    #[error("name a service to connect: calendar, gmail, drive or all")]
    NothingAsked,
    /// Something of ours failed.
    #[error("the consent can't be begun")]
    Storage(#[from] StorageError),
}

crate::from_store!(BeginError);

/// What Google sends the person back with (RFC 6749, section 4.1.2).
#[derive(Clone, Default, Deserialize)]
pub struct CallbackQuery {
    /// The authorization code.
    #[serde(default)]
    pub code: Option<Secret<String>>,
    /// What was sent along.
    #[serde(default)]
    pub state: Option<String>,
    /// Why there is no code, e.g. `access_denied`.
    #[serde(default)]
    pub error: Option<String>,
    /// Who answers (RFC 9207). Google doesn't say.
    #[serde(default)]
    pub iss: Option<String>,
}

/// What a completed consent brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected {
    /// What is connected now.
    pub services: Services,
    /// What was asked for and not granted: boxes left unticked.
    pub declined: Services,
    /// What was connected before and no longer is: the person chose another Google account.
    pub lost: Services,
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
    /// There is neither a code nor an error.
    #[error("the code is missing")]
    MissingCode,
    /// The person refused, or Google did.
    #[error("the consent was refused ({error})")]
    Refused {
        /// The error code, e.g. `access_denied`.
        error: String,
    },
    /// No service that was asked for was granted.
    #[error("nothing that was asked for was granted")]
    NothingGranted,
    /// Google didn't exchange the code.
    #[error("Google did not complete the connection ({reason})")]
    Exchange {
        /// Google's error code, or what happened.
        reason: String,
    },
    /// No OAuth client is configured.
    #[error("{NOT_CONFIGURED}")]
    NotConfigured,
    /// Something of ours failed, or the program stops.
    #[error("the consent can't be completed")]
    Storage(#[source] Option<StorageError>),
}

impl CallbackError {
    /// The HTTP status of the page that says so: 400 for what the visit brought, 502 for Google's
    /// failures, 503 for what the administrator must change, 500 for ours.
    pub const fn status(&self) -> u16 {
        match self {
            Self::MissingState
            | Self::ForgedState
            | Self::ExpiredState
            | Self::UsedState
            | Self::OtherPerson
            | Self::MissingCode
            | Self::Refused { .. }
            | Self::NothingGranted => 400,
            Self::Exchange { .. } => 502,
            Self::NotConfigured => 503,
            Self::Storage(_) => 500,
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
            Self::MissingCode => "missing_code",
            Self::Refused { .. } => "refused",
            Self::NothingGranted => "nothing_granted",
            Self::Exchange { .. } => "exchange",
            Self::NotConfigured => "not_configured",
            Self::Storage(_) => "storage",
        }
    }
}

impl From<StorageError> for CallbackError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Some(error))
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

crate::from_store!(CallbackError);

impl Connections {
    /// Begins a consent of `user` for `services` and returns the page to send the person to. The
    /// answer counts once, within ten minutes, and only for this person.
    pub async fn begin(&self, user: UserId, services: Services) -> Result<Url, BeginError> {
        let inner = &*self.inner;
        let config = inner.config.as_ref().ok_or(BeginError::NotConfigured)?;
        if services.is_empty() {
            return Err(BeginError::NothingAsked);
        }
        let key = inner.state_key().await?;
        let account = inner.row(user).await?.and_then(|row| row.account);
        let state = State::new(user, &*inner.clock, &*inner.rng);
        // 43 characters of the unreserved set, as RFC 7636 section 4.1 asks.
        let verifier = random::token("", &*inner.rng);
        let nonce_hash = state.nonce_hash();
        let place = verifier_place(user, &nonce_hash);
        let sealed = inner
            .vault
            .seal(&place, verifier.expose().as_bytes())
            .await
            .map_err(StorageError::from)?;
        let row = OAuthState {
            nonce_hash: nonce_hash.clone(),
            provider: PROVIDER.to_owned(),
            services: services.names(),
            verifier: sealed,
            created_at: state.started,
            expires_at: state.expires(),
            consumed_at: None,
        };
        let tx = inner.store.begin().await?;
        tx.user(user).oauth_state_add(row, UNDER_WAY).await?;
        tx.commit().await?;
        metrics::counter!("deputy_google_consent_total", "outcome" => "begun").increment(1);
        Ok(consent_url(
            config,
            services,
            &state.sign(key),
            &verifier,
            account.as_deref(),
        ))
    }

    /// Whether `query` is worth asking a visitor to sign in for: checks the `state` as far as that
    /// goes without knowing the visitor.
    pub async fn precheck(&self, query: &CallbackQuery) -> Result<(), CallbackError> {
        self.inner.read_state(query).await.map(|_| ())
    }

    /// Completes a consent with what Google sent the browser of `user` back with, who must be signed
    /// in there. Another person's visit attaches nothing and uses nothing up.
    pub async fn complete(
        &self,
        user: UserId,
        query: CallbackQuery,
    ) -> Result<Connected, CallbackError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a browser that goes away must not interrupt it between Google and the
        // database.
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
        metrics::counter!("deputy_google_consent_total", "outcome" => word).increment(1);
        match &outcome {
            Ok(connected) => {
                tracing::info!(%user, services = %connected.services, "Google connected");
            }
            Err(error) => tracing::info!(%user, %error, "a consent attached nothing"),
        }
        outcome
    }
}

fn verifier_place(user: UserId, nonce_hash: &str) -> Place<'_> {
    Place::of_user(user, "oauth_states", nonce_hash, "verifier", "pkce")
}

fn consent_url(
    config: &Config,
    services: Services,
    state: &str,
    verifier: &Secret<String>,
    account: Option<&str>,
) -> Url {
    let challenge = digest::digest(&digest::SHA256, verifier.expose().as_bytes());
    let mut url = config.auth_url.clone();
    let mut query = url.query_pairs_mut();
    query
        .append_pair("client_id", &config.client_id)
        .append_pair("redirect_uri", config.callback_url.as_str())
        .append_pair("response_type", "code")
        .append_pair("scope", &services.scopes().collect::<Vec<_>>().join(" "))
        .append_pair("state", state)
        .append_pair("access_type", "offline")
        .append_pair("include_granted_scopes", "true")
        .append_pair("prompt", "consent")
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
        .append_pair("code_challenge_method", "S256");
    if let Some(account) = account {
        query.append_pair("login_hint", account);
    }
    drop(query);
    url
}

impl Inner {
    async fn state_key(&self) -> Result<&hmac::Key, StorageError> {
        self.state_key
            .get_or_try_init(|| state::load_key(&self.vault))
            .await
    }

    /// The state of a callback: ours, and not too old.
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
        let config = self.config.as_ref().ok_or(CallbackError::NotConfigured)?;
        let nonce_hash = state.nonce_hash();
        // A state that was signed but has no row was begun before twenty others: as good as expired.
        let row = self
            .store
            .user(user)
            .oauth_state(&nonce_hash)
            .await?
            .ok_or(CallbackError::ExpiredState)?;
        // One of a consent elsewhere, brought here.
        if row.provider != PROVIDER {
            return Err(CallbackError::ForgedState);
        }
        if row.consumed_at.is_some() {
            return Err(CallbackError::UsedState);
        }
        let code = match (&query.error, &query.code) {
            (None, None) => return Err(CallbackError::MissingCode),
            (Some(error), _) => Err(CallbackError::Refused {
                error: code_for_log(error),
            }),
            (None, Some(code)) => Ok(code),
        };
        // Under the lease: a revocation of the connection before this one that arrived after the
        // exchange would end the new grant too. Who can't have it may reload the page.
        let Some(lease) = self.lease(user, PATIENCE).await? else {
            return Err(CallbackError::Exchange {
                reason: "busy".to_owned(),
            });
        };
        self.leases
            .under(lease, self.redeem(config, user, &row, code))
            .await
    }

    /// Uses the consent up, and exchanges its code if there is one.
    async fn redeem(
        &self,
        config: &Config,
        user: UserId,
        consent: &OAuthState,
        code: Result<&Secret<String>, CallbackError>,
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
        let code = code?;
        let place = verifier_place(user, &consent.nonce_hash);
        let verifier = self
            .vault
            .open_text(&place, &consent.verifier)
            .await
            .map_err(StorageError::from)?;
        let asked = Services::from_names(&consent.services);
        self.exchange(config, user, asked, code, &verifier).await
    }

    async fn exchange(
        &self,
        config: &Config,
        user: UserId,
        asked: Services,
        code: &Secret<String>,
        verifier: &Secret<String>,
    ) -> Result<Connected, CallbackError> {
        let answer = self
            .upstream(config)
            .exchange(code.expose(), verifier.expose())
            .await
            .map_err(|failure| {
                let reason = match failure {
                    Failure::InvalidGrant { .. } => "invalid_grant".to_owned(),
                    Failure::Rejected { code } => {
                        tracing::error!(
                            code,
                            "Google refuses to exchange codes for this installation's OAuth client"
                        );
                        code
                    }
                    Failure::Temporary { cause, .. } => cause.as_str().to_owned(),
                };
                CallbackError::Exchange { reason }
            })?;
        self.attach(user, asked, answer).await
    }
}

#[cfg(test)]
mod tests;
