//! What is done while a request is under way: progress and log messages go on to the client, and an older client answers
//! what the server asks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _, OptionFuture};
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

/// How long a call that came too late may take to end, with what is counted and put on record then.
const ENDING: Duration = Duration::from_secs(5);

/// How much is still said of a call that has ended, of progress and of log messages, and how long that may take.
const LEFT: usize = 64;
const LEAVING: Duration = Duration::from_secs(1);

impl Asking<'_> {
    /// Minds the request until something comes that is not for an older client to answer at once. What is said
    /// meanwhile holds off neither the end nor the answer: a client may be slow to hear it, and a server without end.
    pub(super) async fn watch(&mut self, running: &mut Running) -> Event {
        let limit = self.front.gateway.inner.config.call_deadline;
        let context = self.context;
        let mut asking: Pending<'_> = FuturesUnordered::new();
        let mut telling: Option<BoxFuture<'_, ()>> = None;
        let (mut until, mut progressing, mut asked) = (Instant::now() + limit, true, true);
        let event = loop {
            tokio::select! {
                biased;
                () = context.ct.cancelled() => return Event::Left,
                () = tokio::time::sleep_until(until), if self.client.answers() && asking.is_empty() => {
                    if running.late.is_cancelled() {
                        return Event::Late;
                    }
                    running.late.cancel();
                    until = Instant::now() + ENDING;
                }
                came = &mut running.call => break Event::Came(came),
                Some(()) = told(&mut telling), if telling.is_some() => telling = None,
                step = running.progress.recv(), if progressing && telling.is_none() => match step {
                    Some(step) => telling = Some(tell(context, step).boxed()),
                    None => progressing = false,
                },
                Some(said) = next_log(&mut self.logs), if telling.is_none() => {
                    telling = Some(log(context, said).boxed());
                }
                Some((question, answer)) = asking.next(), if !asking.is_empty() => {
                    answered(question, answer);
                    until = Instant::now() + limit;
                }
                question = running.inbound.recv(), if asked => match question {
                    None => asked = false,
                    Some(question) => {
                        let params = serde_json::from_str(question.params.get()).unwrap_or_default();
                        running.asked += 1;
                        if running.asked > MOST_ROUNDS || !self.client.can(&question.method, &params) {
                            let _ = question.answer.send(Err(asked::cannot(&question.method)));
                            continue;
                        }
                        running.trial.give_back();
                        if self.client.modern {
                            break Event::Asked(question);
                        }
                        asking.push(Box::pin(forward(context, question, params)));
                    }
                },
            }
        };
        let last_words = async {
            told(&mut telling).await;
            for _ in 0..LEFT {
                let Ok(step) = running.progress.try_recv() else {
                    break;
                };
                tell(context, step).await;
            }
            if matches!(event, Event::Came(_)) && self.logs.is_some() {
                // What the server said before it answered may still be on its way.
                for _ in 0..LEFT {
                    let next = tokio::time::timeout(LAST_WORDS, next_log(&mut self.logs));
                    let Ok(Some(said)) = next.await else { break };
                    log(context, said).await;
                }
            }
        };
        let leaving = tokio::time::timeout(LEAVING, last_words);
        let _ = context.ct.run_until_cancelled(leaving).await;
        event
    }
}

/// Waits until what is being told is told.
async fn told(telling: &mut Option<BoxFuture<'_, ()>>) -> Option<()> {
    OptionFuture::from(telling.as_mut()).await
}

async fn log(context: &RequestContext<RoleServer>, said: Arc<RawValue>) {
    notices::log(&context.peer, &said).await;
}

async fn next_log(logs: &mut Option<Logs>) -> Option<Arc<RawValue>> {
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
