//! Access tokens for those who call a remote server for a person, and their refresh.
//!
//! It goes as for Google ([`crate::access`], [`crate::refresh`]): five minutes early, one refresh
//! at a time over tasks and processes, stored before it is used, and only the authorization
//! server's word ends an account. What differs: an account may have no refresh token and no known
//! end, a server may ask for more scopes, and a client that was registered on the spot may be
//! forgotten.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Secret, UserId};
use deputy_store::remote_account::RemoteAccount;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::challenge::Challenge;
use super::{ACCESS_TOKEN, Inner, Key, Remote, SealedAt};
use crate::StorageError;
use crate::access::wait_until;
use crate::flight::landed;

mod asked;
mod refresh;

pub(super) use asked::STEP_UPS;

/// How long before its end an access token is replaced.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// A use is noted once in this time.
const USE_NOTED: SignedDuration = SignedDuration::from_hours(1);
/// A caller that has seen this many refreshes end without a token to show gives up.
const ROUNDS: usize = 5;

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
    /// The authorization server refuses our client. The account stays, and another consent mends
    /// it, with what is entered with the server by then.
    #[error(
        "its authorization server refuses Deputy's client id or secret ({code}); if they were entered with the server, enter the right ones first"
    )]
    Configuration {
        /// Its error code, e.g. `invalid_client`.
        code: String,
    },
    /// The authorization server renews no access, for another reason. The account stays, and
    /// another consent may mend it.
    #[error("its authorization server does not renew the access ({code})")]
    NotRenewed {
        /// Its error code, or what is wrong with its answer.
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

impl AccessError {
    /// What a refusal with this code means.
    fn refusal(code: String) -> Self {
        if is_about_client(&code) {
            Self::Configuration { code }
        } else {
            Self::NotRenewed { code }
        }
    }

    /// Why `row` is not refreshed before its `retry_at`.
    fn held_back(row: &RemoteAccount, now: Timestamp) -> Self {
        match &row.refusal {
            Some(code) => Self::refusal(code.clone()),
            None => Self::Temporarily {
                retry_after: wait_until(row.retry_at, now),
            },
        }
    }
}

/// Whether an error code is about who asks (RFC 6749, section 5.2).
fn is_about_client(code: &str) -> bool {
    matches!(code, "invalid_client" | "unauthorized_client")
}

crate::from_store!(AccessError);

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
            return Err(AccessError::held_back(row, now));
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
}

#[cfg(test)]
mod tests;
