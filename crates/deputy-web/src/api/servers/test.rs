//! `POST /api/v1/servers/{name}/test`.

use axum::extract::{Path, State};
use deputy_core::Scope;
use deputy_gateway::servers::TestReport;
use utoipa::ToSchema;

use crate::App;
use crate::api::{Data, Success};
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// A tool that a test found.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct TestedToolBody {
    name: String,
    title: Option<String>,
    /// The server's own words.
    description: String,
    /// `accepted`, `changed` or `new`.
    #[schema(example = "accepted")]
    state: String,
}

/// What a test came to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the gateway")]
pub(crate) struct TestBody {
    /// Whether it started and listed its tools.
    ok: bool,
    tools: Vec<TestedToolBody>,
    duration_ms: u64,
    /// What was wrong, with the last it printed.
    error: Option<String>,
    /// Where its person allows the access, if that is what is missing.
    connect_url: Option<String>,
    /// What else there is to say.
    notes: Option<Vec<String>>,
}

/// Starts a server for real and lists its tools. That it does not work is an answer, no error.
#[utoipa::path(
    post,
    path = "/api/v1/servers/{name}/test",
    tag = "servers",
    params(("name" = String, Path, description = "The server's name")),
    responses(
        (status = 200, body = Success<TestBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `servers:manage`"),
        (status = 404, body = Failure, description = "The caller has no such server"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Data<TestReport>, ApiError> {
    caller.need(Scope::ServersManage)?;
    Ok(Data(app.gateway.servers().test(&caller.0, &name).await?))
}
