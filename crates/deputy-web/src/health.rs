//! Whether the program lives and can serve, and its metrics.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use crate::App;

/// `GET /healthz`: the process lives.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when every part can serve, else 503; either way each part by its name.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let database = match app.store.ping().await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database does not answer"
            );
            false
        }
    };
    // After a failure somebody has to try: a server that is not ready may get no calls that would.
    let audit = app.gateway.audit().healthy() || app.gateway.audit().flush().await;
    let running = !app.lifecycle.soft().is_cancelled();
    let ready = database && audit && running;
    let word = |good: bool| if good { "ok" } else { "failing" };
    let body = json!({
        "status": if ready { "ready" } else { "not ready" },
        "components": {
            "database": word(database),
            "audit": word(audit),
            "lifecycle": if running { "ok" } else { "stopping" },
        }
    });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    match &app.metrics {
        Some(handle) => {
            app.gateway.refresh_gauges();
            (
                [(
                    header::CONTENT_TYPE,
                    "text/plain; version=0.0.4; charset=utf-8",
                )],
                handle.render(),
            )
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
