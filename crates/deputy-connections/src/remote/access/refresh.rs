//! One refresh of an account: under its lease, its outcome stored before anybody gets it.

use std::collections::BTreeMap;
use std::time::Duration;

use deputy_store::remote_account::{RefreshedAccount, RemoteAccount};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::{AccessError, is_about_client, notice_kind};
use crate::StorageError;
use crate::refresh::{PATIENCE, REFUSED_PAUSE, WRITE_ATTEMPTS, after, pause_after};
use crate::remote::client::{Client, Source};
use crate::remote::{ACCESS_TOKEN, CLIENT, Grant, Inner, Key, REFRESH_TOKEN, SealedAt, lease_name};
use crate::upstream::{Failure, TokenAnswer};

/// The longest pause after failures that may pass.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// The longest pause after refusals: who wants the access back meanwhile signs in again.
const LONGEST_REFUSED_PAUSE: SignedDuration = SignedDuration::from_hours(24);
/// So many failures in a row are no short trouble any more.
const LONG_TROUBLE: i32 = 10;

/// The pause after a failure that `failures` were before in a row.
fn pause(failures: i32) -> SignedDuration {
    let doublings = failures.saturating_sub(LONG_TROUBLE).clamp(0, 10);
    (pause_after(failures) * 2i32.saturating_pow(doublings.unsigned_abs())).min(LONGEST_PAUSE)
}

/// The pause after a refusal.
fn refusal_pause(failures: i32) -> SignedDuration {
    let doublings = failures.clamp(0, 20).unsigned_abs();
    (REFUSED_PAUSE * 2i32.saturating_pow(doublings)).min(LONGEST_REFUSED_PAUSE)
}

/// Whether an error code says that the refresh token is good no more. RFC 6749 (section 5.2) has
/// `invalid_grant` for it; these are other words that authorization servers use.
fn is_about_token(code: &str) -> bool {
    matches!(
        code,
        "bad_refresh_token" | "invalid_token" | "expired_token"
    )
}

impl Inner {
    /// Refreshes the account if it still is at generation `seen`. `Ok` says that it is not, now.
    pub(super) async fn refresh(&self, key: Key, seen: i64) -> Result<(), AccessError> {
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
            .under(lease, Box::pin(self.refresh_under_lease(key, seen)))
            .await
    }

    /// The row, if it still is at generation `seen` and may be refreshed now.
    async fn still_due(&self, key: Key, seen: i64) -> Result<Option<RemoteAccount>, AccessError> {
        let row = self.row(key).await?.ok_or(AccessError::ConsentNeeded)?;
        let now = self.clock.now();
        if row.generation != seen {
            Ok(None)
        } else if now < row.retry_at {
            Err(AccessError::held_back(&row, now))
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
        let opened = async {
            let place = SealedAt::account(key, REFRESH_TOKEN);
            let refresh_token = self.open_token(&place, token).await?;
            let place = SealedAt::account(key, CLIENT);
            let grant: Grant = self.open(&place, client).await?;
            Ok::<_, StorageError>((refresh_token, grant))
        };
        let (refresh_token, grant) = match opened.await {
            Ok(opened) => opened,
            Err(error) => {
                // It can't be opened the next time either, as far as one knows.
                if let StorageError::Vault(_) = &error {
                    self.note_failure(key, &row, pause(row.failures), None)
                        .await?;
                }
                return Err(error.into());
            }
        };
        let answer = self.endpoint(&grant).refresh(&refresh_token).await;
        let (outcome, result) = match answer {
            Ok(answer) => (
                "refreshed",
                self.store_refreshed(key, &row, &grant, answer).await,
            ),
            Err(Failure::InvalidGrant { .. }) => {
                ("invalid_grant", self.end(key, &row, "revoked").await)
            }
            Err(Failure::Rejected { code }) if is_about_token(&code) => {
                ("invalid_grant", self.end(key, &row, "revoked").await)
            }
            Err(Failure::Rejected { code })
                if is_about_client(&code) && self.is_replaceable(&grant.client) =>
            {
                self.forget_registered(key.0, &grant).await?;
                ("client_forgotten", self.end(key, &row, "client").await)
            }
            Err(Failure::Rejected { code }) => {
                tracing::warn!(user = %key.0, server = key.1, code, "an authorization server renews no access");
                self.note_failure(key, &row, refusal_pause(row.failures), Some(&code))
                    .await?;
                ("rejected", Err(AccessError::refusal(code)))
            }
            Err(Failure::Temporary { retry_after, cause }) => {
                tracing::info!(user = %key.0, server = key.1, cause = cause.as_str(), "token refresh failed; the account stays");
                let wish = retry_after.and_then(|after| SignedDuration::try_from(after).ok());
                let pause = wish.map_or_else(
                    || pause(row.failures),
                    |after| after.max(SignedDuration::from_secs(1)),
                );
                self.note_failure(key, &row, pause, None).await?;
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
        grant: &Grant,
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
                    let now_there = self.row(key).await?;
                    // A newer token of the same grant would be revoked with it.
                    if now_there.is_none_or(|now| now.access_token.is_none()) {
                        self.give_up(key.0, grant, &answer).await;
                    }
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

    /// Whether the next consent asks as another client than this by itself: one that is registered on
    /// the spot, or our document at another address than then.
    fn is_replaceable(&self, client: &Client) -> bool {
        match client.source {
            Source::Registered => true,
            Source::Document => {
                let present = self.config.metadata_url.as_ref().map(Url::as_str);
                present != Some(client.id.as_str())
            }
            Source::Given => false,
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
            refusal: None,
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
        refusal: Option<&str>,
    ) -> Result<(), AccessError> {
        let now = self.clock.now();
        let retry_at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        let failures = row.failures.saturating_add(1);
        let tx = self.store.begin().await?;
        tx.user(key.0)
            .remote_account_refresh_failed(key.1, row.generation, failures, retry_at, refusal)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
