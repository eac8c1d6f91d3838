//! An administrator's word about a tool, for everybody.

use deputy_core::Principal;
use deputy_templates::Policy;

use super::rules::ALL;
use crate::Gateway;
use crate::servers::ServerError;

/// Longest name of a server or tool in a rule, in bytes.
const MAX_NAME: usize = 255;

impl Gateway {
    /// Sets the administrators' rule about a tool (`*`: all) of a server type or a server of ours,
    /// or removes it.
    ///
    /// [`ServerError::Forbidden`] for everybody else; [`ServerError::Validation`] for a rule that could
    /// never count, because there is no such server type or tool of ours. What the tools of a server
    /// type are called is each server's own matter: any name is taken there. A rule can be removed also
    /// when what it is about is gone.
    pub async fn set_administrators_rule(
        &self,
        principal: &Principal,
        server: &str,
        tool: &str,
        policy: Option<Policy>,
    ) -> Result<(), ServerError> {
        crate::servers::may_administer(principal)?;
        for (field, value) in [("/server", server), ("/tool", tool)] {
            if value.is_empty() || value.len() > MAX_NAME {
                return Err(ServerError::invalid(
                    field,
                    format!("it must have 1 to {MAX_NAME} characters"),
                ));
            }
        }
        if policy.is_some() {
            self.can_be_ruled(server, tool)?;
        }
        let servers = &self.inner.servers;
        servers
            .set_administrators_rule(principal, server, tool, policy)
            .await
    }

    fn can_be_ruled(&self, server: &str, tool: &str) -> Result<(), ServerError> {
        let catalog = &self.inner.parts.catalog;
        if !catalog.has_server(server) {
            return self
                .inner
                .servers
                .template_named(server, "/server")
                .map(drop);
        }
        let found = catalog.find(tool);
        if tool == ALL || found.is_some_and(|found| found.server == server) {
            return Ok(());
        }
        Err(ServerError::invalid(
            "/tool",
            format!("'{server}' has no tool '{tool}'"),
        ))
    }
}
