//! The MCP side: one handler for every server, over stdio or streamable HTTP.
//!
//! The handler is written by hand and not by macros, because the tools are a table that the gateway
//! reads too. It holds no state between requests, so both protocol eras are served the same way,
//! and older HTTP clients without sessions.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use deputy_core::firstparty::{
    CallMeta, FailureKind, META_CALL, META_CREDENTIAL, META_FAILURE, META_PREFLIGHT,
};
use deputy_core::{CallId, Clock, Rng, Secret};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
    Implementation, JsonObject, ListToolsResult, MetaObject, PaginatedRequestParams,
    RequestMetaObject, ServerCapabilities, ServerConfig, ToolAnnotations,
};
use rmcp::service::{RequestContext, ServerInitializeError};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::ServerTable;
use crate::call::Call;
use crate::client::{Google, Shared};
use crate::config::{Config, Credentials};
use crate::error::{GoogleError, ToolError};

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no server of that name.
    #[error("there is no server '{0}'; there are: google-calendar, gmail, google-drive")]
    UnknownServer(String),
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The client on the other end did not open the conversation as MCP says.
    #[error("the MCP client did not begin as it should: {0}")]
    Opening(String),
    /// The server's task came to a bad end.
    #[error("the server broke off: {0}")]
    Broke(String),
}

/// Serves `name` (`calendar` or `google-calendar`, …) over stdin and stdout until stdin ends.
pub async fn serve_stdio(name: &str, config: Config) -> Result<(), ServeError> {
    let (stdin, stdout) = rmcp::transport::io::stdio_pipes();
    serve_duplex(name, config, stdin, stdout).await
}

/// The same over any pair of streams.
pub async fn serve_duplex<R, W>(
    name: &str,
    config: Config,
    reader: R,
    writer: W,
) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let source = match &config.credentials {
        Credentials::Fixed(token) => TokenSource::Fixed(token.clone()),
        Credentials::PerRequest => TokenSource::Meta,
    };
    let server = Server::new(name, &config, source)?;
    // The SDK drops a longer line without a word: a mail with large attachments would never be answered.
    let transport =
        AsyncRwTransport::new(reader, writer).with_max_line_length(config.limits.request_bytes);
    let running = match server.serve(transport).await {
        Ok(running) => running,
        // The other end left before it said anything: nothing to serve, nothing wrong.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(ServeError::Opening(error.to_string())),
    };
    running
        .waiting()
        .await
        .map(drop)
        .map_err(|error| ServeError::Broke(error.to_string()))
}

/// Serves `name` as streamable HTTP at `/mcp`. Every request brings its access token in
/// `Authorization: Bearer`; one without is answered 401. Pages of other origins are refused, and so
/// are host names other than loopback ones and [`Config::hosts`].
pub fn http_service(name: &str, config: &Config) -> Result<Router, ServeError> {
    let server = Server::new(name, config, TokenSource::Header)?;
    let loopback = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut http = StreamableHttpServerConfig::default()
        .with_allowed_hosts(loopback.into_iter().chain(config.hosts.iter().cloned()))
        .enforce_origin_validation();
    http.legacy_session_mode = false;
    http.json_response = true;
    http.max_request_body_bytes = config.limits.request_bytes;
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        http,
    );
    Ok(Router::new()
        .route_service("/mcp", service)
        .layer(axum::middleware::from_fn(require_bearer)))
}

async fn require_bearer(request: Request, next: Next) -> Response {
    if bearer(request.headers()).is_some() {
        return next.run(request).await;
    }
    let text = "send a Google access token as 'Authorization: Bearer TOKEN'\n";
    (
        StatusCode::UNAUTHORIZED,
        [(WWW_AUTHENTICATE, "Bearer realm=\"google\"")],
        text,
    )
        .into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[derive(Clone)]
enum TokenSource {
    Fixed(Secret<String>),
    Meta,
    Header,
}

#[derive(Clone)]
struct Server(Arc<ServerParts>);

struct ServerParts {
    table: ServerTable,
    listed: Vec<rmcp::model::Tool>,
    shared: Arc<Shared>,
    source: TokenSource,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Server {
    fn new(name: &str, config: &Config, source: TokenSource) -> Result<Self, ServeError> {
        let table = crate::table(name).ok_or_else(|| ServeError::UnknownServer(name.to_owned()))?;
        let limits = deputy_core::http::Limits {
            connect: config.limits.connect,
            total: config.limits.request,
        };
        let shared = Arc::new(Shared {
            http: deputy_core::http::trusted(limits).map_err(ServeError::Client)?,
            endpoints: config.endpoints.clone(),
            limits: config.limits,
            clock: config.clock.clone(),
        });
        let listed = table.tools.iter().map(listed).collect();
        Ok(Self(Arc::new(ServerParts {
            table,
            listed,
            shared,
            source,
            clock: config.clock.clone(),
            rng: config.rng.clone(),
        })))
    }

    fn token(&self, context: &mut RequestContext<RoleServer>) -> Result<Secret<String>, ToolError> {
        // Taken out whatever the source is: it has no business further in.
        let meta = context.meta.remove(META_CREDENTIAL);
        let found = match &self.0.source {
            TokenSource::Fixed(token) => Some(token.clone()),
            TokenSource::Meta => match meta {
                Some(Value::String(token)) => Some(Secret::new(token)),
                _ => None,
            },
            TokenSource::Header => {
                let parts = context.extensions.get::<http::request::Parts>();
                parts
                    .and_then(|parts| bearer(&parts.headers))
                    .map(Secret::from)
            }
        };
        found
            .filter(|token| !token.expose().is_empty())
            .ok_or_else(|| {
                GoogleError::local(
                    FailureKind::Unauthorized,
                    "the request came without an access token",
                )
                .into()
            })
    }

    fn begin(&self, context: &mut RequestContext<RoleServer>) -> Result<Call, ToolError> {
        let token = self.token(context)?;
        let meta: Option<CallMeta> = member(&context.meta, META_CALL);
        let (id, attempt) = meta.map_or_else(
            || (CallId::new(&*self.0.clock, &*self.0.rng), 1),
            |meta| (meta.id, meta.attempt),
        );
        Ok(Call {
            google: Google::new(self.0.shared.clone(), token),
            id,
            attempt,
            clock: self.0.clock.clone(),
            progress: context
                .meta
                .get_progress_token()
                .map(|token| (context.peer.clone(), token)),
        })
    }
}

fn member<T: serde::de::DeserializeOwned>(meta: &RequestMetaObject, name: &str) -> Option<T> {
    meta.get(name)
        .and_then(|value| serde_json::from_value(value.clone()).ok())
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let table = &self.0.table;
        let me = Implementation::new(
            format!("deputy-{}", table.command),
            env!("CARGO_PKG_VERSION"),
        )
        .with_title(table.title);
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(me)
            .with_instructions(table.instructions)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut all = ListToolsResult::with_all_items(self.0.listed.clone());
        // The table is the program's: the same for everybody until the program is replaced.
        all.ttl_ms = Some(300_000);
        all.cache_scope = Some(CacheScope::Public);
        Ok(all)
    }

    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        self.0.listed.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self
            .0
            .table
            .tools
            .iter()
            .find(|tool| tool.spec.name == request.name)
        else {
            return Err(ErrorData::invalid_params(
                format!("Unknown tool: {}", request.name),
                None,
            ));
        };
        let preflight = member(&context.meta, META_PREFLIGHT).unwrap_or(false);
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let begun = self.0.clock.now();
        let call = self.begin(&mut context);
        let cancelled = context.ct.clone();
        let run = async { tool.call(call?, arguments, preflight).await };
        let outcome = tokio::select! {
            biased;
            () = cancelled.cancelled() => {
                tracing::info!(tool = tool.spec.name, "cancelled");
                return Err(ErrorData::internal_error("cancelled", None));
            }
            outcome = run => outcome,
        };
        let took = self.0.clock.now().duration_since(begun).as_millis();
        Ok(match outcome {
            Ok(value) => {
                tracing::debug!(tool = tool.spec.name, took_ms = took, "done");
                CallToolResult::structured(value)
            }
            Err(error) => {
                let failure = error.failure();
                tracing::info!(tool = tool.spec.name, took_ms = took, kind = ?failure.kind, status = failure.status, "failed");
                failed(&error)
            }
        }
        .into())
    }
}

fn failed(error: &ToolError) -> CallToolResult {
    let mut meta = Map::new();
    if let Ok(failure) = serde_json::to_value(error.failure()) {
        meta.insert(META_FAILURE.to_owned(), failure);
    }
    CallToolResult::error(vec![ContentBlock::text(error.to_string())])
        .with_meta(Some(MetaObject(meta)))
}

fn listed(tool: &crate::tool::Tool) -> rmcp::model::Tool {
    let spec = &tool.spec;
    let object = |schema: &Value| -> Arc<JsonObject> {
        Arc::new(schema.as_object().cloned().unwrap_or_default())
    };
    let hint = |name: &str| spec.annotations.get(name).and_then(Value::as_bool);
    let annotations = ToolAnnotations::from_raw(
        None,
        hint("readOnlyHint"),
        hint("destructiveHint"),
        hint("idempotentHint"),
        hint("openWorldHint"),
    );
    rmcp::model::Tool::new(
        spec.name,
        spec.description.clone(),
        object(&spec.input_schema),
    )
    .with_title(spec.title.clone())
    .with_raw_output_schema(object(&spec.output_schema))
    .with_annotations(annotations)
}

#[cfg(test)]
mod tests;
