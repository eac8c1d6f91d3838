//! `GET`, `PATCH` and `DELETE /api/v1/servers/{name}`.

use axum::extract::{Path, State};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::servers::{Change, Server};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{ServerBody, policy, read};
use crate::App;
use crate::api::{Data, Success};
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// One of the caller's servers.
#[utoipa::path(
    get,
    path = "/api/v1/servers/{name}",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    responses(
        (status = 200, body = Success<ServerBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure),
        (status = 404, body = Failure, description = "The caller has no such server"),
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Data<Server>, ApiError> {
    Ok(Data(app.gateway.servers().get(&caller.0, &name).await?))
}

/// What to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    /// Merged into the configuration: `null` removes a member; secrets that are not mentioned stay, or are named in the
    /// refusal where they can't: with the change they would go to something else than before.
    #[schema(value_type = Object)]
    config: Option<Map<String, Value>>,
    /// `ask_writes`, `auto` or `ask`.
    default_policy: Option<String>,
    is_enabled: Option<bool>,
}

/// Changes a server. With another configuration it is started anew by the next call.
#[utoipa::path(
    patch,
    path = "/api/v1/servers/{name}",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    request_body = ChangeBody,
    responses(
        (status = 200, body = Success<ServerBody>),
        (status = 400, body = Failure, description = "`pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`, or `approvals:decide` where less would be asked than before"),
        (status = 404, body = Failure, description = "The caller has no such server"),
        (status = 409, body = Failure, description = "`CONFLICT`: it was changed at the same time"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was changed"),
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Data<Server>, ApiError> {
    caller.need(Scope::ServersManage)?;
    let servers = app.gateway.servers();
    // Before the body: of a server that is not there nothing is said.
    servers.get(&caller.0, &name).await?;
    let body: ChangeBody = read(&body)?;
    let change = Change {
        config: body.config,
        default_policy: body
            .default_policy
            .map(|word| policy(&word, "/default_policy"))
            .transpose()?,
        is_enabled: body.is_enabled,
        shown: None,
    };
    Ok(Data(servers.change(&caller.0, &name, change).await?))
}

/// A server that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedBody {
    /// Always true.
    #[schema(example = true)]
    deleted: bool,
    server_name: String,
}

/// Deletes a server, with its secrets and what it kept, and stops it.
#[utoipa::path(
    delete,
    path = "/api/v1/servers/{name}",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    responses(
        (status = 200, body = Success<DeletedBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such server"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Data<DeletedBody>, ApiError> {
    caller.need(Scope::ServersManage)?;
    app.gateway.servers().delete(&caller.0, &name).await?;
    Ok(Data(DeletedBody {
        deleted: true,
        server_name: name,
    }))
}
