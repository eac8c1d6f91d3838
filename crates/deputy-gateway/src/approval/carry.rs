//! Carrying approved calls out, also those whose process died half-way.

use std::sync::Arc;

use deputy_store::approval::ApprovalRow;
use deputy_templates::Policy;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::StoredOutcome;
use crate::call::{CallOptions, CallResult, Run};
use crate::catalog::Tool;
use crate::error::CallError;
use crate::lease::LEASE;
use crate::{Gateway, policy, signed};

/// Names a call as being carried out by this process, until dropped.
struct Here<'g> {
    gateway: &'g Gateway,
    id: Uuid,
}

impl<'g> Here<'g> {
    /// None when it is being carried out here already: after a long pause of the machine the claim
    /// may have lapsed under our own hands.
    fn enter(gateway: &'g Gateway, id: Uuid) -> Option<Self> {
        gateway
            .inner
            .carrying
            .lock()
            .insert(id)
            .then_some(Self { gateway, id })
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.gateway.inner.carrying.lock().remove(&self.id);
    }
}

impl Gateway {
    /// Makes an approved call and keeps its outcome.
    pub(super) async fn carry_out(
        &self,
        row: ApprovalRow,
        attempt: u32,
    ) -> Result<StoredOutcome, CallError> {
        let Some(_here) = Here::enter(self, row.id) else {
            return Err(CallError::Internal);
        };
        let parts = &self.inner.parts;
        let request = self.open_request(&row).await?;
        let result = match self.tool(row.user, &row.tool).await {
            Err(error) => Err(error),
            Ok(_) if !self.is_active(&row).await? => {
                Err(CallError::Forbidden("the account is disabled".to_owned()))
            }
            Ok(tool) if tool.policy == Some(Policy::Deny) => Err(policy::denied(&tool)),
            // Between the decision and here; of a server that is another one now, too.
            Ok(tool) if tool.definition_digest != row.definition_digest => {
                Err(CallError::Forbidden(format!(
                    "{} was changed since you were asked; make the call again",
                    row.tool
                )))
            }
            Ok(tool) => {
                let result = self
                    .run_approved(&row, attempt, &tool, &request.arguments)
                    .await;
                if result.is_err() && parts.lifecycle.soft().is_cancelled() {
                    // Broken off because we stop: the next run carries on when the claim lapses.
                    return Err(CallError::Internal);
                }
                result
            }
        };
        let outcome = StoredOutcome::from_run(&result);
        let sealed = self
            .seal(row.user, row.id, "result", &json!(outcome))
            .await?;
        let tx = parts.store.begin().await?;
        let (scope, now) = (tx.user(row.user), parts.clock.now());
        // Before this one has ended: it is still to be fetched, however large it is.
        scope
            .approvals_trim(now, self.inner.config.keep_bytes)
            .await?;
        scope.approval_finish(row.id, sealed, now).await?;
        tx.commit().await?;
        let _ = self.inner.decided.send(row.id);
        Ok(outcome)
    }

    async fn run_approved(
        &self,
        row: &ApprovalRow,
        attempt: u32,
        tool: &Arc<Tool>,
        arguments: &Value,
    ) -> Result<CallResult, CallError> {
        let run = Run {
            user: row.user,
            caller: row.caller.clone(),
            call_id: row.call_id,
            first_attempt: attempt,
            approval: Some(row.id),
        };
        let options = CallOptions::default();
        let call = self.make(&run, tool, arguments, &options);
        let (store, user, id) = (self.inner.parts.store.clone(), row.user, row.id);
        let keep = move |until| {
            let store = store.clone();
            async move {
                let tx = store.begin().await?;
                let attempts = i32::try_from(attempt).unwrap_or(i32::MAX);
                let kept = tx.user(user).approval_keep(id, attempts, until).await?;
                tx.commit().await?;
                Ok(kept)
            }
            .boxed()
        };
        self.with_lease(keep, call).await
    }

    async fn is_active(&self, row: &ApprovalRow) -> Result<bool, CallError> {
        let owner = self.inner.parts.store.user(row.user).profile().await?;
        Ok(owner.is_some_and(|owner| owner.is_active))
    }

    /// Carries out approved calls whose process died; the effect of each is looked for first.
    pub(crate) async fn resume_approved(&self) {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let rows = match parts.store.abandoned_approvals(now).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "looking for interrupted calls failed"
                );
                return;
            }
        };
        for row in rows {
            if self.inner.carrying.lock().contains(&row.id) {
                continue;
            }
            let claimed = async {
                let tx = parts.store.begin().await?;
                let now = parts.clock.now();
                let mine = tx.approval_reclaim(&row, now, now + signed(LEASE)).await?;
                tx.commit().await?;
                Ok::<_, deputy_store::Error>(mine)
            };
            if !claimed.await.unwrap_or(false) {
                continue;
            }
            tracing::info!(
                approval = %row.id,
                tool = %row.tool,
                "carrying out an approved call that was interrupted"
            );
            let gateway = self.clone();
            self.spawn(async move {
                let attempt = u32::try_from(row.attempts).unwrap_or(1) + 1;
                if let Err(error) = gateway.carry_out(row, attempt).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an interrupted call could not be carried out"
                    );
                }
            });
        }
    }
}
