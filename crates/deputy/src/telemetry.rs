//! Logs and metrics of the process.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// Logs to stderr: JSON lines, or plain text on a terminal. `RUST_LOG` chooses what; by default
/// ours from `info` on, other crates from `warn` on.
pub(crate) fn init_logs(default: &str) {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // Below `warn` the MCP SDK logs whole messages, credentials in `_meta` included: never,
    // whatever was asked for.
    let silent = filter_fn(|metadata| {
        !metadata.target().starts_with("rmcp") || *metadata.level() <= Level::WARN
    });
    let layer = fmt::layer().with_writer(std::io::stderr);
    let layer = if std::io::stderr().is_terminal() {
        layer.compact().boxed()
    } else {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed()
    };
    // A second subscriber in the same process (a test) keeps the first.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(silent).with_filter(chosen))
        .try_init();
}

/// The default for a server.
pub(crate) const SERVER_LOGS: &str = "warn,deputy=info,deputy_web=info,deputy_gateway=info,deputy_identity=info,deputy_connections=info,\
deputy_store=info,deputy_vault=info,deputy_sandbox=info,deputy_google=info";

/// The default for a command that a person runs.
pub(crate) const COMMAND_LOGS: &str = "error";

/// Installs the recorder behind `GET /metrics`.
pub(crate) fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    const SECONDS: [f64; 16] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        60.0,
    ];
    Ok(PrometheusBuilder::new()
        .set_buckets(&SECONDS)?
        .install_recorder()?)
}
