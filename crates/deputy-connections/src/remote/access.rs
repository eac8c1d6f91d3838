//! Access tokens for those who call a remote server for a person, and their refresh.
//!
//! It goes as for Google ([`crate::access`], [`crate::refresh`]): five minutes early, one refresh
//! at a time over tasks and processes, stored before it is used, and only the authorization
//! server's word ends an account. What differs: an account may have no refresh token and no known
//! end, a server may ask for more scopes, and a client that was registered on the spot may be
//! forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Secret, UserId};
use deputy_store::remote_account::{RefreshedAccount, RemoteAccount};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::challenge::Challenge;
use super::client::Source;
use super::{
    ACCESS_TOKEN, CLIENT, Grant, Inner, Key, REFRESH_TOKEN, Remote, SealedAt, lease_name, union,
};
use crate::StorageError;
use crate::access::wait_until;
use crate::flight::landed;
use crate::refresh::{PATIENCE, REFUSED_PAUSE, WRITE_ATTEMPTS, after, pause_after};
use crate::upstream::{Failure, TokenAnswer};

/// How long before its end an access token is replaced.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// A use is noted once in this time.
const USE_NOTED: SignedDuration = SignedDuration::from_hours(1);
/// A caller that has seen this many refreshes end without a token to show gives up.
const ROUNDS: usize = 5;
/// So often a server may ask for scopes that it has been granted before it is told no.
const STEP_UPS: i32 = 3;
/// What a server says about itself is kept up to this length.
const MAX_URL: usize = 2048;

/// The kind, up to the server's number, of the notice that an account at a remote server ended.
/// Parameters: `server` (its number), `host` and `reason` (`revoked` or `client`).
pub const NOTICE_REMOTE_DISCONNECTED: &str = "remote.disconnected";

/// The kind of that notice for one server.
pub(super) fn notice_kind(server: i64) -> String {
    format!("{NOTICE_REMOTE_DISCONNECTED}:{server}")
}

/// An access token that may be presented now, to the URL that it was asked for.
pub struct Token {
    /// The token.
    pub secret: Secret<String>,
    /// Grows with every refresh and consent, also over a disconnect.
    pub generation: i64,
}

/// Why there is no access token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessError {
    /// The person must consent, for the first time or again.
    #[error("the server asks for a sign-in")]
    ConsentNeeded,
    /// The server asks again and again for what was granted.
    #[error("the server refuses although everything it asked for was granted")]
    Refused,
    /// The authorization server can't be asked now; the account stays.
    #[error("the authorization server does not answer; try again in {} s", retry_after.as_secs())]
    Temporarily {
        /// When to try again.
        retry_after: Duration,
    },
    /// The authorization server refuses our client; the account stays.
    #[error(
        "the authorization server refuses the client that was entered with the server ({code})"
    )]
    Configuration {
        /// Its error code, e.g. `invalid_client`.
        code: String,
    },
    /// Something of ours failed.
    #[error("accounts can't be read")]
    Storage(#[source] Arc<StorageError>),
}

impl From<StorageError> for AccessError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<deputy_store::Error> for AccessError {
    fn from(error: deputy_store::Error) -> Self {
        StorageError::from(error).into()
    }
}

impl Remote {
    /// The token to present to this person's server at `url`, refreshed when it expires within five
    /// minutes. `None` where there is none and none was asked for yet: the server may need none,
    /// and if it does, it says so.
    pub async fn bearer(
        &self,
        user: UserId,
        server: i64,
        url: &Url,
    ) -> Result<Option<Token>, AccessError> {
        let key = (user, server);
        let row = self.inner.row(key).await?;
        let held = row.filter(|row| row.server_url == url.as_str() && row.access_token.is_some());
        if held.is_none() {
            return Ok(None);
        }
        self.inner.token(key, url, None).await.map(Some)
    }

    /// What to do when the server refused a request with 401, or with 403 for want of scopes:
    /// another token to try once, or [`AccessError::ConsentNeeded`]. `failed_generation` is the
    /// refused token's; `None` where none was presented. `challenge` is `WWW-Authenticate`; what it
    /// asks for is asked for in the next consent.
    pub async fn refused(
        &self,
        user: UserId,
        server: i64,
        url: &Url,
        failed_generation: Option<i64>,
        challenge: Option<&str>,
    ) -> Result<Token, AccessError> {
        let key = (user, server);
        let inner = &self.inner;
        let challenge = challenge.and_then(Challenge::parse).unwrap_or_default();
        let row = inner.row(key).await?;
        let row = row.filter(|row| row.server_url == url.as_str());
        let moved_on = row.as_ref().is_some_and(|row| {
            row.access_token.is_some() && failed_generation.is_none_or(|g| row.generation > g)
        });
        if moved_on || !challenge.is_insufficient_scope() {
            match inner.token(key, url, failed_generation).await {
                Err(AccessError::ConsentNeeded) => {}
                outcome => return outcome,
            }
        }
        inner.note_challenge(key, url, challenge).await?;
        Err(AccessError::ConsentNeeded)
    }
}

/// When the token of `row` should be replaced: `early` before its end, but not in the first half of
/// its life. `None`: it is not known to end.
pub(super) fn due_at(row: &RemoteAccount, early: SignedDuration) -> Option<Timestamp> {
    let ends = row.expires_at?;
    let half = ends.duration_since(row.refreshed_at) / 2;
    Some(ends.checked_sub(early.min(half)).unwrap_or(Timestamp::MIN))
}

impl Inner {
    async fn token(
        self: &Arc<Self>,
        key: Key,
        url: &Url,
        refused: Option<i64>,
    ) -> Result<Token, AccessError> {
        for _ in 0..ROUNDS {
            let row = self.row(key).await?;
            let row = row.filter(|row| row.server_url == url.as_str());
            let row = row.ok_or(AccessError::ConsentNeeded)?;
            let Some(sealed) = &row.access_token else {
                return Err(AccessError::ConsentNeeded);
            };
            let now = self.clock.now();
            let usable = row.expires_at.is_none_or(|at| at > now)
                && refused.is_none_or(|g| row.generation > g);
            if usable && due_at(&row, EARLY).is_none_or(|due| now < due) {
                return self.hand_out(key, &row, sealed, now).await;
            }
            let error = match self.renew(key, &row, now, usable).await {
                Ok(()) => continue,
                Err(error) => error,
            };
            // The old token is good for a while yet, whatever keeps us from having another; but if
            // the account has ended meanwhile, the next round sees it.
            return match error {
                AccessError::Storage(_) => Err(error),
                _ if usable && self.still(key, row.generation).await? => {
                    self.hand_out(key, &row, sealed, now).await
                }
                error => Err(error),
            };
        }
        Err(AccessError::Temporarily {
            retry_after: Duration::from_secs(1),
        })
    }

    /// Whether the account still is at generation `seen`.
    async fn still(&self, key: Key, seen: i64) -> Result<bool, AccessError> {
        Ok(self.row(key).await?.is_some_and(|r| r.generation == seen))
    }

    /// Sees to it that the account is refreshed. `Ok` when it should be read again.
    async fn renew(
        self: &Arc<Self>,
        key: Key,
        row: &RemoteAccount,
        now: Timestamp,
        usable: bool,
    ) -> Result<(), AccessError> {
        if row.refresh_token.is_none() {
            return Err(AccessError::ConsentNeeded);
        }
        if now < row.retry_at {
            return Err(AccessError::Temporarily {
                retry_after: wait_until(row.retry_at, now),
            });
        }
        let refreshed = self.refreshed(key, row.generation);
        let later = AccessError::Temporarily {
            retry_after: Duration::from_secs(5),
        };
        if usable {
            let early = self.config.timing.early;
            tokio::time::timeout(early, refreshed)
                .await
                .unwrap_or(Err(later))
        } else {
            refreshed.await
        }
    }

    /// Joins the refresh of this account that is under way, or starts one, and waits for its end.
    pub(super) async fn refreshed(
        self: &Arc<Self>,
        key: Key,
        seen: i64,
    ) -> Result<(), AccessError> {
        let inner = Arc::clone(self);
        let flight = async move { inner.refresh(key, seen).await };
        let landing = self.flights.join(&self.lifecycle, key, flight);
        landed(landing).await.unwrap_or_else(|| {
            Err(AccessError::Temporarily {
                retry_after: Duration::from_secs(5),
            })
        })
    }

    async fn hand_out(
        self: &Arc<Self>,
        key: Key,
        row: &RemoteAccount,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<Token, AccessError> {
        let place = SealedAt::account(key, ACCESS_TOKEN);
        let secret = self.open_token(&place, sealed).await?;
        if now.duration_since(row.last_used_at) > USE_NOTED {
            self.note_use(key, now);
        }
        Ok(Token {
            secret,
            generation: row.generation,
        })
    }

    /// Notes the use without keeping the caller waiting for the disk.
    fn note_use(self: &Arc<Self>, (user, server): Key, now: Timestamp) {
        let inner = Arc::clone(self);
        self.lifecycle.spawn(async move {
            let noted = async {
                let tx = inner.store.begin().await?;
                tx.user(user).remote_account_used(server, now).await?;
                tx.commit().await
            };
            if let Err(error) = noted.await {
                tracing::debug!(%user, %error, "the use of an account was not noted");
            }
        });
    }

    /// Refreshes the account if it still is at generation `seen`. `Ok` says that it is not, now.
    async fn refresh(&self, key: Key, seen: i64) -> Result<(), AccessError> {
        let lease = self.leases.named(lease_name(key));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.leases.try_take(&lease).await? {
            tokio::time::sleep(self.config.timing.poll).await;
            // The holder may have finished, either way.
            if self.still_due(key, seen).await?.is_none() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(AccessError::Temporarily {
                    retry_after: Duration::from_secs(5),
                });
            }
        }
        self.leases
            .under(lease, self.refresh_under_lease(key, seen))
            .await
    }

    /// The row, if it still is at generation `seen` and may be refreshed now.
    async fn still_due(&self, key: Key, seen: i64) -> Result<Option<RemoteAccount>, AccessError> {
        let row = self.row(key).await?.ok_or(AccessError::ConsentNeeded)?;
        let now = self.clock.now();
        if row.generation != seen {
            Ok(None)
        } else if now < row.retry_at {
            Err(AccessError::Temporarily {
                retry_after: wait_until(row.retry_at, now),
            })
        } else {
            Ok(Some(row))
        }
    }

    async fn refresh_under_lease(&self, key: Key, seen: i64) -> Result<(), AccessError> {
        let Some(row) = self.still_due(key, seen).await? else {
            return Ok(());
        };
        let (Some(token), Some(client)) = (&row.refresh_token, &row.client) else {
            return Err(AccessError::ConsentNeeded);
        };
        let place = SealedAt::account(key, REFRESH_TOKEN);
        let refresh_token = self.open_token(&place, token).await?;
        let place = SealedAt::account(key, CLIENT);
        let grant: Grant = self.open(&place, client).await?;
        let answer = self.endpoint(&grant).refresh(&refresh_token).await;
        let (outcome, result) = match answer {
            Ok(answer) => ("refreshed", self.store_refreshed(key, &row, answer).await),
            Err(Failure::InvalidGrant { .. }) => {
                ("invalid_grant", self.end(key, &row, "revoked").await)
            }
            Err(Failure::Rejected { code })
                if grant.client.source == Source::Registered
                    && matches!(code.as_str(), "invalid_client" | "unauthorized_client") =>
            {
                self.forget_registered(key.0, &grant).await?;
                ("client_forgotten", self.end(key, &row, "client").await)
            }
            Err(Failure::Rejected { code }) => {
                tracing::warn!(user = %key.0, server = key.1, code, "an authorization server refuses the client");
                self.note_failure(key, &row, REFUSED_PAUSE).await?;
                ("rejected", Err(AccessError::Configuration { code }))
            }
            Err(Failure::Temporary { retry_after, cause }) => {
                tracing::info!(user = %key.0, server = key.1, cause = cause.as_str(), "token refresh failed; the account stays");
                let wish = retry_after.and_then(|after| SignedDuration::try_from(after).ok());
                let pause = wish.map_or_else(
                    || pause_after(row.failures),
                    |after| after.max(SignedDuration::from_secs(1)),
                );
                self.note_failure(key, &row, pause).await?;
                let retry_after = Duration::try_from(pause).unwrap_or_default();
                (
                    cause.as_str(),
                    Err(AccessError::Temporarily { retry_after }),
                )
            }
        };
        metrics::counter!("deputy_remote_refresh_total", "outcome" => outcome).increment(1);
        result
    }

    async fn store_refreshed(
        &self,
        key: Key,
        row: &RemoteAccount,
        answer: TokenAnswer,
    ) -> Result<(), AccessError> {
        let now = self.clock.now();
        let refresh_token = match &answer.refresh_token {
            Some(token) => Some(self.seal_token(key, REFRESH_TOKEN, token).await?),
            None => None,
        };
        let new = RefreshedAccount {
            access_token: self
                .seal_token(key, ACCESS_TOKEN, &answer.access_token)
                .await?,
            refresh_token,
            expires_at: after(now, answer.lifetime),
            scopes: row.scopes.clone(),
            refreshed_at: now,
        };
        // A write that fails is worth repeating here: what it holds can't be had twice from every
        // server.
        let mut attempt = 1;
        loop {
            let written = async {
                let tx = self.store.begin().await?;
                let stored = tx
                    .user(key.0)
                    .remote_account_refresh(key.1, row.generation, new.clone())
                    .await?;
                tx.commit().await?;
                Ok::<_, deputy_store::Error>(stored)
            };
            match written.await {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    tracing::info!(user = %key.0, server = key.1, "a refreshed token was not needed: the account changed meanwhile");
                    return Ok(());
                }
                Err(error) if attempt < WRITE_ATTEMPTS => {
                    tracing::warn!(user = %key.0, %error, "a refreshed token could not be stored; trying again");
                    tokio::time::sleep(self.config.timing.poll * attempt).await;
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The grant is dead: the tokens go, and the person learns why. What was asked for stays, for
    /// the next consent. Nothing happens if the person has consented anew meanwhile.
    async fn end(&self, key: Key, row: &RemoteAccount, reason: &str) -> Result<(), AccessError> {
        let now = self.clock.now();
        let ended = RemoteAccount {
            access_token: None,
            refresh_token: None,
            expires_at: None,
            generation: row.generation + 1,
            failures: 0,
            retry_at: Timestamp::UNIX_EPOCH,
            updated_at: now,
            ..row.clone()
        };
        let host = Url::parse(&row.server_url).ok();
        let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
        let parameters = BTreeMap::from([
            ("server".to_owned(), key.1.to_string()),
            ("host".to_owned(), host.to_owned()),
            ("reason".to_owned(), reason.to_owned()),
        ]);
        let tx = self.store.begin().await?;
        let scope = tx.user(key.0);
        let done = scope.remote_account_replace(ended, row.generation).await?;
        if done {
            scope
                .notice_put(&notice_kind(key.1), &parameters, now)
                .await?;
        }
        tx.commit().await?;
        if !done {
            return Ok(());
        }
        tracing::info!(user = %key.0, server = key.1, reason, "an account at a remote server ended");
        Err(AccessError::ConsentNeeded)
    }

    async fn note_failure(
        &self,
        key: Key,
        row: &RemoteAccount,
        pause: SignedDuration,
    ) -> Result<(), AccessError> {
        let now = self.clock.now();
        let retry_at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        let failures = row.failures.saturating_add(1);
        let tx = self.store.begin().await?;
        tx.user(key.0)
            .remote_account_refresh_failed(key.1, row.generation, failures, retry_at)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Remembers what a server asked for, until the person consents.
    async fn note_challenge(
        &self,
        key: Key,
        url: &Url,
        challenge: Challenge,
    ) -> Result<(), AccessError> {
        let now = self.clock.now();
        let metadata_url = challenge
            .resource_metadata
            .clone()
            .filter(|text| text.len() <= MAX_URL);
        let tx = self.store.begin().await?;
        let scope = tx.user(key.0);
        let before = scope.remote_account_for_update(key.1).await?;
        let seen = before.as_ref().map(|row| row.generation);
        let mut row = match &before {
            Some(row) if row.server_url == url.as_str() => row.clone(),
            _ => unconnected(key.1, url, seen, now),
        };
        let held = challenge.scopes.iter().all(|s| row.scopes.contains(s));
        let mut refused = false;
        if challenge.is_insufficient_scope() && row.access_token.is_some() {
            row.step_ups = if held { row.step_ups + 1 } else { 0 };
            refused = row.step_ups >= STEP_UPS;
        }
        row.wanted_scopes = if row.wanted_scopes.is_empty() {
            challenge.scopes
        } else {
            union(&[&row.wanted_scopes, &challenge.scopes])
        };
        row.metadata_url = metadata_url.or(row.metadata_url);
        let changed = before.as_ref() != Some(&row);
        row.updated_at = now;
        match seen {
            Some(seen) if changed => {
                scope.remote_account_replace(row, seen).await?;
            }
            // False where the server is gone: then nobody will consent either.
            None => {
                scope.remote_account_add(row).await?;
            }
            Some(_) => {}
        }
        tx.commit().await?;
        if refused {
            return Err(AccessError::Refused);
        }
        Ok(())
    }
}

/// The row of a server that nobody has consented at. What was there of another URL is dropped with
/// it: its tokens are of no use any more.
fn unconnected(server: i64, url: &Url, seen: Option<i64>, now: Timestamp) -> RemoteAccount {
    RemoteAccount {
        server_id: server,
        server_url: url.to_string(),
        issuer: None,
        client: None,
        access_token: None,
        refresh_token: None,
        expires_at: None,
        scopes: Vec::new(),
        wanted_scopes: Vec::new(),
        metadata_url: None,
        step_ups: 0,
        generation: seen.map_or(0, |seen| seen + 1),
        connected_at: None,
        refreshed_at: now,
        last_used_at: now,
        failures: 0,
        retry_at: Timestamp::UNIX_EPOCH,
        created_at: now,
        updated_at: now,
    }
}

#[cfg(test)]
mod tests;
