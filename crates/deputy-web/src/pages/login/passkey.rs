//! `/login/passkey`: signing in with a passkey that knows whose it is, without name and password.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use deputy_identity::{FactorError, Proof, Session};
use http::StatusCode;

use super::second::Refusal;
use super::{Page, admit, browser, for_program, hidden};
use crate::App;
use crate::auth;
use crate::error::PageError;
use crate::language;
use crate::middleware::Scripted;
use crate::next;
use crate::pages::{plain_shell, render, second_factor};

/// `POST /login/passkey`: what the browser is to be asked for.
pub(crate) async fn begin(
    State(app): State<App>,
    session: Session,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, _) = request.into_parts();
    let address = auth::address(&parts, &app);
    second_factor::asked(app.identity.begin_passkey_sign_in(&session, address).await)
}

/// `POST /login/passkey/finish`: the browser's answer.
pub(crate) async fn submit(
    State(app): State<App>,
    session: Session,
    request: Request,
) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let address = auth::address(&parts, &app);
    let headers = parts.headers.clone();
    let fields = auth::fields(Request::from_parts(parts, body), &app).await?;
    let next = next::safe(fields.get("next"));
    let credential = fields.get("credential");
    let finished = app
        .identity
        .finish_passkey_sign_in(&session, credential, address)
        .await;
    let outcome = match finished {
        Ok(user) => {
            let from = browser(&headers, address);
            admit(&app, &session, &user, from, Proof::Passkey, next).await
        }
        Err(error) => refuse(&app, &headers, next, &error),
    };
    outcome.map_err(IntoResponse::into_response)
}

/// The sign-in again. Whose passkey it was nobody knows, so nothing of it is on record.
fn refuse(
    app: &App,
    headers: &http::HeaderMap,
    next: &str,
    error: &FactorError,
) -> Result<Response, PageError> {
    if !error.is_refusal() {
        return Err(PageError::internal(error, "signing in with a passkey"));
    }
    let here = next::login(next);
    let shell = plain_shell(app, language::of_browser(headers), &here, String::new());
    let problem = shell.t.tr("passkey-refused");
    let page = render(&Page {
        shell,
        username: String::new(),
        next: hidden(next),
        problem: Some(problem),
        passkeys: app.identity.passkeys_work(),
    })?;
    let page = for_program(next, Scripted.on(app, page));
    Ok(Refusal::on(StatusCode::UNAUTHORIZED, None, page))
}
