//! What must not be shown is not shown: in the logs at their most talkative, in errors, at rest.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::testing::{Reply, World, for_each_world};

const CANARIES: [&str; 5] = [
    "canary-access",
    "canary-refresh",
    "the-client-secret",
    "the-code",
    "canary-rotated",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every way a token goes; returns what was said in errors.
async fn everything(w: &World) -> String {
    let tokens = |access: &str, refresh: &str| {
        Reply::Json(
            200,
            json!({"access_token": access, "refresh_token": refresh, "expires_in": 3599}),
        )
    };
    let mut said = Vec::new();
    w.google.plant([
        Reply::error(400, "invalid_grant"),
        tokens("canary-access", "canary-refresh"),
    ]);
    let query = w.begin(w.alice, Services::ALL).await;
    said.push(format!(
        "{:?}",
        w.connections.complete(w.alice, query).await.unwrap_err()
    ));
    w.connect(w.alice, Services::ALL).await;
    w.pass(70);
    w.google.plant([Reply::Reset, Reply::Reset]);
    said.push(format!(
        "{:?}",
        w.connections.access_token(w.alice).await.err().unwrap()
    ));
    w.pass(1);
    w.google.plant([Reply::error(401, "invalid_client")]);
    said.push(format!(
        "{:?}",
        w.connections.access_token(w.alice).await.err().unwrap()
    ));
    w.pass(1);
    w.google.plant([tokens("canary-access", "canary-rotated")]);
    w.connections.access_token(w.alice).await.unwrap();
    w.google.plant_revoke([Reply::error(503, "x")]);
    w.connections
        .disconnect(w.alice, Services::ALL)
        .await
        .unwrap();
    w.pass(2);
    w.google.plant_revoke([Reply::Reset]);
    w.connections.sweep().await.unwrap();
    said.concat()
}

/// What all tests of the process log. A subscriber of one thread alone would be deaf to events that
/// another thread met first, while nobody listened.
fn everybodys_log() -> &'static Log {
    static LOG: std::sync::OnceLock<Log> = std::sync::OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    })
}

#[tokio::test]
async fn no_secret_in_logs_or_errors() {
    for_each_world(async |w| {
        let log = everybodys_log();
        let said = everything(&w).await;
        let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
        assert!(
            logged.contains("Google disconnected"),
            "the log was listened to"
        );
        for canary in CANARIES {
            assert!(!logged.contains(canary), "{canary} in the log");
            assert!(!said.contains(canary), "{canary} in an error");
        }
    })
    .await;
}

#[tokio::test]
async fn no_secret_in_the_database_files() {
    let w = World::on_sqlite().await;
    everything(&w).await;
    let path = w.database.url.trim_start_matches("sqlite://").to_owned();
    let mut at_rest = Vec::new();
    for name in [path.clone(), format!("{path}-wal")] {
        at_rest.extend(std::fs::read(name).unwrap_or_default());
    }
    let holds = |text: &str| at_rest.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds("oauth_tokens"), "the right files were read");
    for canary in CANARIES {
        assert!(!holds(canary), "{canary} in the database");
    }
}
