//! What sessions want to hear of a server beside its answers: log messages and resources that change.

use deputy_store::own_server::OwnServer;
use rmcp::model::ErrorData;
use rmcp::service::{RequestContext, RoleServer};
use serde_json::json;

use super::pass::{own, passed};
use crate::call::CallOptions;
use crate::error::CallError;
use crate::mcp::notices::{LEVELS, severity};
use crate::mcp::place::Place;
use crate::mcp::{Front, principal, wire};

/// How many sessions' levels of log messages are remembered.
const REMEMBERED: usize = 2048;

impl Front {
    /// The lowest level that any session asked this server for, this one included.
    pub(super) fn lowest(&self, server: &OwnServer, level: &str) -> &'static str {
        let key = Place::Own(Box::new(server.clone())).key(server.user);
        let mut levels = self.levels.lock();
        if levels.len() >= REMEMBERED {
            levels.clear();
        }
        let mut lowest = severity(level);
        if let Some(key) = key {
            let known = levels.entry(key).or_insert(lowest);
            lowest = lowest.min(*known);
            *known = lowest;
        }
        LEVELS[lowest]
    }

    /// Asks a server to say when these resources change.
    pub(super) async fn watch(
        &self,
        place: &Place,
        uris: &[String],
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context.extensions)?;
        let Place::Own(server) = place else {
            return Err(own(context).err().unwrap_or_else(|| {
                ErrorData::invalid_request("this server has no resources", None)
            }));
        };
        for uri in uris {
            let passed = passed("resources/subscribe", json!({ "uri": uri }))?;
            let passing = self
                .gateway
                .pass(&principal, server, passed, CallOptions::default());
            match passing.await {
                Ok(_) => {}
                // A server of the newer era is listened to as a whole.
                Err(CallError::Refused { code: -32601, .. }) => return Ok(()),
                Err(error) => return Err(wire::rpc_error(&error)),
            }
        }
        Ok(())
    }
}
