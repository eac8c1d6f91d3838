//! The attempts of one call: a token, a server, an answer, or another try. What there is of that for a built-in tool
//! is in [`super::built_in`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use deputy_core::UserId;
use deputy_core::firstparty::{
    CallMeta, FailureKind, META_CALL, META_CREDENTIAL, META_PREFLIGHT, Preflight,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::failure::{
    failure_of, first_text, may_have_been_done, of_asked, of_upstream, service_title,
};
use super::{CallOptions, CallResult, Run};
use crate::catalog::{Isolation, Origin, Tool};
use crate::credentials::AccessToken;
use crate::error::CallError;
use crate::pool::{
    CallRequest, EnvValue, How, Launch, Owner, PoolKey, ProcessLaunch, ToolAnswer, ToolResult,
};
use crate::retry::{Failure, Next, Tried};
use crate::{Gateway, meter};

impl Gateway {
    pub(super) async fn attempts(
        &self,
        run: &Run,
        tool: &Arc<Tool>,
        arguments: &Value,
        options: &CallOptions,
    ) -> Result<CallResult, CallError> {
        let mut in_doubt = run.first_attempt > 1;
        let answered = match &tool.origin {
            Origin::FirstParty(_) => {
                Box::pin(self.answer(run, tool, arguments, options, false, &mut in_doubt)).await
            }
            Origin::BuiltIn(built_in) => {
                self.answer_built_in(run, tool, built_in, arguments, options, &mut in_doubt)
                    .await
            }
            Origin::Own(own) => {
                let answered = Box::pin(self.answer_own(run, tool, own, arguments, options)).await;
                in_doubt |= options.sent.load(Ordering::Acquire);
                answered
            }
        };
        let answer = answered.map_err(|error| {
            if in_doubt && !tool.read_only {
                may_have_been_done(tool, error)
            } else {
                error
            }
        })?;
        Ok(CallResult {
            content: answer.content,
            structured: answer.structured,
            is_error: answer.is_error,
            call_id: run.call_id,
        })
    }

    pub(super) async fn preflight(
        &self,
        run: &Run,
        tool: &Arc<Tool>,
        arguments: &Value,
        options: &CallOptions,
    ) -> Result<Preflight, CallError> {
        let answer = self
            .answer(run, tool, arguments, options, true, &mut false)
            .await?;
        let text = answer.structured.as_deref().map_or("null", RawValue::get);
        if answer.is_error {
            return Err(CallError::Upstream(first_text(&answer.content)));
        }
        serde_json::from_str(text).map_err(|e| CallError::internal(&e, "reading a preflight"))
    }

    /// Tries until there is an answer or the table of [`crate::retry`] says to give up. `in_doubt`
    /// becomes true when an attempt failed that may have had the effect.
    async fn answer(
        &self,
        run: &Run,
        tool: &Arc<Tool>,
        arguments: &Value,
        options: &CallOptions,
        preflight: bool,
        in_doubt: &mut bool,
    ) -> Result<ToolAnswer, CallError> {
        let parts = &self.inner.parts;
        let deadline = options
            .deadline
            .unwrap_or_else(|| Instant::now() + self.inner.config.call_deadline);
        let dialogue = options.dialogue.clone().unwrap_or_default();
        let arguments = serde_json::value::to_raw_value(arguments)
            .map_err(|e| CallError::internal(&e, "writing arguments"))?;
        let mut tried = Tried::default();
        let mut attempt = run.first_attempt;
        let mut token = match &options.token {
            // Between the look and here a write waited for the disk; a read did not.
            Some(token) if tool.read_only => token.clone(),
            _ => self.token(run.user, tool).await?,
        };
        let mut pass =
            self.inner
                .breakers
                .admit(run.user, &tool.server, service_title(&tool.server))?;
        loop {
            let mut meta = dialogue.client.clone();
            meta.extend(self.meta(run, attempt, preflight, &token));
            let request = CallRequest {
                tool: tool.name.clone(),
                arguments: arguments.clone(),
                input: dialogue.input.clone(),
                meta,
                progress: options.progress.clone(),
                bearer: None,
                headers: Vec::new(),
                inbound: dialogue.inbound.clone(),
                cancel: options.cancel.clone(),
                late: options.late.clone(),
                deadline,
            };
            let (key, launch) = self.launch(run.user, tool, &token);
            let sent = Instant::now();
            let result = parts.pool.call(&key, &launch, request).await;
            let good = match &result {
                Ok(ToolResult::Complete(answer)) => Some(!answer.is_error),
                Ok(ToolResult::InputRequired(_)) => Some(true),
                Err(error) => meter::concerns(error).then_some(false),
            };
            if let Some(good) = good {
                meter::mcp_request(&tool.server, "tools/call", good, sent.elapsed());
            }
            let (failure, error) = match result {
                Ok(ToolResult::Complete(answer)) => match failure_of(&answer) {
                    None => {
                        pass.good();
                        return Ok(answer);
                    }
                    Some(failure) => {
                        pass.failed_tool(failure.kind);
                        *in_doubt |= matches!(
                            failure.kind,
                            FailureKind::Network | FailureKind::Unavailable | FailureKind::Timeout
                        );
                        let kind = Failure::of_tool(&failure);
                        let error = self.of_failure(tool, &failure, &answer);
                        match error {
                            // The tool's own word about the arguments: an answer, not a failure.
                            None => {
                                pass.good();
                                return Ok(answer);
                            }
                            Some(error) => (kind, error),
                        }
                    }
                },
                Ok(ToolResult::InputRequired(asked)) => {
                    pass.good();
                    return Err(of_asked(&tool.server, &asked, options));
                }
                Err(error) => {
                    pass.failed(&error);
                    *in_doubt |= !error.is_unsent();
                    (
                        Failure::of_upstream(&error, false),
                        of_upstream(tool, error),
                    )
                }
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match tried.next(&failure, true, left, &*parts.rng) {
                Next::GiveUp => return Err(error),
                Next::Refresh => token = self.refreshed(run.user, tool, token.generation).await?,
                Next::After(wait) => {
                    tracing::debug!(tool = tool.name, call = %run.call_id, ?wait, error = %error, "trying again");
                    if !options.pause(wait).await? {
                        return Err(error);
                    }
                }
            }
            if !matches!(failure, Failure::Unauthorized) {
                // The account may have been disconnected meanwhile, its servers stopped for that.
                token = self.token(run.user, tool).await?;
            }
            metrics::counter!("deputy_tool_retries_total", "tool" => tool.name.clone())
                .increment(1);
            attempt += 1;
        }
    }

    fn meta(
        &self,
        run: &Run,
        attempt: u32,
        preflight: bool,
        token: &AccessToken,
    ) -> Map<String, Value> {
        let mut meta = Map::new();
        meta.insert(
            META_CALL.to_owned(),
            json!(CallMeta {
                id: run.call_id,
                attempt
            }),
        );
        if preflight {
            meta.insert(META_PREFLIGHT.to_owned(), Value::Bool(true));
        }
        if self.inner.config.first_party.isolation == Isolation::Shared {
            meta.insert(
                META_CREDENTIAL.to_owned(),
                Value::from(token.secret.expose().as_str()),
            );
        }
        meta
    }

    fn launch(&self, user: UserId, tool: &Tool, token: &AccessToken) -> (PoolKey, Launch) {
        let first_party = &self.inner.config.first_party;
        let mut args = first_party.args.clone();
        args.extend(tool.ours().map(|ours| ours.command.to_owned()));
        let mut env = first_party.env.clone();
        let (owner, generation) = match first_party.isolation {
            Isolation::Shared => {
                args.extend(first_party.per_request_args.iter().cloned());
                (Owner::Shared, 0)
            }
            Isolation::Process => {
                env.push((
                    first_party.token_variable.to_owned(),
                    EnvValue::Secret(token.secret.clone()),
                ));
                (
                    Owner::User(user),
                    u64::try_from(token.generation).unwrap_or(0),
                )
            }
        };
        let key = PoolKey {
            owner,
            server: tool.server.clone(),
        };
        (
            key,
            Launch {
                how: How::Process(ProcessLaunch {
                    program: first_party.program.clone(),
                    args,
                    env,
                    working_dir: None,
                    confinement: None,
                    prepare: None,
                }),
                generation,
            },
        )
    }

    async fn token(&self, user: UserId, tool: &Tool) -> Result<AccessToken, CallError> {
        self.inner
            .parts
            .credentials
            .access_token(user)
            .await
            .map_err(|e| self.of_credentials(Some(tool), e))
    }

    async fn refreshed(
        &self,
        user: UserId,
        tool: &Tool,
        failed: i64,
    ) -> Result<AccessToken, CallError> {
        self.inner
            .parts
            .credentials
            .refresh(user, failed)
            .await
            .map_err(|e| self.of_credentials(Some(tool), e))
    }
}
