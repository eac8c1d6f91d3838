//! `deputy emulate …`: one emulator on its own.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use deputy_core::{Lifecycle, SystemRng};
use deputy_sandbox::google;
use serde_json::json;

use crate::cli::{EmulateArgs, Emulator};
use crate::commands::say;
use crate::telemetry;

/// Runs it until it is told to stop.
pub(crate) async fn run(args: EmulateArgs) -> anyhow::Result<ExitCode> {
    telemetry::init_logs(telemetry::SERVER_LOGS);
    if !args.listen.ip().is_loopback() {
        bail!(
            "an emulator listens on loopback only, not on {}",
            args.listen
        );
    }
    let Emulator::Google = args.what;
    let data = args.data.unwrap_or_else(|| "./data".into());
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listening on {}", args.listen))?;
    let lifecycle = Lifecycle::new();
    let emulated = google::start(
        listener,
        google::Config {
            data: data.clone(),
            rng: Arc::new(SystemRng),
        },
        &lifecycle,
    )
    .await
    .with_context(|| super::sandbox::in_use(&data))?;
    if args.json {
        say(&json!({ "url": origin(emulated.url()) }).to_string());
    }
    eprintln!(
        "emulated Google: {} (client {}, secret {})",
        emulated.url(),
        google::CLIENT_ID,
        google::CLIENT_SECRET
    );
    super::serve::stop_signal().await;
    lifecycle.stop(Duration::from_secs(2)).await;
    Ok(ExitCode::SUCCESS)
}

/// A URL without the slash at its end, as scripts append paths to it.
pub(crate) fn origin(url: &url::Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
