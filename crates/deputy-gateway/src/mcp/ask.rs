//! A call that waits for its person, told to the client in the form that it knows.
//!
//! * 2026-07-28 with URL elicitation: "input required"; the client opens the link and repeats the
//!   call, which then waits for the decision;
//! * an older client with URL elicitation and a session: the server asks, then waits;
//! * everybody else: an error result with the link.

use deputy_core::Principal;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ElicitRequest,
    ElicitRequestParams, ElicitationAction, ErrorData, InputRequest, InputRequiredResult,
    ProtocolVersion,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;
use tokio::time::Instant;

use super::{ClientPeer, Handler, failed, wire_result};
use crate::approval::Approval;
use crate::call::Outcome;

/// The key of our one request for input.
const KEY: &str = "approval";

impl Handler {
    pub(super) async fn ask(
        &self,
        principal: &Principal,
        request: &CallToolRequestParams,
        arguments: Value,
        approval: Approval,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let opens_links = context
            .client_capabilities()
            .and_then(|c| c.elicitation)
            .is_some_and(|elicitation| elicitation.url.is_some());
        if !opens_links {
            return Ok(self.waiting(&approval).into());
        }
        let modern = context
            .protocol_version()
            .is_some_and(|v| v.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        if modern {
            match answered(request) {
                None => return Ok(self.input_required(&approval).into()),
                Some(Answer::Opened) => {}
                Some(Answer::Declined) => return Ok(self.waiting(&approval).into()),
            }
        } else if !self.opened(&context.peer, &approval).await {
            return Ok(self.waiting(&approval).into());
        }
        // The person has the page before them: wait for the decision.
        let deadline = Instant::now() + self.gateway.inner.config.call_deadline;
        loop {
            self.gateway
                .decision(approval.id, deadline, &context.ct)
                .await;
            match self
                .call(principal, &request.name, arguments.clone(), context)
                .await
            {
                Ok(Outcome::Done(result)) => return wire_result(&result).map(Into::into),
                Ok(Outcome::Asked(still)) if still.id == approval.id => {
                    if context.ct.is_cancelled() || Instant::now() >= deadline {
                        return Ok(if modern {
                            self.input_required(&still).into()
                        } else {
                            self.waiting(&still).into()
                        });
                    }
                }
                // It lapsed meanwhile, and the repeat has asked anew.
                Ok(Outcome::Asked(anew)) => return Ok(self.waiting(&anew).into()),
                Err(error) => return failed(&error).map(Into::into),
            }
        }
    }

    fn link(&self, approval: &Approval) -> ElicitRequestParams {
        ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: format!("Deputy needs your approval: {}", approval.summary),
            url: self.gateway.approval_url(approval.id),
            elicitation_id: approval.id.to_string(),
        }
    }

    fn input_required(&self, approval: &Approval) -> InputRequiredResult {
        let request = InputRequest::Elicitation(ElicitRequest::new(self.link(approval)));
        // The state is a name, not a right: whose approval it is, is looked up by the person.
        InputRequiredResult::new(
            Some([(KEY.to_owned(), request)].into()),
            Some(approval.id.to_string()),
        )
    }

    /// Asks a client of an older era to open the link; true when it did.
    async fn opened(&self, peer: &ClientPeer, approval: &Approval) -> bool {
        let timeout = self.gateway.inner.config.call_deadline;
        match peer
            .create_elicitation_with_timeout(self.link(approval), Some(timeout))
            .await
        {
            Ok(answer) => answer.action == ElicitationAction::Accept,
            Err(error) => {
                tracing::debug!(%error, "the client did not take the link");
                false
            }
        }
    }

    fn waiting(&self, approval: &Approval) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(format!(
            "APPROVAL_REQUIRED: {} waits for the person's approval at {} until {}. After they approved it, repeat the same \
             call with the same arguments to get its result.",
            approval.summary,
            self.gateway.approval_url(approval.id),
            approval.expires_at,
        ))])
    }
}

enum Answer {
    Opened,
    Declined,
}

fn answered(request: &CallToolRequestParams) -> Option<Answer> {
    let answer = request.input_responses.as_ref()?.get(KEY)?;
    Some(
        if answer.get("action").and_then(Value::as_str) == Some("accept") {
            Answer::Opened
        } else {
            Answer::Declined
        },
    )
}
