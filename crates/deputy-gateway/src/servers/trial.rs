//! A test: the server is started for real, says what it has, and a report says how that went.

use deputy_core::Principal;
use deputy_store::own_server::OwnServer;
use deputy_templates::Policy;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::health::told;
use super::read::LookError;
use super::refused::{Refused, Renewals};
use super::{
    Open, ServerError, Servers, Status, TestReport, TestedTool, ToolKind, ToolState, may_manage,
};
use crate::approval::audit_unavailable;
use crate::audit::Entry;
use crate::catalog::digest;
use crate::error::CallError;
use crate::pool::{CallRequest, Held, ServerState, ToolResult, UpstreamError};

/// Why a test went wrong.
pub(super) enum Fault {
    /// In words for the person.
    Told(Status, String),
    /// The person has to allow the access first.
    Consent { message: String, url: String },
}

impl Servers {
    /// Starts a server for real, lists its tools and makes the call that its template names to show
    /// that it works. Its tools are agreed to as they are if they were never read before.
    pub async fn test(&self, principal: &Principal, name: &str) -> Result<TestReport, ServerError> {
        may_manage(principal)?;
        let row = self.row(principal.user_id, name).await?;
        let started = Instant::now();
        let deadline = started + self.inner.config.test_deadline;
        let tried = self.try_out(Some(principal), &row, deadline).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut report = TestReport {
            ok: tried.is_ok(),
            tools: Vec::new(),
            duration_ms,
            error: None,
            connect_url: None,
            notes: Vec::new(),
        };
        self.note_trial(&row, &tried);
        match tried {
            Ok(()) => {}
            Err(Fault::Told(_, error)) => report.error = Some(error),
            Err(Fault::Consent { message, url }) => {
                report.error = Some(message);
                report.connect_url = Some(url);
            }
        }
        self.write_health().await;
        for tool in self.tools(principal, name).await? {
            if tool.state == ToolState::Gone || tool.kind == ToolKind::Instructions {
                continue;
            }
            if let Some(why) = &tool.unusable {
                report
                    .notes
                    .push(format!("{} can't be used: {why}", tool.name));
            }
            if report.ok {
                report.tools.push(TestedTool {
                    name: tool.name,
                    title: tool.title,
                    description: tool.description,
                    state: tool.state,
                });
            }
        }
        let detail = json!({ "server": row.id, "ok": report.ok, "duration_ms": duration_ms });
        self.record(principal, "servers.test", name, detail).await?;
        Ok(report)
    }

    /// Notes what a try says of how a server is.
    pub(super) fn note_trial(&self, row: &OwnServer, tried: &Result<(), Fault>) {
        match tried {
            Ok(()) => {
                self.rest_ends(row);
                self.note_answer(row);
            }
            // That it is switched off, or not ready yet, is no fault of its.
            Err(Fault::Told(Status::Disabled | Status::Starting, _)) => {}
            Err(Fault::Told(status, error)) => self.note_failure(row, *status, error),
            // The server's own page leads to its own consent, and to no other account.
            Err(Fault::Consent { message, url }) => {
                let own = *url == self.connect_url(&row.name);
                let status = if own {
                    Status::NeedsConsent
                } else {
                    Status::Error
                };
                self.note_failure(row, status, message);
            }
        }
    }

    /// Starts a server and reads its tools, and for a test (of `tester`) makes the call that shows that it works.
    pub(super) async fn try_out(
        &self,
        tester: Option<&Principal>,
        row: &OwnServer,
        deadline: Instant,
    ) -> Result<(), Fault> {
        if !row.is_enabled {
            return Err(Fault::Told(
                Status::Disabled,
                "it is switched off; switch it on first".to_owned(),
            ));
        }
        // A rule is no failure of the server's: it is as if it were switched off.
        self.allowed(row).await.map_err(|error| match error {
            CallError::Forbidden(why) => Fault::Told(Status::Disabled, why),
            error => fault(error),
        })?;
        let cancel = CancellationToken::new();
        let mut open = self.open(row).await.map_err(fault)?;
        let pool = &self.with().pool;
        let rests = pool
            .state(&open.key)
            .is_some_and(|state| matches!(state.state, None | Some(ServerState::BackingOff)));
        if rests {
            // Whoever tests has mended something: no pause after earlier failures.
            pool.stop_server(&open.key).await;
        }
        self.distrust(row.id);
        let mut renewals = Renewals::default();
        loop {
            let tried = self.try_once(tester, row, &open, &cancel, deadline);
            let refused = match tried.await {
                Ok(()) => return Ok(()),
                Err(Tried::Fault(fault)) => return Err(fault),
                Err(Tried::Refused(refused)) => refused,
            };
            if !open.oauth {
                let text = "it refuses the credentials; look at the settings".to_owned();
                return Err(Fault::Told(Status::Error, text));
            }
            if !renewals.allow(&refused) {
                let text = "it refuses the access that you allowed; allow it again".to_owned();
                return Err(Fault::Consent {
                    message: text,
                    url: self.connect_url(&row.name),
                });
            }
            self.renew(row, &mut open, refused).await.map_err(fault)?;
        }
    }

    async fn try_once(
        &self,
        tester: Option<&Principal>,
        row: &OwnServer,
        open: &Open,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<(), Tried> {
        let bearer = open.bearer.as_ref().map(|token| &token.secret);
        let pool = &self.with().pool;
        let held = pool.hold(&open.key, &open.launch, bearer, cancel, deadline);
        let held = match held.await {
            // The start goes on: what it fetches may take longer than anybody waits.
            Err(UpstreamError::Timeout { sent: false }) if self.starts(open) => {
                let text = "it is still starting: a first start fetches its packages, which takes minutes \
                            where they are large; test it again in a while";
                return Err(Tried::Fault(Fault::Told(Status::Starting, text.to_owned())));
            }
            held => held?,
        };
        match self.look(row, &held, bearer, cancel, deadline).await {
            Ok(_) => {}
            Err(LookError::Upstream(error)) => return Err(error.into()),
            Err(LookError::Outdated) => {
                let text = "it was changed at the same time; test it again".to_owned();
                return Err(Tried::Fault(Fault::Told(Status::Error, text)));
            }
            Err(LookError::Store(error)) => return Err(Tried::Fault(fault(error.into()))),
        }
        let Some(tester) = tester else {
            return Ok(());
        };
        self.try_call(tester, row, open, &held, cancel, deadline)
            .await
    }

    fn starts(&self, open: &Open) -> bool {
        let state = self.with().pool.state(&open.key);
        state.is_some_and(|state| state.state == Some(ServerState::Starting))
    }

    /// Makes the call that shows that the server works, if its template names one and its person
    /// agreed to that tool.
    async fn try_call(
        &self,
        principal: &Principal,
        row: &OwnServer,
        open: &Open,
        held: &Held,
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<(), Tried> {
        let template = self.with().templates.get(&row.server_type);
        let Some(check) = template.and_then(|template| template.check.clone()) else {
            return Ok(());
        };
        let name = super::names::publish(&row.name, &super::names::alias(&row.name, &check.tool));
        match self.find(row.user, &name).await {
            Ok(tool) if tool.read_only && tool.policy != Some(Policy::Deny) => {}
            // Not there, not agreed to, switched off, or not one that only reads: then it is not called.
            Ok(_) | Err(_) => return Ok(()),
        }
        let arguments = serde_json::value::to_raw_value(&check.arguments)
            .map_err(|e| Tried::Fault(fault(CallError::internal(&e, "writing arguments"))))?;
        let on_record = |action, outcome: &str| Entry {
            user: Some(row.user),
            caller: principal.caller.label(),
            action,
            target: name.clone(),
            call_id: None,
            outcome: outcome.to_owned(),
            detail: json!({
                "arguments_sha256": digest(&json!(check.arguments)),
                "server": row.name,
                "test": true,
            }),
        };
        let audit = &self.with().audit;
        let recorded = audit.record(on_record("tool.call", "started")).await;
        recorded.map_err(|_| Tried::Fault(fault(audit_unavailable())))?;
        let answer = held
            .call(CallRequest {
                tool: check.tool.clone(),
                arguments,
                input: None,
                meta: serde_json::Map::new(),
                progress: None,
                bearer: open.bearer.as_ref().map(|token| token.secret.clone()),
                headers: Vec::new(),
                inbound: None,
                cancel: cancel.clone(),
                late: CancellationToken::new(),
                deadline,
            })
            .await;
        let outcome = match &answer {
            Ok(Some(ToolResult::Complete(answer))) if answer.is_error => "tool_error",
            Ok(Some(_)) => "ok",
            Ok(None) | Err(_) => "UPSTREAM_ERROR",
        };
        audit.note(on_record("tool.result", outcome), None).await;
        match answer? {
            Some(ToolResult::Complete(answer)) if answer.is_error => {
                let mut said = crate::call::first_text(&answer.content);
                let bearer = open.bearer.as_ref().map(|token| &token.secret);
                open.launch.mask(bearer, &mut said);
                let (said, _) = super::definition::clean(&said, 500);
                let text = format!("it starts, but {} fails: {said}", check.tool);
                Err(Tried::Fault(Fault::Told(Status::Error, text)))
            }
            Some(_) => Ok(()),
            None => Err(Tried::Fault(Fault::Told(
                Status::Error,
                "it ended at once".to_owned(),
            ))),
        }
    }
}

/// How one try of a test ended.
enum Tried {
    Refused(Refused),
    Fault(Fault),
}

impl From<UpstreamError> for Tried {
    fn from(error: UpstreamError) -> Self {
        match Refused::from_error(error) {
            Ok(refused) => Self::Refused(refused),
            Err(error) => Self::Fault(Fault::Told(Status::Error, explained(&error))),
        }
    }
}

/// An upstream's failure with what it printed.
pub(crate) fn explained(error: &UpstreamError) -> String {
    advised(error, "")
}

/// The same, with what to do about it before what it printed.
pub(crate) fn advised(error: &UpstreamError, advice: &str) -> String {
    let text = format!("{error}{advice}");
    match error {
        UpstreamError::NotStarted { stderr_tail, .. } | UpstreamError::Died { stderr_tail, .. } => {
            told(&text, stderr_tail)
        }
        _ => text,
    }
}

fn fault(error: CallError) -> Fault {
    match error {
        CallError::NotConnected {
            message,
            connect_url,
            ..
        } => Fault::Consent {
            message,
            url: connect_url,
        },
        error => Fault::Told(Status::Error, error.to_string()),
    }
}
