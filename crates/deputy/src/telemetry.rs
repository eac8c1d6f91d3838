//! Logs and metrics of the process.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Logs to stderr: JSON lines, or plain text on a terminal. `RUST_LOG` chooses what; by default
/// ours from `info` on, other crates from `warn` on.
pub(crate) fn init_logs(default: &str) {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // Below `info` the MCP SDK logs whole messages, credentials in `_meta` included: never, whatever
    // was asked for.
    if let Ok(quiet) = "rmcp=warn".parse() {
        filter = filter.add_directive(quiet);
    }
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in the same process (a test) keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        builder.compact().try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init()
    };
}

/// The default for a server.
pub(crate) const SERVER_LOGS: &str = "warn,deputy=info,deputy_web=info,deputy_gateway=info,deputy_identity=info,deputy_connections=info,\
deputy_store=info,deputy_vault=info,deputy_sandbox=info,deputy_google=info";

/// The default for a command that a person runs.
pub(crate) const COMMAND_LOGS: &str = "error";

/// Installs the recorder behind `GET /metrics`.
pub(crate) fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    const SECONDS: [f64; 12] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
    ];
    Ok(PrometheusBuilder::new()
        .set_buckets(&SECONDS)?
        .install_recorder()?)
}
