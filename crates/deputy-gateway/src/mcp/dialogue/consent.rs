//! A request that needs something connected first: the client is asked to open the page on which that is done.

use rmcp::model::{ErrorData, InputRequiredResult, InputResponses};

use super::Asking;
use crate::error::CallError;
use crate::mcp::asked;
use crate::mcp::held::PATIENCE;
use crate::mcp::state::State;

/// The key under which a person is asked to connect something.
const CONNECT: &str = "connect";

impl Asking<'_> {
    /// Asks a client to open the page on which something is connected. Err(None): go on with the call.
    pub(super) async fn connect(
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
    pub(super) async fn wait_connected(&self) {
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

/// Whether the client says that the page was opened.
pub(super) fn opened_link(answers: Option<&InputResponses>) -> bool {
    answers
        .and_then(|a| a.get(CONNECT))
        .is_some_and(|a| a["action"] == "accept")
}
