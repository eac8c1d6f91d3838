//! `/language`: the switch that every page has.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Language;
use deputy_identity::{ProfileChange, Session, csrf};
use http::header;

use crate::App;
use crate::auth;
use crate::error::PageError;
use crate::language;
use crate::next;

/// `POST /language`. A signed-in person's setting changes too; before sign-in there is only the
/// cookie.
pub(crate) async fn submit(
    State(app): State<App>,
    session: Session,
    request: Request,
) -> Result<Response, Response> {
    let fields = auth::fields(request, &app).await?;
    let language = Language::ALL
        .into_iter()
        .find(|language| language.as_str() == fields.get("language"))
        .ok_or_else(|| PageError::Invalid.into_response())?;
    if let Ok(principal) = app.identity.authenticate_for_enrolment(&session).await {
        if !csrf::is_valid(&session, fields.get("csrf")) {
            return Err(PageError::Form.into_response());
        }
        let change = ProfileChange {
            language: Some(language),
            ..ProfileChange::default()
        };
        app.identity
            .change_profile(principal.user_id, change)
            .await
            .map_err(|error| {
                PageError::internal(&error, "changing the language").into_response()
            })?;
    }
    let mut response = Redirect::to(next::safe(fields.get("next"))).into_response();
    response.headers_mut().append(
        header::SET_COOKIE,
        language::remember(language, app.https()),
    );
    Ok(response)
}
