//! Calls under an idempotency key (draft-ietf-httpapi-idempotency-key-header): the first outcome
//! is kept and given again; a call that broke off is carried on under the same call id.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use deputy_core::{CallId, Principal, UserId};
use deputy_store::repeatable_call::RepeatableCall;
use deputy_vault::Place;
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::approval::StoredOutcome;
use crate::call::{CallOptions, Outcome};
use crate::catalog::{Tool, digest};
use crate::error::CallError;
use crate::lease::LEASE;
use crate::{Gateway, signed};

/// Longest key.
const MAX_KEY: usize = 255;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Outcome(StoredOutcome),
    Asked(uuid::Uuid),
    /// It ended, and there was no room for what it answered.
    TooLarge,
}

impl Gateway {
    pub(crate) async fn call_repeatable(
        &self,
        principal: &Principal,
        tool: &Arc<Tool>,
        arguments: Value,
        options: CallOptions,
        key: String,
    ) -> Result<Outcome, CallError> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(CallError::Validation {
                pointer: String::new(),
                message: format!("Idempotency-Key must have 1 to {MAX_KEY} characters"),
            });
        }
        let user = principal.user_id;
        let request_digest = digest(&json!([tool.name, arguments]));
        let (call_id, first_attempt) = match self.claim(user, &key, &request_digest).await? {
            Claim::Run { call_id, attempt } => (call_id, attempt),
            Claim::Kept(kept) => return self.give_again(user, kept).await,
        };
        // The call goes on when the caller breaks off: its repeat finds the outcome.
        let (gateway, principal, tool) = (self.clone(), principal.clone(), Arc::clone(tool));
        let options = CallOptions {
            call_id: Some(call_id),
            cancel: tokio_util::sync::CancellationToken::new(),
            ..options
        };
        let sent = Arc::clone(&options.sent);
        let task = self.spawn(async move {
            let own = tool.own_server().is_some();
            let run = gateway.call_checked(&principal, &tool, arguments, options, first_attempt);
            let (store, claimed) = (gateway.inner.parts.store.clone(), key.clone());
            let keep = move |until| {
                let (store, key) = (store.clone(), claimed.clone());
                async move {
                    let tx = store.begin().await?;
                    let attempts = i32::try_from(first_attempt).unwrap_or(i32::MAX);
                    let kept = tx
                        .user(user)
                        .repeatable_call_keep(&key, attempts, until)
                        .await?;
                    tx.commit().await?;
                    Ok(kept)
                }
                .boxed()
            };
            let outcome = gateway.with_lease(keep, run).await;
            // Of an own server it is known whether it may have got the call.
            let untold = own && !sent.load(Ordering::Acquire);
            gateway
                .keep(user, &key, first_attempt, untold, &outcome)
                .await?;
            outcome
        });
        match task.await {
            Ok(Some(outcome)) => outcome,
            _ => Err(CallError::Internal),
        }
    }

    async fn claim(
        &self,
        user: UserId,
        key: &str,
        request_digest: &str,
    ) -> Result<Claim, CallError> {
        let parts = &self.inner.parts;
        let seen = {
            let tx = parts.store.begin().await?;
            let now = parts.clock.now();
            let fresh = RepeatableCall {
                request_digest: request_digest.to_owned(),
                call_id: CallId::new(&*parts.clock, &*parts.rng),
                attempts: 1,
                lease_until: now + signed(LEASE),
                result: None,
            };
            match tx.user(user).repeatable_call(key).await? {
                Some(seen) => seen,
                None => match tx.user(user).repeatable_call_begin(key, &fresh, now).await {
                    Ok(()) => {
                        tx.commit().await?;
                        return Ok(Claim::Run {
                            call_id: fresh.call_id,
                            attempt: 1,
                        });
                    }
                    Err(deputy_store::Error::Conflict(_)) => {
                        return Err(under_way());
                    }
                    Err(error) => return Err(error.into()),
                },
            }
        };
        if seen.request_digest != request_digest {
            return Err(CallError::Conflict(
                "this Idempotency-Key was used for another call".to_owned(),
            ));
        }
        if let Some(sealed) = &seen.result {
            let plain = parts
                .vault
                .open(&place(user, key), sealed)
                .await
                .map_err(|e| CallError::internal(&e, "opening a kept outcome"))?;
            let kept = serde_json::from_slice(plain.expose())
                .map_err(|e| CallError::internal(&e, "reading a kept outcome"))?;
            return Ok(Claim::Kept(kept));
        }
        let tx = parts.store.begin().await?;
        let now = parts.clock.now();
        if seen.lease_until > now {
            return Err(under_way());
        }
        let lease_until = now + signed(LEASE);
        let mine = tx
            .user(user)
            .repeatable_call_resume(key, &seen, now, lease_until)
            .await?;
        tx.commit().await?;
        if mine {
            Ok(Claim::Run {
                call_id: seen.call_id,
                attempt: u32::try_from(seen.attempts).unwrap_or(1) + 1,
            })
        } else {
            Err(under_way())
        }
    }

    async fn give_again(&self, user: UserId, kept: Kept) -> Result<Outcome, CallError> {
        let id = match kept {
            Kept::Outcome(outcome) => return outcome.into_run().map(Outcome::Done),
            Kept::TooLarge => {
                return Err(CallError::Conflict(
                    "the call with this Idempotency-Key was made; its answer was too large to be kept"
                        .to_owned(),
                ));
            }
            Kept::Asked(id) => id,
        };
        let Some(approval) = self.approval(user, id).await? else {
            return Err(CallError::Conflict(
                "the approval of this call is gone".to_owned(),
            ));
        };
        let answer = match approval.result.clone() {
            Some(outcome) => outcome.into_run(),
            None if approval.status == "rejected" => Err(CallError::Forbidden(format!(
                "you rejected this call of {}",
                approval.tool
            ))),
            None if approval.status == "expired" => Err(CallError::Conflict(
                "the approval of this call has expired; make it again under a new Idempotency-Key"
                    .to_owned(),
            )),
            None => return Ok(Outcome::Asked(Box::new(approval))),
        };
        // The caller that asked has it now: the same call under another key is another call.
        let parts = &self.inner.parts;
        let tx = parts.store.begin().await?;
        tx.user(user)
            .approval_collect(id, parts.clock.now())
            .await?;
        tx.commit().await?;
        answer.map(Outcome::Done)
    }

    /// Keeps what came of a call. What certainly had no effect is forgotten instead, so that the
    /// key may be used again; what failed otherwise is carried on by the next try, at once and under
    /// the same call id.
    async fn keep(
        &self,
        user: UserId,
        key: &str,
        attempt: u32,
        untold: bool,
        outcome: &Result<Outcome, CallError>,
    ) -> Result<(), CallError> {
        let parts = &self.inner.parts;
        let attempts = i32::try_from(attempt).unwrap_or(i32::MAX);
        let kept = match outcome {
            Ok(Outcome::Done(result)) => Kept::Outcome(StoredOutcome::Result(result.clone())),
            Ok(Outcome::Asked(approval)) => Kept::Asked(approval.id),
            Err(error) => {
                // A write in doubt never ends with one of these (`call::failure`).
                let untried = attempt == 1
                    && (untold
                        || matches!(
                            error,
                            CallError::Validation { .. }
                                | CallError::Scope(_)
                                | CallError::Forbidden(_)
                                | CallError::UnknownTool(_)
                                | CallError::RateLimited { .. }
                                | CallError::Unavailable { .. }
                                | CallError::Conflict(_)
                        ));
                let tx = parts.store.begin().await?;
                let scope = tx.user(user);
                if untried {
                    scope.repeatable_call_forget(key, attempts).await?;
                } else {
                    let now = parts.clock.now();
                    scope.repeatable_call_release(key, attempts, now).await?;
                }
                tx.commit().await?;
                return Ok(());
            }
        };
        let written = |kept: &Kept| {
            serde_json::to_vec(kept).map_err(|e| CallError::internal(&e, "keeping an outcome"))
        };
        let mut plain = written(&kept)?;
        let bytes = parts.store.user(user).repeatable_calls_bytes().await?;
        if bytes.saturating_add(plain.len() as u64) > self.inner.config.keep_bytes {
            plain = written(&Kept::TooLarge)?;
        }
        let sealed = parts
            .vault
            .seal(&place(user, key), &plain)
            .await
            .map_err(|e| CallError::internal(&e, "sealing an outcome"))?;
        let tx = parts.store.begin().await?;
        tx.user(user).repeatable_call_finish(key, sealed).await?;
        tx.commit().await?;
        Ok(())
    }
}

enum Claim {
    Run { call_id: CallId, attempt: u32 },
    Kept(Kept),
}

fn place(user: UserId, key: &str) -> Place<'_> {
    Place::of_user(user, "repeatable_calls", key, "result", "outcome")
}

fn under_way() -> CallError {
    CallError::Conflict("the first call with this Idempotency-Key is still under way".to_owned())
}
