//! Resources that clients watch at a server.
//!
//! What is wanted is kept by the pool ([`Wish`]), which tells it to each process of the server. One of the older era is
//! told here first, because it may refuse; one of the newer era only has to run to be listened to.

use std::time::Duration;

use deputy_store::own_server::OwnServer;
use rmcp::model::ErrorData;
use rmcp::service::{RequestContext, RoleServer};
use serde_json::json;

use super::pass::passed;
use crate::call::CallOptions;
use crate::error::CallError;
use crate::mcp::place::Place;
use crate::mcp::{Front, principal, wire};
use crate::pool::{Era, Wish};

/// How long a server of the newer era may take until it is listened to.
const TAKEN_UP: Duration = Duration::from_secs(5);

pub(super) fn too_many_watched() -> ErrorData {
    ErrorData::invalid_request("too many subscriptions", None)
}

pub(super) fn no_resources() -> ErrorData {
    ErrorData::invalid_request("this server has no resources", None)
}

impl Front {
    /// Has a server say when these resources change, for as long as `wish` is there.
    pub(super) async fn watch(
        &self,
        server: &OwnServer,
        wish: &Wish,
        uris: &[String],
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let place = Place::Own(Box::new(server.clone()));
        let info = self.info(&*principal(&context.extensions)?, &place).await?;
        if !uris.iter().all(|uri| wish.watch(uri)) {
            return Err(too_many_watched());
        }
        if info.is_some_and(|info| info.era == Era::Modern) {
            self.say(server, "server/discover", json!({}), context)
                .await?;
            if !wish.taken_up(uris, TAKEN_UP).await {
                tracing::debug!(server = server.id, "it does not say that it will tell");
            }
            return Ok(());
        }
        for uri in uris {
            self.say(
                server,
                "resources/subscribe",
                json!({ "uri": uri }),
                context,
            )
            .await?;
        }
        Ok(())
    }

    async fn say(
        &self,
        server: &OwnServer,
        method: &'static str,
        params: serde_json::Value,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context.extensions)?;
        let passed = passed(method, params)?;
        let said = self
            .gateway
            .pass(&principal, server, passed, CallOptions::default());
        let said: Result<_, CallError> = said.await;
        said.map(|_| ()).map_err(|e| wire::rpc_error(&e))
    }
}
