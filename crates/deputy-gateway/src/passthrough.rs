//! Requests to one of a person's own servers that are no tool calls: resources, prompts, completion, logging.
//!
//! They go to the server as they are, and their results come back as they are. What a person's token may do, how often,
//! and what is put on record holds for them as for tools: lists need `tools:read`, everything else `tools:call`; reading
//! a resource or a prompt is on record.

use deputy_core::{Principal, Scope};
use deputy_store::own_server::OwnServer;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::Gateway;
use crate::audit::Entry;
use crate::call::CallOptions;
use crate::error::CallError;
use crate::pool::{Request, ServerInfo, UpstreamError};

/// A request to a server.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    /// Such as `resources/read`.
    pub(crate) method: &'static str,
    /// Its parameters but `_meta`, answers and states.
    pub(crate) params: Map<String, Value>,
}

impl Passed {
    /// Whether it gives somebody something: those are put on record.
    fn reads(&self) -> Option<&'static str> {
        match self.method {
            "resources/read" => Some("resource.read"),
            "prompts/get" => Some("prompt.get"),
            _ => None,
        }
    }

    fn scope(&self) -> Scope {
        if self.method.ends_with("/list") {
            Scope::ToolsRead
        } else {
            Scope::ToolsCall
        }
    }
}

impl Gateway {
    /// Makes a request to this person's server.
    pub(crate) async fn pass(
        &self,
        principal: &Principal,
        server: &OwnServer,
        passed: Passed,
        options: CallOptions,
    ) -> Result<Box<RawValue>, CallError> {
        let parts = &self.inner.parts;
        let scope = passed.scope();
        if !principal.may(scope) {
            return Err(CallError::Forbidden(format!(
                "{} needs the scope {scope}, which this token does not have",
                passed.method
            )));
        }
        parts
            .throttle
            .hit(&principal.user_id)
            .map_err(|throttled| CallError::RateLimited {
                message: "too many calls in a minute".to_owned(),
                retry_after: throttled.retry_after,
            })?;
        let result = self.passed(server, &passed, options).await;
        if let Some(action) = passed.reads() {
            let outcome = match &result {
                Ok(_) => "ok",
                Err(error) => error.code(),
            };
            let what = passed.params.get("uri").or(passed.params.get("name"));
            let entry = Entry {
                user: Some(principal.user_id),
                caller: principal.caller.label(),
                action,
                target: server.name.clone(),
                call_id: None,
                outcome: outcome.to_owned(),
                detail: json!({ "name": what, "server": server.name }),
            };
            parts.audit.note(entry, None).await;
        }
        result
    }

    async fn passed(
        &self,
        server: &OwnServer,
        passed: &Passed,
        options: CallOptions,
    ) -> Result<Box<RawValue>, CallError> {
        let deadline = options
            .deadline
            .unwrap_or_else(|| Instant::now() + self.inner.config.call_deadline);
        let dialogue = options.dialogue.unwrap_or_default();
        let mut params = passed.params.clone();
        if let Some(input) = dialogue.input {
            if let Some(responses) = input.responses {
                let responses = serde_json::from_str(responses.get())
                    .map_err(|e| CallError::internal(&e, "reading answers"))?;
                params.insert("inputResponses".to_owned(), responses);
            }
            if let Some(state) = input.state {
                params.insert("requestState".to_owned(), state.into());
            }
        }
        let params = serde_json::value::to_raw_value(&params)
            .map_err(|e| CallError::internal(&e, "writing parameters"))?;
        let mut refused = false;
        let mut open = self.servers().open(server).await?;
        loop {
            let request = Request {
                meta: dialogue.client.clone(),
                progress: options.progress.clone(),
                inbound: dialogue.inbound.clone(),
                bearer: open.bearer.as_ref().map(|t| t.secret.clone()),
                cancel: options.cancel.clone(),
                ..Request::new(passed.method, params.clone(), deadline)
            };
            let pool = &self.inner.parts.pool;
            match pool.request(&open.key, &open.launch, request).await {
                Ok(result) => return asked(result),
                Err(UpstreamError::Unauthorized { challenge, .. }) if open.oauth && !refused => {
                    refused = true;
                    self.servers().renew(server, &mut open, challenge).await?;
                }
                Err(error) => return Err(self.of_server(server, error)),
            }
        }
    }

    /// Whether a tool of ours is of this server.
    pub(crate) fn is_tool_of(&self, tool: &str, server: &str) -> bool {
        let found = self.inner.parts.catalog.find(tool);
        found.is_some_and(|tool| tool.server == server)
    }

    /// What this person's server says about itself.
    pub(crate) async fn server_info(
        &self,
        server: &OwnServer,
    ) -> Result<std::sync::Arc<ServerInfo>, CallError> {
        let deadline = Instant::now() + self.inner.config.call_deadline;
        let open = self.servers().open(server).await?;
        let bearer = open.bearer.map(|t| t.secret);
        self.inner
            .parts
            .pool
            .info(&open.key, &open.launch, bearer, deadline)
            .await
            .map_err(|error| self.of_server(server, error))
    }

    fn of_server(&self, server: &OwnServer, error: UpstreamError) -> CallError {
        match error {
            UpstreamError::Rpc {
                code,
                message,
                data,
            } => CallError::Refused {
                code,
                message,
                data,
            },
            UpstreamError::Unauthorized { .. } => {
                let connect_url = self.servers().connect_url(&server.name);
                CallError::NotConnected {
                    service: server.name.clone(),
                    message: format!(
                        "{} refuses the access that was given; give it again at {connect_url}",
                        server.name
                    ),
                    connect_url,
                }
            }
            UpstreamError::Timeout { .. } => {
                CallError::Timeout(format!("{} did not answer in time", server.name))
            }
            UpstreamError::Cancelled => CallError::Cancelled,
            UpstreamError::BackingOff { retry_after, .. } => CallError::Unavailable {
                message: format!("{} keeps failing and rests for a while", server.name),
                retry_after,
            },
            UpstreamError::Busy { .. } | UpstreamError::ShuttingDown => CallError::Unavailable {
                message: "too many servers are at work; nothing was done".to_owned(),
                retry_after: std::time::Duration::from_secs(5),
            },
            UpstreamError::RateLimited { retry_after } => CallError::RateLimited {
                message: format!("{} takes no more requests for now", server.name),
                retry_after: retry_after.unwrap_or(std::time::Duration::from_mins(1)),
            },
            // Its person's own server: what it printed is theirs to see.
            error => CallError::Upstream(format!("{}: {error}", server.name)),
        }
    }
}

/// A result, or what the server asks first.
fn asked(result: Box<RawValue>) -> Result<Box<RawValue>, CallError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind<'a> {
        #[serde(borrow, default)]
        result_type: Option<std::borrow::Cow<'a, str>>,
    }
    let kind = serde_json::from_str::<Kind<'_>>(result.get())
        .map_err(|_| CallError::Upstream("the server's result is no object".to_owned()))?;
    match kind.result_type.as_deref() {
        Some("input_required") => {
            let asked = serde_json::from_str(result.get()).map_err(|e| {
                CallError::Upstream(format!("the server asks in a form that is none: {e}"))
            })?;
            Err(CallError::InputRequired(Box::new(asked)))
        }
        _ => Ok(result),
    }
}
