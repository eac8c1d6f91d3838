//! `POST /api/v1/servers/{name}/accept`.

use axum::extract::{Path, State};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::servers::{Seen, ServerTool};
use serde::Deserialize;
use utoipa::ToSchema;

use super::read;
use super::tools::ServerToolBody;
use crate::App;
use crate::api::{Data, Success};
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// What was seen of a tool.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenBody {
    /// The name as the server knows it.
    name: String,
    /// The `digest` of the tool that was shown.
    digest: String,
}

/// Tools to agree to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptBody {
    tools: Vec<SeenBody>,
}

/// Most tools to agree to at once: a server has no more.
const MOST: usize = 500;
/// Longest name and digest, in bytes.
const LONGEST: usize = 1024;

/// Whether that can be what somebody saw: what is agreed to is put on record.
pub(crate) fn is_plausible(seen: &[Seen]) -> bool {
    let short = |tool: &Seen| tool.name.len() <= LONGEST && tool.digest.len() <= LONGEST;
    seen.len() <= MOST && seen.iter().all(short)
}

/// Agrees to tools that are new or changed, exactly as they were shown.
#[utoipa::path(
    post,
    path = "/api/v1/servers/{name}/accept",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    request_body = AcceptBody,
    responses(
        (status = 200, body = Success<Vec<ServerToolBody>>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage` or `approvals:decide`"),
        (status = 404, body = Failure, description = "The caller has no such server"),
        (status = 409, body = Failure, description = "`CONFLICT`: a tool is not what was shown any more"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Data<Vec<ServerTool>>, ApiError> {
    caller.need(Scope::ServersManage)?;
    let servers = app.gateway.servers();
    servers.get(&caller.0, &name).await?;
    let body: AcceptBody = read(&body).map_err(|error| error.pointer("/tools".to_owned()))?;
    let seen: Vec<Seen> = body
        .tools
        .into_iter()
        .map(|tool| Seen {
            name: tool.name,
            digest: tool.digest,
        })
        .collect();
    if !is_plausible(&seen) {
        return Err(ApiError::validation(format!(
            "at most {MOST} tools, with the names and digests that were shown"
        ))
        .pointer("/tools".to_owned()));
    }
    Ok(Data(servers.accept(&caller.0, &name, &seen).await?))
}
