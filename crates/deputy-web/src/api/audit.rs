//! `GET /api/v1/audit`: what was done, for whom, through what.

use axum::extract::{Query, State};
use deputy_core::Scope;
use deputy_core::UserId;
use deputy_store::audit::{AuditFilter, AuditOutcome, AuditPlace, AuditRow};
use jiff::Timestamp;
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
    /// Only records after this `seq`, the ones next to it.
    after: Option<i64>,
    /// Only this person's, by id. Other people's: administrators only.
    user_id: Option<i64>,
    /// Only this action and those under it: `tool` stands for `tool.call` and `tool.result` too.
    action: Option<String>,
    /// Only on what has this in its name. A server's tools are `NAME__TOOL`.
    target: Option<String>,
    /// Only through what has this in its name.
    caller: Option<String>,
    /// Only what ended so; `failed` stands for every end but a good one.
    outcome: Option<String>,
    /// Not before this instant, RFC 3339.
    from: Option<String>,
    /// Before this instant, RFC 3339.
    until: Option<String>,
}

impl Page {
    fn place(&self) -> Result<AuditPlace, ApiError> {
        match (self.before, self.after) {
            (None, None) => Ok(AuditPlace::Newest),
            (Some(seq), None) => Ok(AuditPlace::Before(seq)),
            (None, Some(seq)) => Ok(AuditPlace::After(seq)),
            (Some(_), Some(_)) => Err(ApiError::validation("give before or after, not both")),
        }
    }

    /// What `caller` may see of what is asked.
    fn filter(self, caller: &Caller) -> Result<AuditFilter, ApiError> {
        let instant = |text: Option<String>, name: &str| {
            text.map(|text| text.parse::<Timestamp>())
                .transpose()
                .map_err(|_| ApiError::validation(format!("{name} is an instant in RFC 3339")))
        };
        let asked = self.user_id.map(UserId);
        let user = if caller.0.may(Scope::Admin) {
            asked
        } else if asked.is_none_or(|user| user == caller.0.user_id) {
            Some(caller.0.user_id)
        } else {
            return Err(ApiError::not_found("there is no such person"));
        };
        Ok(AuditFilter {
            user,
            from: instant(self.from, "from")?,
            until: instant(self.until, "until")?,
            action: self.action,
            target: self.target,
            caller: self.caller,
            outcome: self.outcome.map(|word| match word.as_str() {
                "failed" => AuditOutcome::Failed,
                _ => AuditOutcome::Is(word),
            }),
        })
    }
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
        (status = 404, body = Failure, description = "Another person's, and the caller is no administrator"),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Data<Vec<RecordBody>>, ApiError> {
    caller.need(Scope::AuditRead)?;
    let Query(page) = page
        .map_err(|_| ApiError::validation("limit, before, after and user_id are whole numbers"))?;
    let limit = page.limit.unwrap_or(50);
    if !(1..=MAX).contains(&limit) {
        return Err(ApiError::validation("limit is 1 to 500"));
    }
    let place = page.place()?;
    let filter = page.filter(&caller)?;
    let rows = app
        .store
        .audit_page(&filter, place, limit)
        .await
        .map_err(|error| ApiError::internal(&error, "reading the records"))?;
    Ok(Data(rows.into_iter().map(Into::into).collect()))
}
