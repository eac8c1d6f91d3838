//! One refresh of one connection.

use std::time::{Duration, Instant};

use deputy_core::UserId;
use deputy_store::oauth_token::{OAuthToken, RefreshedToken};
use jiff::{SignedDuration, Timestamp};

use crate::access::wait_until;
use crate::connection::services_of;
use crate::event::ConnectionEventKind;
use crate::notice::{self, NOTICE_DISCONNECTED, RemovalReason};
use crate::upstream::{Failure, TokenAnswer};
use crate::{AccessError, Column, Config, Inner, StorageError, lease_name};

/// How long another process may take: longer than the longest refresh, which is three attempts of
/// `Timing::request` and the pauses between.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The pause after a first failed refresh; doubles for each one after.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// The longest pause that isn't Google's own wish.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// The pause after Google refused the client: somebody has to change the settings first.
pub(crate) const REFUSED_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// A write that fails is worth repeating here: what it holds can't be had twice from every server.
pub(crate) const WRITE_ATTEMPTS: u32 = 3;

impl Inner {
    /// Refreshes the connection if it still is at generation `seen`. `Ok` says that it is not, now:
    /// by this call or by somebody else's.
    pub(crate) async fn refresh(&self, user: UserId, seen: i64) -> Result<(), AccessError> {
        let config = self.config.as_ref().ok_or(AccessError::NotConfigured)?;
        let lease = self.leases.named(lease_name(user));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.leases.try_take(&lease).await? {
            tokio::time::sleep(config.timing.poll).await;
            // The holder may have finished, either way.
            if self.still_due(user, seen).await?.is_none() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(AccessError::Temporarily {
                    retry_after: Duration::from_secs(5),
                });
            }
        }
        self.leases
            .under(lease, self.refresh_under_lease(config, user, seen))
            .await
    }

    /// The row, if it still is at generation `seen` and may be refreshed now.
    async fn still_due(&self, user: UserId, seen: i64) -> Result<Option<OAuthToken>, AccessError> {
        let row = self.row(user).await?.ok_or(AccessError::NotConnected)?;
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

    async fn refresh_under_lease(
        &self,
        config: &Config,
        user: UserId,
        seen: i64,
    ) -> Result<(), AccessError> {
        let Some(row) = self.still_due(user, seen).await? else {
            return Ok(());
        };
        let Some(sealed) = &row.refresh_token else {
            return Err(AccessError::Expired);
        };
        let refresh_token = self.open(user, Column::RefreshToken, sealed).await?;
        let started = Instant::now();
        let answer = self.upstream(config).refresh(&refresh_token).await;
        metrics::histogram!("deputy_google_refresh_seconds").record(started.elapsed());
        let (outcome, result) = match answer {
            Ok(answer) => ("refreshed", self.store_refreshed(user, &row, answer).await),
            Err(Failure::InvalidGrant { subtype }) => (
                "invalid_grant",
                self.remove(user, &row, subtype.as_deref()).await,
            ),
            Err(Failure::Rejected { code }) => {
                tracing::error!(%user, code, "Google refuses this installation's OAuth client");
                self.note_failure(user, &row, REFUSED_PAUSE).await?;
                ("rejected", Err(AccessError::Configuration { code }))
            }
            Err(Failure::Temporary { retry_after, cause }) => {
                tracing::warn!(%user, cause = cause.as_str(), "token refresh failed; the connection stays");
                let pause = retry_after
                    .and_then(|after| SignedDuration::try_from(after).ok())
                    .map_or_else(
                        || pause_after(row.failures),
                        |after| after.max(SignedDuration::from_secs(1)),
                    );
                let retry_after = Duration::try_from(pause).unwrap_or_default();
                self.note_failure(user, &row, pause).await?;
                (
                    cause.as_str(),
                    Err(AccessError::Temporarily { retry_after }),
                )
            }
        };
        metrics::counter!("deputy_google_refresh_total", "outcome" => outcome).increment(1);
        result
    }

    async fn store_refreshed(
        &self,
        user: UserId,
        row: &OAuthToken,
        answer: TokenAnswer,
    ) -> Result<(), AccessError> {
        let now = self.clock.now();
        let access_token = self
            .seal(user, Column::AccessToken, &answer.access_token)
            .await?;
        let refresh_token = match &answer.refresh_token {
            Some(token) => Some(self.seal(user, Column::RefreshToken, token).await?),
            None => None,
        };
        let refresh_expires_at = match answer.refresh_expires_in {
            Some(_) => after(now, answer.refresh_expires_in),
            None if refresh_token.is_some() => None,
            None => row.refresh_expires_at,
        };
        let new = RefreshedToken {
            access_token,
            refresh_token,
            expires_at: after(now, Some(answer.expires_in)).unwrap_or(now),
            scopes: answer.scopes.unwrap_or_else(|| row.scopes.clone()),
            refresh_expires_at,
            refreshed_at: now,
        };
        let changed = {
            let mut next = row.clone();
            next.scopes.clone_from(&new.scopes);
            services_of(&next) != services_of(row)
        };
        let stored = self.write_refreshed(user, row, new).await?;
        if !stored {
            tracing::info!(%user, "a refreshed token was not needed: the connection changed meanwhile");
            return Ok(());
        }
        tracing::debug!(%user, generation = row.generation + 1, "token refreshed");
        self.tell(user, ConnectionEventKind::TokenRefreshed);
        if changed {
            tracing::info!(%user, "Google granted other scopes than before");
            self.tell(user, ConnectionEventKind::ServicesChanged);
        }
        Ok(())
    }

    async fn write_refreshed(
        &self,
        user: UserId,
        row: &OAuthToken,
        new: RefreshedToken,
    ) -> Result<bool, StorageError> {
        let mut attempt = 1;
        loop {
            let written = async {
                let tx = self.store.begin().await?;
                let stored = tx
                    .user(user)
                    .oauth_token_refresh(row.id, row.generation, new.clone())
                    .await?;
                tx.commit().await?;
                Ok::<_, deputy_store::Error>(stored)
            };
            match written.await {
                Ok(stored) => return Ok(stored),
                Err(error) if attempt < WRITE_ATTEMPTS => {
                    tracing::warn!(%user, %error, "a refreshed token could not be stored; trying again");
                    tokio::time::sleep(self.timing().poll * attempt).await;
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Google ended the grant: the connection goes, and the person learns why. Not if the person has
    /// connected anew while Google was asked.
    async fn remove(
        &self,
        user: UserId,
        row: &OAuthToken,
        subtype: Option<&str>,
    ) -> Result<(), AccessError> {
        let now = self.clock.now();
        let reason = RemovalReason::of(row, subtype, now);
        let tx = self.store.begin().await?;
        let removed = tx
            .user(user)
            .oauth_token_delete(row.id, row.generation)
            .await?;
        if removed {
            tx.user(user)
                .notice_put(NOTICE_DISCONNECTED, &notice::parameters(row, reason), now)
                .await?;
        }
        tx.commit().await?;
        if !removed {
            return Ok(());
        }
        tracing::warn!(%user, reason = reason.as_str(), "Google ended the grant; the connection was removed");
        self.tell(user, ConnectionEventKind::Disconnected);
        Err(AccessError::Removed(reason))
    }

    async fn note_failure(
        &self,
        user: UserId,
        row: &OAuthToken,
        pause: SignedDuration,
    ) -> Result<(), AccessError> {
        let retry_at = self
            .clock
            .now()
            .checked_add(pause)
            .unwrap_or(Timestamp::MAX);
        let failures = row.failures.saturating_add(1);
        let tx = self.store.begin().await?;
        tx.user(user)
            .oauth_token_refresh_failed(row.id, row.generation, failures, retry_at)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The pause after a refresh failed that `failures` have failed before in a row.
pub(crate) fn pause_after(failures: i32) -> SignedDuration {
    (PAUSE * 2i32.saturating_pow(failures.clamp(0, 10).unsigned_abs())).min(LONGEST_PAUSE)
}

/// `now` and as much later.
pub(crate) fn after(now: Timestamp, later: Option<Duration>) -> Option<Timestamp> {
    let later = SignedDuration::try_from(later?).ok()?;
    Some(now.checked_add(later).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests;
