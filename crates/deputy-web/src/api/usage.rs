//! `GET /api/v1/usage`: statistics of the caller's own calls.

use axum::extract::{Query, State};
use deputy_core::Scope;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Window {
    /// How many days of the person's time zone, today included: 1 to 365. Default 7.
    #[param(minimum = 1, maximum = 365)]
    days: Option<u16>,
}

/// Of some calls.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct Tally {
    queries: u64,
    successful: u64,
    /// US dollars.
    cost: f64,
}

/// Of all calls in the window.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct UsageBody {
    total_queries: u64,
    successful_queries: u64,
    /// Percent; 0 without calls.
    success_rate: f64,
    /// Milliseconds.
    avg_response_time: f64,
    /// US dollars.
    total_cost: f64,
    most_used_server: Option<String>,
    by_server: std::collections::BTreeMap<String, Tally>,
    /// By day in the person's time zone: `2026-11-30`.
    by_day: std::collections::BTreeMap<String, Tally>,
}

/// Statistics of the caller's own calls.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    tag = "records",
    params(Window),
    responses(
        (status = 200, body = Success<UsageBody>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `audit:read`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    window: Result<Query<Window>, axum::extract::rejection::QueryRejection>,
) -> Result<Data<deputy_gateway::usage::Usage>, ApiError> {
    caller.need(Scope::AuditRead)?;
    let days = window
        .ok()
        .map(|Query(window)| window.days.unwrap_or(7))
        .filter(|days| (1..=365).contains(days));
    let days = days.ok_or_else(|| ApiError::validation("days is 1 to 365"))?;
    let zone = TimeZone::get(&caller.0.time_zone).unwrap_or(TimeZone::UTC);
    Ok(Data(
        app.gateway.usage(caller.0.user_id, days, &zone).await?,
    ))
}
