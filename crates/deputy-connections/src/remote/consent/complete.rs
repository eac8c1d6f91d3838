//! The way back: what the answer says, its code's exchange, and the account that comes of it.

use std::time::Duration;

use deputy_core::UserId;
use deputy_store::oauth_state::OAuthState;
use deputy_store::remote_account::RemoteAccount;
use jiff::Timestamp;

use super::{CallbackError, Connected, Pending, pending_at};
use crate::CallbackQuery;
use crate::refresh::after;
use crate::remote::access::{STEP_UPS, notice_kind};
use crate::remote::{
    ACCESS_TOKEN, CLIENT, Inner, Key, REFRESH_TOKEN, SealedAt, lease_name, to_json, union, word,
};
use crate::upstream::{Failure, TokenAnswer};

/// How long a callback waits for a refresh of the same account to end.
const PATIENCE: Duration = Duration::from_secs(15);

impl Inner {
    pub(super) async fn complete(
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
        let work = Box::pin(self.redeem(user, &row, &pending, query));
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
            self.learn(user, pending, error).await?;
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
                        self.learn(user, pending, &code).await?;
                        code
                    }
                    Failure::Temporary { cause, .. } => cause.as_str().to_owned(),
                };
                Err(CallbackError::Exchange { reason })
            }
        }
    }

    /// What a refusal means for the next consent: another client, or other scopes.
    async fn learn(
        &self,
        user: UserId,
        pending: &Pending,
        code: &str,
    ) -> Result<(), CallbackError> {
        match code {
            "unauthorized_client" | "invalid_client" => {
                self.forget_registered(user, &pending.grant).await?;
            }
            // What was asked for before is asked for again: with a scope among it that is not known
            // any more, no consent would ever succeed.
            "invalid_scope" => {
                let tx = self.store.begin().await?;
                let scope = tx.user(user);
                let row = scope.remote_account_for_update(pending.server_id).await?;
                let row = row.filter(|row| {
                    row.server_url == pending.server_url.as_str()
                        && row
                            .issuer
                            .as_ref()
                            .is_none_or(|i| *i == pending.grant.issuer)
                });
                if let Some(row) = row {
                    let seen = row.generation;
                    let row = RemoteAccount {
                        scopes: Vec::new(),
                        wanted_scopes: Vec::new(),
                        updated_at: self.clock.now(),
                        ..row
                    };
                    scope.remote_account_replace(row, seen).await?;
                }
                tx.commit().await?;
            }
            _ => {}
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
        // A call that is refused at this moment may add the row first.
        scope.lock_own_servers().await?;
        let before = scope.remote_account_for_update(pending.server_id).await?;
        let row = merge(before.as_ref(), pending, &answer, sealed, now);
        let scopes = row.scopes.clone();
        let there = match &before {
            Some(before) => scope.remote_account_replace(row, before.generation).await?,
            None => scope.remote_account_add(row).await?,
        };
        if !there {
            drop(tx);
            self.give_up(user, &pending.grant, &answer).await;
            return Err(CallbackError::NoServer);
        }
        scope.notice_clear(&notice_kind(pending.server_id)).await?;
        tx.commit().await?;
        Ok(Connected {
            server_id: pending.server_id,
            scopes,
        })
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
    // What is known of another URL is another server's.
    let here = before.filter(|b| b.server_url == pending.server_url.as_str());
    // What was asked for stays in, also where less was granted: a server that asks for it again has
    // been refused it, and the next consent must not ask for less (MCP 2026-07-28, "Step-Up").
    let granted = answer.scopes.clone().unwrap_or_default();
    let scopes = union(&[&pending.scopes, &granted]);
    // Whoever consents after the server was told no begins anew.
    let same = here.filter(|b| b.scopes.len() == scopes.len() && b.step_ups < STEP_UPS);
    RemoteAccount {
        server_id: pending.server_id,
        server_url: pending.server_url.to_string(),
        issuer: Some(pending.grant.issuer.clone()),
        client: Some(sealed.client),
        access_token: Some(sealed.access_token),
        refresh_token: sealed.refresh_token,
        expires_at: after(now, answer.lifetime),
        step_ups: same.map_or(0, |b| b.step_ups),
        asked_again: false,
        scopes,
        wanted_scopes: Vec::new(),
        metadata_url: here.and_then(|b| b.metadata_url.clone()),
        // Above whatever a deleted predecessor had.
        generation: now
            .as_millisecond()
            .max(before.map_or(0, |b| b.generation + 1)),
        connected_at: here.and_then(|b| b.connected_at).or(Some(now)),
        refreshed_at: now,
        last_used_at: now,
        failures: 0,
        retry_at: Timestamp::UNIX_EPOCH,
        refusal: None,
        created_at: before.map_or(now, |b| b.created_at),
        updated_at: now,
    }
}
