//! `POST /api/v1/servers/{name}/enable` and `…/disable`.

use axum::extract::{Path, State};
use deputy_core::Scope;
use deputy_gateway::servers::Server;

use super::ServerBody;
use crate::App;
use crate::api::{Data, Success};
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// Switches a server on.
#[utoipa::path(
    post,
    path = "/api/v1/servers/{name}/enable",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    responses(
        (status = 200, body = Success<ServerBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such server"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn enable(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Data<Server>, ApiError> {
    set(&app, &caller, &name, true).await
}

/// Switches a server off and stops it. It stays as it is otherwise.
#[utoipa::path(
    post,
    path = "/api/v1/servers/{name}/disable",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    responses(
        (status = 200, body = Success<ServerBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such server"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn disable(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Data<Server>, ApiError> {
    set(&app, &caller, &name, false).await
}

async fn set(app: &App, caller: &Caller, name: &str, on: bool) -> Result<Data<Server>, ApiError> {
    caller.need(Scope::ServersManage)?;
    let servers = app.gateway.servers();
    Ok(Data(servers.set_enabled(&caller.0, name, on).await?))
}
