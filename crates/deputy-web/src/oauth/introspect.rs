//! `POST /oauth/introspect`: what a token is (RFC 7662). Whoever asks presents a token of their own
//! (`Authorization: Bearer`, one for the REST API) and is told about tokens of the same person.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde_json::json;

use super::token::refuse;
use super::{Sent, answer, refusal};
use crate::{App, auth};

/// `POST /oauth/introspect`.
pub(super) async fn handle(State(app): State<App>, request: Request) -> Response {
    let sent = match Sent::read(request).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    let headers = &sent.parts.headers;
    let principal = match auth::by_token(&app.identity, app.public_url(), auth::API, headers).await
    {
        Ok(principal) => principal,
        Err(error) => {
            let told = error.into_response();
            let Some(challenge) = told.headers().get(header::WWW_AUTHENTICATE) else {
                return refusal(told.status());
            };
            let body = json!({
                "error": "invalid_token",
                "error_description": "present a valid token as 'Authorization: Bearer TOKEN'",
            });
            let mut response = answer(StatusCode::UNAUTHORIZED, &body, None);
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge.clone());
            return response;
        }
    };
    let told = app
        .authorization
        .introspect(&principal, &sent.body, sent.content_type());
    match told.await {
        Ok(told) => answer(StatusCode::OK, &told, None),
        Err(error) => refuse(&error, false),
    }
}
