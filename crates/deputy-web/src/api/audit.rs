//! `GET /api/v1/audit`: what was done, for whom, through what.

use axum::extract::{Query, State};
use deputy_core::Scope;
use deputy_store::audit::AuditRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// Most records in one answer.
const MAX: u64 = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// How many records, 1 to 500. Default 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u64>,
    /// Only records before this `seq`.
    before: Option<i64>,
}

/// A record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordBody {
    /// The place in the chain.
    seq: i64,
    /// When, RFC 3339.
    at: String,
    /// For whom; null for the program itself.
    user_id: Option<i64>,
    /// Through what.
    #[schema(example = "token:7:laptop")]
    caller: String,
    /// What.
    #[schema(example = "tool.call")]
    action: String,
    /// On what.
    #[schema(example = "send_email")]
    target: String,
    /// The call it belongs to.
    call_id: Option<String>,
    /// How it ended.
    #[schema(example = "ok")]
    outcome: String,
    /// Ids and digests.
    #[schema(value_type = Object)]
    detail: Value,
}

impl From<AuditRow> for RecordBody {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at.to_string(),
            user_id: row.user.map(|user| user.0),
            caller: row.caller,
            action: row.action,
            target: row.target,
            call_id: row.call_id,
            outcome: row.outcome,
            detail: serde_json::from_str(&row.detail).unwrap_or(Value::Null),
        }
    }
}

/// Records, newest first: the caller's own; for an administrator with the scope `admin`,
/// everybody's.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "records",
    params(Page),
    responses(
        (status = 200, body = Success<Vec<RecordBody>>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `audit:read`"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Data<Vec<RecordBody>>, ApiError> {
    caller.need(Scope::AuditRead)?;
    let Query(page) =
        page.map_err(|_| ApiError::validation("limit and before are whole numbers"))?;
    let limit = page.limit.unwrap_or(50);
    if !(1..=MAX).contains(&limit) {
        return Err(ApiError::validation("limit is 1 to 500"));
    }
    let whose = if caller.0.may(Scope::Admin) {
        None
    } else {
        Some(caller.0.user_id)
    };
    let rows = app
        .store
        .audit_page(whose, page.before, limit)
        .await
        .map_err(|error| ApiError::internal(&error, "reading the records"))?;
    Ok(Data(rows.into_iter().map(Into::into).collect()))
}
