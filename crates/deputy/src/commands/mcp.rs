//! `deputy mcp …`: a first-party MCP server.

use std::process::ExitCode;

use anyhow::Context as _;
use deputy_core::{Lifecycle, Secret};
use deputy_google::{Config, Credentials, Endpoints};
use url::Url;

use crate::cli::McpArgs;
use crate::settings::{SettingError, variable};
use crate::telemetry;

/// The variable with the person's access token.
pub(crate) const TOKEN: &str = "GOOGLE_ACCESS_TOKEN";
/// The variable with the root of the APIs.
pub(crate) const API_URL: &str = "GOOGLE_API_URL";

/// Runs it until standard input ends, or until it is told to stop.
pub(crate) async fn run(args: McpArgs) -> anyhow::Result<ExitCode> {
    telemetry::init_logs("warn");
    let credentials = if args.credentials_per_request || args.http.is_some() {
        Credentials::PerRequest
    } else {
        let token = variable(TOKEN).ok_or_else(|| {
            SettingError(format!("{TOKEN} is not set: a Google OAuth access token (or use --http, where requests bring theirs)"))
        })?;
        Credentials::Fixed(Secret::new(token))
    };
    let mut config = Config::new(credentials);
    if let Some(root) = variable(API_URL) {
        let root = Url::parse(&root)
            .map_err(|e| SettingError(format!("{API_URL} is no URL ({e}): '{root}'")))?;
        config.endpoints = Endpoints::under(&root);
    }
    let name = args.server.name();
    let Some(address) = args.http else {
        deputy_google::serve_stdio(name, config).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    eprintln!("{name}: http://{}/mcp", listener.local_addr()?);
    let router = deputy_google::http_service(name, &config)?;
    let lifecycle = Lifecycle::new();
    let stop = super::serve::stop_signal();
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await?;
    lifecycle.stop(std::time::Duration::from_secs(1)).await;
    Ok(ExitCode::SUCCESS)
}
