//! Servers in the network that other people wrote: rmcp's, in both eras, and the reference server from npm.

use std::borrow::Cow;
use std::process::Stdio;
use std::sync::Arc;

use deputy_core::http::PrivateHosts;
use deputy_gateway::pool::{Era, Inbound, Progress, Request};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

use crate::npm::{node_modules, text};
use crate::support::{LONG, World, answer, net, own, request, soon};

fn world(url: &Url) -> World {
    World::with(|config| {
        config.private_hosts = PrivateHosts::default().with(url);
        config.handshake = LONG;
    })
}

/// rmcp's server, which speaks the versions that it is told to.
#[derive(Clone)]
struct Theirs(Vec<ProtocolVersion>);

impl ServerHandler for Theirs {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Owned(self.0.clone())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, 1.0);
            let _ = context.peer.notify_progress(progress).await;
        }
        let said = serde_json::to_string(&request.arguments).unwrap();
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }
}

#[tokio::test]
async fn rmcps_server_in_both_eras() {
    for (versions, era, json_answers) in [
        (vec![ProtocolVersion::V_2025_11_25], Era::Legacy, false),
        (vec![ProtocolVersion::V_2025_11_25], Era::Legacy, true),
        (vec![ProtocolVersion::V_2026_07_28], Era::Modern, false),
        (vec![ProtocolVersion::V_2026_07_28], Era::Modern, true),
    ] {
        let theirs = Theirs(versions);
        let service = StreamableHttpService::new(
            move || Ok(theirs.clone()),
            Arc::new(LocalSessionManager::default()),
            StreamableHttpServerConfig::default().with_json_response(json_answers),
        );
        let url = crate::fake::serve(axum::Router::new().route_service("/mcp", service)).await;
        let (world, key, launch) = (world(&url), own(1, 1), net(&url));
        let info = world.pool.info(&key, &launch, None, Instant::now() + LONG);
        assert_eq!(info.await.unwrap().era, era);
        let (sink, mut progress) = mpsc::channel::<Progress>(4);
        let mut calling = request("echo", r#"{"a":[1,{"b":"ü"}]}"#);
        calling.progress = Some(sink);
        let said = answer(soon(LONG, world.pool.call(&key, &launch, calling)).await);
        assert_eq!(text(&said), r#"{"a":[1,{"b":"ü"}]}"#);
        assert!(progress.try_recv().is_ok(), "{era:?} {json_answers}");
        let tools = world.pool.list_tools(&key, &launch, Instant::now() + LONG);
        assert!(tools.await.unwrap().is_empty());
        world.pool.shutdown().await;
    }
}

#[tokio::test]
async fn everything_over_http_asks_and_is_asked() {
    let Some(modules) = node_modules() else {
        return;
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let script = modules.join("@modelcontextprotocol/server-everything/dist/index.js");
    #[expect(clippy::disallowed_methods, reason = "a server of somebody else's")]
    let mut server = tokio::process::Command::new(crate::npm::node(&modules))
        .arg(script)
        .arg("streamableHttp")
        .env_clear()
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(server.stderr.take().unwrap()).lines();
    soon(LONG, async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("listening") {
                return;
            }
        }
        panic!("it did not start");
    })
    .await;
    let url: Url = format!("http://127.0.0.1:{port}/mcp").parse().unwrap();
    let (world, key, launch) = (world(&url), own(1, 1), net(&url));

    let tools = world.pool.list_tools(&key, &launch, Instant::now() + LONG);
    assert!(tools.await.unwrap().len() >= 10);
    let echo = world.call(&key, &launch, "echo", r#"{"message":"Встреча"}"#);
    assert_eq!(text(&answer(echo.await)), "Echo: Встреча");

    let (sink, mut inbox) = mpsc::channel::<Inbound>(4);
    let mut asking = request("trigger-elicitation-request", "{}");
    asking.inbound = Some(sink);
    let call = world.pool.call(&key, &launch, asking);
    let (asked, ()) = soon(LONG, async {
        tokio::join!(call, async {
            let inbound = inbox.recv().await.expect("a request of the server's");
            assert_eq!(inbound.method, "elicitation/create");
            let said = RawValue::from_string(r#"{"action":"decline"}"#.to_owned()).unwrap();
            inbound.answer.send(Ok(said)).unwrap();
        })
    })
    .await;
    assert!(text(&answer(asked)).to_lowercase().contains("decline"));

    let list = Request::new(
        "resources/list",
        RawValue::from_string(json!({}).to_string()).unwrap(),
        Instant::now() + LONG,
    );
    let list = world.pool.request(&key, &launch, list).await.unwrap();
    let list: Value = serde_json::from_str(list.get()).unwrap();
    assert!(!list["resources"].as_array().unwrap().is_empty());

    // killed and gone: named; and it is the same client whose next call works when it is back
    server.kill().await.unwrap();
    let gone = world
        .call(&key, &launch, "echo", r#"{"message":"x"}"#)
        .await;
    assert!(gone.unwrap_err().to_string().contains("no connection"));
}
