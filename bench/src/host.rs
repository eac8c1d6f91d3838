//! The gateway in front of a server that does nothing: everything of the product that a call passes
//! (bearer token, connection, sealed token, policy, audit, pool) with `echo` where the calendar
//! would be. A process of its own, so that its memory and processor time are its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use deputy_core::firstparty::{AskRule, ServerSpec, ToolSpec};
use deputy_core::{Lifecycle, Throttle};
use deputy_gateway::catalog::{FirstPartyLaunch, Isolation};
use deputy_gateway::credentials::NoRemoteCredentials;
use deputy_gateway::pool::{self, Pool};
use deputy_gateway::{Audit, Catalog, Config, Gateway, Parts, mcp, servers};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::people::Rooms;

/// Which installation.
#[derive(Debug, clap::Args)]
pub(crate) struct HostArgs {
    /// Its folder.
    #[arg(long)]
    data: PathBuf,
    /// Its Google.
    #[arg(long)]
    google: Url,
}

fn echo() -> ServerSpec {
    let tool = ToolSpec {
        name: "echo",
        title: "Echo".to_owned(),
        description: "Gives back its text".to_owned(),
        input_schema: crate::echo::schema(),
        output_schema: json!({ "type": "object" }),
        annotations: json!({ "readOnlyHint": true }),
        scopes: &[],
        ask: AskRule::Never,
    };
    // Under a service's name, because what a person has is decided by what they connected.
    ServerSpec {
        name: "calendar",
        command: "echo",
        tools: vec![tool],
    }
}

/// Serves until it is told to stop; prints its address.
#[expect(clippy::print_stdout, reason = "the address is this program's output")]
pub(crate) async fn run(args: HostArgs) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let _metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let mut terminated = signal(SignalKind::terminate())?;
    let lifecycle = Lifecycle::new();
    let Rooms {
        store,
        vault,
        identity,
        connections,
        clock,
        rng,
    } = Rooms::open(&args.data, &args.google, &lifecycle).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let url = Url::parse(&format!("http://{address}"))?;
    let key = vault.installation_key("audit-hmac").await?;
    let launch = FirstPartyLaunch {
        program: std::env::current_exe().context("finding this program's own file")?,
        args: Vec::new(),
        env: Vec::new(),
        per_request_args: Vec::new(),
        token_variable: "UNUSED",
        isolation: Isolation::Shared,
    };
    let parts = Parts {
        store: store.clone(),
        vault,
        catalog: Catalog::new(vec![echo()])?,
        credentials: Arc::new(deputy_web::Accounts(connections)),
        remote: Arc::new(NoRemoteCredentials),
        templates: Arc::new(deputy_templates::Registry::builtin()),
        pool: Pool::new(
            pool::Config::default(),
            lifecycle.clone(),
            Arc::clone(&clock),
        ),
        audit: Audit::start(store.clone(), &key, Arc::clone(&clock), &lifecycle),
        throttle: Arc::new(Throttle::new(0, Duration::from_mins(1), Arc::clone(&clock))),
        lifecycle: lifecycle.clone(),
        clock,
        rng,
    };
    let own_servers = servers::Config::new(args.data.join("servers"));
    let doorway = deputy_web::Doorway::new(identity, &url);
    let gateway = Gateway::new(Config::new(url, launch, own_servers), parts);
    gateway.run();
    let endpoint = mcp::Endpoint {
        allowed_hosts: vec![address.to_string()],
        allowed_origins: Vec::new(),
    };
    let router = mcp::router(gateway.clone(), endpoint).layer(
        axum::middleware::from_fn_with_state(doorway, deputy_web::bearer),
    );
    println!("listening {address}");
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let serve = axum::serve(listener, router).with_graceful_shutdown(async move {
        terminated.recv().await;
    });
    serve.await?;
    gateway.pool().shutdown().await;
    gateway.audit().close().await;
    lifecycle.stop(Duration::from_secs(5)).await;
    store.close().await?;
    Ok(())
}
