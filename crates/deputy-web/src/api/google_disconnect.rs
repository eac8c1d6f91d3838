//! `DELETE /api/v1/integrations/google`: the end of a connection, or of one service of it.

use axum::extract::{Query, State};
use deputy_connections::Services;
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
    /// `calendar`, `gmail` or `drive`; without it, everything.
    service: Option<String>,
}

/// What was disconnected.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DisconnectedBody {
    /// The services that were connected and no longer are.
    disconnected: Vec<&'static str>,
    /// The services that stay connected.
    remaining: Vec<&'static str>,
    /// Whether Google has been told already. It is told when the last service goes: it withdraws
    /// all permissions at once.
    revoked: bool,
}

/// Disconnects, stops what runs with the connection, and revokes it at Google when the last service
/// goes.
#[utoipa::path(
    delete,
    path = "/api/v1/integrations/google",
    tag = "integrations",
    params(Asked),
    responses(
        (status = 200, body = Success<DisconnectedBody>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `integrations:manage`"),
        (status = 404, body = Failure, description = "It was not connected"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Data<DisconnectedBody>, ApiError> {
    caller.need(Scope::IntegrationsManage)?;
    let services: Services = asked.service.as_deref().unwrap_or("all").parse().map_err(
        |error: deputy_connections::UnknownService| ApiError::validation(error.to_string()),
    )?;
    let done = google::end(&app, &caller.0, services).await?;
    let names = |services: Services| {
        services
            .iter()
            .map(deputy_connections::Service::as_str)
            .collect()
    };
    Ok(Data(DisconnectedBody {
        disconnected: names(done.dropped),
        remaining: names(done.remaining),
        revoked: done.revoked,
    }))
}
