//! A call of a tool as an errand at its server.

use std::sync::Arc;

use deputy_store::own_server::OwnServer;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{Ended, Errand};
use crate::Gateway;
use crate::call::failure::of_asked;
use crate::call::{CallOptions, Run};
use crate::catalog::{OwnTool, Tool};
use crate::error::CallError;
use crate::pool::{CallRequest, ToolAnswer, ToolResult};
use crate::servers::{LookError, Open, mirrors};

struct ToolCall<'c> {
    gateway: &'c Gateway,
    tool: &'c Tool,
    own: &'c OwnTool,
    arguments: Box<RawValue>,
    options: &'c CallOptions,
}

impl Gateway {
    /// Calls a tool of a person's own server.
    pub(in crate::call) async fn answer_own(
        &self,
        run: &Run,
        tool: &Arc<Tool>,
        own: &Arc<OwnTool>,
        arguments: &Value,
        options: &CallOptions,
    ) -> Result<ToolAnswer, CallError> {
        if run.first_attempt > 1 && !tool.read_only {
            return Err(CallError::Upstream(format!(
                "{} broke off earlier; it may have been done: look before you repeat it",
                own.server.name
            )));
        }
        let call = ToolCall {
            gateway: self,
            tool,
            own,
            arguments: serde_json::value::to_raw_value(arguments)
                .map_err(|e| CallError::internal(&e, "writing arguments"))?,
            options,
        };
        self.at_own(&call, options).await
    }
}

impl Errand for ToolCall<'_> {
    type Answer = ToolAnswer;

    fn server(&self) -> &OwnServer {
        &self.own.server
    }

    fn method(&self) -> &'static str {
        "tools/call"
    }

    fn only_reads(&self) -> bool {
        self.tool.read_only
    }

    fn verbatim(&self) -> bool {
        self.options.dialogue.is_some()
    }

    fn is_good(&self, answer: &ToolAnswer) -> bool {
        !answer.is_error
    }

    fn repeated(&self) {
        metrics::counter!("deputy_tool_retries_total", "tool" => self.tool.counted_as())
            .increment(1);
    }

    async fn attempt(&self, open: &Open, deadline: Instant) -> Result<ToolAnswer, Ended> {
        let (own, options) = (self.own, self.options);
        let servers = &self.gateway.inner.servers;
        let bearer = open.bearer.as_ref().map(|token| &token.secret);
        let pool = &self.gateway.inner.parts.pool;
        let holding = pool.hold(&open.key, &open.launch, bearer, &options.cancel, deadline);
        let held = options.before(holding).await?;
        let looking = servers.look(&own.server, &held, bearer, &options.cancel, deadline);
        match options.before(looking).await {
            Ok(at) if at < own.looked_up => {}
            // What the server says now was compared after the tool was looked up.
            Ok(_) => servers.is_current(own, &self.tool.name).await?,
            Err(LookError::Upstream(error)) => return Err(error.before_the_call().into()),
            Err(LookError::Outdated) => {
                return Err(Ended::Unsent(CallError::Conflict(format!(
                    "{} was changed while it was called; nothing was done",
                    own.server.name
                ))));
            }
            Err(LookError::Store(error)) => return Err(Ended::Unsent(error.into())),
        }
        let headers = if held.mirrors() {
            let arguments = serde_json::from_str(self.arguments.get())
                .map_err(|e| CallError::internal(&e, "reading arguments"))?;
            mirrors::of(&self.tool.input_schema, &arguments).map_err(|why| {
                CallError::Forbidden(format!("{} can't be used: {why}", self.tool.name))
            })?
        } else {
            Vec::new()
        };
        let dialogue = options.dialogue.clone().unwrap_or_default();
        let request = CallRequest {
            tool: own.tool.clone(),
            arguments: self.arguments.clone(),
            input: dialogue.input,
            meta: dialogue.client,
            progress: options.progress.clone(),
            bearer: bearer.cloned(),
            headers,
            inbound: dialogue.inbound,
            cancel: options.cancel.clone(),
            late: options.late.clone(),
            deadline,
        };
        match held.call(request).await? {
            None => Err(Ended::Replaced),
            Some(ToolResult::Complete(answer)) => Ok(answer),
            Some(ToolResult::InputRequired(asked)) => {
                Err(Ended::Asks(of_asked(&own.server.name, &asked, options)))
            }
        }
    }
}
