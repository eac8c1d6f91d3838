//! `POST /oauth/introspect`: what a token is (RFC 7662).

use axum::extract::{Request, State};
use axum::response::Response;
use deputy_core::challenge;
use http::{HeaderValue, StatusCode, header};

use super::token::refuse;
use super::{Sent, answer};
use crate::{App, auth};

/// `POST /oauth/introspect`.
pub(super) async fn handle(State(app): State<App>, request: Request) -> Response {
    let sent = match Sent::read(request).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    let address = auth::address(&sent.parts, &app);
    let told = app.authorization.introspect(
        &sent.body,
        sent.content_type(),
        sent.authorization(),
        address,
    );
    match told.await {
        Ok(told) => answer(StatusCode::OK, &told, None),
        Err(error) => {
            let mut response = refuse(&error, false);
            if error.error == "invalid_token" {
                let (public_url, path) = (app.public_url(), auth::API);
                let challenge = match sent.authorization() {
                    None => challenge::no_token(public_url, path),
                    Some(_) => challenge::invalid_token(public_url, path, &error.description),
                };
                if let Ok(challenge) = HeaderValue::try_from(challenge) {
                    let headers = response.headers_mut();
                    headers.insert(header::WWW_AUTHENTICATE, challenge);
                }
            }
            response
        }
    }
}
