//! Failures of all kinds in the words of the contract.

use std::time::Duration;

use deputy_core::firstparty::{FailureKind as Kind, META_FAILURE, ToolFailure};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::CallOptions;
use crate::Gateway;
use crate::catalog::Tool;
use crate::credentials::{Connected, CredentialError};
use crate::error::CallError;
use crate::pool::{ToolAnswer, UpstreamError};

impl Gateway {
    pub(super) fn of_credentials(&self, tool: Option<&Tool>, error: CredentialError) -> CallError {
        match error {
            CredentialError::NotConnected => match tool {
                Some(tool) => self.not_connected(tool, &Connected::default()),
                None => CallError::Internal,
            },
            CredentialError::Temporary { retry_after } => CallError::Unavailable {
                message: "the account's provider does not answer; nothing was done".to_owned(),
                retry_after,
            },
            CredentialError::Misconfigured(message) => CallError::Unavailable {
                message,
                retry_after: Duration::from_mins(5),
            },
            CredentialError::Internal(error) => CallError::internal(&*error, "reading credentials"),
        }
    }

    pub(super) fn not_connected(&self, tool: &Tool, connected: &Connected) -> CallError {
        let connect_url = self.connect_url(&tool.server);
        let service = service_title(&tool.server);
        let message = if connected.services.contains(&tool.server) {
            format!(
                "{} needs a right that was not granted ({}); allow it at {connect_url}",
                tool.name,
                tool.ours()
                    .and_then(|ours| ours.scopes.first().copied())
                    .unwrap_or_default()
            )
        } else {
            format!("{service} is not connected; connect it at {connect_url}")
        };
        CallError::NotConnected {
            service: tool.server.clone(),
            message,
            connect_url,
        }
    }

    /// The page on which a service is connected.
    pub fn connect_url(&self, service: &str) -> String {
        let mut url = self
            .inner
            .config
            .public_url
            .join("connect")
            .unwrap_or_else(|_| self.inner.config.public_url.clone());
        url.query_pairs_mut().append_pair("service", service);
        url.into()
    }

    /// The error that a failure becomes when it is not tried again; none when the tool's own answer
    /// says it best.
    pub(super) fn of_failure(
        &self,
        tool: &Tool,
        failure: &ToolFailure,
        answer: &ToolAnswer,
    ) -> Option<CallError> {
        let text = first_text(&answer.content);
        let wait = failure.retry_after_ms.map(Duration::from_millis);
        match failure.kind {
            Kind::Unauthorized => Some(CallError::Upstream(format!(
                "{} refuses the access that was given; connect it again at {}",
                service_title(&tool.server),
                self.connect_url(&tool.server)
            ))),
            Kind::MissingScope => Some(CallError::NotConnected {
                service: tool.server.clone(),
                message: text,
                connect_url: self.connect_url(&tool.server),
            }),
            Kind::RateLimited => Some(CallError::RateLimited {
                message: text,
                retry_after: wait.unwrap_or(Duration::from_mins(1)),
            }),
            Kind::QuotaExceeded => Some(CallError::RateLimited {
                message: text,
                retry_after: wait.unwrap_or(Duration::from_hours(1)),
            }),
            Kind::Unavailable | Kind::Network => Some(CallError::Upstream(text)),
            Kind::Timeout => Some(CallError::Timeout(text)),
            Kind::NotFound | Kind::Conflict | Kind::Invalid | Kind::Forbidden => None,
        }
    }
}

/// A server asked for more before it answers: passed on where the caller can be asked, else an error.
pub(crate) fn of_asked(server: &str, asked: &RawValue, options: &CallOptions) -> CallError {
    if options.dialogue.is_none() {
        return CallError::Upstream(format!("{server} asked for input that can't be given here"));
    }
    match serde_json::from_str(asked.get()) {
        Ok(asked) => CallError::InputRequired(Box::new(asked)),
        Err(e) => CallError::Upstream(format!(
            "{server} asked for input in a form that is none: {e}"
        )),
    }
}

pub(super) fn of_upstream(tool: &Tool, error: UpstreamError) -> CallError {
    let service = service_title(&tool.server);
    match error {
        UpstreamError::NotStarted { .. }
        | UpstreamError::Died { .. }
        | UpstreamError::Protocol { .. } => {
            tracing::warn!(
                server = tool.server,
                error = &error as &dyn std::error::Error,
                "a server failed"
            );
            CallError::Upstream(format!("the {service} server failed"))
        }
        UpstreamError::Rpc {
            code,
            message,
            data,
        } => CallError::Refused {
            code,
            message,
            data,
        },
        UpstreamError::Timeout { sent } if sent && !tool.read_only => CallError::Timeout(format!(
            "{service} did not answer in time; it may have been done: look before you repeat it"
        )),
        UpstreamError::Timeout { .. } => CallError::Timeout(format!(
            "{service} did not answer in time; nothing was changed"
        )),
        UpstreamError::Cancelled => CallError::Cancelled,
        UpstreamError::Busy { .. } => CallError::Unavailable {
            message: "too many servers are at work; nothing was done".to_owned(),
            retry_after: Duration::from_secs(5),
        },
        UpstreamError::BackingOff { retry_after, .. } => CallError::Unavailable {
            message: format!(
                "the {service} server keeps failing and rests for a while; nothing was done"
            ),
            retry_after,
        },
        UpstreamError::Unauthorized { .. } | UpstreamError::Forbidden => {
            CallError::Upstream(format!("{service} refuses the access that was given"))
        }
        UpstreamError::TooLarge { .. } => CallError::Validation {
            pointer: String::new(),
            message: format!("{service}: {error}; nothing was done"),
        },
        UpstreamError::RateLimited { retry_after } => CallError::RateLimited {
            message: format!("{service} takes no more requests for now; nothing was done"),
            retry_after: retry_after.unwrap_or(Duration::from_mins(1)),
        },
        UpstreamError::Unavailable { status, .. } => {
            CallError::Upstream(format!("{service} answered with HTTP status {status}"))
        }
        UpstreamError::ShuttingDown => CallError::Unavailable {
            message: "the server is being stopped; nothing was done".to_owned(),
            retry_after: Duration::from_secs(5),
        },
    }
}

/// The error of a write of which an attempt before the last may have had the effect. "Nothing was
/// done, come back later" would invite doing it twice.
pub(super) fn may_have_been_done(tool: &Tool, error: CallError) -> CallError {
    match error {
        CallError::RateLimited { .. } | CallError::Unavailable { .. } => {
            CallError::Upstream(format!(
                "{} broke off; it may have been done: look before you repeat it",
                service_title(&tool.server)
            ))
        }
        other => other,
    }
}

pub(super) fn failure_of(answer: &ToolAnswer) -> Option<ToolFailure> {
    if !answer.is_error {
        return None;
    }
    let meta: Map<String, Value> = serde_json::from_str(answer.meta.as_deref()?.get()).ok()?;
    serde_json::from_value(meta.get(META_FAILURE)?.clone()).ok()
}

/// The text of the first text block.
pub(crate) fn first_text(content: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Block {
        text: Option<String>,
    }
    serde_json::from_str::<Vec<Block>>(content.get())
        .ok()
        .and_then(|blocks| blocks.into_iter().find_map(|b| b.text))
        .unwrap_or_default()
}

/// The name of a service as people know it.
pub(super) fn service_title(server: &str) -> &str {
    match server {
        "calendar" => "Google Calendar",
        "gmail" => "Gmail",
        "drive" => "Google Drive",
        "workspace" => "the workspace",
        other => other,
    }
}
