//! What a server says about itself, as far as it is handed on, and whether a row that was read earlier still holds.
//!
//! Instructions go into the prompts of models, so they are treated as a tool's description is: cut, cleaned, agreed to
//! with the first reading of the tools, and withheld when the server says something else, until its person has seen
//! that. They are kept among its tools under a name that no tool can have ([`definition::INSTRUCTIONS`]).

use std::sync::Arc;

use deputy_store::own_server::OwnServer;
use deputy_store::own_tool::OwnToolState;
use deputy_templates::Policy;

use super::{Definition, Servers, definition};
use crate::error::CallError;
use crate::policy::rules::ALL;
use crate::pool::ServerInfo;

impl Servers {
    /// What a server said about itself when it last ran as it is now.
    pub(crate) fn info(&self, row: &OwnServer) -> Option<Arc<ServerInfo>> {
        self.inner.infos.lock().get(&(row.id, row.generation))
    }

    /// Remembers what a server says about itself, for while it sleeps.
    pub(crate) fn remember(&self, row: &OwnServer, info: Arc<ServerInfo>) {
        let bytes = info.bytes();
        let key = (row.id, row.generation);
        self.inner.infos.lock().put(key, info, bytes);
    }

    /// What a server would have a model know, as its person agreed to it. None while it says something else.
    pub(crate) async fn instructions(&self, row: &OwnServer) -> Result<Option<String>, CallError> {
        let scope = self.with().store.user(row.user);
        let kept = scope
            .own_tool_named(row.id, definition::INSTRUCTIONS)
            .await?;
        let agreed = kept.filter(|kept| kept.state == OwnToolState::Accepted);
        let text = agreed.and_then(|kept| kept.accepted).map(|(text, _)| text);
        let definition = text.and_then(|text| serde_json::from_str::<Definition>(&text).ok());
        Ok(definition.map(|definition| definition.description))
    }

    /// Whether a server is what it was when its row was read: [`CallError::Conflict`] when it was changed, switched off
    /// or removed since.
    pub(crate) async fn still(&self, row: &OwnServer) -> Result<(), CallError> {
        if self.same(row).await? {
            return Ok(());
        }
        Err(CallError::Conflict(format!(
            "{} was changed, switched off or removed meanwhile; nothing was done",
            row.name
        )))
    }

    pub(super) async fn same(&self, row: &OwnServer) -> deputy_store::Result<bool> {
        let now = self
            .with()
            .store
            .user(row.user)
            .own_server_by_id(row.id)
            .await?;
        Ok(now.is_some_and(|now| now.is_enabled && now.generation == row.generation))
    }

    /// [`CallError::Forbidden`] when an administrator allows nothing of servers of this kind.
    pub(crate) async fn allowed(&self, row: &OwnServer) -> Result<(), CallError> {
        let administrators = self.policies().administrators().await?;
        if administrators.about(&row.server_type, ALL) == Some(Policy::Deny) {
            return Err(CallError::Forbidden(format!(
                "{} is switched off by an administrator's rule",
                row.name
            )));
        }
        Ok(())
    }
}
