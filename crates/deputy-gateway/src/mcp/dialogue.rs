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

mod consent;
mod hold;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use deputy_core::Principal;
use futures_util::future::BoxFuture;
use rmcp::model::{ErrorData, InputRequiredResult, InputResponses};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Map;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::asked::{self, Client};
use super::held::{Came, PATIENCE, Running};
use super::notices::Logs;
use super::state::{Binding, State};
use super::{Front, internal};
use crate::call::{CallOptions, Dialogue, Trial};
use crate::error::{CallError, InputRequired};
use crate::pool::{Inbound, Input};
use consent::{Connecting, Consent, opened_link};
use hold::Resumed;

/// The most rounds of questions of one request.
const MOST_ROUNDS: u32 = 16;

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
        let mut consent = Consent::Unasked;
        let running = match opened {
            Some(State::Held(name)) => {
                match self.resume(name, answers.unwrap_or_default()).await? {
                    Resumed::Goes(running) => running,
                    Resumed::Asks(asks) => return Ok(Turn::Ask(asks)),
                }
            }
            Some(State::Connect) => {
                consent = if opened_link(answers.as_ref()) {
                    self.opened()
                } else {
                    Consent::Refused
                };
                self.started(None)
            }
            Some(State::Server(state)) => self.started(Some(input(answers, Some(state))?)),
            None if answers.is_some() => self.started(Some(input(answers, None)?)),
            None => self.started(None),
        };
        self.go(running, consent).await
    }

    async fn go(&mut self, mut running: Running, mut consent: Consent) -> Result<Turn, ErrorData> {
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
                    if self.client.opens_links() =>
                {
                    match self.connect(error, &mut consent).await? {
                        Connecting::Again => running = self.started(None),
                        Connecting::Turn(turn) => return Ok(turn),
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
        let late = CancellationToken::new();
        let trial = Trial::default();
        let wants_progress = self.context.meta.get_progress_token().is_some();
        let options = CallOptions {
            progress: wants_progress.then_some(progress_to),
            over_mcp: true,
            // The server's own time is watched here.
            late: late.clone(),
            trial: trial.clone(),
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
            late,
            trial,
            asked: 0,
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

    fn name(&self) -> Uuid {
        let rng = &*self.front.gateway.inner.parts.rng;
        uuid::Builder::from_random_bytes(deputy_core::random::bytes(rng)).into_uuid()
    }
}

fn input(answers: Option<InputResponses>, state: Option<String>) -> Result<Input, ErrorData> {
    let responses: Option<Box<RawValue>> = answers
        .map(|answers| to_raw_value(&answers))
        .transpose()
        .map_err(|e| internal(&e))?;
    Ok(Input { responses, state })
}
