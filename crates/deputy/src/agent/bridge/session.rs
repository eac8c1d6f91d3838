//! The session of an older client (2025-11-25 and before), which HTTP has and stdio has not: begun with the client's
//! `initialize`, named in every request after it, and begun anew with the same `initialize` when the server has forgotten
//! it (it was restarted, or nothing happened for long). Of that the client sees that lists may have changed, which is
//! what a new server may mean for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::link::{Link, SESSION};
use super::message::Message;
use super::stream::Events;
use crate::agent::terminal::plain;

/// Pauses before the stream on which the server speaks by itself is opened again.
const REOPEN_FIRST: Duration = Duration::from_secs(1);
const REOPEN_MAX: Duration = Duration::from_mins(1);

/// A session that the server knows, as far as is known here.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// None where the server gives no ids.
    pub(super) id: Option<String>,
    /// What was agreed on.
    pub(super) version: String,
    /// Grows with each beginning.
    pub(super) number: u64,
    /// Of what the server says when it changes: tools, resources, prompts.
    changes: Vec<&'static str>,
}

/// What the client began its session with.
#[derive(Default)]
pub(super) struct Sessions {
    current: Option<Session>,
    initialize: Option<Message>,
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Initialized>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: String,
    #[serde(default)]
    capabilities: Value,
}

impl Link {
    /// The session, where there is one.
    pub(super) fn session(&self) -> Option<Session> {
        self.sessions.lock().current.clone()
    }

    /// Sends the client's `initialize`, and its answer back.
    pub(super) async fn initialize(self: &Arc<Self>, message: Message) {
        let id = message.id.clone().unwrap_or_default();
        // a client may begin anew
        self.sessions.lock().current = None;
        match self.begin(&message).await {
            Ok(answer) => {
                self.sessions.lock().initialize = Some(message);
                self.say(answer).await;
            }
            Err(failure) => self.say(failure.answer(&id)).await,
        }
    }

    /// Begins a session: the server's answer. A refusal of the server's is one.
    async fn begin(&self, message: &Message) -> Result<Bytes, Failure> {
        let response = self.post(message, None).await?;
        let session = session_id(response.headers())?;
        let id = message.id.clone().unwrap_or_default();
        let answer = self.answer_of(response, &id).await?;
        let read: Answer = serde_json::from_slice(&answer)
            .map_err(|_| Failure::Protocol("the server's answer to initialize is none"))?;
        if let Some(result) = read.result {
            let lists = [
                ("tools", "notifications/tools/list_changed"),
                ("resources", "notifications/resources/list_changed"),
                ("prompts", "notifications/prompts/list_changed"),
            ];
            let tells = |kind: &&(&str, &str)| {
                result.capabilities[kind.0]["listChanged"] == Value::Bool(true)
            };
            let changes = lists.iter().filter(tells).map(|kind| kind.1).collect();
            let mut sessions = self.sessions.lock();
            let number = self.next_number();
            sessions.current = Some(Session {
                id: session,
                version: result.protocol_version,
                number,
                changes,
            });
        } else if read.error.is_none() {
            return Err(Failure::Protocol(
                "the server's answer to initialize is none",
            ));
        }
        Ok(answer)
    }

    /// Sends the client's word that it is ready, and opens the stream on which the server speaks by itself.
    pub(super) async fn initialized(self: &Arc<Self>, message: Message) {
        self.notify(&message).await;
        if let Some(session) = self.session() {
            self.lifecycle.spawn(Arc::clone(self).hear(session));
        }
    }

    /// Begins the session anew, unless somebody did since `lost` was read.
    pub(super) async fn renew(self: &Arc<Self>, lost: &Session) -> Result<(), Failure> {
        let _one = self.renewing.lock().await;
        if self.session().is_some_and(|now| now.number != lost.number) {
            return Ok(());
        }
        let Some(message) = self.sessions.lock().initialize.clone() else {
            return Err(Failure::Session);
        };
        let answer = self.begin(&message).await?;
        let renewed = self.session().filter(|now| now.number != lost.number);
        let Some(renewed) = renewed else {
            let read: Option<Answer> = serde_json::from_slice(&answer).ok();
            let error = read.and_then(|read| read.error).unwrap_or_default();
            let why = error["message"].as_str().unwrap_or("no reason given");
            return Err(Failure::Renewal(plain(why)));
        };
        if renewed.version != lost.version {
            return Err(Failure::Renewal(format!(
                "it speaks {} now; start the client again",
                plain(&renewed.version)
            )));
        }
        eprintln!("deputy bridge: the server had forgotten the session; it was begun anew");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let ready = Message::read(Bytes::from(ready.to_string()))
            .map_err(|_| Failure::Protocol("a message of ours is none"))?;
        self.post(&ready, Some(&renewed)).await?;
        self.lifecycle.spawn(Arc::clone(self).hear(renewed.clone()));
        for method in &renewed.changes {
            let changed = json!({ "jsonrpc": "2.0", "method": method });
            self.say(Bytes::from(changed.to_string())).await;
        }
        Ok(())
    }

    /// Passes on what the server says by itself, for as long as this session is the one.
    fn hear(self: Arc<Self>, session: Session) -> BoxFuture<'static, ()> {
        let soft = self.lifecycle.soft().clone();
        let hearing = async move {
            let mut pause = REOPEN_FIRST;
            let mut last: Option<Events> = None;
            while self
                .session()
                .is_some_and(|now| now.number == session.number)
            {
                let last_id = last.as_ref().and_then(|events| events.last_id.as_deref());
                match self.get(&session, last_id).await {
                    Ok(Some(mut events)) => {
                        if let Some(last) = &last {
                            events = events.after(last);
                        }
                        while let Some(message) = events.next().await {
                            pause = REOPEN_FIRST;
                            self.say(message).await;
                        }
                        tokio::time::sleep(events.pause()).await;
                        last = Some(events);
                        continue;
                    }
                    // it speaks only when it is asked
                    Ok(None) => return,
                    Err(Failure::Session) => {
                        if self.renew(&session).await.is_ok() {
                            return;
                        }
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(REOPEN_MAX);
            }
        };
        Box::pin(async move {
            soft.run_until_cancelled(hearing).await;
        })
    }

    /// Tells the server that the session is over.
    pub(super) async fn end_session(&self) {
        let session = self.sessions.lock().current.take();
        if let Some(session) = session.filter(|session| session.id.is_some()) {
            self.delete(&session).await;
        }
    }
}

/// The id of the session that an answer begins.
fn session_id(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(id) = headers.get(&SESSION) else {
        return Ok(None);
    };
    match id.to_str() {
        // "visible ASCII characters" (2025-11-25, "Session Management")
        Ok(id) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(id.to_owned()))
        }
        _ => Err(Failure::Protocol(
            "the server's session has an id that is none",
        )),
    }
}
