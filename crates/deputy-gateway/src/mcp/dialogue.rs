//! A request to a server in which the client may be asked for more.
//!
//! Servers ask in the way of their era, and clients are asked in the way of theirs; the two need not be the same:
//!
//! | server | client 2026-07-28 | older client with a session |
//! |---|---|---|
//! | 2026-07-28: a result that asks | passed on, its state sealed ([`super::state`]); the client's repeat goes on | the client is asked with requests, then the request is repeated with the answers |
//! | older: a request in the middle | a result that asks; the open request is held ([`super::held`]) until the client comes back | passed on as a request |
//!
//! Nothing is asked of a client that it did not say it answers. The time a call may take counts only while the server
//! works; an answer may take [`PATIENCE`].

use std::sync::Arc;
use std::time::Duration;

use deputy_core::Principal;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use rmcp::model::{ErrorData, InputRequiredResult, InputResponses, ProgressNotificationParam};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::asked::{self, Client};
use super::held::{Came, Held, PATIENCE, Running};
use super::notices::Logs;
use super::state::{Binding, State};
use super::{Front, internal};
use crate::call::{CallOptions, Dialogue};
use crate::error::{CallError, InputRequired};
use crate::pool::{Inbound, Input, Progress, RpcError};

/// The most rounds of questions of one request.
const MOST_ROUNDS: u32 = 16;
/// The key under which a person is asked to connect something.
const CONNECT: &str = "connect";

/// Starts the request; more than once, when a server is told answers by a repeat.
pub(super) type Start =
    Box<dyn Fn(CallOptions) -> BoxFuture<'static, Result<Came, CallError>> + Send + Sync>;

/// A client's request.
pub(super) struct Asking<'a> {
    pub(super) front: &'a Arc<Front>,
    pub(super) principal: &'a Principal,
    /// What it goes to, for people.
    pub(super) server: &'a str,
    /// What its answers are bound to.
    pub(super) binding: Binding,
    pub(super) context: &'a RequestContext<RoleServer>,
    pub(super) client: Client,
    /// The session's level of log messages, for older clients.
    pub(super) level: Option<String>,
    /// Where the server's log messages come, for newer clients that want them with this request.
    pub(super) logs: Option<Logs>,
    pub(super) start: Start,
}

/// What became of it for now.
pub(super) enum Turn {
    /// It is done.
    Came(Result<Came, CallError>),
    /// The client is asked.
    Ask(InputRequiredResult),
}

/// What happens while it is under way.
enum Event {
    Came(Result<Came, CallError>),
    Asked(Inbound),
    Late,
    Left,
}

type Pending<'a> = FuturesUnordered<BoxFuture<'a, (Inbound, Option<Result<Value, RpcError>>)>>;

impl Asking<'_> {
    /// Goes as far as it can without the client.
    pub(super) async fn turn(
        mut self,
        answers: Option<InputResponses>,
        state: Option<&str>,
    ) -> Result<Turn, ErrorData> {
        let gateway = &self.front.gateway;
        let opened = match state {
            None => None,
            Some(sealed) => {
                let states = &self.front.states;
                Some(states.open(gateway, &self.binding, sealed).await?)
            }
        };
        let mut connected = false;
        let running = match opened {
            Some(State::Held(name)) => {
                match self.resume(name, answers.unwrap_or_default()).await? {
                    Resumed::Goes(running) => running,
                    Resumed::Asks(asks) => return Ok(Turn::Ask(asks)),
                }
            }
            Some(State::Connect) => {
                connected = true;
                if opened_link(answers.as_ref()) {
                    self.wait_connected().await;
                }
                self.started(None)
            }
            Some(State::Server(state)) => self.started(Some(input(answers, Some(state))?)),
            None if answers.is_some() => self.started(Some(input(answers, None)?)),
            None => self.started(None),
        };
        self.go(running, connected).await
    }

    async fn go(&mut self, mut running: Running, mut connected: bool) -> Result<Turn, ErrorData> {
        let mut rounds = 0;
        loop {
            match self.watch(&mut running).await {
                Event::Came(Err(CallError::InputRequired(asked))) => {
                    rounds += 1;
                    if let Some(error) = self.refuse(&asked, rounds) {
                        return Ok(Turn::Came(Err(error)));
                    }
                    if self.client.modern {
                        return self.pass_on(*asked).await.map(Turn::Ask);
                    }
                    match self.ask_all(*asked).await {
                        Ok(input) => running = self.started(Some(input)),
                        Err(error) => return Ok(Turn::Came(Err(error))),
                    }
                }
                Event::Came(Err(error @ CallError::NotConnected { .. }))
                    if self.client.opens_links() && !connected =>
                {
                    connected = true;
                    match self.connect(error).await? {
                        Ok(asks) => return Ok(Turn::Ask(asks)),
                        Err(None) => running = self.started(None),
                        Err(Some(error)) => return Ok(Turn::Came(Err(error))),
                    }
                }
                Event::Came(came) => return Ok(Turn::Came(came)),
                Event::Asked(question) => {
                    if let Some(turn) = self.hold(&mut running, question).await? {
                        return Ok(turn);
                    }
                }
                Event::Late => {
                    return Ok(Turn::Came(Err(CallError::Timeout(format!(
                        "{} did not answer in time; it may have been done: look before you repeat it",
                        self.server
                    )))));
                }
                Event::Left => return Ok(Turn::Came(Err(CallError::Cancelled))),
            }
        }
    }

    fn started(&self, input: Option<Input>) -> Running {
        let (progress_to, progress) = mpsc::channel(64);
        let (inbound_to, inbound) = mpsc::channel(8);
        let can_be_asked = self.client.answers();
        let wants_progress = self.context.meta.get_progress_token().is_some();
        let options = CallOptions {
            progress: wants_progress.then_some(progress_to),
            over_mcp: true,
            // The server's own time is watched here.
            deadline: can_be_asked.then(|| Instant::now() + PATIENCE * 2),
            dialogue: Some(Dialogue {
                client: self.client.told(self.level.as_deref()),
                inbound: can_be_asked.then_some(inbound_to),
                input,
            }),
            ..CallOptions::default()
        };
        let call = (self.start)(options);
        Running {
            call: Box::pin(self.front.calls.track_future(call)),
            inbound,
            progress,
            asked: 0,
        }
    }

    /// Minds the request until something comes that is not for an older client to answer at once.
    async fn watch(&mut self, running: &mut Running) -> Event {
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
                    super::notices::log(&context.peer, &said).await;
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
                    super::notices::log(&context.peer, &said).await;
                }
            }
            return event;
        }
    }

    /// Why a server's questions are not passed on.
    fn refuse(&self, asked: &InputRequired, rounds: u32) -> Option<CallError> {
        if rounds > MOST_ROUNDS {
            return Some(CallError::Upstream(format!(
                "{} asks without end",
                self.server
            )));
        }
        let unanswerable = asked.input_requests.values().find(|request| {
            !self.client.can(
                request["method"].as_str().unwrap_or_default(),
                &request["params"],
            )
        })?;
        Some(asked::asked_too_much(
            self.server,
            unanswerable["method"].as_str().unwrap_or("something"),
        ))
    }

    /// The server's own result that asks, with its state sealed.
    async fn pass_on(&self, asked: InputRequired) -> Result<InputRequiredResult, ErrorData> {
        let requests = asked::requests(&asked.input_requests).map_err(|error| {
            tracing::debug!(%error, server = self.server, "a server's questions have no known form");
            ErrorData::internal_error(format!("{} asks in a form that is none", self.server), None)
        })?;
        let state = match asked.request_state {
            None => None,
            Some(state) => Some(self.seal(&State::Server(state)).await?),
        };
        Ok(InputRequiredResult::new(
            (!requests.is_empty()).then_some(requests),
            state,
        ))
    }

    async fn seal(&self, state: &State) -> Result<String, ErrorData> {
        let states = &self.front.states;
        states.seal(&self.front.gateway, &self.binding, state).await
    }

    /// Asks an older client everything; what it answers goes with a repeat.
    async fn ask_all(&self, asked: InputRequired) -> Result<Input, CallError> {
        if asked.input_requests.is_empty() {
            // A server that only wants it repeated.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mut answers = Map::new();
        for (key, request) in asked.input_requests {
            let method = request["method"].as_str().unwrap_or_default().to_owned();
            let asking = asked::ask(self.context.peer.clone(), method, request["params"].clone());
            let answer = tokio::select! {
                answer = tokio::time::timeout(PATIENCE, asking) => answer,
                () = self.context.ct.cancelled() => return Err(CallError::Cancelled),
            };
            match answer {
                Ok(Ok(answer)) => answers.insert(key, answer),
                Ok(Err(error)) => {
                    return Err(CallError::Upstream(format!(
                        "{} asked for more: {}",
                        self.server, error.message
                    )));
                }
                Err(_) => {
                    return Err(CallError::Timeout(
                        "the client did not answer in time".to_owned(),
                    ));
                }
            };
        }
        let responses =
            to_raw_value(&answers).map_err(|e| CallError::internal(&e, "writing answers"))?;
        Ok(Input {
            responses: Some(responses),
            state: asked.request_state,
        })
    }

    /// Asks a newer client what an older server asks; holds the request meanwhile. None: it can't be held, and goes on
    /// without an answer.
    async fn hold(&self, running: &mut Running, first: Inbound) -> Result<Option<Turn>, ErrorData> {
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
        let held = Held::new(running, questions, self.binding.clone(), self.principal);
        Ok(self
            .front
            .held
            .hold(name, held)
            .map(|()| InputRequiredResult::new(Some(requests), Some(state))))
    }

    fn name(&self) -> Uuid {
        let rng = &*self.front.gateway.inner.parts.rng;
        uuid::Builder::from_random_bytes(deputy_core::random::bytes(rng)).into_uuid()
    }

    /// Goes on with a held request; with questions that are still open, asks again.
    async fn resume(&self, name: Uuid, mut answers: InputResponses) -> Result<Resumed, ErrorData> {
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

    /// Asks a client to open the page on which something is connected. Err(None): go on with the call.
    async fn connect(
        &self,
        error: CallError,
    ) -> Result<Result<InputRequiredResult, Option<CallError>>, ErrorData> {
        let CallError::NotConnected {
            message,
            connect_url,
            ..
        } = &error
        else {
            return Ok(Err(Some(error)));
        };
        let link = asked::link(
            message.clone(),
            connect_url.clone(),
            self.name().to_string(),
        );
        if self.client.modern {
            let state = self.seal(&State::Connect).await?;
            let requests = asked::link_request(CONNECT, link);
            return Ok(Ok(InputRequiredResult::new(Some(requests), Some(state))));
        }
        let asked = self
            .context
            .peer
            .create_elicitation_with_timeout(link, Some(PATIENCE));
        let opened = tokio::select! {
            answer = asked => answer.is_ok_and(|a| a.action == rmcp::model::ElicitationAction::Accept),
            () = self.context.ct.cancelled() => false,
        };
        if !opened {
            return Ok(Err(Some(error)));
        }
        self.wait_connected().await;
        Ok(Err(None))
    }

    /// Waits until something of the person's changed, as long as a call may take.
    async fn wait_connected(&self) {
        let mut changes = self.front.gateway.inner.tools_changed.subscribe();
        let changed = async {
            while let Ok(user) = changes.recv().await {
                if user == self.principal.user_id {
                    return;
                }
            }
        };
        let limit = self.front.gateway.inner.config.call_deadline;
        tokio::select! {
            _ = tokio::time::timeout(limit, changed) => {}
            () = self.context.ct.cancelled() => {}
        }
    }
}

/// How long log messages may take to follow the answer that they came before.
const LAST_WORDS: Duration = Duration::from_millis(5);

/// How far apart questions may come that are asked together.
const AT_ONCE: Duration = Duration::from_millis(10);

enum Resumed {
    Goes(Running),
    Asks(InputRequiredResult),
}

fn opened_link(answers: Option<&InputResponses>) -> bool {
    answers
        .and_then(|a| a.get(CONNECT))
        .is_some_and(|a| a["action"] == "accept")
}

fn input(answers: Option<InputResponses>, state: Option<String>) -> Result<Input, ErrorData> {
    let responses: Option<Box<RawValue>> = answers
        .map(|answers| to_raw_value(&answers))
        .transpose()
        .map_err(|e| internal(&e))?;
    Ok(Input { responses, state })
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
