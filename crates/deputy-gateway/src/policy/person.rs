//! A person's word about a tool: set, taken back, and counted with the others'.

use std::sync::Arc;

use deputy_core::{Principal, UserId};
use deputy_templates::Policy;

use super::{effective, tightened};
use crate::Gateway;
use crate::catalog::Tool;
use crate::error::CallError;
use crate::servers::ServerError;

/// What a person said of a tool and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The tool, as it is called.
    pub tool: String,
    /// The server it belongs to.
    pub server: String,
    /// The person's own word.
    pub own: Option<Policy>,
    /// What happens when the person calls it, at the least.
    pub effective: Policy,
}

impl Gateway {
    /// A tool of ours with what an administrator and the person say of it.
    pub(crate) async fn ruled(
        &self,
        user: UserId,
        tool: &Arc<Tool>,
    ) -> Result<Arc<Tool>, CallError> {
        let Some(ask) = tool.own_rule() else {
            return Ok(Arc::clone(tool));
        };
        let rules = self.inner.servers.policies();
        let administrators = rules.administrators().await?;
        let own = rules.person(user).await?.get(&tool.name).copied();
        let said = tightened(ask, administrators.about(&tool.server, &tool.name), own);
        if said.is_none() && own.is_none() {
            return Ok(Arc::clone(tool));
        }
        let mut tool = Tool::clone(tool);
        tool.policy = said;
        tool.own_policy = own;
        Ok(Arc::new(tool))
    }

    /// Sets this person's word about a tool, of ours or of an own server, or takes it back.
    ///
    /// About a tool of ours it makes calls stricter, never laxer: what asks by its own rule or by an
    /// administrator's asks on.
    ///
    /// [`ServerError::NotFound`] when the person has no such tool; [`ServerError::Forbidden`] without
    /// `servers:manage`.
    pub async fn set_tool_policy(
        &self,
        principal: &Principal,
        name: &str,
        policy: Option<Policy>,
    ) -> Result<Said, ServerError> {
        let servers = &self.inner.servers;
        let Some(tool) = self.inner.parts.catalog.find(name) else {
            return servers.set_own_policy(principal, name, policy).await;
        };
        servers.set_own_rule(principal, name, policy).await?;
        let ruled = self.ruled(principal.user_id, tool).await;
        let ruled = ruled.map_err(ServerError::from)?;
        Ok(Said {
            tool: ruled.name.clone(),
            server: ruled.server.clone(),
            own: ruled.own_policy,
            effective: effective(&ruled),
        })
    }
}
