//! `GET /api/v1/grants`, `DELETE /api/v1/grants/{id}` and `DELETE /api/v1/grants?client_id=…`: what programs may do for the caller.

use axum::extract::{Path, Query, State};
use deputy_core::{Caller as Through, Scope};
use deputy_identity::oauth::redirect;
use deputy_store::oauth_grant::Grant;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Data, Success};
use crate::App;
use crate::access;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// What the person allowed one program.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantBody {
    id: i64,
    /// The program's identifier.
    client_id: String,
    /// What it called itself; its own word.
    client_name: String,
    /// Where the person was sent back to.
    #[schema(example = "claude.ai")]
    redirect_host: String,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// What its tokens are for, URLs.
    resources: Vec<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; null: not used yet.
    last_used_at: Option<String>,
    /// When it ends unless it is renewed, RFC 3339.
    expires_at: String,
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            redirect_host: redirect::host_shown(&grant.redirect_uri),
            client_id: grant.client_id,
            client_name: grant.client_name,
            scopes: grant.scopes.0.iter().map(|scope| scope.as_str()).collect(),
            resources: grant.resources,
            created_at: grant.created_at.to_string(),
            last_used_at: grant.last_used_at.map(|at| at.to_string()),
            expires_at: grant.expires_at.to_string(),
        }
    }
}

/// What this caller may see of them: a person in the browser all, a token of theirs with
/// `integrations:manage` all, a program its own alone.
fn sees(caller: &Caller) -> Result<Option<i64>, ApiError> {
    match &caller.0.caller {
        Through::Browser { .. } | Through::System => Ok(None),
        Through::Token { .. } => caller.need(Scope::IntegrationsManage).map(|()| None),
        Through::Client { grant, .. } => Ok(Some(*grant)),
    }
}

/// What the caller allowed programs, newest first. A program sees what it was allowed itself, and nothing else.
#[utoipa::path(
    get,
    path = "/api/v1/grants",
    tag = "access",
    responses(
        (status = 200, body = Success<Vec<GrantBody>>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The personal token lacks `integrations:manage`"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Vec<GrantBody>>, ApiError> {
    let only = sees(&caller)?;
    let grants = access::of(&app, caller.0.user_id).await?;
    Ok(Data(
        grants
            .into_iter()
            .filter(|grant| only.is_none_or(|id| id == grant.id))
            .map(Into::into)
            .collect(),
    ))
}

/// What has ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndedBody {
    /// Always true.
    #[schema(example = true)]
    ended: bool,
    id: i64,
}

/// Takes away what a program was allowed: its tokens stop working at once. A program can end what it was allowed itself.
#[utoipa::path(
    delete,
    path = "/api/v1/grants/{id}",
    tag = "access",
    params(("id" = i64, Path, description = "As `GET /api/v1/grants` names it")),
    responses(
        (status = 200, body = Success<EndedBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The personal token lacks `integrations:manage`"),
        (status = 404, body = Failure, description = "The caller has no such grant"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Data<EndedBody>, ApiError> {
    let only = sees(&caller)?;
    let id = id
        .parse()
        .ok()
        .filter(|id| only.is_none_or(|own| own == *id))
        .ok_or_else(|| ApiError::not_found("there is no such access"))?;
    access::end(&app, &caller.0, id).await?;
    Ok(Data(EndedBody { ended: true, id }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfClient {
    /// The program, as `GET /api/v1/grants` names it.
    client_id: String,
}

/// How many have ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndedAllBody {
    /// How many accesses ended.
    pub(super) ended: usize,
}

/// Takes away all that one program was allowed, in all its installations. A program can end what it was allowed itself.
#[utoipa::path(
    delete,
    path = "/api/v1/grants",
    tag = "access",
    params(OfClient),
    responses(
        (status = 200, body = Success<EndedAllBody>),
        (status = 400, body = Failure, description = "No `client_id`"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The personal token lacks `integrations:manage`"),
        (status = 404, body = Failure, description = "The caller has allowed this program nothing"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn end_all(
    State(app): State<App>,
    caller: Caller,
    asked: Result<Query<OfClient>, axum::extract::rejection::QueryRejection>,
) -> Result<Data<EndedAllBody>, ApiError> {
    let only = sees(&caller)?;
    let Query(asked) = asked.map_err(|_| ApiError::validation("client_id is missing"))?;
    let principal = &caller.0;
    let Some(own) = only else {
        let ended = access::end_all(&app, principal, Some(&asked.client_id)).await?;
        return Ok(Data(EndedAllBody { ended: ended.len() }));
    };
    if !matches!(&principal.caller, Through::Client { id, .. } if *id == asked.client_id) {
        return Err(ApiError::not_found("there is no such access"));
    }
    access::end(&app, principal, own).await?;
    Ok(Data(EndedAllBody { ended: 1 }))
}
