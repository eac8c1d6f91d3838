//! `POST /oauth/token`: codes and refresh tokens become access tokens.

use axum::extract::{Request, State};
use axum::response::Response;
use deputy_identity::oauth::{EndedGrant, TokenEndpointError};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::{answer, said, to_the_end};
use crate::record::{self, Act};
use crate::{App, auth};

/// `POST /oauth/token`. What was begun is finished also when the program leaves meanwhile: a
/// rotation that nobody hears of would look like a stolen token later.
pub(super) async fn handle(State(app): State<App>, request: Request) -> Response {
    to_the_end(&app, request, |here, sent| async move {
        let address = auth::address(&sent.parts, &here);
        let given = here.authorization.token(
            &sent.body,
            sent.content_type(),
            sent.authorization(),
            address,
        );
        match given.await {
            Ok(given) => {
                for ended in &given.replaced {
                    note_end(&here, "access.end", ended).await;
                }
                answer(StatusCode::OK, &given.json(), None)
            }
            Err(error) => {
                if let Some(ended) = &error.ended {
                    note_end(&here, "access.reuse", ended).await;
                }
                refuse(&error, sent.authorization().is_some())
            }
        }
    })
    .await
}

/// A refusal as it is. Who tried `Authorization` is told which one there is (RFC 6749 section 5.2).
pub(super) fn refuse(error: &TokenEndpointError, tried_header: bool) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = answer(status, &error.json(), error.retry_after);
    if status == StatusCode::UNAUTHORIZED && tried_header {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"deputy\""),
        );
    }
    response
}

/// Puts on record that a program's request ended what a person had allowed, and ends what is still
/// open on it. After the act, unlike everything else that is on record: an end takes something away,
/// and a token that somebody has a copy of must not go on working because a disk is full.
pub(super) async fn note_end(app: &App, action: &'static str, ended: &EndedGrant) {
    app.gateway.look_at_callers();
    let act = Act {
        user: ended.user_id,
        caller: format!("client:{}:{}", ended.grant_id, ended.client_name),
        action,
        target: ended.client_id.clone(),
        detail: json!({
            "grant": ended.grant_id,
            "name": said(&ended.client_name, 80),
            "why": ended.why,
        }),
    };
    record::after(app, act).await;
}
