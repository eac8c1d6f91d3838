//! `GET /api/v1/integrations/status`: which accounts are connected.

use axum::extract::State;
use deputy_connections::Status;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// Which services count as connected.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the connections")]
pub(crate) struct ServicesBody {
    calendar: bool,
    gmail: bool,
    drive: bool,
}

/// How a Google connection stands.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the connections")]
pub(crate) struct GoogleBody {
    /// `connected`, `disconnected` or `expired`.
    #[schema(example = "connected")]
    status: String,
    /// Full URLs.
    scopes: Vec<String>,
    services: ServicesBody,
    /// The next call renews it.
    access_token_expired: bool,
    /// RFC 3339; null when it isn't connected.
    connected_at: Option<String>,
    /// The account's e-mail address, where Google told it.
    account: Option<String>,
}

/// An account of a kind that can't be connected yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OtherBody {
    /// Always `disconnected`.
    #[schema(example = "disconnected")]
    status: &'static str,
}

impl OtherBody {
    const DISCONNECTED: Self = Self {
        status: "disconnected",
    };
}

/// How everything stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusBody {
    #[schema(value_type = GoogleBody)]
    google: Status,
    yandex: OtherBody,
    notion: OtherBody,
    slack: OtherBody,
}

/// The caller's own connections. Asks nobody outside.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/status",
    tag = "integrations",
    responses((status = 200, body = Success<StatusBody>), (status = 401, body = Failure))
)]
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
) -> Result<Data<StatusBody>, ApiError> {
    let google = app
        .connections
        .status(caller.0.user_id)
        .await
        .map_err(|error| ApiError::internal(&error, "reading the connection"))?;
    Ok(Data(StatusBody {
        google,
        yandex: OtherBody::DISCONNECTED,
        notion: OtherBody::DISCONNECTED,
        slack: OtherBody::DISCONNECTED,
    }))
}
