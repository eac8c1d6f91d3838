//! Calls of tools, at either address.

use std::sync::Arc;

use deputy_core::Principal;
use futures_util::FutureExt as _;
use rmcp::model::{CallToolRequestParams, CallToolResponse, ErrorData, InputResponses};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::asked::Client;
use super::dialogue::{Asking, Turn};
use super::held::Came;
use super::notices::Logs;
use super::place::Place;
use super::state::Binding;
use super::{Front, ask, wire};
use crate::call::{CallOptions, Outcome};
use crate::error::CallError;

/// A call of a tool by a client.
pub(super) struct ToolCall<'a> {
    pub(super) place: &'a Place,
    pub(super) principal: Arc<Principal>,
    /// The tool's name among all tools of the person.
    pub(super) tool: String,
    pub(super) request: CallToolRequestParams,
    pub(super) context: &'a RequestContext<RoleServer>,
    /// The session's level of log messages.
    pub(super) level: Option<String>,
}

impl ToolCall<'_> {
    pub(super) fn arguments(&self) -> Value {
        Value::Object(self.request.arguments.clone().unwrap_or_default())
    }

    /// What the client brings back for the tool's server; what it brings for an approval is not for that.
    fn brought(&self) -> (Option<InputResponses>, Option<&str>) {
        let answers = self.request.input_responses.as_ref();
        let state = self.request.request_state.as_deref();
        let approval = answers.is_some_and(|a| a.contains_key(ask::KEY))
            && state.is_some_and(|s| Uuid::parse_str(s).is_ok());
        if approval {
            return (None, None);
        }
        (answers.cloned(), state)
    }
}

impl Front {
    /// Calls a tool, asks the client what there is to ask, and says what came of it.
    pub(super) async fn call_tool(
        self: &Arc<Self>,
        call: ToolCall<'_>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = call.arguments();
        let client = Client::of(call.context);
        let logs = match (&client.log_level, call.place.key(call.principal.user_id)) {
            (Some(level), Some(key)) if client.modern => Some(Logs::of(&self.gateway, key, level)),
            _ => None,
        };
        let (gateway, principal) = (self.gateway.clone(), Arc::clone(&call.principal));
        let (tool, given) = (call.tool.clone(), arguments.clone());
        let asking = Asking {
            front: self,
            principal: &call.principal,
            server: call.place.name(),
            binding: Binding::new(
                &call.principal,
                &call.place.id(),
                "tools/call",
                &json!([call.request.name, arguments]),
            ),
            context: call.context,
            client,
            level: call.level.clone(),
            logs,
            start: Box::new(move |options: CallOptions| {
                let (gateway, principal) = (gateway.clone(), Arc::clone(&principal));
                let (tool, arguments) = (tool.clone(), given.clone());
                async move {
                    let outcome = gateway.call(&principal, &tool, arguments, options).await?;
                    Ok(Came::Tool(outcome))
                }
                .boxed()
            }),
        };
        let (answers, state) = call.brought();
        match asking.turn(answers, state).await? {
            Turn::Ask(asks) => Ok(asks.into()),
            Turn::Came(Ok(Came::Tool(Outcome::Done(result)))) => {
                wire::result(&result).map(Into::into)
            }
            Turn::Came(Ok(Came::Tool(Outcome::Asked(approval)))) => {
                self.ask(&call, *approval).await
            }
            Turn::Came(Ok(Came::Raw(_))) => Err(ErrorData::internal_error("not a call", None)),
            // A server of its own address is heard as if there were nothing between.
            Turn::Came(Err(error @ CallError::Refused { .. })) if *call.place != Place::All => {
                Err(wire::rpc_error(&error))
            }
            Turn::Came(Err(CallError::UnknownTool(_))) => {
                // Under the name by which it was called.
                let unknown = CallError::UnknownTool(call.request.name.to_string());
                wire::failed(&unknown).map(Into::into)
            }
            Turn::Came(Err(error)) => wire::failed(&error).map(Into::into),
        }
    }

    /// Makes the call once more, without a word to the client: for the result of one that was approved.
    pub(super) async fn repeat(&self, call: &ToolCall<'_>) -> Result<Outcome, CallError> {
        let options = CallOptions {
            cancel: call.context.ct.clone(),
            over_mcp: true,
            ..CallOptions::default()
        };
        let arguments = call.arguments();
        let repeated = self
            .gateway
            .call(&call.principal, &call.tool, arguments, options);
        self.calls.track_future(repeated).await
    }
}
