//! `GET /api/v1/integrations/google/auth`: where to send the person to consent.

use axum::extract::{Query, State};
use deputy_connections::{BeginError, Services};
use deputy_core::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};
use crate::google;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// `calendar`, `gmail`, `drive` or `all`. Default `all`.
    #[param(example = "calendar")]
    service: Option<String>,
}

/// Where consent begins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthBody {
    /// To open in the browser in which the person is signed in; good for ten minutes, once.
    auth_url: String,
}

/// Begins a consent. What was connected before stays connected.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/google/auth",
    tag = "integrations",
    params(Asked),
    responses(
        (status = 200, body = Success<AuthBody>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `integrations:manage`"),
        (status = 503, body = Failure, description = "The installation has no Google client"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Data<AuthBody>, ApiError> {
    caller.need(Scope::IntegrationsManage)?;
    let services: Services = asked.service.as_deref().unwrap_or("all").parse().map_err(
        |error: deputy_connections::UnknownService| ApiError::validation(error.to_string()),
    )?;
    let url = google::begin(&app, caller.0.user_id, services).await?;
    Ok(Data(AuthBody {
        auth_url: url.into(),
    }))
}

impl From<BeginError> for ApiError {
    fn from(error: BeginError) -> Self {
        let text = error.to_string();
        match error {
            BeginError::NothingAsked => Self::validation(text),
            BeginError::NotConfigured => {
                Self::new(http::StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", text)
            }
            error @ BeginError::Storage(_) => Self::internal(&error, "beginning a consent"),
        }
    }
}
