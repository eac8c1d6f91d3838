//! `deputy serve`: the production server.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::ServeArgs;
use crate::compose::{Options, Server};
use crate::settings::{Overrides, Settings, Sources};
use crate::telemetry;

/// Runs it until it is told to stop.
pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    telemetry::init_logs(telemetry::SERVER_LOGS);
    let overrides = Overrides {
        listen: args.listen,
        ..args.database.overrides()
    };
    let settings = Settings::load(Sources::All, &overrides)?;
    let listener = tokio::net::TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("listening on {}", settings.listen))?;
    let options = Options {
        key: settings.key.clone(),
        sandbox: None,
        metrics: telemetry::init_metrics()?,
    };
    let server = Server::build(&settings, options).await?;
    if server.identity.users().await?.is_empty() {
        eprintln!("There is no user yet. Add one with: deputy user add NAME");
    }
    eprintln!(
        "Deputy listens on {}, for browsers and clients at {}",
        settings.listen, settings.public_url
    );
    server.run(listener, stop_signal()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Resolves on Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
