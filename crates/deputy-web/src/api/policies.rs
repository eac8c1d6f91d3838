//! `GET` and `PUT /api/v1/admin/policies`: what an administrator says about tools, for everybody.

use axum::extract::State;
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::servers::ToolRule;
use serde::Deserialize;
use utoipa::ToSchema;

use super::servers::{policy, read};
use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// An administrator's rule.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct RuleBody {
    /// A server type, or `calendar`, `gmail`, `drive`.
    #[schema(example = "filesystem")]
    server: String,
    /// A tool as its server names it, or `*` for all of them.
    #[schema(example = "write_file")]
    tool: String,
    /// What happens at the least: `auto`, `ask` or `deny`.
    #[schema(example = "ask")]
    policy: String,
}

/// The administrators' rules about tools. Administrators only.
#[utoipa::path(
    get,
    path = "/api/v1/admin/policies",
    tag = "admin",
    responses(
        (status = 200, body = Success<Vec<RuleBody>>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, or the token lacks `admin`"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Vec<ToolRule>>, ApiError> {
    caller.need(Scope::Admin)?;
    let servers = app.gateway.servers();
    Ok(Data(servers.administrators_rules(&caller.0).await?))
}

/// A rule to set or to take away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetRuleBody {
    /// A server type, or `calendar`, `gmail`, `drive`.
    server: String,
    /// A tool as its server names it, or `*`.
    tool: String,
    /// `auto`, `ask`, `deny`, or null: no rule any more.
    #[serde(deserialize_with = "Option::deserialize")]
    policy: Option<String>,
}

/// Sets or takes away one rule, and answers with all of them. Administrators only.
#[utoipa::path(
    put,
    path = "/api/v1/admin/policies",
    tag = "admin",
    request_body = SetRuleBody,
    responses(
        (status = 200, body = Success<Vec<RuleBody>>),
        (status = 400, body = Failure, description = "`pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, the token lacks `admin`, or it is that of a program that was let in; `FRESH_SIGN_IN_NEEDED` for a browser in which nobody proved who they are for ten minutes"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Data<Vec<ToolRule>>, ApiError> {
    caller.need_administrators_act(&app).await?;
    let body: SetRuleBody = read(&body)?;
    let word = body
        .policy
        .map(|word| policy(&word, "/policy"))
        .transpose()?;
    app.gateway
        .set_administrators_rule(&caller.0, &body.server, &body.tool, word)
        .await?;
    let servers = app.gateway.servers();
    Ok(Data(servers.administrators_rules(&caller.0).await?))
}
