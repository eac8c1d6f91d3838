//! The dispatcher: one call, from the caller's word to the outcome.

mod attempts;
mod built_in;
mod failure;
mod own;

pub(crate) use failure::{first_text, of_asked};
pub(crate) use own::{Ended, Errand};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use deputy_core::{CallId, Principal, Scope, UserId};
use deputy_store::usage::UsageRow;
use deputy_templates::Policy;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Gateway;
use crate::approval::{Approval, Found, audit_unavailable};
use crate::audit::Entry;
use crate::breaker::Place;
use crate::catalog::{Tool, digest};
use crate::credentials::{AccessToken, Connected};
use crate::error::{CallError, MissingScope};
use crate::policy::{self, Decision};
use crate::pool::{InboundSink, Input, ProgressSink, UpstreamError};

/// How a call is to be made.
#[derive(Clone, Default)]
pub struct CallOptions {
    /// Where progress goes.
    pub progress: Option<ProgressSink>,
    /// Cancelled when the caller breaks off.
    pub cancel: CancellationToken,
    /// The caller's idempotency key: a repeat gives the first outcome.
    pub idempotency_key: Option<String>,
    /// The id under which the effect is made; none: a fresh one.
    pub call_id: Option<CallId>,
    /// The session of an active context in which it is asked, for the statistics.
    pub session: Option<String>,
    /// Whether an MCP client waits for the result: it fetches it by repeating the call, whoever
    /// decides where.
    pub over_mcp: bool,
    /// How the caller can be asked for more while the call goes on; none: a tool that asks fails.
    pub dialogue: Option<Dialogue>,
    /// Cancelled when the server has taken too long: it ends as at the deadline. For a caller that lets the time run
    /// only while the server works, and not while somebody is asked.
    pub late: CancellationToken,
    /// When the call ends, answered or not; none: after [`crate::Config::call_deadline`].
    pub deadline: Option<Instant>,
    /// A token that was at hand when the call came in, set by [`Gateway::call`]; only a read uses
    /// it, at once.
    pub token: Option<AccessToken>,
    /// What the call takes up of its server's breaker, set by the gateway: whoever has it wait for somebody's answer
    /// gives that back meanwhile.
    pub trial: Trial,
    /// Becomes true when an own server may have got a write that failed; set by the gateway.
    pub sent: Arc<AtomicBool>,
}

/// A call's place at its server's breaker, once it has one.
#[derive(Clone, Default)]
pub struct Trial(Arc<Mutex<Option<Place>>>);

impl Trial {
    pub(crate) fn set(&self, place: Place) {
        *self.0.lock() = Some(place);
    }

    /// The call waits for somebody: its place is another's for now.
    pub(crate) fn give_back(&self) {
        if let Some(place) = &*self.0.lock() {
            place.give_back();
        }
    }
}

/// What a caller can be asked, and what it answered so far (MCP 2026-07-28, "Multi round-trip requests", and the requests
/// that servers of older versions make themselves).
#[derive(Clone, Default)]
pub struct Dialogue {
    /// Members of `_meta` that tell the server about the client: what it can be asked, which log messages it wants.
    pub client: Map<String, Value>,
    /// Takes the server's own requests while the call goes on. Without one they are refused.
    pub inbound: Option<InboundSink>,
    /// The answers to what the last round asked.
    pub input: Option<Input>,
}

impl CallOptions {
    /// Waits before another attempt, unless the caller breaks off. False: it is too late for another.
    async fn pause(&self, wait: Duration) -> Result<bool, CallError> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(!self.late.is_cancelled()),
            () = self.late.cancelled() => Ok(false),
            () = self.cancel.cancelled() => Err(CallError::Cancelled),
        }
    }

    /// What comes before the server gets a call, unless it is too late for that.
    async fn before<T, E: From<UpstreamError>>(
        &self,
        what: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            () = self.late.cancelled() => Err(UpstreamError::Timeout { sent: false }.into()),
            done = what => done,
        }
    }

    /// Who asks, for finding the answer again: the same token over REST and over MCP are two.
    pub(crate) fn asker(&self, principal: &Principal) -> String {
        let label = principal.caller.label();
        if self.over_mcp {
            label + OVER_MCP
        } else {
            label
        }
    }
}

/// What [`CallOptions::asker`] adds to the name of a caller over MCP.
const OVER_MCP: &str = " (MCP)";

/// Through what somebody asked, whichever way.
fn label_of(asker: &str) -> &str {
    asker.strip_suffix(OVER_MCP).unwrap_or(asker)
}

/// The answer of a tool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallResult {
    /// Content blocks as on the wire of MCP: a JSON array.
    pub content: Box<RawValue>,
    /// Structured content, if the tool gave any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Box<RawValue>>,
    /// Whether the tool says it failed.
    pub is_error: bool,
    /// The call's id.
    pub call_id: CallId,
}

impl PartialEq for CallResult {
    fn eq(&self, other: &Self) -> bool {
        self.content.get() == other.content.get()
            && self.structured.as_deref().map(RawValue::get)
                == other.structured.as_deref().map(RawValue::get)
            && self.is_error == other.is_error
            && self.call_id == other.call_id
    }
}

/// What a call comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was made.
    Done(CallResult),
    /// It waits for its person's word.
    Asked(Box<Approval>),
}

/// A call that policy lets go ahead.
pub(crate) struct Run {
    pub(crate) user: UserId,
    pub(crate) caller: String,
    pub(crate) call_id: CallId,
    /// Above 1 when a run before this one may have had the effect.
    pub(crate) first_attempt: u32,
    pub(crate) approval: Option<Uuid>,
}

impl Gateway {
    /// Counts a call against what this person may make in a minute.
    pub(crate) fn throttled(&self, principal: &Principal) -> Result<(), CallError> {
        let counted = self.inner.parts.throttle.hit(&principal.user_id);
        counted.map_err(|throttled| CallError::RateLimited {
            message: "too many calls in a minute".to_owned(),
            retry_after: throttled.retry_after,
        })
    }

    /// The tools this person can call now, for a caller who asks for the list: that counts as a call.
    pub async fn list_tools(&self, principal: &Principal) -> Result<Vec<Arc<Tool>>, CallError> {
        self.throttled(principal)?;
        self.tools(principal).await
    }

    /// The tools this person can call now.
    pub async fn tools(&self, principal: &Principal) -> Result<Vec<Arc<Tool>>, CallError> {
        MissingScope::unless(principal, Scope::ToolsRead, "listing tools")?;
        let connected = self.connected(principal.user_id).await?;
        let mut tools = Vec::new();
        for tool in self.inner.parts.catalog.available(&connected) {
            let tool = self.ruled(principal.user_id, &tool).await?;
            if tool.policy != Some(Policy::Deny) {
                tools.push(tool);
            }
        }
        tools.extend(self.inner.servers.callable(principal.user_id).await?);
        Ok(tools)
    }

    /// The tool of this name that this person may have: one of ours, or one of the person's own
    /// servers.
    pub(crate) async fn tool(&self, user: UserId, name: &str) -> Result<Arc<Tool>, CallError> {
        match self.inner.parts.catalog.find(name) {
            Some(tool) => self.ruled(user, tool).await,
            None => self.inner.servers.find(user, name).await,
        }
    }

    /// Those of them that `server` has.
    pub(crate) async fn tools_of(
        &self,
        principal: &Principal,
        server: &str,
    ) -> Result<Vec<Arc<Tool>>, CallError> {
        let mut tools = self.tools(principal).await?;
        tools.retain(|tool| tool.server == server);
        Ok(tools)
    }

    /// Calls a tool for a person: the one way in.
    pub async fn call(
        &self,
        principal: &Principal,
        name: &str,
        arguments: Value,
        options: CallOptions,
    ) -> Result<Outcome, CallError> {
        let outcome = self.called(principal, name, arguments, options).await;
        outcome.map_err(|error| error.shown_to(principal))
    }

    async fn called(
        &self,
        principal: &Principal,
        name: &str,
        arguments: Value,
        options: CallOptions,
    ) -> Result<Outcome, CallError> {
        let parts = &self.inner.parts;
        let tool = &self.tool(principal.user_id, name).await?;
        policy::check_scope(principal, tool)?;
        self.throttled(principal)?;
        let mut options = options;
        if tool.ours().is_some() {
            let (connected, token) = parts
                .credentials
                .at_hand(principal.user_id)
                .await
                .map_err(|e| self.of_credentials(None, e))?;
            options.token = token;
            if !tool.granted(&connected) {
                return Err(self.not_connected(tool, &connected));
            }
        }
        tool.validate(&arguments)?;
        parts.audit.able().await.map_err(|_| audit_unavailable())?;
        match &options.idempotency_key {
            Some(key) if !tool.read_only => {
                let key = key.clone();
                self.call_repeatable(principal, tool, arguments, options, key)
                    .await
            }
            _ => {
                self.call_checked(principal, tool, arguments, options, 1)
                    .await
            }
        }
    }

    /// Policy and the call itself, arguments and rights being in order. `first_attempt` above 1: an
    /// earlier run under `options.call_id` may have had the effect.
    pub(crate) async fn call_checked(
        &self,
        principal: &Principal,
        tool: &Arc<Tool>,
        arguments: Value,
        options: CallOptions,
        first_attempt: u32,
    ) -> Result<Outcome, CallError> {
        let call_id = options
            .call_id
            .unwrap_or_else(|| CallId::new(&*self.inner.parts.clock, &*self.inner.parts.rng));
        let run = Run {
            user: principal.user_id,
            caller: principal.caller.label(),
            call_id,
            first_attempt,
            approval: None,
        };
        let decision = policy::decide(tool, &arguments);
        if matches!(decision, Decision::Ask | Decision::Preflight) {
            // Before the preflight: what was approved may have changed what that would find.
            match self
                .find_asked(principal, tool, &arguments, &options)
                .await?
            {
                Found::Nothing => {}
                Found::Answer(answer) => return answer.map(Outcome::Done),
                Found::Pending(approval) => return Ok(Outcome::Asked(approval)),
                Found::UnderWay(id) => {
                    return self
                        .wait_decided(principal, tool, &arguments, id, &options)
                        .await;
                }
            }
        }
        let summary = match decision {
            Decision::Auto => None,
            Decision::Ask => Some(policy::summary(tool, &arguments)),
            Decision::Preflight => {
                let found = self.preflight(&run, tool, &arguments, &options).await?;
                found.affects_others.then_some(found.summary)
            }
            Decision::Deny => {
                return Err(policy::denied(tool));
            }
        };
        let Some(summary) = summary else {
            return self
                .make(&run, tool, &arguments, &options)
                .await
                .map(Outcome::Done);
        };
        let options = CallOptions {
            call_id: Some(call_id),
            ..options
        };
        self.ask(principal, tool, &arguments, summary, &options)
            .await
            .map(|a| Outcome::Asked(Box::new(a)))
    }

    /// Waits until an approved call has been carried out.
    async fn wait_decided(
        &self,
        principal: &Principal,
        tool: &Arc<Tool>,
        arguments: &Value,
        id: Uuid,
        options: &CallOptions,
    ) -> Result<Outcome, CallError> {
        let deadline = Instant::now() + self.inner.config.call_deadline;
        loop {
            self.decision(id, deadline, &options.cancel).await;
            if options.cancel.is_cancelled() {
                // The answer is kept for a caller that is there to take it.
                return Err(CallError::Cancelled);
            }
            match self.find_asked(principal, tool, arguments, options).await? {
                Found::Answer(answer) => return answer.map(Outcome::Done),
                Found::UnderWay(_) if Instant::now() < deadline => {}
                Found::UnderWay(_) => {
                    return Err(CallError::Timeout(
                        "the approved call is still being carried out; repeat it later".to_owned(),
                    ));
                }
                Found::Pending(approval) => return Ok(Outcome::Asked(approval)),
                Found::Nothing => {
                    return Err(CallError::Conflict(
                        "another caller took the result".to_owned(),
                    ));
                }
            }
        }
    }

    /// Waits for news of an approval: its decision or its outcome, here or (seen within a second)
    /// on another replica; until `deadline` or the caller's end.
    pub(crate) async fn decision(&self, id: Uuid, deadline: Instant, cancel: &CancellationToken) {
        let mut news = self.inner.decided.subscribe();
        let until = deadline.min(Instant::now() + Duration::from_secs(1));
        let heard = async {
            while let Ok(decided) = news.recv().await {
                if decided == id {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = heard => {}
            () = tokio::time::sleep_until(until) => {}
            () = cancel.cancelled() => {}
        }
    }

    /// Makes the call: audit, attempts, audit.
    pub(crate) async fn make(
        &self,
        run: &Run,
        tool: &Arc<Tool>,
        arguments: &Value,
        options: &CallOptions,
    ) -> Result<CallResult, CallError> {
        let parts = &self.inner.parts;
        let started = Instant::now();
        let mut detail = json!({ "arguments_sha256": digest(arguments), "server": tool.server });
        if let Some(approval) = run.approval {
            detail["approval"] = json!(approval);
        }
        // That a person's own server only reads is its own word: it decides nothing here.
        let effect = !tool.read_only || tool.own_server().is_some();
        if effect {
            // Durable before the effect.
            parts
                .audit
                .record(entry(run, tool, "tool.call", "started", detail.clone()))
                .await
                .map_err(|_| audit_unavailable())?;
        }
        let mut broken_off = BrokenOff {
            gateway: self,
            entry: Some(entry(run, tool, "tool.result", "CANCELLED", detail.clone())),
        };
        let result = self.attempts(run, tool, arguments, options).await;
        broken_off.entry = None;

        let outcome = match &result {
            Ok(answer) if answer.is_error => "tool_error",
            Ok(_) => "ok",
            Err(error) => error.code(),
        };
        let elapsed = started.elapsed();
        detail["duration_ms"] = json!(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        // A round of questions is not yet a call that came to something.
        let asks = matches!(result, Err(CallError::InputRequired(_)));
        let usage = (!asks).then(|| UsageRow {
            user: run.user,
            server: tool.server.clone(),
            query: tool.name.clone(),
            response_time_ms: i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX),
            success: outcome == "ok",
            error: (outcome != "ok").then(|| outcome.to_owned()),
            cost: 0.0,
            session: options.session.clone(),
            at: parts.clock.now(),
        });
        metrics::counter!("deputy_tool_calls_total", "tool" => tool.counted_as(), "outcome" => outcome.to_owned()).increment(1);
        metrics::histogram!("deputy_tool_call_seconds", "tool" => tool.counted_as())
            .record(elapsed.as_secs_f64());
        if !effect {
            parts
                .audit
                .note(entry(run, tool, "tool.call", outcome, detail), usage)
                .await;
        } else if tool.read_only {
            parts
                .audit
                .note(entry(run, tool, "tool.result", outcome, detail), usage)
                .await;
        } else if let Err(error) = parts
            .audit
            .record_with_usage(entry(run, tool, "tool.result", outcome, detail), usage)
            .await
        {
            // The effect is made and its start is on record; refusing the answer would invite a repeat.
            tracing::error!(%error, call = %run.call_id, "the outcome of a call could not be recorded");
        }
        result
    }

    pub(crate) async fn connected(&self, user: UserId) -> Result<Connected, CallError> {
        self.inner
            .parts
            .credentials
            .connected(user)
            .await
            .map_err(|e| self.of_credentials(None, e))
    }
}

fn entry(run: &Run, tool: &Tool, action: &'static str, outcome: &str, detail: Value) -> Entry {
    Entry {
        user: Some(run.user),
        caller: run.caller.clone(),
        action,
        target: tool.name.clone(),
        call_id: Some(run.call_id.to_string()),
        outcome: outcome.to_owned(),
        detail,
    }
}

/// Leaves a record when the caller drops the call half-way.
pub(crate) struct BrokenOff<'g> {
    pub(crate) gateway: &'g Gateway,
    /// None: nothing, or not any more.
    pub(crate) entry: Option<Entry>,
}

impl Drop for BrokenOff<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.gateway.inner.parts.audit.note_now(entry);
        }
    }
}
