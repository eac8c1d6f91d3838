//! Requests that are passed on to a person's own server as they are, and its results.

use std::sync::Arc;

use deputy_store::own_server::OwnServer;
use futures_util::FutureExt as _;
use rmcp::model::{ErrorCode, ErrorData, InputResponses};
use rmcp::service::{RequestContext, RoleServer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::One;
use crate::call::CallOptions;
use crate::mcp::asked::Client;
use crate::mcp::dialogue::{Asking, Turn};
use crate::mcp::held::Came;
use crate::mcp::notices::Logs;
use crate::mcp::place::Place;
use crate::mcp::state::Binding;
use crate::mcp::{internal, of_request, principal, wire};
use crate::passthrough::Passed;

impl One {
    /// Passes a request on in which nothing is asked.
    pub(super) async fn pass<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: P,
        context: &RequestContext<RoleServer>,
    ) -> Result<R, ErrorData> {
        let principal = principal(&context.extensions)?;
        let server = own(context)?;
        let passed = passed(method, params)?;
        let options = CallOptions {
            cancel: context.ct.clone(),
            ..CallOptions::default()
        };
        let gateway = &self.front.gateway;
        let passing = gateway.pass(&principal, &server, passed, options);
        let result = self.front.calls.track_future(passing).await;
        read(&result.map_err(|e| wire::rpc_error(&e))?)
    }

    /// Passes a request on in which the client may be asked.
    pub(super) async fn converse<P: Serialize, C: DeserializeOwned, R>(
        &self,
        method: &'static str,
        params: P,
        (answers, state): (Option<InputResponses>, Option<String>),
        context: &RequestContext<RoleServer>,
    ) -> Result<R, ErrorData>
    where
        R: From<C> + From<rmcp::model::InputRequiredResult>,
    {
        let principal = principal(&context.extensions)?;
        let server = own(context)?;
        let place = Place::Own(Box::new(server.clone()));
        let passed = passed(method, params)?;
        let client = Client::of(context);
        let logs = match (&client.log_level, place.key(principal.user_id)) {
            (Some(level), Some(key)) if client.modern => {
                Some(Logs::of(&self.front.gateway, key, level))
            }
            _ => None,
        };
        let bound = Value::Object(passed.params.clone());
        let (gateway, caller) = (self.front.gateway.clone(), Arc::clone(&principal));
        let (target, request) = (server.clone(), passed);
        let asking = Asking {
            front: &self.front,
            principal: &principal,
            server: &server.name,
            binding: Binding::new(&principal, &place.id(), method, &bound),
            context,
            client,
            level: self.wishes.level(),
            logs,
            start: Box::new(move |options| {
                let (gateway, caller) = (gateway.clone(), Arc::clone(&caller));
                let (target, request) = (target.clone(), request.clone());
                async move {
                    let result = gateway.pass(&caller, &target, request, options).await?;
                    Ok(Came::Raw(result))
                }
                .boxed()
            }),
        };
        match asking.turn(answers, state.as_deref()).await? {
            Turn::Ask(asks) => Ok(asks.into()),
            Turn::Came(Ok(Came::Raw(result))) => read::<C>(&result).map(Into::into),
            Turn::Came(Ok(Came::Tool(_))) => Err(ErrorData::internal_error("a call", None)),
            Turn::Came(Err(error)) => Err(wire::rpc_error(&error)),
        }
    }
}

/// The person's own server that a request goes to.
pub(super) fn own(context: &RequestContext<RoleServer>) -> Result<OwnServer, ErrorData> {
    match of_request::<Arc<Place>>(&context.extensions).as_deref() {
        Some(Place::Own(server)) => Ok((**server).clone()),
        // Deputy's own servers have tools and nothing else.
        _ => Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            "this server has tools only",
            None,
        )),
    }
}

/// A request as the server gets it: what the client says about itself is not for it.
pub(super) fn passed(method: &'static str, params: impl Serialize) -> Result<Passed, ErrorData> {
    let mut params = match serde_json::to_value(params).map_err(|e| internal(&e))? {
        Value::Object(params) => params,
        _ => Map::new(),
    };
    for ours in ["_meta", "inputResponses", "requestState"] {
        params.remove(ours);
    }
    Ok(Passed { method, params })
}

/// A server's result in the SDK's types. What a person's own server says is that person's alone, whatever it says of
/// it.
fn read<R: DeserializeOwned>(result: &RawValue) -> Result<R, ErrorData> {
    let mut value: Value = serde_json::from_str(result.get()).map_err(|e| bad(&e))?;
    if let Some(members) = value.as_object_mut() {
        members
            .entry("resultType")
            .or_insert_with(|| "complete".into());
        if let Some(scope) = members.get_mut("cacheScope") {
            *scope = "private".into();
        }
    }
    serde_json::from_value(value).map_err(|e| bad(&e))
}

fn bad(error: &serde_json::Error) -> ErrorData {
    tracing::debug!(%error, "a server's result has no known form");
    ErrorData::internal_error(format!("the server's result is none of MCP: {error}"), None)
}
