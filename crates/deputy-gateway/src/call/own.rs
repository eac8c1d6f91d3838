//! The attempts of a call to a person's own server.
//!
//! Nobody knows what such a server does with a call that it gets twice: a write that may have
//! reached it is never sent again, not within a call and not when a call is carried on after a
//! crash of ours. What only reads, by its own word, is repeated as the table of [`crate::retry`]
//! says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::failure::of_asked;
use super::{CallOptions, Run};
use crate::catalog::{OwnTool, Tool};
use crate::error::CallError;
use crate::pool::{CallRequest, ToolAnswer, ToolResult, UpstreamError};
use crate::retry::{Failure, Next, Tried};
use crate::servers::mirrors;
use crate::servers::{LookError, Open, Status, explained};
use crate::{Gateway, breaker, meter};

/// How an attempt ended without an answer.
enum Ended {
    /// The server refused the token, with this challenge.
    Refused(Option<String>),
    /// The process ended before it got the call: another one may do it.
    Replaced,
    /// It failed.
    Failed(UpstreamError),
    /// It is not to be tried again.
    Final(CallError),
}

impl From<UpstreamError> for Ended {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Unauthorized { challenge, .. } => Self::Refused(challenge),
            error => Self::Failed(error),
        }
    }
}

impl From<CallError> for Ended {
    fn from(error: CallError) -> Self {
        Self::Final(error)
    }
}

impl Gateway {
    /// Tries until there is an answer or it is time to give up. `in_doubt` becomes true when an
    /// attempt failed that may have had the effect.
    pub(super) async fn answer_own(
        &self,
        run: &Run,
        tool: &Arc<Tool>,
        own: &Arc<OwnTool>,
        arguments: &Value,
        options: &CallOptions,
        in_doubt: &mut bool,
    ) -> Result<ToolAnswer, CallError> {
        let servers = &self.inner.servers;
        if run.first_attempt > 1 && !tool.read_only {
            return Err(CallError::Upstream(format!(
                "{} broke off earlier; it may have been done: look before you repeat it",
                own.server.name
            )));
        }
        let deadline = options
            .deadline
            .unwrap_or_else(|| Instant::now() + self.inner.config.call_deadline);
        let looked_up = Instant::now();
        let mut open = servers.open(&own.server).await?;
        let mut pass = self
            .inner
            .breakers
            .admit(run.user, &open.key.server, &own.server.name)?;
        let mut tried = Tried::default();
        let mut renewed = false;
        let mut replaced = 0;
        loop {
            let begun = Instant::now();
            let attempt = self
                .attempt_own(tool, own, &open, arguments, options, looked_up, deadline)
                .await;
            let good = matches!(&attempt, Ok(answer) if !answer.is_error);
            meter::mcp_request(&own.counted_as(), "tools/call", good, begun.elapsed());
            let ended = match attempt {
                Ok(answer) => {
                    pass.good();
                    servers.note_answer(&own.server);
                    return Ok(answer);
                }
                Err(ended) => ended,
            };
            let error = match ended {
                Ended::Final(error) => {
                    if matches!(error, CallError::InputRequired(_)) {
                        pass.good();
                    }
                    return Err(error);
                }
                Ended::Replaced if replaced < 2 => {
                    replaced += 1;
                    continue;
                }
                Ended::Replaced => UpstreamError::NotStarted {
                    reason: "it ended before it got the call".to_owned(),
                    stderr_tail: String::new(),
                },
                Ended::Refused(challenge) if open.oauth && !renewed => {
                    renewed = true;
                    servers.renew(&own.server, &mut open, challenge).await?;
                    continue;
                }
                Ended::Refused(_) => return Err(self.refused_for_good(own, open.oauth)),
                Ended::Failed(error) => error,
            };
            pass.failed(breaker::hurts(&error));
            let sent = !error.is_unsent();
            if sent {
                *in_doubt = true;
                options.sent.store(true, Ordering::Release);
            }
            let failure = Failure::of_upstream(&error);
            let repeatable = tool.read_only || !sent;
            let error = match error {
                // An MCP client hears the server's own words.
                UpstreamError::Rpc {
                    code,
                    message,
                    data,
                } if options.dialogue.is_some() => CallError::Refused {
                    code,
                    message: crate::servers::definition::clean(&message, 1000).0,
                    data,
                },
                error => self.of_own(tool, own, &error),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match tried.next(&failure, repeatable, left, &*self.inner.parts.rng) {
                Next::GiveUp | Next::Refresh => return Err(error),
                // Nobody waits for minutes until a server that keeps failing may be started.
                Next::After(wait) if wait > Duration::from_secs(10) => return Err(error),
                Next::After(wait) => {
                    tracing::debug!(server = own.server.id, call = %run.call_id, ?wait, "trying again");
                    options.pause(wait).await?;
                }
            }
            metrics::counter!("deputy_tool_retries_total", "tool" => tool.counted_as())
                .increment(1);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one attempt, used once"
    )]
    async fn attempt_own(
        &self,
        tool: &Arc<Tool>,
        own: &Arc<OwnTool>,
        open: &Open,
        arguments: &Value,
        options: &CallOptions,
        looked_up: Instant,
        deadline: Instant,
    ) -> Result<ToolAnswer, Ended> {
        let servers = &self.inner.servers;
        let bearer = open.bearer.as_ref().map(|token| &token.secret);
        let held = self
            .inner
            .parts
            .pool
            .hold(&open.key, &open.launch, bearer, &options.cancel, deadline)
            .await?;
        let looked = servers
            .look(&own.server, &held, bearer, &options.cancel, deadline)
            .await;
        match looked {
            Ok(at) if at < looked_up => {}
            // What the server says now was compared after the tool was looked up.
            Ok(_) => servers.is_current(own, &tool.name).await?,
            Err(LookError::Upstream(error)) => return Err(error.into()),
            Err(LookError::Outdated) => {
                return Err(Ended::Final(CallError::Conflict(format!(
                    "{} was changed while it was called; nothing was done",
                    own.server.name
                ))));
            }
            Err(LookError::Store(error)) => return Err(Ended::Final(error.into())),
        }
        let headers = if held.mirrors() {
            mirrors::of(&tool.input_schema, arguments).map_err(|why| {
                CallError::Forbidden(format!("{} can't be used: {why}", tool.name))
            })?
        } else {
            Vec::new()
        };
        let arguments = serde_json::value::to_raw_value(arguments)
            .map_err(|e| CallError::internal(&e, "writing arguments"))?;
        let dialogue = options.dialogue.clone().unwrap_or_default();
        let request = CallRequest {
            tool: own.tool.clone(),
            arguments,
            input: dialogue.input,
            meta: dialogue.client,
            progress: options.progress.clone(),
            bearer: bearer.cloned(),
            headers,
            inbound: dialogue.inbound,
            cancel: options.cancel.clone(),
            deadline,
        };
        match held.call(request).await? {
            None => Err(Ended::Replaced),
            Some(ToolResult::Complete(answer)) => Ok(answer),
            Some(ToolResult::InputRequired(asked)) => {
                Err(Ended::Final(of_asked(&own.server.name, &asked, options)))
            }
        }
    }

    /// The error of credentials that are refused, put down as the server's state.
    fn refused_for_good(&self, own: &OwnTool, oauth: bool) -> CallError {
        let error = self.refused(own, oauth);
        let status = if oauth {
            Status::NeedsConsent
        } else {
            Status::Error
        };
        let servers = &self.inner.servers;
        servers.note_failure(&own.server, status, &error.to_string());
        error
    }

    fn refused(&self, own: &OwnTool, oauth: bool) -> CallError {
        let servers = &self.inner.servers;
        let name = &own.server.name;
        if !oauth {
            return CallError::Upstream(format!(
                "{name} refuses the credentials; look at its settings at {}",
                servers.page(name)
            ));
        }
        let connect_url = servers.connect_url(name);
        CallError::NotConnected {
            service: name.clone(),
            message: format!(
                "{name} refuses the access that was allowed; allow it again at {connect_url}"
            ),
            connect_url,
        }
    }

    /// The error that a failed attempt becomes, with what the server printed: it is the owner who
    /// reads it.
    fn of_own(&self, tool: &Tool, own: &OwnTool, error: &UpstreamError) -> CallError {
        let servers = &self.inner.servers;
        let name = &own.server.name;
        let text = explained(error);
        match error {
            UpstreamError::NotStarted { .. } | UpstreamError::Died { .. } => {
                servers.note_failure(&own.server, Status::Error, &text);
            }
            _ => {}
        }
        match error {
            UpstreamError::NotStarted { .. } | UpstreamError::Protocol { .. } => {
                CallError::Upstream(format!("{name}: {text}"))
            }
            UpstreamError::Died { .. } if tool.read_only => {
                CallError::Upstream(format!("{name}: {text}"))
            }
            UpstreamError::Died { .. } => CallError::Upstream(format!(
                "{name}: {text}; the call may have been done: look before you repeat it"
            )),
            UpstreamError::Rpc { code, message, .. } => {
                let (message, _) = crate::servers::definition::clean(message, 1000);
                match code {
                    // JSON-RPC 2.0 section 5.1: what was asked for can't be right.
                    -32602 => CallError::Validation {
                        pointer: String::new(),
                        message: format!("{name} refuses the arguments: {message}"),
                    },
                    _ => CallError::Upstream(format!("{name}: {message} ({code})")),
                }
            }
            UpstreamError::Timeout { sent: true } if !tool.read_only => {
                CallError::Timeout(format!(
                    "{name} did not answer in time; it may have been done: look before you repeat it"
                ))
            }
            UpstreamError::Timeout { .. } => CallError::Timeout(format!(
                "{name} did not answer in time; nothing was changed"
            )),
            UpstreamError::Cancelled => CallError::Cancelled,
            UpstreamError::Busy { .. } => CallError::Unavailable {
                message: format!("too many servers are at work to call {name}; nothing was done"),
                retry_after: Duration::from_secs(5),
            },
            UpstreamError::BackingOff { retry_after, .. } => CallError::Unavailable {
                message: format!("{name} rests for a while: {text}; nothing was done"),
                retry_after: *retry_after,
            },
            UpstreamError::ShuttingDown => CallError::Unavailable {
                message: "Deputy is being stopped; nothing was done".to_owned(),
                retry_after: Duration::from_secs(5),
            },
            UpstreamError::Unauthorized { .. } => self.refused(own, false),
            UpstreamError::RateLimited { retry_after } => CallError::RateLimited {
                message: format!("{name} takes no more requests for now"),
                retry_after: retry_after.unwrap_or(Duration::from_mins(1)),
            },
            UpstreamError::Unavailable { .. } => CallError::Upstream(format!("{name}: {text}")),
        }
    }
}
