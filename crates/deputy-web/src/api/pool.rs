//! `GET /api/v1/admin/pool`: the processes behind the tools.

use axum::extract::State;
use deputy_core::Scope;
use deputy_gateway::pool::PoolStats;
use utoipa::ToSchema;

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// A process, or a server that waits to be started again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct PooledServerBody {
    /// The user's id, or `shared`.
    owner: String,
    server: String,
    /// `process`, `http`, or `unknown` for one that waits.
    #[schema(example = "process")]
    kind: String,
    pid: Option<u32>,
    /// `starting`, `running`, `leaving` or `backing_off`.
    #[schema(example = "running")]
    state: String,
    /// RFC 3339.
    since: Option<String>,
    /// RFC 3339.
    last_used: Option<String>,
    calls: u64,
    in_flight: u32,
    restarts: u64,
    /// RFC 3339.
    backoff_until: Option<String>,
    /// How often in a row it did not start, or ended soon.
    failures: u32,
    /// Resident memory, bytes.
    rss_bytes: Option<u64>,
}

/// The pool at one moment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct PoolBody {
    /// Processes.
    total_servers: usize,
    /// Servers in the network that are connected.
    http_servers: usize,
    by_server: std::collections::BTreeMap<String, usize>,
    /// By the user's id, or `shared`.
    by_user: std::collections::BTreeMap<String, usize>,
    servers: Vec<PooledServerBody>,
}

/// What runs. Administrators only.
#[utoipa::path(
    get,
    path = "/api/v1/admin/pool",
    tag = "admin",
    responses(
        (status = 200, body = Success<PoolBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, or the token lacks `admin`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<PoolStats>, ApiError> {
    caller.need(Scope::Admin)?;
    Ok(Data(app.gateway.pool().stats()))
}
