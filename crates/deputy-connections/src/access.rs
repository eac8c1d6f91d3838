//! Access tokens for those who call Google for a person.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Secret, UserId};
use deputy_store::oauth_token::OAuthToken;
use jiff::{SignedDuration, Timestamp};

use crate::flight::{self, Landing};
use crate::{Column, Connection, Connections, Inner, NOT_CONFIGURED, RemovalReason, StorageError};

/// How long before its end an access token is replaced.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// A use is noted once in this time.
const USE_NOTED: SignedDuration = SignedDuration::from_hours(1);
/// A caller that has seen this many refreshes end without a token to show gives up.
const ROUNDS: usize = 5;

/// An access token that may be presented now.
pub struct Token {
    /// The token.
    pub secret: Secret<String>,
    /// Grows with every refresh and consent, also over a disconnect.
    pub generation: i64,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Why there is no access token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessError {
    /// The person has no connection.
    #[error("Google is not connected")]
    NotConnected,
    /// The token has expired and Google gave none to renew it with: the person must connect again.
    #[error("the Google connection has expired; connect it again")]
    Expired,
    /// Google ended the grant just now. The connection is gone, and the person has a notice.
    #[error("Google ended the connection; connect it again")]
    Removed(RemovalReason),
    /// Google can't be asked now; the connection stays.
    #[error("Google does not answer; try again in {} s", retry_after.as_secs())]
    Temporarily {
        /// When to try again.
        retry_after: Duration,
    },
    /// No OAuth client is configured.
    #[error("{NOT_CONFIGURED}")]
    NotConfigured,
    /// Google refuses the OAuth client; the connection stays.
    #[error(
        "Google refuses this installation's OAuth client ({code}): check GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET (docs/google-cloud.md)"
    )]
    Configuration {
        /// Google's error code, e.g. `invalid_client`.
        code: String,
    },
    /// Something of ours failed.
    #[error("connections can't be read")]
    Storage(#[source] Arc<StorageError>),
}

impl From<StorageError> for AccessError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

crate::from_store!(AccessError);

impl Connections {
    /// This person's access token, refreshed when it expires within five minutes.
    pub async fn access_token(&self, user: UserId) -> Result<Token, AccessError> {
        self.inner.token(user, None).await
    }

    /// What this person has connected and, where one is at hand that needs no refresh, the access
    /// token: both from one look at the row.
    pub async fn at_hand(
        &self,
        user: UserId,
    ) -> Result<Option<(Connection, Option<Token>)>, AccessError> {
        let inner = &self.inner;
        let Some(row) = inner.row(user).await? else {
            return Ok(None);
        };
        let now = inner.clock.now();
        let fresh = row.expires_at > now && now < due_at(&row, EARLY);
        let token = if fresh {
            Some(inner.hand_out(user, &row, now).await?)
        } else {
            None
        };
        Ok(Some((Connection::from(&row), token)))
    }

    /// A token newer than the one of `failed_generation`, which Google refused with 401. When another
    /// caller has refreshed since, that token; else one refresh. Never the refused token.
    pub async fn refresh_after_unauthorized(
        &self,
        user: UserId,
        failed_generation: i64,
    ) -> Result<Token, AccessError> {
        self.inner.token(user, Some(failed_generation)).await
    }
}

/// When the token of `row` should be replaced: `early` before its end, but not in the first half of
/// its life.
pub(crate) fn due_at(row: &OAuthToken, early: SignedDuration) -> Timestamp {
    let half = row.expires_at.duration_since(row.refreshed_at) / 2;
    row.expires_at
        .checked_sub(early.min(half))
        .unwrap_or(Timestamp::MIN)
}

/// How long until `at`, at least a second.
pub(crate) fn wait_until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now))
        .unwrap_or_default()
        .max(Duration::from_secs(1))
}

impl Inner {
    async fn token(
        self: &Arc<Self>,
        user: UserId,
        refused: Option<i64>,
    ) -> Result<Token, AccessError> {
        for _ in 0..ROUNDS {
            let row = self.row(user).await?.ok_or(AccessError::NotConnected)?;
            let now = self.clock.now();
            let usable = row.expires_at > now && refused.is_none_or(|g| row.generation > g);
            if usable && now < due_at(&row, EARLY) {
                return self.hand_out(user, &row, now).await;
            }
            let error = match self.renew(user, &row, now, usable).await {
                Ok(()) => continue,
                Err(error) => error,
            };
            return match error {
                // The old token is good for a while yet. Only news that there is no connection any
                // more stands against it.
                AccessError::Temporarily { .. }
                | AccessError::Expired
                | AccessError::NotConfigured
                | AccessError::Configuration { .. }
                    if usable =>
                {
                    self.hand_out(user, &row, now).await
                }
                error => Err(error),
            };
        }
        Err(AccessError::Temporarily {
            retry_after: Duration::from_secs(1),
        })
    }

    /// Sees to it that the row is refreshed. `Ok` when it should be read again.
    async fn renew(
        self: &Arc<Self>,
        user: UserId,
        row: &OAuthToken,
        now: Timestamp,
        usable: bool,
    ) -> Result<(), AccessError> {
        if row.refresh_token.is_none() {
            return Err(AccessError::Expired);
        }
        if now < row.retry_at {
            return Err(AccessError::Temporarily {
                retry_after: wait_until(row.retry_at, now),
            });
        }
        if self.config.is_none() {
            return Err(AccessError::NotConfigured);
        }
        let landing = self.take_off(user, row.generation);
        let later = AccessError::Temporarily {
            retry_after: Duration::from_secs(5),
        };
        if usable {
            let early = self.timing().early;
            tokio::time::timeout(early, landed(landing))
                .await
                .unwrap_or(Err(later))
        } else {
            landed(landing).await
        }
    }

    /// Joins the refresh of this person's connection that is under way, or starts one.
    pub(crate) fn take_off(
        self: &Arc<Self>,
        user: UserId,
        generation: i64,
    ) -> Landing<AccessError> {
        let inner = Arc::clone(self);
        self.flights.join(&self.lifecycle, user, async move {
            inner.refresh(user, generation).await
        })
    }

    async fn hand_out(
        self: &Arc<Self>,
        user: UserId,
        row: &OAuthToken,
        now: Timestamp,
    ) -> Result<Token, AccessError> {
        let secret = self
            .open(user, Column::AccessToken, &row.access_token)
            .await?;
        if now.duration_since(row.last_used_at) > USE_NOTED {
            self.note_use(user, row.id, now);
        }
        Ok(Token {
            secret,
            generation: row.generation,
            expires_at: row.expires_at,
        })
    }

    /// Notes the use without keeping the caller waiting for the disk.
    fn note_use(self: &Arc<Self>, user: UserId, row: i64, now: Timestamp) {
        let inner = Arc::clone(self);
        self.lifecycle.spawn(async move {
            let noted = async {
                let tx = inner.store.begin().await?;
                tx.user(user).oauth_token_used(row, now).await?;
                tx.commit().await
            };
            if let Err(error) = noted.await {
                tracing::debug!(%user, %error, "the use of a connection was not noted");
            }
        });
    }
}

async fn landed(landing: Landing<AccessError>) -> Result<(), AccessError> {
    let stopping = AccessError::Temporarily {
        retry_after: Duration::from_secs(5),
    };
    flight::landed(landing).await.unwrap_or(Err(stopping))
}

#[cfg(test)]
mod tests;
