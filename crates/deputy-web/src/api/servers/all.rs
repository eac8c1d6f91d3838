//! `GET` and `POST /api/v1/servers`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::servers::{NewServer, Server};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{ServerBody, policy, read};
use crate::App;
use crate::api::{Data, Success};
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// The caller's own servers, by name.
#[utoipa::path(
    get,
    path = "/api/v1/servers",
    tag = "servers",
    responses(
        (status = 200, body = Success<Vec<ServerBody>>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token has neither `tools:read` nor `servers:manage`"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Vec<Server>>, ApiError> {
    Ok(Data(app.gateway.servers().list(&caller.0).await?))
}

/// A server to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewServerBody {
    /// `[a-z][a-z0-9-]{0,31}`, none of Deputy's own.
    #[serde(alias = "name")]
    #[schema(example = "my-files")]
    server_name: String,
    /// A template's.
    #[schema(example = "filesystem")]
    server_type: String,
    /// What the template asks for, secrets too.
    #[serde(default)]
    #[schema(value_type = Object)]
    config: Option<Value>,
    /// For tools without a policy of their own: `ask_writes`, `auto` or `ask`. Default: the
    /// template's.
    default_policy: Option<String>,
}

/// Adds a server. Its tools are read soon after, or at once by a test; until then it has none.
#[utoipa::path(
    post,
    path = "/api/v1/servers",
    tag = "servers",
    request_body = NewServerBody,
    responses(
        (status = 201, body = Success<ServerBody>),
        (status = 400, body = Failure, description = "`pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 409, body = Failure, description = "`CONFLICT`: the name is taken; `LIMIT_REACHED`: there are ten already"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.need(Scope::ServersManage)?;
    let body: NewServerBody = read(&body)?;
    let default_policy = body
        .default_policy
        .map(|word| policy(&word, "/default_policy"))
        .transpose()?;
    let new = NewServer {
        name: body.server_name,
        server_type: body.server_type,
        config: body.config.unwrap_or_else(|| json!({})),
        default_policy,
    };
    let server = app.gateway.servers().create(&caller.0, new).await?;
    Ok((StatusCode::CREATED, Data(server)).into_response())
}
