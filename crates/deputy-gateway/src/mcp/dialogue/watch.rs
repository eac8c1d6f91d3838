//! What is done while a request is under way: progress and log messages go on to the client, and an older client answers
//! what the server asks.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Asking, Event, MOST_ROUNDS};
use crate::mcp::asked;
use crate::mcp::held::{PATIENCE, Running};
use crate::mcp::notices::{self, Logs};
use crate::pool::{Inbound, Progress, RpcError};

/// How long log messages may take to follow the answer that they came before.
const LAST_WORDS: Duration = Duration::from_millis(5);

type Pending<'a> = FuturesUnordered<BoxFuture<'a, (Inbound, Option<Result<Value, RpcError>>)>>;

impl Asking<'_> {
    /// Minds the request until something comes that is not for an older client to answer at once.
    pub(super) async fn watch(&mut self, running: &mut Running) -> Event {
        let limit = self.front.gateway.inner.config.call_deadline;
        let context = self.context;
        let mut asking: Pending<'_> = FuturesUnordered::new();
        let (mut until, mut progressing, mut asked) = (Instant::now() + limit, true, true);
        loop {
            let event = tokio::select! {
                biased;
                step = running.progress.recv(), if progressing => {
                    match step {
                        Some(step) => tell(context, step).await,
                        None => progressing = false,
                    }
                    continue;
                }
                Some(said) = next_log(&mut self.logs) => {
                    notices::log(&context.peer, &said).await;
                    continue;
                }
                Some((question, answer)) = asking.next(), if !asking.is_empty() => {
                    answered(question, answer);
                    until = Instant::now() + limit;
                    continue;
                }
                question = running.inbound.recv(), if asked => match question {
                    None => { asked = false; continue; }
                    Some(question) => {
                        let params = serde_json::from_str(question.params.get()).unwrap_or_default();
                        running.asked += 1;
                        if running.asked > MOST_ROUNDS || !self.client.can(&question.method, &params) {
                            let _ = question.answer.send(Err(asked::cannot(&question.method)));
                            continue;
                        }
                        if self.client.modern {
                            return Event::Asked(question);
                        }
                        asking.push(Box::pin(forward(context, question, params)));
                        continue;
                    }
                },
                came = &mut running.call => Event::Came(came),
                () = context.ct.cancelled() => Event::Left,
                () = tokio::time::sleep_until(until), if self.client.answers() && asking.is_empty() => Event::Late,
            };
            while let Ok(step) = running.progress.try_recv() {
                tell(context, step).await;
            }
            if matches!(event, Event::Came(_)) && self.logs.is_some() {
                // What the server said before it answered may still be on its way.
                while let Ok(Some(said)) =
                    tokio::time::timeout(LAST_WORDS, next_log(&mut self.logs)).await
                {
                    notices::log(&context.peer, &said).await;
                }
            }
            return event;
        }
    }
}

async fn next_log(logs: &mut Option<Logs>) -> Option<Box<RawValue>> {
    match logs {
        Some(logs) => logs.next().await,
        None => std::future::pending().await,
    }
}

async fn tell(context: &RequestContext<RoleServer>, step: Progress) {
    if let Some(token) = context.meta.get_progress_token() {
        let mut note = ProgressNotificationParam::new(token, step.progress);
        note.total = step.total;
        note.message = step.message;
        // A client that does not listen is found out by its response.
        let _ = context.peer.notify_progress(note).await;
    }
}

/// Asks an older client; ends early when the server does not wait any more.
async fn forward(
    context: &RequestContext<RoleServer>,
    mut question: Inbound,
    params: Value,
) -> (Inbound, Option<Result<Value, RpcError>>) {
    let asking = asked::ask(context.peer.clone(), question.method.clone(), params);
    let answer = tokio::select! {
        answer = tokio::time::timeout(PATIENCE, asking) => answer.ok(),
        () = closed(&mut question.answer) => None,
    };
    (question, answer)
}

async fn closed(answer: &mut oneshot::Sender<Result<Box<RawValue>, RpcError>>) {
    answer.closed().await;
}

fn answered(question: Inbound, answer: Option<Result<Value, RpcError>>) {
    let answer = match answer {
        Some(Ok(value)) => to_raw_value(&value).map_err(|e| RpcError {
            code: -32603,
            message: e.to_string(),
            data: None,
        }),
        Some(Err(error)) => Err(error),
        // Late, or nobody waits: dropping it refuses it.
        None => return,
    };
    let _ = question.answer.send(answer);
}
