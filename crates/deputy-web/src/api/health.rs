//! `GET /api/v1/admin/health`: how the installation is, by component.

use axum::extract::State;
use deputy_core::Scope;
use deputy_gateway::health::Health;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// One part of the installation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct ComponentBody {
    /// `mcp`, `database` or `queue`.
    #[schema(example = "mcp")]
    component: String,
    /// Whether its level is `healthy`.
    healthy: bool,
    /// `healthy`, `degraded` or `critical`.
    #[schema(example = "healthy")]
    level: String,
    /// What is wrong; empty when nothing is.
    message: String,
    /// By component. `mcp`: `{total,healthy,unhealthy,services:[{owner,name,status,retry_after}]}`;
    /// `database`: `{response_ms}`; `queue`:
    /// `{audit_writable,audit_waiting,audit_capacity,approved_calls_waiting,last_sweep}`.
    #[schema(value_type = Object)]
    details: Value,
}

/// The installation at one moment, as the process that answers sees it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct HealthBody {
    /// That of the worst component.
    #[schema(example = "healthy")]
    level: String,
    /// RFC 3339.
    checked_at: String,
    components: Vec<ComponentBody>,
}

/// How the installation is. Administrators only; of people it tells ids.
#[utoipa::path(
    get,
    path = "/api/v1/admin/health",
    tag = "admin",
    responses(
        (status = 200, body = Success<HealthBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, or the token lacks `admin`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Health>, ApiError> {
    caller.need(Scope::Admin)?;
    Ok(Data(app.gateway.health().await))
}
