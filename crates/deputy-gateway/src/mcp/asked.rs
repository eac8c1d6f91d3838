//! What a client can be asked, and asking it.

use rmcp::model::{
    CustomRequest, ElicitRequest, ElicitRequestParams, InputRequest, InputRequests,
    ProtocolVersion, ServerRequest,
};
use rmcp::service::{Peer, RequestContext, RoleServer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::error::CallError;
use crate::pool::RpcError;

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// The client at the other end of a request.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Whether it speaks 2026-07-28 or newer: asked by results, not by requests.
    pub(super) modern: bool,
    /// `ClientCapabilities` as JSON.
    capabilities: Value,
    /// The lowest level of log messages that it wants with this request.
    pub(super) log_level: Option<String>,
}

impl Client {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let capabilities = context.client_capabilities();
        Self {
            modern: context
                .protocol_version()
                .is_some_and(|v| v.as_str() >= ProtocolVersion::V_2026_07_28.as_str()),
            capabilities: serde_json::to_value(capabilities).unwrap_or_default(),
            log_level: context
                .meta
                .0
                .0
                .get(LOG_LEVEL)
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }

    /// Whether it can be asked anything at all.
    pub(super) fn answers(&self) -> bool {
        ["elicitation", "sampling", "roots"]
            .iter()
            .any(|kind| self.capabilities[*kind].is_object())
    }

    /// Whether it opens links (URL elicitation).
    pub(super) fn opens_links(&self) -> bool {
        self.capabilities["elicitation"]["url"].is_object()
    }

    /// Whether it said that it answers this. The rule of MCP: nothing else may be asked.
    pub(super) fn can(&self, method: &str, params: &Value) -> bool {
        let has = |kind: &str| self.capabilities[kind].is_object();
        match method {
            "elicitation/create" => {
                let elicitation = &self.capabilities["elicitation"];
                if params["mode"] == "url" {
                    return elicitation["url"].is_object();
                }
                // An empty capability means forms, as it did when there was nothing else.
                elicitation["form"].is_object()
                    || (has("elicitation") && !elicitation["url"].is_object())
            }
            "sampling/createMessage" => {
                let tools = !params["tools"].is_null() || !params["toolChoice"].is_null();
                has("sampling") && (!tools || self.capabilities["sampling"]["tools"].is_object())
            }
            "roots/list" => has("roots"),
            _ => false,
        }
    }

    /// What a server is told of it: what can be asked, and only that.
    pub(super) fn told(&self, session_level: Option<&str>) -> Map<String, Value> {
        let mut kinds = Map::new();
        for kind in ["elicitation", "sampling", "roots"] {
            if self.capabilities[kind].is_object() {
                kinds.insert(kind.to_owned(), self.capabilities[kind].clone());
            }
        }
        let mut told = Map::from_iter([(CAPABILITIES.to_owned(), Value::Object(kinds))]);
        if let Some(level) = self.log_level.as_deref().or(session_level) {
            told.insert(LOG_LEVEL.to_owned(), level.into());
        }
        told
    }
}

/// The error of a server that asks what the client did not say it answers.
pub(super) fn cannot(method: &str) -> RpcError {
    RpcError {
        code: -32601,
        message: format!("the client that called does not answer {method}"),
        data: None,
    }
}

/// The same as the outcome of a call.
pub(super) fn asked_too_much(server: &str, method: &str) -> CallError {
    CallError::Upstream(format!(
        "{server} asks for {method}, which this client can't answer"
    ))
}

/// Makes a request to a client of an older era, in the stream of the request that is being handled.
pub(super) async fn ask(
    peer: Peer<RoleServer>,
    method: String,
    params: Value,
) -> Result<Value, RpcError> {
    let params = (!params.is_null()).then_some(params);
    let request = ServerRequest::CustomRequest(CustomRequest::new(method, params));
    match peer.send_request(request).await {
        Ok(answer) => serde_json::to_value(answer).map_err(|e| refused(&e)),
        Err(rmcp::ServiceError::McpError(error)) => Err(RpcError {
            code: error.code.0.into(),
            message: error.message.into_owned(),
            data: error.data,
        }),
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &dyn std::error::Error) -> RpcError {
    RpcError {
        code: -32603,
        message: format!("the client did not answer: {error}"),
        data: None,
    }
}

/// Requests for a result that asks, from their JSON.
pub(super) fn requests(asked: &Map<String, Value>) -> Result<InputRequests, serde_json::Error> {
    asked
        .iter()
        .map(|(key, request)| Ok((key.clone(), serde_json::from_value(request.clone())?)))
        .collect()
}

/// A request in the form that results have.
pub(super) fn as_request(method: &str, params: &RawValue) -> Value {
    let mut params: Value = serde_json::from_str(params.get()).unwrap_or_default();
    if let Some(params) = params.as_object_mut() {
        // Of the connection to the server; a result has none.
        params.remove("_meta");
    }
    json!({ "method": method, "params": params })
}

/// A link to open.
pub(super) fn link(message: String, url: String, id: String) -> ElicitRequestParams {
    ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message,
        url,
        elicitation_id: id,
    }
}

/// One link as the only request.
pub(super) fn link_request(key: &str, link: ElicitRequestParams) -> InputRequests {
    let request = InputRequest::Elicitation(ElicitRequest::new(link));
    [(key.to_owned(), request)].into()
}

#[cfg(test)]
mod tests;
