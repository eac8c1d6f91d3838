//! `GET /api/v1/servers/{name}/tools` and `PUT …/tools/{tool}`.

use axum::extract::{Path, State};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::servers::ServerTool;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{policy, read};
use crate::App;
use crate::api::{Data, Success};
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// A tool as a server describes it. Its words are the server's: data, no instructions.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct DefinitionBody {
    name: String,
    title: Option<String>,
    description: String,
    #[schema(value_type = Object)]
    input_schema: Value,
    #[schema(value_type = Object, nullable)]
    output_schema: Value,
    #[schema(value_type = Object)]
    annotations: Value,
}

/// A tool that is described otherwise than it was agreed to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct ToolChangeBody {
    /// What was agreed to.
    before: DefinitionBody,
    /// What the server says now.
    now: DefinitionBody,
}

/// A tool of a server, or the server's instructions to models: those are agreed to as tools are, and not called.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct ServerToolBody {
    /// `tool` or `instructions`.
    #[schema(example = "tool")]
    kind: String,
    /// The name as the server knows it.
    #[schema(example = "read_text_file")]
    name: String,
    /// The name to call it by.
    #[schema(example = "my-files__read_text_file")]
    published: String,
    title: Option<String>,
    /// The server's own words.
    description: String,
    /// MCP's hints.
    #[schema(value_type = Object)]
    annotations: Value,
    #[schema(value_type = Object)]
    input_schema: Value,
    #[schema(value_type = Object, nullable)]
    output_schema: Value,
    /// The person's word about it: `auto`, `ask` or `deny`.
    policy: Option<String>,
    /// What happens when it is called.
    #[schema(example = "ask")]
    effective: String,
    /// The administrators' rule, where there is one.
    administrator: Option<String>,
    /// `accepted`, `changed`, `new` or `gone`.
    #[schema(example = "accepted")]
    state: String,
    /// Names what `accept` would agree to.
    digest: Option<String>,
    change: Option<ToolChangeBody>,
    /// Why it can't be used.
    unusable: Option<String>,
    /// What was left out of it.
    notes: Vec<String>,
}

/// The tools of a server, as it last listed them.
#[utoipa::path(
    get,
    path = "/api/v1/servers/{name}/tools",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    responses(
        (status = 200, body = Success<Vec<ServerToolBody>>),
        (status = 401, body = Failure),
        (status = 403, body = Failure),
        (status = 404, body = Failure, description = "The caller has no such server"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Data<Vec<ServerTool>>, ApiError> {
    Ok(Data(app.gateway.servers().tools(&caller.0, &name).await?))
}

/// The person's word about a tool.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolPolicyBody {
    /// `auto`, `ask`, `deny`, or null: the server's default again.
    #[serde(deserialize_with = "Option::deserialize")]
    policy: Option<String>,
}

/// Says what happens when a tool is called. The strictest word counts: an administrator's may be
/// stricter.
#[utoipa::path(
    put,
    path = "/api/v1/servers/{name}/tools/{tool}",
    tag = "servers",
    params(
        ("name" = String, Path, description = "The server's name"),
        ("tool" = String, Path, description = "The tool, as the server names it"),
    ),
    request_body = ToolPolicyBody,
    responses(
        (status = 200, body = Success<ServerToolBody>),
        (status = 400, body = Failure, description = "`pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`, or `approvals:decide` where less would be asked than before"),
        (status = 404, body = Failure, description = "The caller has no such server, or it no such tool"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn set_policy(
    State(app): State<App>,
    caller: Caller,
    Path((name, tool)): Path<(String, String)>,
    body: Bytes,
) -> Result<Data<ServerTool>, ApiError> {
    caller.need(Scope::ServersManage)?;
    let servers = app.gateway.servers();
    servers.get(&caller.0, &name).await?;
    let body: ToolPolicyBody = read(&body).map_err(|error| error.pointer("/policy".to_owned()))?;
    let word = body
        .policy
        .map(|word| policy(&word, "/policy"))
        .transpose()?;
    Ok(Data(
        servers.set_policy(&caller.0, &name, &tool, word).await?,
    ))
}
