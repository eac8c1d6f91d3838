//! A request that needs something connected first: the client is asked to open the page on which that is done.
//!
//! A person may be quicker than the client's word that the page is open, and slower. So changes are listened for before
//! the client is asked, the request is tried as soon as the client says so, and tried again with each change of the
//! person's until it goes through, or a call's time is over. A try that finds nothing connected sends nothing.

use deputy_core::UserId;
use rmcp::model::{ElicitationAction, ErrorData, InputRequiredResult, InputResponses};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::{Asking, Turn};
use crate::error::CallError;
use crate::mcp::asked;
use crate::mcp::held::PATIENCE;
use crate::mcp::state::State;

/// The key under which a person is asked to connect something.
const CONNECT: &str = "connect";

/// How far it is.
pub(super) enum Consent {
    /// The client was not asked to open the page.
    Unasked,
    /// It has the page open.
    Opened {
        changes: broadcast::Receiver<UserId>,
        /// How long the person is waited for.
        until: Instant,
    },
    /// It does not open it.
    Refused,
}

/// What comes of it.
pub(super) enum Connecting {
    /// The request is to be tried again.
    Again,
    /// Nothing more for now.
    Turn(Turn),
}

impl Asking<'_> {
    /// The client has the page open.
    pub(super) fn opened(&self) -> Consent {
        self.opened_since(self.changes())
    }

    fn opened_since(&self, changes: broadcast::Receiver<UserId>) -> Consent {
        let limit = self.front.gateway.inner.config.call_deadline;
        Consent::Opened {
            changes,
            until: Instant::now() + limit,
        }
    }

    fn changes(&self) -> broadcast::Receiver<UserId> {
        self.front.gateway.inner.tools_changed.subscribe()
    }

    /// Does what is next when something is not connected, of which `error` speaks.
    pub(super) async fn connect(
        &self,
        error: CallError,
        consent: &mut Consent,
    ) -> Result<Connecting, ErrorData> {
        let goes_on = match consent {
            Consent::Unasked if self.client.modern => return self.ask_by_result(error).await,
            Consent::Unasked => {
                let changes = self.changes();
                *consent = if self.ask_to_open(&error).await {
                    self.opened_since(changes)
                } else {
                    Consent::Refused
                };
                matches!(consent, Consent::Opened { .. })
            }
            Consent::Opened { changes, until } => self.changed(changes, *until).await,
            Consent::Refused => false,
        };
        Ok(if goes_on {
            Connecting::Again
        } else {
            Connecting::Turn(Turn::Came(Err(error)))
        })
    }

    fn link(&self, error: &CallError) -> Option<rmcp::model::ElicitRequestParams> {
        let CallError::NotConnected {
            message,
            connect_url,
            ..
        } = error
        else {
            return None;
        };
        let id = self.name().to_string();
        Some(asked::link(message.clone(), connect_url.clone(), id))
    }

    async fn ask_by_result(&self, error: CallError) -> Result<Connecting, ErrorData> {
        let Some(link) = self.link(&error) else {
            return Ok(Connecting::Turn(Turn::Came(Err(error))));
        };
        let state = self.seal(&State::Connect).await?;
        let requests = asked::link_request(CONNECT, link);
        let asks = InputRequiredResult::new(Some(requests), Some(state));
        Ok(Connecting::Turn(Turn::Ask(asks)))
    }

    /// Asks an older client to open the page; true when it did.
    async fn ask_to_open(&self, error: &CallError) -> bool {
        let Some(link) = self.link(error) else {
            return false;
        };
        let peer = &self.context.peer;
        let asked = peer.create_elicitation_with_timeout(link, Some(PATIENCE));
        tokio::select! {
            answer = asked => answer.is_ok_and(|a| a.action == ElicitationAction::Accept),
            () = self.context.ct.cancelled() => false,
        }
    }

    /// Waits until something of the person's changes. False: nothing did until then, or the client has left.
    async fn changed(&self, changes: &mut broadcast::Receiver<UserId>, until: Instant) -> bool {
        let changed = async {
            // After a burst nobody can say who was meant.
            while let Ok(user) = changes.recv().await {
                if user == self.principal.user_id {
                    return;
                }
            }
        };
        tokio::select! {
            changed = tokio::time::timeout_at(until, changed) => changed.is_ok(),
            () = self.context.ct.cancelled() => false,
        }
    }
}

/// Whether the client says that the page was opened.
pub(super) fn opened_link(answers: Option<&InputResponses>) -> bool {
    answers
        .and_then(|a| a.get(CONNECT))
        .is_some_and(|a| a["action"] == "accept")
}
