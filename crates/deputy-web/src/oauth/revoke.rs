//! `POST /oauth/revoke`: a program gives a token back (RFC 7009).

use axum::extract::{Request, State};
use axum::response::Response;
use deputy_identity::oauth::Revoked;
use http::StatusCode;
use serde_json::json;

use super::token::{note_end, refuse};
use super::{answer, to_the_end};
use crate::{App, auth};

/// `POST /oauth/revoke`. Finished also when the program leaves meanwhile, for most leave then.
pub(super) async fn handle(State(app): State<App>, request: Request) -> Response {
    to_the_end(&app, request, |here, sent| async move {
        let address = auth::address(&sent.parts, &here);
        let revoked = here.authorization.revoke(
            &sent.body,
            sent.content_type(),
            sent.authorization(),
            address,
        );
        match revoked.await {
            Ok(revoked) => {
                match &revoked {
                    Revoked::Grant(ended) => note_end(&here, "access.end", ended).await,
                    // Streams that were opened with it end.
                    Revoked::Access => here.gateway.look_at_callers(),
                    Revoked::Nothing => {}
                }
                answer(StatusCode::OK, &json!({}), None)
            }
            Err(error) => refuse(&error, sent.authorization().is_some()),
        }
    })
    .await
}
