//! `GET /api/v1/servers/{name}/log`.

use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::api::{Data, Success};
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// What a server printed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogBody {
    /// The last lines, secrets cut out; empty when it neither runs nor failed lately.
    log: String,
}

/// The last that a server printed.
#[utoipa::path(
    get,
    path = "/api/v1/servers/{name}/log",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    responses(
        (status = 200, body = Success<LogBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such server"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Data<LogBody>, ApiError> {
    let log = app.gateway.servers().log(&caller.0, &name).await?;
    Ok(Data(LogBody { log }))
}
