//! What is done for accounts when nobody asks, and forgetting them.
//!
//! Once a minute, what is used and about to expire is refreshed, what has rested for a week too,
//! and authorization servers are told of revocations that they could not be told at once. Google's
//! sweep clears out states and leases for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deputy_core::{Secret, UserId};
use deputy_store::oauth_revocation::OAuthRevocation;
use deputy_store::oauth_token::DueForRefresh;
use deputy_store::remote_account::RemoteAccount;
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::access::{due_at, notice_kind};
use super::{
    ACCESS_TOKEN, AccessError, CLIENT, Grant, Inner, Key, REFRESH_TOKEN, Remote, SealedAt, exposed,
    lease_name, provider, to_json,
};
use crate::StorageError;
use crate::disconnect::{GIVEN_UP_AFTER, HEAD_START, pause_after};
use crate::sweep::{BATCH, EARLY, HOPELESS, INTERVAL, STALE_AFTER, USED_WITHIN, earlier};
use crate::upstream::{Revoked, TokenAnswer};

/// The provider, in the table of revocations, of what is to be told to remote authorization
/// servers.
const PROVIDER: &str = "remote";
/// How long whoever disconnects waits for the authorization server to be told.
const PATIENCE: Duration = Duration::from_secs(5);
/// And how long for a refresh or a consent of the same account to end.
const OTHERS_END: Duration = Duration::from_secs(15);
/// How many accounts are refreshed at a time: their authorization servers have nothing to do with
/// each other, and one that does not answer takes half a minute.
const AT_ONCE: usize = 8;

/// A revocation still to be told, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Revocation {
    grant: Grant,
    #[serde(serialize_with = "exposed")]
    token: Secret<String>,
    hint: String,
}

fn revocation_at(user: UserId) -> SealedAt {
    SealedAt {
        user,
        table: "oauth_revocations",
        row: PROVIDER.to_owned(),
        column: "token",
    }
}

impl Remote {
    /// Forgets this person's account at their server with every consent under way, and tells the
    /// authorization server to, at once if it answers within five seconds, else later. To be called
    /// before the server itself is deleted, which would take the account along untold, and when it
    /// is at another URL. False where there is no account.
    pub async fn forget(&self, user: UserId, server: i64) -> Result<bool, StorageError> {
        let inner = &self.inner;
        let key = (user, server);
        // A refresh or a consent that is under way ends first: what it brings goes too. One that
        // takes longer finds nothing to put it to, and gives it up.
        let lease = inner.leases.take(lease_name(key), OTHERS_END).await?;
        let work = inner.forget_account(key);
        let (gone, due) = match lease {
            Some(lease) => inner.leases.under(lease, work).await?,
            None => work.await?,
        };
        if let Some(id) = due {
            let inner = Arc::clone(inner);
            let telling = self
                .inner
                .lifecycle
                .spawn(async move { inner.tell(user, id).await });
            let _ = tokio::time::timeout(PATIENCE, telling).await;
        }
        Ok(gone)
    }

    /// Forgets all accounts of a person, as [`Remote::forget`] does.
    pub async fn forget_all(&self, user: UserId) -> Result<(), StorageError> {
        for row in self.inner.store.user(user).remote_accounts().await? {
            self.forget(user, row.server_id).await?;
        }
        Ok(())
    }

    /// How many ends of this person's accounts are still to be told to authorization servers.
    pub async fn untold(&self, user: UserId) -> Result<u64, StorageError> {
        let theirs = self.inner.store.user(user);
        Ok(theirs.oauth_revocations_left(PROVIDER).await?)
    }

    /// Starts the sweep, once a minute until the program stops.
    pub fn start_sweep(&self) {
        let remote = self.clone();
        let soft = self.inner.lifecycle.soft().clone();
        self.inner.lifecycle.spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = soft.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                tokio::select! {
                    () = soft.cancelled() => return,
                    swept = remote.sweep() => if let Err(error) = swept {
                        tracing::warn!(%error, "the sweep of remote accounts failed");
                    },
                }
            }
        });
    }

    /// Sweeps once.
    pub async fn sweep(&self) -> Result<(), StorageError> {
        self.inner.sweep_tokens().await?;
        let now = self.inner.clock.now();
        let due = self.inner.store.oauth_revocations_due(PROVIDER, now, BATCH);
        for row in due.await? {
            self.inner.tell(row.user, row.id).await?;
        }
        Ok(())
    }
}

impl Inner {
    async fn sweep_tokens(self: &Arc<Self>) -> Result<(), StorageError> {
        let now = self.clock.now();
        let due = DueForRefresh {
            now,
            expiring_before: now.checked_add(EARLY).unwrap_or(now),
            used_after: earlier(now, USED_WITHIN),
            stale_before: earlier(now, STALE_AFTER),
            limit: BATCH,
        };
        let due = self.store.remote_accounts_due(due).await?;
        let in_a_row = AtomicU32::new(0);
        futures_util::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |key| {
                let in_a_row = &in_a_row;
                async move {
                    if in_a_row.load(Ordering::Relaxed) >= HOPELESS {
                        return;
                    }
                    // Each account has an authorization server of its own; only our own failures say
                    // something about the next one.
                    match self.sweep_token(key).await {
                        Err(AccessError::Storage(error)) => {
                            tracing::warn!(user = %key.0, server = key.1, %error, "an account could not be refreshed");
                            in_a_row.fetch_add(1, Ordering::Relaxed);
                        }
                        _ => in_a_row.store(0, Ordering::Relaxed),
                    }
                }
            })
            .await;
        Ok(())
    }

    async fn sweep_token(self: &Arc<Self>, key: Key) -> Result<(), AccessError> {
        let Some(row) = self.row(key).await? else {
            return Ok(());
        };
        if due_at(&row, EARLY).is_none_or(|at| self.clock.now() < at) {
            return Ok(());
        }
        self.refreshed(key, row.generation).await
    }

    /// Deletes an account with its consents under way. Whether there was one, and the revocation
    /// that is to be told.
    async fn forget_account(&self, key: Key) -> Result<(bool, Option<i64>), StorageError> {
        let (user, server) = key;
        let row = self.row(key).await?;
        let revocation = match &row {
            Some(row) => self.revocation_of(key, row).await,
            None => None,
        };
        let sealed = match &revocation {
            Some(revocation) => Some(self.seal_revocation(user, revocation).await?),
            None => None,
        };
        let tx = self.store.begin().await?;
        let scope = tx.user(user);
        let gone = match scope.remote_account_for_update(server).await? {
            Some(now_there) => {
                scope
                    .remote_account_delete(server, now_there.generation)
                    .await?
            }
            None => false,
        };
        scope.oauth_states_forget(&provider(server)).await?;
        let due = match sealed {
            Some(token) => Some(
                scope
                    .oauth_revocation_add(self.to_be_told(user, token))
                    .await?,
            ),
            None => None,
        };
        scope.notice_clear(&notice_kind(server)).await?;
        tx.commit().await?;
        Ok((gone, due))
    }

    /// Has an authorization server told that nobody keeps the tokens that it just gave: what they
    /// were for is gone. The sweep tells it.
    pub(super) async fn give_up(&self, user: UserId, grant: &Grant, answer: &TokenAnswer) {
        if grant.revocation_endpoint.is_none() {
            return;
        }
        let (token, hint) = match &answer.refresh_token {
            Some(token) => (token, REFRESH_TOKEN),
            None => (&answer.access_token, ACCESS_TOKEN),
        };
        let revocation = Revocation {
            grant: grant.clone(),
            token: token.clone(),
            hint: hint.to_owned(),
        };
        let noted = async {
            let token = self.seal_revocation(user, &revocation).await?;
            let mut row = self.to_be_told(user, token);
            row.next_at = row.created_at;
            let tx = self.store.begin().await?;
            tx.user(user).oauth_revocation_add(row).await?;
            Ok::<_, StorageError>(tx.commit().await?)
        };
        if let Err(error) = noted.await {
            // With the person, their keys are gone too.
            tracing::warn!(%user, %error, "tokens that nobody keeps could not be given up");
        }
    }

    async fn seal_revocation(
        &self,
        user: UserId,
        revocation: &Revocation,
    ) -> Result<Vec<u8>, StorageError> {
        self.seal(&revocation_at(user), &to_json(revocation)).await
    }

    fn to_be_told(&self, user: UserId, token: Vec<u8>) -> OAuthRevocation {
        let now = self.clock.now();
        OAuthRevocation {
            id: 0,
            user,
            provider: PROVIDER.to_owned(),
            token,
            token_column: "token".to_owned(),
            attempts: 0,
            next_at: now.checked_add(HEAD_START).unwrap_or(now),
            created_at: now,
        }
    }

    /// What is to be told of an account that is forgotten; `None` where there is nothing to tell,
    /// or it can't be opened any more.
    async fn revocation_of(&self, key: Key, row: &RemoteAccount) -> Option<Revocation> {
        let (token, column) = match (&row.refresh_token, &row.access_token) {
            (Some(token), _) => (token, REFRESH_TOKEN),
            (None, Some(token)) => (token, ACCESS_TOKEN),
            (None, None) => return None,
        };
        let opened = async {
            let place = SealedAt::account(key, CLIENT);
            let client = row.client.as_ref().ok_or(deputy_vault::Error::Format)?;
            let grant: Grant = self.open(&place, client).await?;
            let place = SealedAt::account(key, column);
            let token = self.open_token(&place, token).await?;
            Ok::<_, StorageError>(Revocation {
                grant,
                token,
                hint: column.to_owned(),
            })
        };
        match opened.await {
            Ok(revocation) if revocation.grant.revocation_endpoint.is_some() => Some(revocation),
            Ok(_) => None,
            Err(error) => {
                tracing::error!(user = %key.0, server = key.1, %error, "an account that is forgotten can't be opened: nobody is told");
                None
            }
        }
    }

    /// Tells an authorization server of one revocation that is still to be told.
    async fn tell(&self, user: UserId, id: i64) -> Result<(), StorageError> {
        let name = format!("remote-revocation:{id}");
        let Some(lease) = self.leases.take(name, Duration::ZERO).await? else {
            return Ok(());
        };
        let telling = async {
            let Some(row) = self.store.user(user).oauth_revocation(id).await? else {
                return Ok(());
            };
            let told = match self
                .open::<Revocation>(&revocation_at(user), &row.token)
                .await
            {
                Ok(r) => self.endpoint(&r.grant).revoke(&r.token, &r.hint).await,
                Err(error) => {
                    tracing::error!(%user, %error, "a token to be revoked can't be opened");
                    Revoked::Later(None)
                }
            };
            self.note_told(user, &row, told).await
        };
        self.leases.under(lease, telling).await
    }

    async fn note_told(
        &self,
        user: UserId,
        row: &OAuthRevocation,
        told: Revoked,
    ) -> Result<(), StorageError> {
        let now = self.clock.now();
        let given_up = now.duration_since(row.created_at) > GIVEN_UP_AFTER;
        let tx = self.store.begin().await?;
        match told {
            Revoked::Later(wish) if !given_up => {
                let wish = wish.and_then(|after| SignedDuration::try_from(after).ok());
                let pause = pause_after(row.attempts).max(wish.unwrap_or_default());
                let next_at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
                tx.user(user)
                    .oauth_revocation_delay(row.id, row.attempts.saturating_add(1), next_at)
                    .await?;
            }
            Revoked::Done | Revoked::Later(_) => {
                tx.user(user).oauth_revocation_delete(row.id).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}
