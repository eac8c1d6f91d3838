//! Calls that wait for their person's word.
//!
//! An approval belongs to the person who asked, shows the exact arguments, is decided once, on any
//! surface, survives a restart, lapses, and dies when the tool's definition changes. The decision
//! carries the call out; the caller that asked gets the result by repeating the same call with the
//! same arguments, once.

mod carry;
mod outcome;

use deputy_core::{Caller, Principal, Scope, Secret, UserId};
use deputy_store::approval::{ApprovalRow, ApprovalStatus};
use deputy_vault::Place;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

pub use outcome::{StoredError, StoredOutcome};

use crate::audit::Entry;
use crate::call::{CallOptions, CallResult};
use crate::catalog::{Tool, digest};
use crate::error::{CallError, MissingScope};
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
    #[error(transparent)]
    Scope(#[from] MissingScope),
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
        let scope = parts.store.user(principal.user_id);
        let bytes = scope.pending_approvals_bytes(now).await?;
        if bytes.saturating_add(sealed.len() as u64) > self.inner.config.max_pending_bytes {
            return Err(CallError::RateLimited {
                message: format!(
                    "what waits for approval would be too large together ({waiting} calls); decide some of them first"
                ),
                retry_after: self.inner.config.approval_lifetime,
            });
        }
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
            caller: options.asker(principal),
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
        let scope = tx.user(principal.user_id);
        scope
            .approvals_trim(now, self.inner.config.keep_bytes)
            .await?;
        scope.approval_add(row.clone()).await?;
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
        options: &CallOptions,
    ) -> Result<Found, CallError> {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let caller = options.asker(principal);
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

    /// This person's approvals: those that wait first, then the newest. Very long texts of
    /// arguments and results (attachments) are shortened here; [`Gateway::approval`] has them whole.
    pub async fn approvals(&self, user: UserId, limit: u64) -> Result<Vec<Approval>, CallError> {
        let rows = self.inner.parts.store.user(user).approvals(limit).await?;
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let mut approval = self.reveal(row).await?;
            shorten(&mut approval.arguments);
            if let Some(StoredOutcome::Result(result)) = &mut approval.result
                && result.content.get().len() > LONG
            {
                result.content = RawValue::from_string("[]".to_owned())
                    .map_err(|e| CallError::internal(&e, "shortening a result"))?;
                result.structured = None;
            }
            out.push(approval);
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

    /// Whether a call still waits for its person's word.
    pub(crate) async fn waits(&self, user: UserId, id: Uuid) -> Result<bool, CallError> {
        let row = self.inner.parts.store.user(user).approval(id).await?;
        let now = self.inner.parts.clock.now();
        Ok(row.is_some_and(|row| row.status == ApprovalStatus::Pending && row.expires_at > now))
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
        MissingScope::unless(principal, Scope::ApprovalsDecide, "deciding")?;
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
        let unchanged = match self.tool(principal.user_id, &row.tool).await {
            Ok(tool) => tool.definition_digest == row.definition_digest,
            Err(CallError::UnknownTool(_) | CallError::Forbidden(_)) => false,
            Err(error) => return Err(error.into()),
        };
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

/// Longest text shown in a list, in bytes.
const LONG: usize = 16 * 1024;

/// Cuts very long texts; what was cut is said.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONG => {
            let kept: String = text.chars().take(LONG / 8).collect();
            let left = text.chars().count() - kept.chars().count();
            *text = format!("{kept}… ({left} characters more)");
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
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
