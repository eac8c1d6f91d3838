//! `/confirm`: is it still you? Asked before what hands out rights or takes protection away, when
//! the last proof is more than ten minutes old ([`crate::fresh`]); then back to where that was.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Secret;
use deputy_identity::second_factor::passkey::Step;
use deputy_identity::{FactorError, Proof, SignInError, password::HashError};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::login::second::{Refusal, note_recovery};
use super::{plain_shell, render, second_factor};
use crate::App;
use crate::auth::{Enrolling, EnrollingForm, Form, SignedIn};
use crate::error::PageError;
use crate::form::{Fields, Lenient};
use crate::middleware::{Eased, Scripted};
use crate::next;
use crate::record::{self, Act};
use crate::text::Text;
use crate::view::Shell;

#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) username: String,
    /// Whether the password alone is not enough.
    pub(crate) more: bool,
    /// Whether an authenticator app is set up.
    pub(crate) app: bool,
    /// Whether a passkey can be used here.
    pub(crate) passkeys: bool,
    pub(crate) next: String,
    pub(crate) problem: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    next: String,
}

async fn page(
    app: &App,
    who: &SignedIn,
    next: &str,
    problem: Option<String>,
) -> Result<Response, PageError> {
    let here = next::confirm(next);
    let has = app.identity.second_factors(who.principal.user_id).await;
    let has = has.map_err(|error| PageError::internal(&error, "reading second factors"))?;
    let page = render(&Page {
        shell: plain_shell(app, who.user.language, &here, who.csrf()),
        username: who.user.username.clone(),
        more: has.any(),
        app: has.app_since.is_some(),
        passkeys: app.identity.passkeys_work() && !has.passkeys.is_empty(),
        next: next.to_owned(),
        problem,
    })?;
    Ok(for_program(next, Scripted.on(app, page)))
}

/// On the way of a program's request, this may stand in a window of that program.
fn for_program(next: &str, response: Response) -> Response {
    if next.starts_with("/oauth/authorize") {
        Eased::default().on(response)
    } else {
        response
    }
}

/// `GET /confirm`.
pub(crate) async fn show(
    State(app): State<App>,
    Enrolling(who): Enrolling,
    Lenient(way): Lenient<Way>,
) -> Result<Response, PageError> {
    page(&app, &who, next::safe(&way.next), None).await
}

/// `POST /confirm/passkey`: what the browser is to be asked for.
pub(crate) async fn begin(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, PageError> {
    let (session, user) = (&form.who.session, form.who.principal.user_id);
    let asked = app
        .identity
        .begin_passkey_step(session, user, Step::Confirm);
    second_factor::asked(asked.await)
}

/// `POST /confirm`.
pub(crate) async fn submit(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let next = next::safe(fields.get("next"));
    let how = match prove(&app, &who, &fields).await {
        Ok(how) => how,
        Err(Failed::Refused(Refusal {
            status,
            text,
            after,
        })) => {
            let page = page(&app, &who, next, Some(text)).await?;
            return Ok(Refusal::on(status, after, page));
        }
        Err(Failed::Inside(error)) => return Err(error),
    };
    let noted = app.identity.note_proof(&who.session, how).await;
    noted.map_err(|error| PageError::internal(&error, "noting a proof"))?;
    let act = Act {
        user: who.principal.user_id,
        caller: who.principal.caller.label(),
        action: "session.confirm",
        target: who.user.username.clone(),
        detail: json!({ "with": how }),
    };
    record::after(&app, act).await;
    Ok(for_program(next, Redirect::to(next).into_response()))
}

enum Failed {
    Refused(Refusal),
    Inside(PageError),
}

/// What the form proves: a passkey, or the password and, where there is more, a code.
async fn prove(app: &App, who: &SignedIn, fields: &Fields) -> Result<Proof, Failed> {
    let (identity, user) = (&app.identity, &who.user);
    let t = Text::new(user.language);
    let credential = fields.get("credential");
    let refused = async |error: FactorError| match Refusal::of(app, user, t, error).await {
        Ok(refusal) => Failed::Refused(refusal),
        Err(error) => Failed::Inside(error),
    };
    if !credential.is_empty() {
        let session = &who.session;
        let finished = identity.finish_passkey_step(session, user.id, Step::Confirm, credential);
        return match finished.await {
            Ok(()) => Ok(Proof::Passkey),
            Err(error) => Err(refused(error).await),
        };
    }
    let password = Secret::from(fields.get("password"));
    if let Err(error) = identity.check_password(user, &password, who.address).await {
        let (status, text) = match error {
            SignInError::Rejected => (StatusCode::UNAUTHORIZED, "password-wrong"),
            SignInError::Hash(HashError::Busy) => {
                (StatusCode::SERVICE_UNAVAILABLE, "error-busy-text")
            }
            SignInError::Throttled(throttled) => {
                return Err(Failed::Refused(Refusal::throttled(t, throttled)));
            }
            other => {
                let error = PageError::internal(&other, "looking at a password");
                return Err(Failed::Inside(error));
            }
        };
        return Err(Failed::Refused(Refusal {
            status,
            text: t.tr(text),
            after: None,
        }));
    }
    let has = identity.has_second_factor(user.id).await;
    let has =
        has.map_err(|error| Failed::Inside(PageError::internal(&error, "reading factors")))?;
    if !has {
        return Ok(Proof::Password);
    }
    match identity.take_code(user.id, fields.get("code")).await {
        Ok(used) => {
            note_recovery(app, user, used).await;
            Ok(Proof::SecondFactor)
        }
        Err(error) => Err(refused(error).await),
    }
}
