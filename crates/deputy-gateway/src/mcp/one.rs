//! `/mcp/{server}`: one server of a person, under its own, unprefixed names.
//!
//! Of Deputy's own servers there are the tools. A server that the person brought along is passed through: its tools as
//! far as the person agreed to them ([`crate::Gateway::call`] decides on each call, as everywhere), its resources,
//! prompts, completion and log messages as they are. What it says about itself is asked of it, and remembered while it
//! sleeps.
#![expect(deprecated, reason = "older clients log, and are heard")]

mod pass;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use deputy_core::Principal;
use deputy_store::own_server::OwnServer;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, DiscoverResult,
    ErrorData, GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams,
    InitializeResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use rmcp::transport::StreamableHttpService;
use serde_json::{Value, json};

use super::notices::{News, Wishes};
use super::place::Place;
use super::tools::ToolCall;
use super::{Front, internal, of_request, principal, wire};
use crate::error::CallError;
use crate::pool::{Era, LEVELS, PoolKey, ServerInfo, severity};
use crate::servers::names;
use pass::own;
use watch::{no_resources, too_many_watched};

/// The most resources that one listener watches.
const MOST_WATCHED: usize = 256;

/// Answers MCP requests for one server.
#[derive(Clone)]
pub(super) struct One {
    front: Arc<Front>,
    name: String,
    /// What the server says about itself, where that is known.
    info: Option<Arc<ServerInfo>>,
    /// Its name for people, where it is built in.
    title: Option<String>,
    /// What it would have a model know, as its person agreed to it; that of a built-in one is ours.
    instructions: Option<String>,
    /// The tool that this request calls, for the check of its headers.
    tool: Option<Tool>,
    /// What the session wants to hear.
    wishes: Arc<Wishes>,
    telling: Arc<AtomicBool>,
}

/// Serves a request to `/mcp/{server}`; [`super::place::find`] has found the server.
pub(super) async fn serve(State(front): State<Arc<Front>>, request: Request<Body>) -> Response {
    let extensions = request.extensions();
    let (Some(place), Some(principal)) = (
        extensions.get::<Arc<Place>>().cloned(),
        extensions.get::<Arc<Principal>>().cloned(),
    ) else {
        return axum::http::StatusCode::UNAUTHORIZED.into_response();
    };
    let mut one = One {
        front: Arc::clone(&front),
        name: place.name().to_owned(),
        info: None,
        title: None,
        instructions: None,
        tool: None,
        wishes: Arc::default(),
        telling: Arc::default(),
    };
    // What the SDK asks of a handler without waiting has to be known before.
    match header(&request, "mcp-method") {
        Some("subscriptions/listen") => {
            one.info = front.info(&principal, &place).await.ok().flatten();
        }
        Some("tools/call") => {
            if let (Place::Own(server), Some(name)) = (&*place, header(&request, "mcp-name")) {
                one.tool = front.tool(&principal, server, name).await;
            }
        }
        _ => {}
    }
    let service = StreamableHttpService::new(
        move || Ok(one.clone()),
        Arc::clone(&front.manager),
        front.config.clone(),
    );
    service.handle(request).await.into_response()
}

fn header<'r>(request: &'r Request<Body>, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

impl Front {
    /// What a server says about itself: asked, which may start it, and remembered. None where it does not say, or not
    /// to this token.
    async fn info(
        &self,
        principal: &Principal,
        place: &Place,
    ) -> Result<Option<Arc<ServerInfo>>, ErrorData> {
        let Place::Own(server) = place else {
            return Ok(None);
        };
        match self.gateway.server_info(principal, server).await {
            Ok(info) => Ok(Some(info)),
            // Later it says it: a client keeps what it heard first.
            Err(error @ CallError::RateLimited { .. }) => Err(wire::rpc_error(&error)),
            Err(error) => {
                tracing::debug!(server = server.id, %error, "a server does not say what it is");
                Ok(None)
            }
        }
    }

    async fn tools(&self, principal: &Principal, place: &Place) -> Result<Vec<Tool>, ErrorData> {
        let tools = self.gateway.list_tools(principal).await;
        let tools = tools.map_err(|e| wire::rpc_error(&e))?;
        tools
            .iter()
            .filter_map(|tool| Some(wire::tool(tool, &own_name(tool, place)?, true)))
            .collect()
    }

    async fn tool(&self, principal: &Principal, server: &OwnServer, name: &str) -> Option<Tool> {
        let alias = names::alias(&server.name, name);
        let published = names::publish(&server.name, &alias);
        let tool = self
            .gateway
            .tool(principal.user_id, &published)
            .await
            .ok()?;
        let own = tool.own_server()?;
        let same = own.server.id == server.id && own.tool == name;
        same.then(|| wire::tool(&tool, name, true).ok())?
    }
}

/// A tool's name at its server's own address; none for those of other servers.
fn own_name(tool: &crate::catalog::Tool, place: &Place) -> Option<String> {
    match (place, tool.own_server()) {
        (Place::Own(server), Some(own)) if own.server.id == server.id => Some(own.tool.clone()),
        (Place::Ours(name), None) if tool.server == *name => Some(tool.name.clone()),
        _ => None,
    }
}

impl One {
    /// The same, with what the server says about itself.
    async fn informed(&self, principal: &Principal, place: &Place) -> Result<Self, ErrorData> {
        let info = self.front.info(principal, place).await?;
        // After that: the server's first words are agreed to when they are read.
        let (title, instructions) = match place {
            Place::Own(server) if info.is_some() => {
                let servers = self.front.gateway.servers();
                let agreed = servers.instructions(server).await;
                (None, agreed.map_err(|e| wire::rpc_error(&e))?)
            }
            Place::Ours(name) => {
                let built_in = self.front.gateway.inner.parts.catalog.built_in();
                let about = built_in.iter().find(|about| about.name == name);
                about
                    .cloned()
                    .map(|about| (about.title, about.instructions))
                    .unzip()
            }
            _ => (None, None),
        };
        Ok(Self {
            info,
            title,
            instructions,
            ..self.clone()
        })
    }
}

fn place_of(extensions: &rmcp::model::Extensions) -> Result<Arc<Place>, ErrorData> {
    of_request(extensions).ok_or_else(|| ErrorData::invalid_request("no server", None))
}

/// What of a server's capabilities holds here.
fn capabilities(info: Option<&ServerInfo>) -> Value {
    let mut here = json!({ "tools": { "listChanged": true } });
    for kind in ["prompts", "resources", "completions", "logging"] {
        let theirs = info.map(|info| &info.capabilities[kind]);
        if let Some(theirs) = theirs.filter(|theirs| theirs.is_object()) {
            here[kind] = theirs.clone();
        }
    }
    here
}

impl ServerHandler for One {
    fn get_info(&self) -> ServerConfig {
        let info = self.info.as_deref();
        let known = serde_json::from_value(capabilities(info));
        let mut config = ServerConfig::new(known.unwrap_or_default());
        let version = info.map_or(env!("CARGO_PKG_VERSION"), |info| &*info.version);
        config.server_info = Implementation::new(self.name.clone(), version.to_owned());
        config.server_info.title.clone_from(&self.title);
        config.instructions.clone_from(&self.instructions);
        config
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tool.clone().filter(|tool| tool.name == name)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let place = place_of(&context.extensions)?;
        let principal = principal(&context.extensions)?;
        let informed = self.informed(&principal, &place).await?;
        informed.negotiate_initialize(&request)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let place = place_of(&context.extensions)?;
        let principal = principal(&context.extensions)?;
        Ok(DiscoverResult::from_server_info(
            self.supported_protocol_versions().into_owned(),
            self.informed(&principal, &place).await?.get_info(),
        ))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let principal = principal(&context.extensions)?;
        let place = place_of(&context.extensions)?;
        let tools = self.front.tools(&principal, &place).await?;
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(0)
            .with_cache_scope(rmcp::model::CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let place = place_of(&context.extensions)?;
        let tool = match &*place {
            Place::Own(server) => {
                let alias = names::alias(&server.name, &request.name);
                names::publish(&server.name, &alias)
            }
            Place::Ours(name) if self.front.gateway.is_tool_of(&request.name, name) => {
                request.name.to_string()
            }
            _ => {
                let unknown = CallError::UnknownTool(request.name.to_string());
                return Err(wire::rpc_error(&unknown));
            }
        };
        let call = ToolCall {
            place: &place,
            principal: principal(&context.extensions)?,
            tool,
            request,
            context: &context,
            level: self.wishes.level(),
        };
        self.front.call_tool(call).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.pass("resources/list", request, &context).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.pass("resources/templates/list", request, &context)
            .await
    }

    async fn read_resource(
        &self,
        mut request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let brought = (request.input_responses.take(), request.request_state.take());
        self.converse::<_, rmcp::model::ReadResourceResult, _>(
            "resources/read",
            request,
            brought,
            &context,
        )
        .await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.pass("prompts/list", request, &context).await
    }

    async fn get_prompt(
        &self,
        mut request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let brought = (request.input_responses.take(), request.request_state.take());
        self.converse::<_, rmcp::model::GetPromptResult, _>(
            "prompts/get",
            request,
            brought,
            &context,
        )
        .await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.pass("completion/complete", request, &context).await
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let server = own(&context)?;
        let level = serde_json::to_value(request.level).map_err(|e| internal(&e))?;
        let level = level.as_str().unwrap_or_default();
        let principal = principal(&context.extensions)?;
        let place = Place::Own(Box::new(server.clone()));
        let info = self.front.info(&principal, &place).await?;
        // To a server of the newer era the level goes with each request.
        if info.is_none_or(|info| info.era == Era::Legacy) {
            // One process for all sessions of the person: it says what the most curious one wants.
            let key = PoolKey::own(server.user, server.id);
            let wish = self.wishes.wish(&self.front.gateway, &key);
            let mine = severity(level);
            let lowest = wish.lowest().map_or(mine, |lowest| lowest.min(mine));
            let params = json!({ "level": LEVELS[lowest] });
            let _: Value = self.pass("logging/setLevel", params, &context).await?;
            wish.set_level(mine);
        }
        self.wishes.set_level(level);
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let server = own(&context)?;
        if !self.wishes.watch(&request.uri) {
            return Err(too_many_watched());
        }
        let key = PoolKey::own(server.user, server.id);
        let wish = self.wishes.wish(&self.front.gateway, &key);
        let uris = [request.uri];
        let watching = self.front.watch(&server, wish, &uris, &context).await;
        watching.inspect_err(|_| self.wishes.unwatch(&uris[0]))
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        own(&context)?;
        // The server goes on saying it: another session of the person may listen.
        self.wishes.unwatch(&request.uri);
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.telling.swap(true, Ordering::AcqRel) {
            return;
        }
        let (Ok(principal), Ok(place)) = (
            principal(&context.extensions),
            place_of(&context.extensions),
        ) else {
            return;
        };
        let gateway = &self.front.gateway;
        let news = News::of(gateway, principal.user_id, place.key(principal.user_id));
        news.follow(&self.front, &context, Arc::clone(&self.wishes));
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut accepted = requested.clone();
        if let Some(uris) = &mut accepted.resource_subscriptions {
            uris.truncate(MOST_WATCHED);
        }
        let older = self.info.as_ref().filter(|info| info.era == Era::Legacy);
        if older.is_some_and(|info| info.capabilities["resources"]["subscribe"] != true) {
            accepted.resource_subscriptions = None;
        }
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context();
        let principal = principal(&request.extensions)?;
        let place = place_of(&request.extensions)?;
        let gateway = &self.front.gateway;
        if let Place::Own(server) = &*place {
            let allowed = gateway.may_hear(&principal, server).await;
            allowed.map_err(|e| wire::rpc_error(&e))?;
        }
        let news = News::of(gateway, principal.user_id, place.key(principal.user_id));
        let uris = context.accepted().resource_subscriptions.as_deref();
        let _wish = match (&*place, uris.unwrap_or_default()) {
            (_, []) => None,
            (Place::Own(server), uris) => {
                let wish = gateway.pool().wish(&PoolKey::own(server.user, server.id));
                self.front.watch(server, &wish, uris, request).await?;
                Some(wish)
            }
            _ => return Err(own(request).err().unwrap_or_else(no_resources)),
        };
        news.serve(&self.front, &context, &principal).await
    }
}
