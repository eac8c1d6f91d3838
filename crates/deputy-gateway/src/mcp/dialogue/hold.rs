//! A request that waits for a newer client's answer to what an older server asked.

use std::time::Duration;

use rmcp::model::{ErrorData, InputRequiredResult, InputResponses};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Asking, Turn};
use crate::mcp::held::{Held, Running};
use crate::mcp::state::State;
use crate::mcp::{asked, internal};
use crate::pool::{Inbound, RpcError};

/// How far apart questions may come that are asked together.
const AT_ONCE: Duration = Duration::from_millis(10);

/// What became of a request that was held.
pub(super) enum Resumed {
    /// It goes on.
    Goes(Running),
    /// It waits again.
    Asks(InputRequiredResult),
}

impl Asking<'_> {
    /// Asks a newer client what an older server asks; holds the request meanwhile. None: it can't be held, and goes on
    /// without an answer.
    pub(super) async fn hold(
        &self,
        running: &mut Running,
        first: Inbound,
    ) -> Result<Option<Turn>, ErrorData> {
        let mut questions = vec![(format!("question-{}", running.asked), first)];
        // What a server asks at once is asked at once.
        while let Ok(Some(further)) = tokio::time::timeout(AT_ONCE, running.inbound.recv()).await {
            running.asked += 1;
            let params = serde_json::from_str(further.params.get()).unwrap_or_default();
            if self.client.can(&further.method, &params) {
                questions.push((format!("question-{}", running.asked), further));
            } else {
                let _ = further.answer.send(Err(asked::cannot(&further.method)));
            }
        }
        let taken = Running {
            call: std::mem::replace(&mut running.call, Box::pin(std::future::pending())),
            inbound: std::mem::replace(&mut running.inbound, mpsc::channel(1).1),
            progress: std::mem::replace(&mut running.progress, mpsc::channel(1).1),
            late: running.late.clone(),
            trial: running.trial.clone(),
            asked: running.asked,
        };
        match self.put_away(taken, questions).await? {
            Ok(asks) => Ok(Some(Turn::Ask(asks))),
            Err(held) => {
                *running = held.running;
                for (_, question) in held.questions {
                    let full = RpcError {
                        code: -32603,
                        message: "too many calls wait for answers".to_owned(),
                        data: None,
                    };
                    let _ = question.answer.send(Err(full));
                }
                Ok(None)
            }
        }
    }

    async fn put_away(
        &self,
        running: Running,
        questions: Vec<(String, Inbound)>,
    ) -> Result<Result<InputRequiredResult, Box<Held>>, ErrorData> {
        let asked: Map<String, Value> = questions
            .iter()
            .map(|(key, q)| (key.clone(), asked::as_request(&q.method, &q.params)))
            .collect();
        let requests = asked::requests(&asked).map_err(|error| {
            tracing::debug!(%error, server = self.server, "a server's question has no known form");
            ErrorData::internal_error(format!("{} asks in a form that is none", self.server), None)
        })?;
        let name = self.name();
        let state = self.seal(&State::Held(name)).await?;
        let callers = &self.front.gateway.inner.callers;
        let binding = self.binding.clone();
        let held = Held::new(running, questions, binding, self.principal, callers);
        Ok(self
            .front
            .held
            .hold(name, held)
            .map(|()| InputRequiredResult::new(Some(requests), Some(state))))
    }

    /// Goes on with a held request; with questions that are still open, asks again.
    pub(super) async fn resume(
        &self,
        name: Uuid,
        mut answers: InputResponses,
    ) -> Result<Resumed, ErrorData> {
        let Some(mut held) = self
            .front
            .held
            .take(name, &self.binding, &self.principal.scopes)
        else {
            return Err(ErrorData::invalid_params(
                "this call does not wait for an answer any more; make it again",
                None,
            ));
        };
        let mut open = Vec::new();
        for (key, question) in held.questions {
            match answers.remove(&key).filter(Value::is_object) {
                Some(answer) => {
                    let answer = to_raw_value(&answer).map_err(|e| internal(&e))?;
                    let _ = question.answer.send(Ok(answer));
                }
                None if question.answer.is_closed() => {}
                None => open.push((key, question)),
            }
        }
        if open.is_empty() {
            return Ok(Resumed::Goes(held.running));
        }
        held.running.asked += 1;
        match self.put_away(held.running, open).await? {
            Ok(asks) => Ok(Resumed::Asks(asks)),
            Err(held) => Ok(Resumed::Goes(held.running)),
        }
    }
}
