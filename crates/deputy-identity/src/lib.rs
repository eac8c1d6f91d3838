//! Who somebody is: people and their passwords, browser sessions, personal access tokens, and the
//! [`Principal`] that each of them leads to.
//!
//! # Ways in
//!
//! A browser presents a cookie ([`session`]), a script presents a token ([`token`]), a program that
//! the person allowed to act for them presents an access token ([`oauth`]). All end in
//! [`Principal`], whose scopes never exceed what the person may. Of what is presented only a hash
//! is stored, so the database opens nothing.
//!
//! # At once
//!
//! Sessions and tokens are looked up for every request together with the person they belong to,
//! and nothing of that is cached: disabling a person, signing out everywhere or revoking a token
//! holds from the next request on, on every replica.
//!
//! # Guessing
//!
//! Passwords are hashed with argon2id behind a semaphore ([`password`]); a name that does not
//! exist costs as much as a wrong password. Attempts are throttled per account and address, not
//! per account alone: who guesses from elsewhere can't lock the person out ([`sign_in`]).
//!
//! # Last use
//!
//! When a session or token was last used is noted in memory and written by [`Identity::sweep`],
//! once a minute: the request itself writes nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::clock::SteadyClock;
use deputy_core::{Clock, Lifecycle, Principal, Rng, Role, Scope, Scopes, Throttle, UserId};
use deputy_store::Store;
use deputy_vault::Vault;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use url::Url;
use webauthn_rs::Webauthn;

pub mod csrf;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod name;
pub mod oauth;
pub mod password;
pub mod pending;
pub mod proof;
pub mod second_factor;
pub mod session;
pub mod sign_in;
pub mod token;
pub mod user;

pub use deputy_store::personal_token::PersonalToken;
pub use deputy_store::user::{ProfileChange, User};
pub use password::{HashCost, PasswordError, PasswordPolicy};
pub use proof::Proof;
pub use second_factor::{FactorError, Required, SecondFactors};
pub use session::{Browser, SessionError, SessionInfo, SessionLayer};
pub use sign_in::SignInError;
pub use token::{TokenError, TokenRequest};
pub use tower_sessions::Session;
pub use user::{NewUser, UserError};

use password::Hasher;
use sign_in::Attempt;

/// How identity behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Sign-in attempts per account and address in 5 minutes; 0 for no limit. Default 10.
    pub login_per_5min: u32,
    /// What hashing a password costs.
    pub hash_cost: HashCost,
    /// A session ends after so long without use. Default 12 h.
    pub session_idle: SignedDuration,
    /// A session ends after so long whatever happens. Default 14 d.
    pub session_lifetime: SignedDuration,
    /// Personal tokens per person. Default 50.
    pub max_tokens: u64,
    /// Who has to have a second factor. Default: nobody.
    pub second_factor: Required,
    /// The URL that browsers use: passkeys are made for its host, apps show it. `None` where there
    /// are no browsers.
    pub public_url: Option<Url>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            login_per_5min: 10,
            hash_cost: HashCost::default(),
            session_idle: SignedDuration::from_hours(12),
            session_lifetime: SignedDuration::from_hours(14 * 24),
            max_tokens: 50,
            second_factor: Required::default(),
            public_url: None,
        }
    }
}

/// Why somebody is nobody here. To a caller all but [`AuthError::Store`] are "not signed in".
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Nobody is signed in in this browser, or the session is over.
    #[error("not signed in")]
    Missing,
    /// There is no such token.
    #[error("the token is unknown or was revoked")]
    Unknown,
    /// The token's time is over.
    #[error("the token has expired")]
    Expired,
    /// An administrator has disabled the person.
    #[error("the account is disabled")]
    Disabled,
    /// The person has to have a second factor first.
    #[error("set up a second factor first")]
    MustEnrol,
    /// The token is for another resource of this server (RFC 8707).
    #[error("the token is for another address of this server")]
    Audience,
    /// What the person had allowed the client has ended.
    #[error("{why}")]
    Ended {
        /// How it ended and when, in English, without quotes and line breaks: fit for
        /// `error_description`.
        why: String,
    },
    /// The database or the session's data failed; the sources say more.
    #[error("who is calling could not be found out")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<deputy_store::Error> for AuthError {
    fn from(err: deputy_store::Error) -> Self {
        Self::Store(Box::new(err))
    }
}

/// People and their ways in. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    vault: Option<Vault>,
    config: Config,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    hasher: Hasher,
    attempts: Throttle<Attempt>,
    addresses: Throttle<IpAddr>,
    /// Wrong codes of second factors.
    codes: Throttle<UserId>,
    site: Site,
    used: LastUse,
}

/// What second factors are made for.
struct Site {
    /// What an authenticator app shows beside the person's name.
    issuer: String,
    passkeys: Option<Webauthn>,
}

impl Site {
    fn new(public_url: Option<&Url>) -> Self {
        let host = public_url.and_then(Url::domain);
        Self {
            issuer: host.map_or_else(|| "Deputy".to_owned(), |host| format!("Deputy {host}")),
            passkeys: public_url.and_then(second_factor::passkey::site),
        }
    }
}

/// What was used since the last sweep.
#[derive(Default)]
struct LastUse {
    tokens: Mutex<HashMap<i64, Timestamp>>,
    grants: Mutex<HashMap<i64, Timestamp>>,
    sessions: Mutex<HashMap<String, Timestamp>>,
}

impl Identity {
    /// Identity on `store`. With a vault, deleting a person drops their keys from its memory; a
    /// command that deals with no sealed value needs none.
    pub fn new(
        store: Store,
        vault: Option<Vault>,
        config: Config,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        const FIVE_MINUTES: Duration = Duration::from_mins(5);
        // What was over stays over though the clock be set back.
        let clock: Arc<dyn Clock> = Arc::new(SteadyClock::new(clock));
        let attempts = Throttle::new(config.login_per_5min, FIVE_MINUTES, Arc::clone(&clock));
        let per_address = config
            .login_per_5min
            .saturating_mul(sign_in::ADDRESS_FACTOR);
        let addresses = Throttle::new(per_address, FIVE_MINUTES, Arc::clone(&clock));
        let codes = Throttle::new(config.login_per_5min, FIVE_MINUTES, Arc::clone(&clock));
        let site = Site::new(config.public_url.as_ref());
        let hasher = Hasher::new(config.hash_cost, Arc::clone(&rng));
        let inner = Inner {
            store,
            vault,
            config,
            clock,
            rng,
            hasher,
            attempts,
            addresses,
            codes,
            site,
            used: LastUse::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Sweeps once a minute, and once more at the soft stop.
    pub fn run(&self, lifecycle: &Lifecycle) {
        let identity = self.clone();
        let stop = lifecycle.soft().clone();
        lifecycle.spawn(async move {
            let mut timer = tokio::time::interval(Duration::from_mins(1));
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let stopped = tokio::select! {
                    () = stop.cancelled() => true,
                    _ = timer.tick() => false,
                };
                if let Err(err) = identity.sweep().await {
                    tracing::warn!(
                        error = &err as &dyn std::error::Error,
                        "sessions and tokens could not be swept"
                    );
                }
                if stopped {
                    return;
                }
            }
        });
    }

    /// Writes when sessions and tokens were last used, deletes the sessions that are over, and
    /// wipes idle keys of the vault from memory.
    pub async fn sweep(&self) -> Result<(), deputy_store::Error> {
        if let Some(vault) = &self.inner.vault {
            vault.sweep();
        }
        let tokens = std::mem::take(&mut *self.inner.used.tokens.lock());
        let grants = std::mem::take(&mut *self.inner.used.grants.lock());
        let sessions = std::mem::take(&mut *self.inner.used.sessions.lock());
        let now = self.inner.clock.now();
        let idle_since = now
            .checked_sub(self.inner.config.session_idle)
            .unwrap_or(Timestamp::MIN);
        let tx = self.inner.store.begin().await?;
        for (id, at) in tokens {
            tx.touch_token(id, at).await?;
        }
        for (id, at) in grants {
            tx.touch_oauth_grant(id, at).await?;
        }
        for (id_hash, at) in sessions {
            tx.touch_session(&id_hash, at).await?;
        }
        tx.sweep_sessions(now, idle_since).await?;
        tx.sweep_passkey_ceremonies(now).await?;
        tx.commit().await
    }

    /// What seals the secrets of authenticator apps.
    fn vault(&self) -> Result<&Vault, FactorError> {
        let vault = self.inner.vault.as_ref();
        vault.ok_or_else(|| FactorError::Vault("there is no key at hand".into()))
    }

    /// All that a person of this role may do; what `--scope all` stands for.
    pub fn rights(role: Role) -> Scopes {
        let mut scopes = Scopes::all();
        if role != Role::Admin {
            scopes.0.remove(&Scope::Admin);
        }
        scopes
    }

    /// The person as the program itself acts for them, e.g. in an approval that was granted:
    /// with all their rights. [`AuthError::Unknown`] when the person is gone.
    pub async fn system_principal(&self, user: UserId) -> Result<Principal, AuthError> {
        let user = self
            .inner
            .store
            .user(user)
            .profile()
            .await?
            .ok_or(AuthError::Unknown)?;
        principal(user, None, deputy_core::Caller::System)
    }
}

/// The person with `scopes` cut to their rights (`None`: all of these).
fn principal(
    user: User,
    scopes: Option<Scopes>,
    caller: deputy_core::Caller,
) -> Result<Principal, AuthError> {
    if !user.is_active {
        return Err(AuthError::Disabled);
    }
    let rights = Identity::rights(user.role);
    let scopes = match scopes {
        Some(mut scopes) => {
            scopes.0.retain(|scope| rights.contains(*scope));
            scopes
        }
        None => rights,
    };
    Ok(Principal {
        user_id: user.id,
        username: user.username,
        role: user.role,
        language: user.language,
        time_zone: user.time_zone,
        scopes,
        caller,
    })
}

#[cfg(test)]
mod tests;
