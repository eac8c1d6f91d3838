//! `GET /api/v1/tools`: what this caller can call now.

use axum::extract::State;
use deputy_templates::Policy;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// A tool.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolBody {
    /// Its name, to call it by.
    #[schema(example = "create_calendar_event")]
    name: String,
    /// The server it belongs to.
    #[schema(example = "calendar")]
    server: String,
    /// For people.
    title: String,
    /// For models.
    description: String,
    /// JSON Schema of the arguments.
    #[schema(value_type = Object)]
    input_schema: Value,
    /// JSON Schema of the structured result.
    #[schema(value_type = Object)]
    output_schema: Option<Value>,
    /// MCP's hints: `readOnlyHint`, `destructiveHint`, …
    #[schema(value_type = Object)]
    annotations: Value,
    /// What happens when the caller calls it: `auto`, `ask` or `deny`. With `auto` some calls ask all the same, by
    /// their arguments.
    #[schema(example = "auto")]
    policy: &'static str,
    /// The caller's own word about it; null: none.
    #[schema(value_type = Option<String>, example = "auto")]
    own_policy: Option<Policy>,
}

/// The tools that this caller can call now.
#[utoipa::path(
    get,
    path = "/api/v1/tools",
    tag = "tools",
    responses(
        (status = 200, body = Success<Vec<ToolBody>>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `tools:read`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Vec<ToolBody>>, ApiError> {
    let tools = app.gateway.list_tools(&caller.0).await?;
    Ok(Data(
        tools
            .into_iter()
            .map(|tool| ToolBody {
                name: tool.name.clone(),
                server: tool.server.clone(),
                title: tool.title.clone(),
                description: tool.description.clone(),
                input_schema: Value::clone(&tool.input_schema),
                output_schema: tool.output_schema.as_deref().cloned(),
                annotations: Value::clone(&tool.annotations),
                policy: deputy_gateway::policy::word(&tool),
                own_policy: tool.own_policy,
            })
            .collect(),
    ))
}
