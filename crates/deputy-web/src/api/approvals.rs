//! `GET /api/v1/approvals` and `POST /api/v1/approvals/{id}`: what waits for its person's word.

use axum::extract::{Path, State};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_gateway::approval::{Approval, DecideError, Decision, StoredOutcome};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// Most approvals in one listing.
const LIMIT: u64 = 100;

/// A call that waits, or waited, for its person's word.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApprovalBody {
    #[schema(value_type = String, example = "0199a7f2-5a5e-7000-8000-000000000001")]
    id: Uuid,
    /// The tool that would be called.
    #[schema(example = "send_email")]
    tool: String,
    /// The tool's server.
    #[schema(example = "gmail")]
    server: String,
    /// The exact arguments.
    #[schema(value_type = Object)]
    arguments: Value,
    /// One line: what would happen.
    summary: String,
    /// `pending`, `approved` (being carried out), `done`, `rejected` or `expired`.
    #[schema(example = "pending")]
    status: &'static str,
    /// When it was asked, RFC 3339.
    requested_at: String,
    /// Until when it can be decided, RFC 3339.
    expires_at: String,
    /// Through what it was asked.
    requested_by: String,
    /// When it was decided, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    /// What the call answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    result: Option<StoredOutcome>,
}

impl From<Approval> for ApprovalBody {
    fn from(approval: Approval) -> Self {
        Self {
            id: approval.id,
            tool: approval.tool,
            server: approval.server,
            arguments: approval.arguments,
            summary: approval.summary,
            status: approval.status,
            requested_at: approval.requested_at.to_string(),
            expires_at: approval.expires_at.to_string(),
            requested_by: approval.requested_by,
            decided_at: approval.decided_at.map(|at| at.to_string()),
            result: approval.result,
        }
    }
}

/// The caller's own approvals, newest first, at most 100.
#[utoipa::path(
    get,
    path = "/api/v1/approvals",
    tag = "approvals",
    responses((status = 200, body = Success<Vec<ApprovalBody>>), (status = 401, body = Failure))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Vec<ApprovalBody>>, ApiError> {
    caller.need(Scope::ToolsRead)?;
    let approvals = app.gateway.approvals(caller.0.user_id, LIMIT).await?;
    Ok(Data(approvals.into_iter().map(Into::into).collect()))
}

/// A person's word.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DecisionBody {
    /// `approve` or `reject`.
    #[schema(value_type = String, example = "approve")]
    decision: Decision,
}

/// What a decision came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecidedBody {
    #[schema(value_type = String, example = "0199a7f2-5a5e-7000-8000-000000000001")]
    id: Uuid,
    /// `done` or `rejected`.
    #[schema(example = "done")]
    status: &'static str,
    /// What the call answered, or `{error}`; null for a rejection.
    #[schema(value_type = Object, nullable)]
    result: Option<StoredOutcome>,
}

/// Decides an approval; an approved call is made at once.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}",
    tag = "approvals",
    params(("id" = String, Path, description = "The approval")),
    request_body = DecisionBody,
    responses(
        (status = 200, body = Success<DecidedBody>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `approvals:decide`"),
        (status = 404, body = Failure, description = "The caller has no such approval"),
        (status = 409, body = Failure, description = "`ALREADY_DECIDED`"),
        (status = 410, body = Failure, description = "`EXPIRED`"),
    )
)]
pub(crate) async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Data<DecidedBody>, ApiError> {
    let id = Uuid::parse_str(&id).map_err(|_| ApiError::from(DecideError::NotFound))?;
    let DecisionBody { decision } = serde_json::from_slice(&body).map_err(|_| {
        ApiError::validation("send {\"decision\":\"approve\"} or {\"decision\":\"reject\"}")
            .pointer("/decision".to_owned())
    })?;
    let decided = app.gateway.decide(&caller.0, id, decision).await?;
    Ok(Data(DecidedBody {
        id: decided.id,
        status: decided.status,
        result: decided.result,
    }))
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> Self {
        let text = error.to_string();
        match error {
            DecideError::NotFound => Self::not_found(text),
            DecideError::AlreadyDecided => Self::new(StatusCode::CONFLICT, "ALREADY_DECIDED", text),
            DecideError::Expired => Self::new(StatusCode::GONE, "EXPIRED", text),
            DecideError::Scope(missing) => Self::forbidden(text).lacks(missing.needed),
            DecideError::Call(error) => error.into(),
        }
    }
}

/// Whether the call did what was approved.
pub(crate) fn decided_well(outcome: &StoredOutcome) -> bool {
    match outcome {
        StoredOutcome::Result(result) => !result.is_error,
        StoredOutcome::Error { .. } => false,
    }
}
