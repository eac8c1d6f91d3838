//! Disconnecting, and telling Google.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::UserId;
use deputy_store::oauth_revocation::OAuthRevocation;
use jiff::{SignedDuration, Timestamp};

use crate::connection::services_of;
use crate::consent::revocation_of;
use crate::event::ConnectionEventKind;
use crate::upstream::Revoked;
use crate::{Column, Connections, Inner, PROVIDER, Services, StorageError};

/// The sweep takes a revocation over when it was not told by then.
pub(crate) const HEAD_START: SignedDuration = SignedDuration::from_secs(60);
/// How long the person who disconnects waits for Google to be told.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a failed attempt; doubles for each one after.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(6);
/// Google ends an unused grant by itself after half a year; trying for a month is enough.
pub(crate) const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What disconnecting did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected {
    /// What was connected and no longer is.
    pub dropped: Services,
    /// What stays connected.
    pub remaining: Services,
    /// Whether Google has been told. False where services remain (Google would revoke theirs too),
    /// and where Google did not answer at once: then it is told later.
    pub revoked: bool,
}

/// Why nothing was disconnected.
#[derive(Debug, thiserror::Error)]
pub enum DisconnectError {
    /// None of these services is connected.
    #[error("Google is not connected")]
    NotFound,
    /// Something of ours failed.
    #[error("the connection can't be deleted")]
    Storage(#[from] StorageError),
}

crate::from_store!(DisconnectError);

impl Connections {
    /// Disconnects these services of `user`; [`Services::ALL`] deletes the connection whatever it
    /// holds. When the last service goes, so do the tokens, and Google is told to revoke them.
    /// Subscribers are told before Google is.
    pub async fn disconnect(
        &self,
        user: UserId,
        services: Services,
    ) -> Result<Disconnected, DisconnectError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let tx = inner.store.begin().await?;
        let scope = tx.user(user);
        let row = scope
            .oauth_token_for_update(PROVIDER)
            .await?
            .ok_or(DisconnectError::NotFound)?;
        let connected = services_of(&row);
        let dropped = connected.intersection(services);
        let remaining = connected.without(services);
        if dropped.is_empty() && services != Services::ALL {
            return Err(DisconnectError::NotFound);
        }
        if !remaining.is_empty() {
            let wanted = Services::from_names(&row.services).without(services);
            scope
                .oauth_token_services(row.id, &wanted.names(), now)
                .await?;
            tx.commit().await?;
            tracing::info!(%user, %dropped, "Google services disconnected");
            inner.tell(user, ConnectionEventKind::ServicesChanged);
            return Ok(Disconnected {
                dropped,
                remaining,
                revoked: false,
            });
        }
        let (id, generation) = (row.id, row.generation);
        let due = now.checked_add(HEAD_START).unwrap_or(now);
        let revocation = scope.oauth_revocation_add(revocation_of(row, due)).await?;
        scope.oauth_token_delete(id, generation).await?;
        tx.commit().await?;
        tracing::info!(%user, "Google disconnected");
        inner.tell(user, ConnectionEventKind::Disconnected);
        let revoked = inner.revoke_soon(user, revocation).await;
        Ok(Disconnected {
            dropped,
            remaining,
            revoked,
        })
    }
}

impl Inner {
    /// Tells Google in a task of its own; waits a little for it. True when it was told.
    async fn revoke_soon(self: &Arc<Self>, user: UserId, revocation: i64) -> bool {
        let inner = Arc::clone(self);
        let task = self
            .lifecycle
            .spawn(async move { inner.revoke(user, revocation, PATIENCE).await });
        matches!(
            tokio::time::timeout(PATIENCE, task).await,
            Ok(Ok(Some(Ok(true))))
        )
    }

    /// Tells Google about one revocation that is still to be told. True when it is done with.
    pub(crate) async fn revoke(
        &self,
        user: UserId,
        id: i64,
        patience: Duration,
    ) -> Result<bool, StorageError> {
        let Some(config) = &self.config else {
            return Ok(false);
        };
        // Under the lease, so that a consent that is being completed either cancels it first or
        // begins after it.
        let Some(lease) = self.lease(user, patience).await? else {
            return Ok(false);
        };
        let telling = async {
            let Some(row) = self.store.user(user).oauth_revocation(id).await? else {
                return Ok(true);
            };
            let column = match row.token_column.as_str() {
                "access_token" => Column::AccessToken,
                _ => Column::RefreshToken,
            };
            let told = match self.open(user, column, &row.token).await {
                Ok(token) => self.upstream(config).revoke(&token).await,
                Err(error) => {
                    tracing::error!(%user, %error, "a token to be revoked can't be opened");
                    Revoked::Later(None)
                }
            };
            self.note_revocation(user, &row, told).await
        };
        self.leases.under(lease, telling).await
    }

    async fn note_revocation(
        &self,
        user: UserId,
        row: &OAuthRevocation,
        told: Revoked,
    ) -> Result<bool, StorageError> {
        let now = self.clock.now();
        let tx = self.store.begin().await?;
        let (word, done) = match told {
            Revoked::Done => ("revoked", true),
            Revoked::Later(_) if now.duration_since(row.created_at) > GIVEN_UP_AFTER => {
                ("given_up", true)
            }
            Revoked::Later(_) => ("later", false),
        };
        if done {
            tx.user(user).oauth_revocation_delete(row.id).await?;
        } else {
            let wish = if let Revoked::Later(Some(after)) = told {
                SignedDuration::try_from(after).ok()
            } else {
                None
            };
            let pause = pause_after(row.attempts).max(wish.unwrap_or_default());
            let next_at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
            tx.user(user)
                .oauth_revocation_delay(row.id, row.attempts.saturating_add(1), next_at)
                .await?;
        }
        tx.commit().await?;
        metrics::counter!("deputy_google_revocations_total", "outcome" => word).increment(1);
        if word != "revoked" {
            tracing::warn!(%user, outcome = word, attempts = row.attempts + 1, "Google was not told of a revocation");
        }
        Ok(done)
    }
}

pub(crate) fn pause_after(attempts: i32) -> SignedDuration {
    (PAUSE * 2i32.saturating_pow(attempts.clamp(0, 20).unsigned_abs())).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
