//! `PUT /api/v1/tools/{name}/policy`: the caller's own word about a tool.

use axum::extract::{Path, State};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::policy::Said;
use deputy_gateway::servers::ServerError;
use deputy_templates::Policy;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::servers::{policy, read};
use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// The caller's word about a tool.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnPolicyBody {
    /// `auto`, `ask`, `deny`, or null: none any more.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(example = "ask")]
    policy: Option<String>,
}

/// What was said of a tool and what comes of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SaidBody {
    /// The tool.
    #[schema(example = "update_calendar_event")]
    name: String,
    /// The server it belongs to.
    #[schema(example = "calendar")]
    server: String,
    /// What happens when the caller calls it: `auto`, `ask` or `deny`.
    #[schema(value_type = String, example = "ask")]
    policy: Policy,
    /// The caller's own word; null: none.
    #[schema(value_type = Option<String>, example = "ask")]
    own_policy: Option<Policy>,
}

impl From<Said> for SaidBody {
    fn from(said: Said) -> Self {
        Self {
            name: said.tool,
            server: said.server,
            policy: said.effective,
            own_policy: said.own,
        }
    }
}

/// Says what happens when the caller calls a tool. Of Deputy's own tools a person's word makes calls stricter
/// and never laxer; of a tool of a person's own server it replaces the template's and the server's default.
/// An administrator's rule may be stricter. A tool that is denied is no longer listed.
#[utoipa::path(
    put,
    path = "/api/v1/tools/{name}/policy",
    tag = "tools",
    params(("name" = String, Path, description = "The tool")),
    request_body = OwnPolicyBody,
    responses(
        (status = 200, body = Success<SaidBody>),
        (status = 400, body = Failure, description = "`VALIDATION_ERROR`; `pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`, or `approvals:decide` where less would be asked than before"),
        (status = 404, body = Failure, description = "`UNKNOWN_TOOL`"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Data<SaidBody>, ApiError> {
    caller.need(Scope::ServersManage)?;
    let body: OwnPolicyBody = read(&body).map_err(|error| error.pointer("/policy".to_owned()))?;
    let word = body
        .policy
        .map(|word| policy(&word, "/policy"))
        .transpose()?;
    let said = app.gateway.set_tool_policy(&caller.0, &name, word).await;
    let said = said.map_err(|error| match error {
        ServerError::NotFound(text) => ApiError::new(StatusCode::NOT_FOUND, "UNKNOWN_TOOL", text),
        error => error.into(),
    })?;
    Ok(Data(said.into()))
}
