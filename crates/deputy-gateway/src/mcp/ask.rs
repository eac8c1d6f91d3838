//! A call that waits for its person, told to the client in the form that it knows.
//!
//! * 2026-07-28 with URL elicitation: "input required"; the client opens the link and repeats the
//!   call, which then waits for the decision;
//! * an older client with URL elicitation and a session: the server asks, then waits;
//! * everybody else: an error result with the link.

use std::sync::Arc;

use rmcp::model::{
    CallToolResponse, CallToolResult, ContentBlock, ElicitRequestParams, ElicitationAction,
    ErrorData, InputRequiredResult,
};
use rmcp::service::{Peer, RoleServer};
use serde_json::Value;
use tokio::time::Instant;

use super::asked::{self, Client};
use super::tools::ToolCall;
use super::{Front, wire};
use crate::approval::Approval;
use crate::call::Outcome;

/// The key of our one request for input.
pub(super) const KEY: &str = "approval";

impl Front {
    pub(super) async fn ask(
        self: &Arc<Self>,
        call: &ToolCall<'_>,
        approval: Approval,
    ) -> Result<CallToolResponse, ErrorData> {
        let context = call.context;
        let client = Client::of(context);
        if !client.opens_links() {
            return Ok(self.waiting(&approval).into());
        }
        if client.modern {
            match answered(call) {
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
            let gateway = &self.gateway;
            gateway.decision(approval.id, deadline, &context.ct).await;
            let over = context.ct.is_cancelled() || Instant::now() >= deadline;
            // A repeat counts as a call of its person's, and is made when there is something to fetch.
            let waits = gateway.waits(call.principal.user_id, approval.id).await;
            if !over && waits.unwrap_or(true) {
                continue;
            }
            match self.repeat(call).await {
                Ok(Outcome::Done(result)) => return wire::result(&result).map(Into::into),
                Ok(Outcome::Asked(still)) if still.id == approval.id => {
                    if over {
                        return Ok(if client.modern {
                            self.input_required(&still).into()
                        } else {
                            self.waiting(&still).into()
                        });
                    }
                }
                // It lapsed meanwhile, and the repeat has asked anew.
                Ok(Outcome::Asked(anew)) => return Ok(self.waiting(&anew).into()),
                Err(error) => return wire::failed(&error).map(Into::into),
            }
        }
    }

    fn link(&self, approval: &Approval) -> ElicitRequestParams {
        asked::link(
            format!("Deputy needs your approval: {}", approval.summary),
            self.gateway.approval_url(approval.id),
            approval.id.to_string(),
        )
    }

    fn input_required(&self, approval: &Approval) -> InputRequiredResult {
        // The state is a name, not a right: whose approval it is, is looked up by the person.
        InputRequiredResult::new(
            Some(asked::link_request(KEY, self.link(approval))),
            Some(approval.id.to_string()),
        )
    }

    /// Asks a client of an older era to open the link; true when it did.
    async fn opened(&self, peer: &Peer<RoleServer>, approval: &Approval) -> bool {
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

fn answered(call: &ToolCall<'_>) -> Option<Answer> {
    let answer = call.request.input_responses.as_ref()?.get(KEY)?;
    Some(
        if answer.get("action").and_then(Value::as_str) == Some("accept") {
            Answer::Opened
        } else {
            Answer::Declined
        },
    )
}
