//! `/logout`: the end of this browser's session.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, header};

use crate::App;
use crate::auth::Form;
use crate::error::PageError;

/// `POST /logout`.
pub(crate) async fn submit(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    app.identity
        .end_session(&form.who.session)
        .await
        .map_err(|error| PageError::internal(&error, "ending a session"))?;
    Ok(leave(&app))
}

/// To the sign-in, without the cookie.
pub(crate) fn leave(app: &App) -> Response {
    let mut response = Redirect::to("/login?done=signed-out").into_response();
    let cookie = deputy_identity::session::removal_cookie(app.https());
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
