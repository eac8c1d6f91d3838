//! `/logout`: the end of this browser's session.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, header};

use crate::App;
use crate::auth::EnrollingForm;
use crate::error::PageError;

/// `POST /logout`.
pub(crate) async fn submit(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, PageError> {
    app.identity
        .end_session(&form.who.session)
        .await
        .map_err(|error| PageError::internal(&error, "ending a session"))?;
    Ok(leave(&app))
}

/// To the sign-in, without the cookie.
pub(crate) fn leave(app: &App) -> Response {
    leave_with(app, "signed-out")
}

/// The same with another message.
pub(crate) fn leave_with(app: &App, done: &str) -> Response {
    let mut response = Redirect::to(&format!("/login?done={done}")).into_response();
    let cookie = deputy_identity::session::removal_cookie(app.https());
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
