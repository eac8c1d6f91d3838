//! The attempts of a call of a built-in tool.
//!
//! There is no server that could be to blame: no breaker, no process, no credentials. What can fail is the database, and
//! a call that gives its first answer again may always be tried once more.

use serde_json::json;
use serde_json::value::to_raw_value;
use tokio::time::Instant;

use super::{CallOptions, Run, label_of};
use crate::Gateway;
use crate::built_in::{BuiltInAnswer, BuiltInCall, BuiltInError};
use crate::catalog::{BuiltIn, Tool};
use crate::error::CallError;
use crate::pool::ToolAnswer;
use crate::retry::{Failure, Next, Tried};

/// When to come back to a database that can't be used.
const LATER: std::time::Duration = std::time::Duration::from_secs(5);

impl Gateway {
    /// Calls a built-in tool. `in_doubt` becomes true when an attempt failed that may have had the effect.
    pub(super) async fn answer_built_in(
        &self,
        run: &Run,
        tool: &Tool,
        built_in: &BuiltIn,
        arguments: &serde_json::Value,
        options: &CallOptions,
        in_doubt: &mut bool,
    ) -> Result<ToolAnswer, CallError> {
        let deadline = options
            .deadline
            .unwrap_or_else(|| Instant::now() + self.inner.config.call_deadline);
        let mut tried = Tried::default();
        loop {
            let call = BuiltInCall {
                user: run.user,
                caller: label_of(&run.caller),
                call_id: run.call_id,
                tool: &tool.name,
                arguments,
            };
            let answered = tokio::select! {
                biased;
                answered = built_in.port.call(call) => answered,
                () = options.cancel.cancelled() => return Err(CallError::Cancelled),
                () = options.late.cancelled() => return Err(too_late(tool)),
                () = tokio::time::sleep_until(deadline) => return Err(too_late(tool)),
            };
            let error = match answered {
                Ok(answer) => return written(&answer),
                Err(error @ BuiltInError::Internal(_)) => {
                    return Err(CallError::internal(&error, "running a built-in tool"));
                }
                Err(error @ BuiltInError::Unavailable(_)) => error,
            };
            *in_doubt = true;
            let left = deadline.saturating_duration_since(Instant::now());
            let next = tried.next(&Failure::Database, true, left, &*self.inner.parts.rng);
            tracing::warn!(
                tool = tool.name,
                call = %run.call_id,
                error = &error as &dyn std::error::Error,
                ?next,
                "the database failed a built-in tool"
            );
            let again = match next {
                Next::After(wait) => options.pause(wait).await?,
                Next::GiveUp | Next::Refresh => false,
            };
            if !again {
                return Err(CallError::Unavailable {
                    message: format!("{} can't use the database now; nothing was done", tool.name),
                    retry_after: LATER,
                });
            }
            metrics::counter!("deputy_tool_retries_total", "tool" => tool.counted_as())
                .increment(1);
        }
    }
}

/// An answer as MCP has it.
fn written(answer: &BuiltInAnswer) -> Result<ToolAnswer, CallError> {
    let failed = |e: serde_json::Error| CallError::internal(&e, "writing an answer");
    let content = json!([{ "type": "text", "text": answer.text }]);
    Ok(ToolAnswer {
        content: to_raw_value(&content).map_err(failed)?,
        structured: Some(to_raw_value(&answer.structured).map_err(failed)?),
        is_error: answer.is_error,
        meta: None,
    })
}

fn too_late(tool: &Tool) -> CallError {
    let done = if tool.read_only {
        "nothing was changed"
    } else {
        "it may have been done: look before you repeat it"
    };
    CallError::Timeout(format!("{} did not end in time; {done}", tool.name))
}
