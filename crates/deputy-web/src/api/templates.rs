//! `GET /api/v1/templates`: the kinds of servers that people can add.

use axum::extract::{Query, State};
use deputy_core::{Language, Scope};
use deputy_templates::{Template, Transport};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};
use crate::kinds;
use crate::text::{Text, negotiate};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// `en`, `ru` or `uk`. Default: what `Accept-Language` asks for, else the person's own.
    language: Option<String>,
}

/// A kind of server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TemplateBody {
    #[schema(example = "filesystem")]
    server_type: String,
    title: String,
    description: String,
    /// `stdio` or `http`.
    #[schema(example = "stdio")]
    transport: &'static str,
    /// The package or service behind it.
    package: Option<String>,
    /// What is run, or the URL; values that are filled in are `${config:…}`, secrets `${input:…}`.
    command: String,
    /// JSON Schema of the configuration.
    #[schema(value_type = Object)]
    config_schema: Value,
    /// How one gets what is asked for, Markdown.
    setup_instructions: String,
    /// For tools without a policy of their own.
    #[schema(example = "ask_writes")]
    default_policy: String,
    /// Whether it gets the network.
    network: bool,
    /// Whether it can be added on this machine.
    available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable_reason: Option<String>,
}

/// The kinds of servers, in the caller's language.
#[utoipa::path(
    get,
    path = "/api/v1/templates",
    tag = "servers",
    params(Asked),
    responses(
        (status = 200, body = Success<Vec<TemplateBody>>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token has neither `tools:read` nor `servers:manage`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Data<Vec<TemplateBody>>, ApiError> {
    if !caller.0.may(Scope::ServersManage) {
        caller.need(Scope::ToolsRead)?;
    }
    let language = match asked.language {
        Some(tag) => Language::from_tag(&tag).ok_or_else(|| {
            ApiError::validation("language is en, ru or uk").pointer("/language".to_owned())
        })?,
        None => headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(negotiate)
            .unwrap_or(caller.0.language),
    };
    let templates = app.gateway.servers().templates();
    Ok(Data(
        templates
            .all()
            .map(|template| body(&app, template, language))
            .collect(),
    ))
}

fn body(app: &App, template: &Template, language: Language) -> TemplateBody {
    let reason = kinds::unavailable(app, template, Text::new(language));
    TemplateBody {
        server_type: template.server_type.clone(),
        title: template.title.get(language).to_owned(),
        description: template.description.get(language).to_owned(),
        transport: match template.transport {
            Transport::Stdio(_) => "stdio",
            Transport::Http(_) => "http",
        },
        package: template.package.clone(),
        command: kinds::pattern(template),
        config_schema: template.config_schema.clone(),
        setup_instructions: template.setup.get(language).to_owned(),
        default_policy: template.default_policy.to_string(),
        network: kinds::has_network(template),
        available: reason.is_none(),
        unavailable_reason: reason,
    }
}
