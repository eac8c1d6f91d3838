//! `/mcp`: all tools of a person.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};

use super::notices::News;
use super::place::Place;
use super::tools::ToolCall;
use super::{Front, principal, wire};

const INSTRUCTIONS: &str = "Tools that act for exactly one person, in their accounts. A call that affects other people or \
can't be undone may wait for that person's approval: then open the link, let the person decide, and repeat the same call \
with the same arguments to get its result.";

/// Answers MCP requests with the gateway.
#[derive(Clone)]
pub(super) struct All {
    front: Arc<Front>,
    /// Whether the session's client is told about new tools already.
    telling: Arc<AtomicBool>,
}

impl All {
    pub(super) fn new(front: Arc<Front>) -> Self {
        Self {
            front,
            telling: Arc::default(),
        }
    }
}

impl ServerHandler for All {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let mut info = ServerConfig::new(capabilities);
        info.server_info =
            Implementation::new("deputy", env!("CARGO_PKG_VERSION")).with_title("Deputy");
        let built_in = self.front.gateway.inner.parts.catalog.built_in();
        let about = built_in.iter().map(|about| &*about.instructions);
        let parts: Vec<_> = std::iter::once(INSTRUCTIONS).chain(about).collect();
        info.instructions = Some(parts.join("\n\n"));
        info
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let principal = principal(&context.extensions)?;
        let tools = self
            .front
            .gateway
            .list_tools(&principal)
            .await
            .map_err(|e| wire::rpc_error(&e))?;
        let tools = tools
            .iter()
            .map(|t| wire::tool(t, &t.name, false))
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
        let call = ToolCall {
            place: &Place::All,
            principal: principal(&context.extensions)?,
            tool: request.name.to_string(),
            request,
            context: &context,
            level: None,
        };
        self.front.call_tool(call).await
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.telling.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Ok(principal) = principal(&context.extensions) {
            let news = News::of(&self.front.gateway, principal.user_id, None);
            news.follow(&self.front, &context, Arc::default());
        }
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
        let news = News::of(&self.front.gateway, principal.user_id, None);
        news.serve(&self.front, &context, &principal).await
    }
}
