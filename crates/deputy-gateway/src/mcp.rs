//! `/mcp`: all tools of the person whose token a request carries, for any MCP client.
//!
//! Both protocol eras are served by the SDK: 2026-07-28 (every request stands alone) and the older
//! ones with their sessions. Who calls is decided per request by the layer in front, which puts a
//! [`Principal`] into the request; a request without one gets 401 here, whatever else it holds. A
//! session of an older client belongs to the person who began it ([`sessions`]).

mod ask;
mod sessions;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use deputy_core::Principal;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities,
    ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RoleServer, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::Gateway;
use crate::call::{CallOptions, CallResult, Outcome};
use crate::catalog;
use crate::error::CallError;
use crate::pool::Progress;
use sessions::SessionOwners;

/// Largest body of a request: what a call with attachments may need.
const MAX_BODY: usize = 40 * 1024 * 1024;

/// How long the answer of a call that ended during a stop may take to leave.
const ANSWERS_OUT: Duration = Duration::from_millis(250);

/// Where `/mcp` is reached.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Hosts (`name` or `name:port`) that requests may name. Others get 403 (DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Origins that a browser's request may come from. Others get 403.
    pub allowed_origins: Vec<String>,
}

/// The router of `/mcp`. The layer that authenticates goes around it.
pub fn router(gateway: Gateway, endpoint: Endpoint) -> Router {
    let manager = Arc::new(LocalSessionManager::default());
    let owners = Arc::new(SessionOwners::new(Arc::clone(&manager)));
    let lifecycle = gateway.inner.parts.lifecycle.clone();
    lifecycle.spawn(Arc::clone(&owners).prune_until(lifecycle.soft().clone()));
    // What the SDK is given ends its requests as well as its streams, so it comes after the calls.
    let (calls, stop) = (TaskTracker::new(), lifecycle.hard().child_token());
    let (soft, under_way, ended) = (lifecycle.soft().clone(), calls.clone(), stop.clone());
    lifecycle.spawn(async move {
        soft.cancelled().await;
        under_way.close();
        under_way.wait().await;
        tokio::time::sleep(ANSWERS_OUT).await;
        ended.cancel();
    });
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(endpoint.allowed_hosts)
        .with_allowed_origins(endpoint.allowed_origins)
        .enforce_origin_validation()
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_BODY)
        .with_cancellation_token(stop);
    let service = StreamableHttpService::new(
        move || {
            Ok(Handler {
                gateway: gateway.clone(),
                calls: calls.clone(),
                telling: Arc::default(),
            })
        },
        manager,
        config,
    );
    Router::new()
        .route_service("/mcp", service)
        .layer(middleware::from_fn_with_state(
            owners,
            sessions::check_owner,
        ))
        .layer(middleware::from_fn(require_principal))
}

/// Refuses what nobody authenticated: a second line behind the layer in front.
async fn require_principal(request: Request, next: Next) -> Response {
    if request.extensions().get::<Arc<Principal>>().is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

/// Answers MCP requests with the gateway.
#[derive(Clone)]
struct Handler {
    gateway: Gateway,
    /// Calls under way, which a stop lets finish.
    calls: TaskTracker,
    /// Whether the session's client is told about new tools already.
    telling: Arc<AtomicBool>,
}

const INSTRUCTIONS: &str = "Tools that act for exactly one person, in their accounts. A call that affects other people or \
can't be undone may wait for that person's approval: then open the link, let the person decide, and repeat the same call \
with the same arguments to get its result.";

fn principal(extensions: &rmcp::model::Extensions) -> Result<Arc<Principal>, ErrorData> {
    extensions
        .get::<http::request::Parts>()
        .and_then(|parts| parts.extensions.get::<Arc<Principal>>())
        .cloned()
        .ok_or_else(|| ErrorData::invalid_request("not authenticated", None))
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let mut info = ServerConfig::new(capabilities);
        info.server_info =
            Implementation::new("deputy", env!("CARGO_PKG_VERSION")).with_title("Deputy");
        info.instructions = Some(INSTRUCTIONS.to_owned());
        info
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let principal = principal(&context.extensions)?;
        let tools = self
            .gateway
            .tools(&principal)
            .await
            .map_err(|e| rpc_error(&e))?;
        let tools = tools
            .iter()
            .map(|t| wire_tool(t))
            .collect::<Result<Vec<_>, _>>()?;
        // What is not said to be private may be kept for others (MCP 2026-07-28, "Caching"); and what
        // a person has connected may change at any time.
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let principal = principal(&context.extensions)?;
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        match self
            .call(&principal, &request.name, arguments.clone(), &context)
            .await
        {
            Ok(Outcome::Done(result)) => wire_result(&result).map(Into::into),
            Ok(Outcome::Asked(approval)) => {
                self.ask(&principal, &request, arguments, *approval, &context)
                    .await
            }
            Err(error) => failed(&error).map(Into::into),
        }
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        // A client of an older era: tell it about new tools for as long as its session lives.
        let Ok(principal) = principal(&context.extensions) else {
            return;
        };
        if self.telling.swap(true, Ordering::AcqRel) {
            return;
        }
        let peer = context.peer.clone();
        let mut changes = self.gateway.inner.tools_changed.subscribe();
        let lifecycle = &self.gateway.inner.parts.lifecycle;
        lifecycle.spawn(
            lifecycle
                .soft()
                .clone()
                .run_until_cancelled_owned(async move {
                    let mut alive = tokio::time::interval(Duration::from_secs(30));
                    loop {
                        tokio::select! {
                            change = changes.recv() => match change {
                                // After a burst nobody can say who was meant: tell everybody once.
                                Ok(user) if user == principal.user_id => {}
                                Ok(_) => continue,
                                Err(RecvError::Lagged(_)) => {}
                                Err(RecvError::Closed) => return,
                            },
                            _ = alive.tick() => {
                                if peer.is_transport_closed() {
                                    return;
                                }
                                continue;
                            }
                        }
                        if peer.notify_tool_list_changed().await.is_err() {
                            return;
                        }
                    }
                }),
        );
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::new();
        accepted.tools_list_changed = requested.tools_list_changed;
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let principal = principal(&context.request_context().extensions)?;
        let mut changes = self.gateway.inner.tools_changed.subscribe();
        let soft = self.gateway.inner.parts.lifecycle.soft().clone();
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Ok(user) if user == principal.user_id => {}
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = context.cancelled() => return Ok(()),
                () = soft.cancelled() => return Ok(()),
            }
            if context.sink().notify_tool_list_changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

impl Handler {
    /// Makes the call, passing progress on while it lasts; a stop waits for it.
    async fn call(
        &self,
        principal: &Principal,
        name: &str,
        arguments: Value,
        context: &RequestContext<RoleServer>,
    ) -> Result<Outcome, CallError> {
        let call = self.call_with_progress(principal, name, arguments, context);
        self.calls.track_future(call).await
    }

    async fn call_with_progress(
        &self,
        principal: &Principal,
        name: &str,
        arguments: Value,
        context: &RequestContext<RoleServer>,
    ) -> Result<Outcome, CallError> {
        let mut options = CallOptions {
            cancel: context.ct.clone(),
            over_mcp: true,
            ..CallOptions::default()
        };
        let Some(token) = context.meta.get_progress_token() else {
            return self.gateway.call(principal, name, arguments, options).await;
        };
        let (sink, mut progress) = mpsc::channel::<Progress>(64);
        options.progress = Some(sink);
        let forward = async {
            while let Some(step) = progress.recv().await {
                let mut note = ProgressNotificationParam::new(token.clone(), step.progress);
                note.total = step.total;
                note.message = step.message;
                if context.peer.notify_progress(note).await.is_err() {
                    break;
                }
            }
        };
        // The sink lives in the call's options: when the call is done, so is the forwarding.
        let (outcome, ()) = tokio::join!(
            self.gateway.call(principal, name, arguments, options),
            forward
        );
        outcome
    }
}

fn wire_tool(tool: &catalog::Tool) -> Result<Tool, ErrorData> {
    let mut wire = json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": catalog::republished(&tool.input_schema),
        "annotations": &*tool.annotations,
    });
    if let Some(schema) = &tool.output_schema {
        wire["outputSchema"] = Value::clone(schema);
    }
    serde_json::from_value(wire).map_err(|e| internal(&e))
}

fn wire_result(result: &CallResult) -> Result<CallToolResult, ErrorData> {
    let content = serde_json::from_str(result.content.get()).map_err(|e| internal(&e))?;
    let mut wire = if result.is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    };
    if let Some(structured) = &result.structured {
        wire.structured_content =
            Some(serde_json::from_str(structured.get()).map_err(|e| internal(&e))?);
    }
    Ok(wire)
}

/// A refused or failed call. An unknown tool is a fault of the request; everything else is a result
/// that the model can read and act on (MCP 2026-07-28, "Tools: error handling").
fn failed(error: &CallError) -> Result<CallToolResult, ErrorData> {
    if matches!(error, CallError::UnknownTool(_)) {
        return Err(rpc_error(error));
    }
    let mut text = format!("{}: {error}", error.code());
    if let Some(wait) = error.retry_after() {
        let _ = write!(text, " (try again in {} s)", wait.as_secs().max(1));
    }
    Ok(CallToolResult::error(vec![
        rmcp::model::ContentBlock::text(text),
    ]))
}

fn rpc_error(error: &CallError) -> ErrorData {
    match error {
        CallError::UnknownTool(_) | CallError::Validation { .. } => {
            ErrorData::invalid_params(error.to_string(), None)
        }
        CallError::Internal => ErrorData::internal_error(error.to_string(), None),
        other => ErrorData::invalid_request(format!("{}: {other}", other.code()), None),
    }
}

fn internal(error: &(dyn std::error::Error + 'static)) -> ErrorData {
    tracing::error!(error, "an MCP message could not be built");
    ErrorData::internal_error("an internal error; the server's log has the details", None)
}

/// So that `ask` can name it.
type ClientPeer = Peer<RoleServer>;
