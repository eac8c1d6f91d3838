//! Calls that wait for their person's word.
//!
//! An approval belongs to the person who asked, shows the exact arguments, is decided once, on any
//! surface, survives a restart, lapses, and dies when the tool's definition changes. The decision
//! carries the call out; the caller that asked gets the result by repeating the same call with the
//! same arguments, once.

use deputy_core::{Caller, Principal, Scope, Secret, UserId};
use deputy_store::approval::{ApprovalRow, ApprovalStatus};
use deputy_vault::Place;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::Entry;
use crate::call::{CallOptions, CallResult, Run};
use crate::catalog::{Tool, digest};
use crate::error::CallError;
use crate::lease::LEASE;
use crate::{Gateway, signed};

/// An approval as its person sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approval {
    /// Its id.
    pub id: Uuid,
    /// The tool that would be called.
    pub tool: String,
    /// The tool's server.
    pub server: String,
    /// The exact arguments.
    pub arguments: Value,
    /// One line: what would happen.
    pub summary: String,
    /// `pending`, `approved`, `done`, `rejected` or `expired`.
    pub status: &'static str,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// Through what it was asked.
    pub requested_by: String,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<StoredOutcome>,
}

/// What a decided call answered, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StoredOutcome {
    /// It was made.
    Result(CallResult),
    /// It could not be made.
    Error {
        /// The error as in a REST answer.
        error: StoredError,
    },
}

// By hand: an untagged enum buffers its input, and raw JSON can't be read from such a buffer.
impl<'de> Deserialize<'de> for StoredOutcome {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let value = Value::deserialize(deserializer)?;
        match value.get("error") {
            Some(error) => Ok(Self::Error {
                error: StoredError::deserialize(error).map_err(D::Error::custom)?,
            }),
            None => serde_json::from_value(value)
                .map(Self::Result)
                .map_err(D::Error::custom),
        }
    }
}

/// A failed call, kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredError {
    /// The code.
    pub code: String,
    /// The message.
    pub message: String,
}

impl StoredOutcome {
    pub(crate) fn from_run(run: &Result<CallResult, CallError>) -> Self {
        match run {
            Ok(result) => Self::Result(result.clone()),
            Err(error) => Self::Error {
                error: StoredError {
                    code: error.code().to_owned(),
                    message: error.to_string(),
                },
            },
        }
    }

    pub(crate) fn into_run(self) -> Result<CallResult, CallError> {
        match self {
            Self::Result(result) => Ok(result),
            Self::Error { error } => Err(match error.code.as_str() {
                "FORBIDDEN" => CallError::Forbidden(error.message),
                "TIMEOUT" => CallError::Timeout(error.message),
                "INTERNAL_ERROR" => CallError::Internal,
                // What it names beside its message is not kept; the text says what happened then.
                _ => CallError::Upstream(error.message),
            }),
        }
    }
}

/// The word of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Make the call.
    Approve,
    /// Don't.
    Reject,
}

/// What a decision answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decided {
    /// The approval.
    pub id: Uuid,
    /// `done` or `rejected`.
    pub status: &'static str,
    /// What the call would have answered; none for a rejection.
    pub result: Option<StoredOutcome>,
}

/// Why a decision does not count.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// This person has no such approval.
    #[error("there is no such approval")]
    NotFound,
    /// It was decided before.
    #[error("it has already been decided")]
    AlreadyDecided,
    /// It lapsed, or the tool changed since.
    #[error("it has expired; make the call again")]
    Expired,
    /// The caller may not decide.
    #[error("deciding needs the scope approvals:decide, which this token does not have")]
    Forbidden,
    /// The person's account was too busy, the database failed, …
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<deputy_store::Error> for DecideError {
    fn from(error: deputy_store::Error) -> Self {
        Self::Call(error.into())
    }
}

#[derive(Serialize, Deserialize)]
struct Request {
    arguments: Value,
    summary: String,
}

/// Where a decided call's answer is for the caller that asked.
pub(crate) enum Found {
    /// Nothing of the kind was asked.
    Nothing,
    /// It waits.
    Pending(Box<Approval>),
    /// It is being carried out.
    UnderWay(Uuid),
    /// Here it is; it will not be given again.
    Answer(Result<CallResult, CallError>),
}

impl Gateway {
    /// Puts a call on its person's list.
    pub(crate) async fn ask(
        &self,
        principal: &Principal,
        tool: &Tool,
        arguments: &Value,
        summary: String,
        options: &CallOptions,
    ) -> Result<Approval, CallError> {
        let parts = &self.inner.parts;
        // As the row will give it back: whole milliseconds.
        let now = deputy_store::from_millis(parts.clock.now().as_millisecond());
        let waiting = parts
            .store
            .user(principal.user_id)
            .pending_approvals(now)
            .await?;
        if waiting >= self.inner.config.max_pending_approvals {
            return Err(CallError::RateLimited {
                message: format!(
                    "{waiting} calls already wait for approval; decide some of them first"
                ),
                retry_after: self.inner.config.approval_lifetime,
            });
        }
        let id = deputy_core::id::uuid_v7(&*parts.clock, &*parts.rng);
        let request = Request {
            arguments: arguments.clone(),
            summary,
        };
        let sealed = self
            .seal(principal.user_id, id, "request", &json!(request))
            .await?;
        let row = ApprovalRow {
            id,
            user: principal.user_id,
            server: tool.server.clone(),
            tool: tool.name.clone(),
            request: sealed,
            arguments_digest: digest(arguments),
            definition_digest: tool.definition_digest.clone(),
            call_id: options
                .call_id
                .unwrap_or_else(|| deputy_core::CallId::new(&*parts.clock, &*parts.rng)),
            caller: principal.caller.label(),
            status: ApprovalStatus::Pending,
            requested_at: now,
            expires_at: now + signed(self.inner.config.approval_lifetime),
            decided_at: None,
            attempts: 0,
            result: None,
            collected_at: None,
        };
        let entry = Entry {
            user: Some(principal.user_id),
            caller: principal.caller.label(),
            action: "approval.ask",
            target: tool.name.clone(),
            call_id: Some(row.call_id.to_string()),
            outcome: "pending".to_owned(),
            detail: json!({ "approval": id, "arguments_sha256": row.arguments_digest, "server": tool.server }),
        };
        parts
            .audit
            .record(entry)
            .await
            .map_err(|_| audit_unavailable())?;
        let tx = parts.store.begin().await?;
        tx.user(principal.user_id).approval_add(row.clone()).await?;
        tx.commit().await?;
        metrics::counter!("deputy_approvals_total", "event" => "asked").increment(1);
        Ok(view(row, request, None))
    }

    /// What has become of an earlier, equal call by the same caller.
    pub(crate) async fn find_asked(
        &self,
        principal: &Principal,
        tool: &Tool,
        arguments: &Value,
    ) -> Result<Found, CallError> {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let caller = principal.caller.label();
        let since = now - signed(self.inner.config.collect_within);
        let row = parts
            .store
            .user(principal.user_id)
            .live_approval(&tool.name, &digest(arguments), &caller, now, since)
            .await?;
        let Some(row) = row else {
            return Ok(Found::Nothing);
        };
        match row.status {
            ApprovalStatus::Pending if row.definition_digest == tool.definition_digest => {
                Ok(Found::Pending(Box::new(self.reveal(row).await?)))
            }
            ApprovalStatus::Approved => Ok(Found::UnderWay(row.id)),
            ApprovalStatus::Done | ApprovalStatus::Rejected => {
                // Before it is marked as fetched: an answer that can't be read is not given.
                let outcome = self.open_result(&row).await?;
                let tx = parts.store.begin().await?;
                let mine = tx
                    .user(principal.user_id)
                    .approval_collect(row.id, now)
                    .await?;
                tx.commit().await?;
                if !mine {
                    return Ok(Found::Nothing);
                }
                if row.status == ApprovalStatus::Rejected {
                    return Ok(Found::Answer(Err(CallError::Forbidden(format!(
                        "you rejected this call of {}",
                        tool.name
                    )))));
                }
                let outcome = outcome.ok_or(CallError::Internal)?;
                Ok(Found::Answer(outcome.into_run()))
            }
            ApprovalStatus::Pending | ApprovalStatus::Expired => Ok(Found::Nothing),
        }
    }

    /// This person's approvals, newest first.
    pub async fn approvals(&self, user: UserId, limit: u64) -> Result<Vec<Approval>, CallError> {
        let rows = self.inner.parts.store.user(user).approvals(limit).await?;
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            out.push(self.reveal(row).await?);
        }
        Ok(out)
    }

    /// One approval of this person.
    pub async fn approval(&self, user: UserId, id: Uuid) -> Result<Option<Approval>, CallError> {
        match self.inner.parts.store.user(user).approval(id).await? {
            Some(row) => Ok(Some(self.reveal(row).await?)),
            None => Ok(None),
        }
    }

    /// How many calls of this person wait.
    pub async fn pending_approvals(&self, user: UserId) -> Result<u64, CallError> {
        let now = self.inner.parts.clock.now();
        Ok(self
            .inner
            .parts
            .store
            .user(user)
            .pending_approvals(now)
            .await?)
    }

    /// Decides, and carries an approved call out. The call goes on even if whoever decided stops
    /// waiting.
    pub async fn decide(
        &self,
        principal: &Principal,
        id: Uuid,
        decision: Decision,
    ) -> Result<Decided, DecideError> {
        if !principal.may(Scope::ApprovalsDecide) {
            return Err(DecideError::Forbidden);
        }
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let row = parts
            .store
            .user(principal.user_id)
            .approval(id)
            .await?
            .ok_or(DecideError::NotFound)?;
        match row.status {
            ApprovalStatus::Pending if row.expires_at > now => {}
            ApprovalStatus::Pending | ApprovalStatus::Expired => return Err(DecideError::Expired),
            ApprovalStatus::Approved | ApprovalStatus::Done | ApprovalStatus::Rejected => {
                return Err(DecideError::AlreadyDecided);
            }
        }
        let unchanged = parts
            .catalog
            .find(&row.tool)
            .is_some_and(|t| t.definition_digest == row.definition_digest);
        if !unchanged {
            let tx = parts.store.begin().await?;
            tx.user(principal.user_id).approval_void(id, now).await?;
            tx.commit().await?;
            return Err(DecideError::Expired);
        }
        let (to, action) = match decision {
            Decision::Approve => (ApprovalStatus::Approved, "approval.approve"),
            Decision::Reject => (ApprovalStatus::Rejected, "approval.reject"),
        };
        let entry = Entry {
            user: Some(principal.user_id),
            caller: principal.caller.label(),
            action,
            target: row.tool.clone(),
            call_id: Some(row.call_id.to_string()),
            outcome: "ok".to_owned(),
            detail: json!({ "approval": id, "arguments_sha256": row.arguments_digest }),
        };
        parts
            .audit
            .record(entry.clone())
            .await
            .map_err(|_| audit_unavailable())?;
        let tx = parts.store.begin().await?;
        // Not before: what was waited for until here must not use the claim up.
        let now = parts.clock.now();
        let lease = now + signed(LEASE);
        let decided = tx
            .user(principal.user_id)
            .approval_decide(id, to, &principal.caller.label(), now, lease)
            .await?;
        tx.commit().await?;
        if !decided {
            let outcome = "ALREADY_DECIDED".to_owned();
            parts.audit.note(Entry { outcome, ..entry }, None).await;
            return Err(DecideError::AlreadyDecided);
        }
        metrics::counter!("deputy_approvals_total", "event" => to.as_str()).increment(1);
        let _ = self.inner.decided.send(id);
        if decision == Decision::Reject {
            return Ok(Decided {
                id,
                status: ApprovalStatus::Rejected.as_str(),
                result: None,
            });
        }
        let asker = row.caller.clone();
        let gateway = self.clone();
        let task = self.spawn(async move { gateway.carry_out(row, 1).await });
        let outcome = match task.await {
            Ok(Some(outcome)) => outcome?,
            // Stopping: the claim lapses and another run carries on.
            _ => return Err(DecideError::Call(CallError::Internal)),
        };
        if asker == principal.caller.label() && !matches!(principal.caller, Caller::System) {
            // Whoever asked has the result now; a repeat of the call is a new call.
            let tx = parts.store.begin().await?;
            tx.user(principal.user_id)
                .approval_collect(id, parts.clock.now())
                .await?;
            tx.commit().await?;
        }
        Ok(Decided {
            id,
            status: ApprovalStatus::Done.as_str(),
            result: Some(outcome),
        })
    }

    /// Makes an approved call and keeps its outcome.
    async fn carry_out(&self, row: ApprovalRow, attempt: u32) -> Result<StoredOutcome, CallError> {
        let parts = &self.inner.parts;
        let request = self.open_request(&row).await?;
        let outcome = match parts.catalog.find(&row.tool) {
            None => StoredOutcome::from_run(&Err(CallError::UnknownTool(row.tool.clone()))),
            Some(tool) => {
                let run = Run {
                    user: row.user,
                    caller: row.caller.clone(),
                    call_id: row.call_id,
                    first_attempt: attempt,
                    approval: Some(row.id),
                };
                let options = CallOptions::default();
                let call = self.make(&run, tool, &request.arguments, &options);
                let (store, user, id) = (parts.store.clone(), row.user, row.id);
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
                let result = self.with_lease(keep, call).await;
                if result.is_err() && parts.lifecycle.soft().is_cancelled() {
                    // Broken off because we stop: the next run carries on when the claim lapses.
                    return Err(CallError::Internal);
                }
                StoredOutcome::from_run(&result)
            }
        };
        let sealed = self
            .seal(row.user, row.id, "result", &json!(outcome))
            .await?;
        let tx = parts.store.begin().await?;
        tx.user(row.user)
            .approval_finish(row.id, sealed, parts.clock.now())
            .await?;
        tx.commit().await?;
        let _ = self.inner.decided.send(row.id);
        Ok(outcome)
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
            let claimed = async {
                let tx = parts.store.begin().await?;
                // Anew for each: those before it may have taken longer than a claim lasts.
                let now = parts.clock.now();
                let lease = now + signed(LEASE);
                let mine = tx.approval_reclaim(&row, now, lease).await?;
                tx.commit().await?;
                Ok::<_, deputy_store::Error>(mine)
            };
            if !claimed.await.unwrap_or(false) {
                continue;
            }
            tracing::info!(approval = %row.id, tool = %row.tool, "carrying out an approved call that was interrupted");
            let attempt = u32::try_from(row.attempts).unwrap_or(1) + 1;
            if let Err(error) = self.carry_out(row, attempt).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an interrupted call could not be carried out"
                );
            }
        }
    }

    async fn reveal(&self, row: ApprovalRow) -> Result<Approval, CallError> {
        let request = self.open_request(&row).await?;
        let result = self.open_result(&row).await?;
        Ok(view(row, request, result))
    }

    async fn open_request(&self, row: &ApprovalRow) -> Result<Request, CallError> {
        let plain = self.open(row.user, row.id, "request", &row.request).await?;
        serde_json::from_slice(plain.expose())
            .map_err(|e| CallError::internal(&e, "reading an approval"))
    }

    async fn open_result(&self, row: &ApprovalRow) -> Result<Option<StoredOutcome>, CallError> {
        let Some(sealed) = &row.result else {
            return Ok(None);
        };
        let plain = self.open(row.user, row.id, "result", sealed).await?;
        serde_json::from_slice(plain.expose())
            .map(Some)
            .map_err(|e| CallError::internal(&e, "reading a result"))
    }

    async fn seal(
        &self,
        user: UserId,
        id: Uuid,
        column: &'static str,
        value: &Value,
    ) -> Result<Vec<u8>, CallError> {
        let row = id.to_string();
        let place = Place::of_user(user, "approvals", &row, column, "approval");
        let plain = serde_json::to_vec(value)
            .map_err(|e| CallError::internal(&e, "writing an approval"))?;
        self.inner
            .parts
            .vault
            .seal(&place, &plain)
            .await
            .map_err(|e| CallError::internal(&e, "sealing an approval"))
    }

    async fn open(
        &self,
        user: UserId,
        id: Uuid,
        column: &'static str,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, CallError> {
        let row = id.to_string();
        let place = Place::of_user(user, "approvals", &row, column, "approval");
        self.inner
            .parts
            .vault
            .open(&place, sealed)
            .await
            .map_err(|e| CallError::internal(&e, "opening an approval"))
    }

    /// The page on which this approval is decided.
    pub fn approval_url(&self, id: Uuid) -> String {
        let mut url = self
            .inner
            .config
            .public_url
            .join("approvals")
            .unwrap_or_else(|_| self.inner.config.public_url.clone());
        url.set_fragment(Some(&format!("a-{id}")));
        url.into()
    }
}

fn view(row: ApprovalRow, request: Request, result: Option<StoredOutcome>) -> Approval {
    Approval {
        id: row.id,
        tool: row.tool,
        server: row.server,
        arguments: request.arguments,
        summary: request.summary,
        status: row.status.as_str(),
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        requested_by: row.caller,
        decided_at: row.decided_at,
        result,
    }
}

pub(crate) fn audit_unavailable() -> CallError {
    CallError::Unavailable {
        message: "nothing is done while the audit log can't be written".to_owned(),
        retry_after: std::time::Duration::from_secs(10),
    }
}
