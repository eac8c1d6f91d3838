//! `/api/v1/admin/clients`: the programs that may ask people for access. Administrators only.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_identity::oauth::NewRegistered;
use deputy_store::oauth_client::ClientRow;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::servers::read;
use super::{Data, Success};
use crate::App;
use crate::access::admin as access;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// Most programs in one answer.
const MAX: u64 = 500;

/// A program.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientBody {
    /// The number of the row: where the next page begins.
    id: i64,
    /// Its identifier on the wire.
    client_id: String,
    /// `registered` (by an administrator), `dynamic` (by itself) or `document` (its identifier is a URL).
    #[schema(example = "registered")]
    kind: &'static str,
    /// What it is called; of one that came by itself, its own word.
    name: String,
    redirect_uris: Vec<String>,
    /// RFC 3339.
    created_at: String,
    /// When it last got or used a token, RFC 3339.
    last_used_at: Option<String>,
    /// How many accesses people have given it.
    grants: u64,
}

impl ClientBody {
    fn new(row: ClientRow, grants: u64) -> Self {
        Self {
            id: row.id,
            client_id: row.client_id,
            kind: row.kind.as_str(),
            name: row.name,
            redirect_uris: row.redirect_uris,
            created_at: row.created_at.to_string(),
            last_used_at: row.last_used_at.map(|at| at.to_string()),
            grants,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ClientPage {
    /// Only programs after this `id`.
    after: Option<i64>,
    /// How many, 1 to 500. Default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u64>,
}

/// The programs that may ask people for access, in the order in which they came. Administrators only.
#[utoipa::path(
    get,
    path = "/api/v1/admin/clients",
    tag = "admin",
    params(ClientPage),
    responses(
        (status = 200, body = Success<Vec<ClientBody>>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, or the token lacks `admin`"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<ClientPage>, axum::extract::rejection::QueryRejection>,
) -> Result<Data<Vec<ClientBody>>, ApiError> {
    caller.need(Scope::Admin)?;
    let Query(page) =
        page.map_err(|_| ApiError::validation("after and limit are whole numbers"))?;
    let limit = page.limit.unwrap_or(100);
    if !(1..=MAX).contains(&limit) {
        return Err(ApiError::validation("limit is 1 to 500"));
    }
    let failed = |error: deputy_store::Error| ApiError::internal(&error, "listing programs");
    let rows = app.authorization.clients(None, page.after, limit).await;
    let rows = rows.map_err(failed)?;
    let ids: Vec<&str> = rows.iter().map(|row| row.client_id.as_str()).collect();
    let grants = app.store.oauth_grants_by_client(&ids).await;
    let grants = grants.map_err(failed)?;
    Ok(Data(
        rows.into_iter()
            .map(|row| {
                let count = grants.get(&row.client_id).copied().unwrap_or_default();
                ClientBody::new(row, count)
            })
            .collect(),
    ))
}

/// A program to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClientBody {
    /// 1 to 100 letters, digits, `.`, `-` and `_`, the first a letter or a digit.
    #[schema(example = "calendar-bot")]
    client_id: String,
    /// What people see; the identifier where it is left out.
    name: Option<String>,
    /// 1 to 20: `https://…`, a loopback address (on any port), or the program's own scheme.
    redirect_uris: Vec<String>,
}

/// A program that was added.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AddedClientBody {
    client_id: String,
    name: String,
    redirect_uris: Vec<String>,
}

/// Adds a program. It has no secret: it proves itself by PKCE and its addresses. Administrators only.
#[utoipa::path(
    post,
    path = "/api/v1/admin/clients",
    tag = "admin",
    request_body = NewClientBody,
    responses(
        (status = 201, body = Success<AddedClientBody>),
        (status = 400, body = Failure, description = "`pointer` names the field"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, the token lacks `admin`, or it is that of a program that was let in; `FRESH_SIGN_IN_NEEDED` for a browser in which nobody proved who they are for ten minutes"),
        (status = 409, body = Failure, description = "`CONFLICT`: there is one of this identifier"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.need_administrators_act(&app).await?;
    let body: NewClientBody = read(&body)?;
    let new = NewRegistered {
        client_id: body.client_id,
        name: body.name,
        redirect_uris: body.redirect_uris,
    };
    let client = access::add(&app, &caller.0, new).await?;
    let added = Data(AddedClientBody {
        client_id: client.client_id,
        name: client.name,
        redirect_uris: client.redirect_uris,
    });
    Ok((StatusCode::CREATED, added).into_response())
}

/// A program that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedClientBody {
    /// Always true.
    #[schema(example = true)]
    removed: bool,
    client_id: String,
    /// How many accesses ended with it.
    ended: usize,
}

/// Removes a program; what people allowed it ends at once. One that registers itself can come again. Administrators only.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/clients/{client_id}",
    tag = "admin",
    params(("client_id" = String, Path, description = "Its identifier, percent-encoded where it is a URL")),
    responses(
        (status = 200, body = Success<RemovedClientBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, the token lacks `admin`, or it is that of a program that was let in; `FRESH_SIGN_IN_NEEDED` for a browser in which nobody proved who they are for ten minutes"),
        (status = 404, body = Failure, description = "There is no such program"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(client_id): Path<String>,
) -> Result<Data<RemovedClientBody>, ApiError> {
    caller.need_administrators_act(&app).await?;
    let removed = access::remove(&app, &caller.0, &client_id).await?;
    Ok(Data(RemovedClientBody {
        removed: true,
        client_id,
        ended: removed.ended.len(),
    }))
}
