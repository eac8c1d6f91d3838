//! `/api/v1/admin/blocks` and `DELETE /api/v1/admin/grants`: what administrators forbid and end.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use deputy_core::Scope;
use deputy_identity::oauth::{Block, Subject};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::grants::EndedAllBody;
use super::servers::read;
use super::{Data, Success};
use crate::App;
use crate::access::admin;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// Most blocks in one answer.
const MAX: u64 = 1000;

/// Whose accesses end: one of the two.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    /// All that anybody allowed this program.
    client_id: Option<String>,
    /// All that this person allowed any program.
    username: Option<String>,
}

/// Ends all accesses of one program or of one person; the program stays and may ask again. Administrators only.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/grants",
    tag = "admin",
    params(Whose),
    responses(
        (status = 200, body = Success<EndedAllBody>),
        (status = 400, body = Failure, description = "Neither or both of `client_id` and `username`"),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, the token lacks `admin`, or it is that of a program that was let in; `FRESH_SIGN_IN_NEEDED` for a browser in which nobody proved who they are for ten minutes"),
        (status = 404, body = Failure, description = "There is no such program or person"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn end(
    State(app): State<App>,
    caller: Caller,
    whose: Result<Query<Whose>, axum::extract::rejection::QueryRejection>,
) -> Result<Data<EndedAllBody>, ApiError> {
    caller.need_administrators_act(&app).await?;
    let invalid = || ApiError::validation("give client_id or username");
    let Query(whose) = whose.map_err(|_| invalid())?;
    let ended = match (whose.client_id, whose.username) {
        (Some(client), None) => admin::end_client(&app, &caller.0, &client).await?,
        (None, Some(name)) => admin::end_person(&app, &caller.0, &name).await?,
        _ => return Err(invalid()),
    };
    Ok(Data(EndedAllBody { ended: ended.len() }))
}

/// A program that is blocked, or a host of programs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockBody {
    id: i64,
    /// `client` (`name` is the identifier of a program) or `host` (`name` is where programs are described).
    #[schema(example = "host")]
    kind: &'static str,
    #[schema(example = "example.org")]
    name: String,
    /// RFC 3339.
    created_at: String,
}

impl From<Block> for BlockBody {
    fn from(block: Block) -> Self {
        Self {
            id: block.id,
            kind: block.kind.as_str(),
            name: block.name,
            created_at: block.created_at.to_string(),
        }
    }
}

/// What is blocked, in the order in which it was. Administrators only.
#[utoipa::path(
    get,
    path = "/api/v1/admin/blocks",
    tag = "admin",
    responses(
        (status = 200, body = Success<Vec<BlockBody>>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, or the token lacks `admin`"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<Vec<BlockBody>>, ApiError> {
    caller.need(Scope::Admin)?;
    let blocks = app.authorization.blocks(None, MAX).await;
    let blocks = blocks.map_err(|error| ApiError::internal(&error, "listing blocks"))?;
    Ok(Data(blocks.into_iter().map(Into::into).collect()))
}

/// What to block: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBlockBody {
    /// The identifier of a program, whether it is known here or not.
    client_id: Option<String>,
    /// The host of programs that are described by a document, without a port.
    #[schema(example = "example.org")]
    host: Option<String>,
}

/// A block that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockedBody {
    block: BlockBody,
    /// How many accesses ended with it.
    ended: usize,
}

/// Blocks a program, or all that are described on a host: it can ask nobody for access, and what people allowed it ends at once. Administrators only.
#[utoipa::path(
    post,
    path = "/api/v1/admin/blocks",
    tag = "admin",
    request_body = NewBlockBody,
    responses(
        (status = 201, body = Success<BlockedBody>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, the token lacks `admin`, or it is that of a program that was let in; `FRESH_SIGN_IN_NEEDED` for a browser in which nobody proved who they are for ten minutes"),
        (status = 409, body = Failure, description = "`CONFLICT`: there are 1,000 already"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done; or it is blocked, but not all accesses ended: the message says which. Block again"),
    )
)]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.need_administrators_act(&app).await?;
    let body: NewBlockBody = read(&body)?;
    let subject = match (body.client_id, body.host) {
        (Some(id), None) => Subject::Client(id),
        (None, Some(host)) => Subject::Host(host),
        _ => return Err(ApiError::validation("give client_id or host")),
    };
    let (block, ended) = admin::block(&app, &caller.0, subject).await?;
    let block = block.into();
    Ok((StatusCode::CREATED, Data(BlockedBody { block, ended })).into_response())
}

/// A block that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnblockedBody {
    /// Always true.
    #[schema(example = true)]
    unblocked: bool,
    id: i64,
}

/// Takes a block back; what ended with it stays ended. Administrators only.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/blocks/{id}",
    tag = "admin",
    params(("id" = i64, Path, description = "As `GET /api/v1/admin/blocks` names it")),
    responses(
        (status = 200, body = Success<UnblockedBody>),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "Not an administrator, the token lacks `admin`, or it is that of a program that was let in; `FRESH_SIGN_IN_NEEDED` for a browser in which nobody proved who they are for ten minutes"),
        (status = 404, body = Failure, description = "There is no such block"),
        (status = 503, body = Failure, description = "`UNAVAILABLE`: nothing can be put on record now, so nothing was done"),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Data<UnblockedBody>, ApiError> {
    caller.need_administrators_act(&app).await?;
    let id = id
        .parse()
        .map_err(|_| ApiError::not_found("there is no such block"))?;
    admin::unblock(&app, &caller.0, id).await?;
    Ok(Data(UnblockedBody {
        unblocked: true,
        id,
    }))
}
