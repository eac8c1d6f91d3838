//! `GET` and `PATCH /api/v1/me`: the caller's own profile.

use axum::extract::State;
use bytes::Bytes;
use deputy_core::{Language, Role, Scope};
use deputy_identity::{ProfileChange, User, UserError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::servers::read;
use super::{Data, Success};
use crate::App;
use crate::auth::Caller;
use crate::error::{ApiError, Failure};

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeBody {
    /// The name to sign in with.
    username: String,
    /// The name for display.
    name: String,
    /// `en`, `ru` or `uk`.
    #[schema(value_type = String, example = "en")]
    language: Language,
    /// IANA name.
    #[schema(example = "Europe/Kyiv")]
    time_zone: String,
    /// `admin` or `user`.
    #[schema(value_type = String, example = "user")]
    role: Role,
}

impl From<User> for MeBody {
    fn from(user: User) -> Self {
        Self {
            username: user.username,
            name: user.name,
            language: user.language,
            time_zone: user.time_zone,
            role: user.role,
        }
    }
}

/// The caller's profile.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "me",
    responses((status = 200, body = Success<MeBody>), (status = 401, body = Failure))
)]
pub(crate) async fn show(State(app): State<App>, caller: Caller) -> Result<Data<MeBody>, ApiError> {
    Ok(Data(app.identity.user(caller.0.user_id).await?.into()))
}

/// What to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The name for display, 1 to 100 characters.
    name: Option<String>,
    /// `en`, `ru` or `uk`.
    language: Option<String>,
    /// IANA name.
    time_zone: Option<String>,
}

/// Changes the caller's profile.
#[utoipa::path(
    patch,
    path = "/api/v1/me",
    tag = "me",
    request_body = Change,
    responses(
        (status = 200, body = Success<MeBody>),
        (status = 400, body = Failure),
        (status = 401, body = Failure),
        (status = 403, body = Failure, description = "The token lacks `tools:write`"),
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<Data<MeBody>, ApiError> {
    // No scope is made for it; a token that may only read changes nothing here either.
    caller.need(Scope::ToolsWrite)?;
    let change: Change = read(&body)?;
    let language = change
        .language
        .map(|tag| {
            Language::ALL
                .into_iter()
                .find(|language| language.as_str() == tag)
                .ok_or_else(|| {
                    ApiError::validation("language is en, ru or uk").pointer("/language".to_owned())
                })
        })
        .transpose()?;
    let change = ProfileChange {
        name: change.name,
        language,
        time_zone: change.time_zone,
    };
    Ok(Data(
        app.identity
            .change_profile(caller.0.user_id, change)
            .await?
            .into(),
    ))
}

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        let text = error.to_string();
        match error {
            UserError::TimeZone(_) => Self::validation(text).pointer("/time_zone".to_owned()),
            UserError::DisplayName => Self::validation(text).pointer("/name".to_owned()),
            UserError::NotFound => Self::unauthorized(),
            UserError::Throttled(throttled) => Self::rate_limited(text, throttled.retry_after),
            other => Self::internal(&other, "using a profile"),
        }
    }
}
