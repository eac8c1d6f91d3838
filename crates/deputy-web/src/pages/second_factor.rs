//! `/settings/second-factor`: the authenticator app, passkeys and recovery codes of a person. Also
//! where somebody is led who has to have one and has none; then there is nothing else for them but
//! to sign out.
//!
//! Codes and the app's secret are shown by the answer to the form that made them, never by an
//! address.

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Secret;
use deputy_identity::second_factor::{Added, passkey, recovery, totp::AppSetup};
use deputy_identity::{FactorError, Proof};
use http::{HeaderValue, StatusCode, header};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, plain_shell, render, watch};
use crate::App;
use crate::auth::{Enrolling, EnrollingForm, Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::fresh;
use crate::middleware::Scripted;
use crate::next;
use crate::record::{self, Act};
use crate::text::Text;
use crate::view::{Shell, When, visible};

/// Where it is.
pub(crate) const HERE: &str = "/settings/second-factor";

/// A passkey.
pub(crate) struct PasskeyView {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) since: When,
    pub(crate) used: Option<When>,
}

/// An app that is being set up.
pub(crate) struct Setup {
    /// All of it as a picture: SVG.
    pub(crate) picture: String,
    /// The secret, to be typed.
    pub(crate) secret: String,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    /// Whether nothing else opens before this is done.
    pub(crate) must: bool,
    pub(crate) any: bool,
    pub(crate) app_since: Option<When>,
    pub(crate) setup: Option<Setup>,
    pub(crate) passkeys: Vec<PasskeyView>,
    /// Whether there can be passkeys here.
    pub(crate) passkeys_work: bool,
    pub(crate) left: i64,
    /// Recovery codes that were made just now.
    pub(crate) codes: Vec<String>,
    /// Where to go on afterwards; empty where that is `/settings`.
    pub(crate) next: String,
    pub(crate) problem: Option<String>,
}

/// What the page shows beside what there is.
#[derive(Default)]
struct Said {
    setup: Option<AppSetup>,
    codes: Vec<Secret<String>>,
    problem: Option<String>,
    done: Done,
    next: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    next: String,
    #[serde(flatten)]
    done: Done,
}

/// What a form carries of where to go on.
fn onward(next: &str) -> String {
    match next::safe(next) {
        "/" => String::new(),
        next => next.to_owned(),
    }
}

async fn page(app: &App, who: &SignedIn, said: Said) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let has = app.identity.second_factors(user).await;
    let has = has.map_err(|error| PageError::internal(&error, "reading second factors"))?;
    let any = has.any();
    let watch = watch(app, who);
    let back = if said.next.is_empty() {
        "/"
    } else {
        &said.next
    };
    let here = next::enrolment(back);
    let mut shell = plain_shell(app, who.user.language, &here, who.csrf());
    shell.flash = said.done.flash();
    let setup = said.setup.map(|setup| picture(&setup)).transpose()?;
    let page = render(&Page {
        shell,
        must: !any && app.identity.must_have_second_factor(who.principal.role),
        any,
        app_since: has.app_since.map(|at| watch.show(at)),
        setup,
        passkeys: has
            .passkeys
            .into_iter()
            .map(|passkey| PasskeyView {
                id: passkey.id,
                name: visible(&passkey.name),
                since: watch.show(passkey.created_at),
                used: passkey.last_used_at.map(|at| watch.show(at)),
            })
            .collect(),
        passkeys_work: app.identity.passkeys_work(),
        left: i64::try_from(has.recovery_left).unwrap_or(i64::MAX),
        codes: said
            .codes
            .iter()
            .map(|code| code.expose().clone())
            .collect(),
        next: said.next,
        problem: said.problem,
    })?;
    Ok(Scripted.on(app, page))
}

fn picture(setup: &AppSetup) -> Result<Setup, PageError> {
    let code = QrCode::new(setup.uri.expose().as_bytes())
        .map_err(|error| PageError::internal(&error, "drawing a code"))?;
    let drawn = code
        .render::<svg::Color<'_>>()
        .min_dimensions(220, 220)
        .build();
    // Within a page it is no document of its own.
    let picture = drawn.split_once("?>").map_or(&*drawn, |(_, svg)| svg);
    Ok(Setup {
        picture: picture.to_owned(),
        secret: setup.secret.expose().clone(),
    })
}

/// The page again, with what is wrong.
async fn problem(
    app: &App,
    who: &SignedIn,
    said: Said,
    error: FactorError,
) -> Result<Response, PageError> {
    let t = Text::new(who.user.language);
    let (status, text) = match &error {
        FactorError::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, t.tr("factor-wrong")),
        FactorError::HasApp => (StatusCode::CONFLICT, t.tr("factor-has-app")),
        FactorError::Missing => (StatusCode::CONFLICT, t.tr("factor-lapsed")),
        FactorError::TooMany(count) => {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            (StatusCode::CONFLICT, t.count("passkey-too-many", count))
        }
        FactorError::Name => (
            StatusCode::UNPROCESSABLE_ENTITY,
            t.tr("passkey-name-needed"),
        ),
        FactorError::Refused | FactorError::NoName => {
            (StatusCode::UNPROCESSABLE_ENTITY, t.tr("passkey-refused"))
        }
        FactorError::Throttled(throttled) => return Err(PageError::Busy(throttled.retry_after)),
        _ => return Err(PageError::internal(&error, "changing a second factor")),
    };
    let problem = Some(text);
    let page = page(app, who, Said { problem, ..said }).await?;
    Ok((status, page).into_response())
}

/// What a browser is to be asked for, as its script reads it.
pub(crate) fn asked(asked: Result<Value, FactorError>) -> Result<Response, PageError> {
    match asked {
        Ok(options) => Ok(Json(options).into_response()),
        Err(FactorError::Throttled(throttled)) => Err(PageError::Busy(throttled.retry_after)),
        Err(error) if error.is_refusal() => {
            let said = json!({ "error": error.to_string() });
            Ok((StatusCode::CONFLICT, Json(said)).into_response())
        }
        Err(error) => Err(PageError::internal(&error, "asking for a passkey")),
    }
}

/// `GET /settings/second-factor`.
pub(crate) async fn show(
    State(app): State<App>,
    Enrolling(who): Enrolling,
    Lenient(way): Lenient<Way>,
) -> Result<Response, PageError> {
    let (next, done) = (onward(&way.next), way.done);
    let said = Said {
        done,
        next,
        ..Said::default()
    };
    page(&app, &who, said).await
}

/// The page to come back to after a proof.
fn again(next: &str) -> String {
    next::enrolment(if next.is_empty() { "/" } else { next })
}

/// What a form of this page needs: a fresh proof, and where to go on afterwards.
async fn begun(app: &App, form: &Form) -> Result<Said, Response> {
    let next = onward(form.fields.get("next"));
    fresh::need(app, &form.who, &again(&next)).await?;
    Ok(Said {
        next,
        ..Said::default()
    })
}

/// `POST /settings/second-factor/app`: begins to set an app up.
pub(crate) async fn begin_app(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, Response> {
    let said = begun(&app, &form).await?;
    let shown = match app.identity.begin_app(&form.who.user).await {
        Ok(setup) => {
            let setup = Some(setup);
            page(&app, &form.who, Said { setup, ..said }).await
        }
        Err(error) => problem(&app, &form.who, said, error).await,
    };
    shown.map_err(IntoResponse::into_response)
}

/// Puts on record that a second factor is about to change.
async fn on_record(
    app: &App,
    who: &SignedIn,
    action: &'static str,
    target: &str,
) -> Result<Act, Response> {
    record::of_person(app, &who.principal, action, target.to_owned())
        .await
        .map_err(IntoResponse::into_response)
}

/// The page after a second factor was added, with the codes that came with it.
async fn added(
    app: &App,
    who: &SignedIn,
    (act, how): (Act, Proof),
    said: Said,
    added: Added,
) -> Result<Response, PageError> {
    record::after(app, act).await;
    let noted = app.identity.note_proof(&who.session, how).await;
    noted.map_err(|error| PageError::internal(&error, "noting a proof"))?;
    let codes = added.codes.unwrap_or_default();
    page(app, who, Said { codes, ..said }).await
}

/// `POST /settings/second-factor/app/confirm`: the first code.
pub(crate) async fn confirm_app(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, Response> {
    let said = begun(&app, &form).await?;
    let who = &form.who;
    let act = on_record(&app, who, "factor.add", "app").await?;
    let code = form.fields.get("code");
    let shown = match app.identity.confirm_app(who.principal.user_id, code).await {
        Ok(new) => {
            let done = Done::named("app-added");
            let how = (act, Proof::SecondFactor);
            added(&app, who, how, Said { done, ..said }, new).await
        }
        Err(error) => {
            record::refused(&app, act).await;
            let setup = app.identity.app_being_set_up(&who.user).await;
            let setup = setup.ok().flatten();
            problem(&app, who, Said { setup, ..said }, error).await
        }
    };
    shown.map_err(IntoResponse::into_response)
}

/// Back to the page, with what was done.
fn done(next: &str, done: &str) -> Response {
    let mut to = format!("{HERE}?done={done}");
    if !next.is_empty() {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next)
            .finish();
        to = format!("{to}&{query}");
    }
    Redirect::to(&to).into_response()
}

/// `POST /settings/second-factor/app/remove`.
pub(crate) async fn remove_app(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, Response> {
    let said = begun(&app, &form).await?;
    let who = &form.who;
    let act = on_record(&app, who, "factor.remove", "app").await?;
    match app.identity.remove_app(who.principal.user_id).await {
        Ok(()) => {
            record::after(&app, act).await;
            Ok(done(&said.next, "app-removed"))
        }
        Err(error) => {
            record::refused(&app, act).await;
            let shown = problem(&app, who, said, error).await;
            shown.map_err(IntoResponse::into_response)
        }
    }
}

/// `POST /settings/second-factor/recovery`: a new set.
pub(crate) async fn new_codes(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, Response> {
    let said = begun(&app, &form).await?;
    let who = &form.who;
    let act = on_record(&app, who, "factor.recovery", &recovery::CODES.to_string()).await?;
    let user = who.principal.user_id;
    let shown = match app.identity.new_recovery_codes(user).await {
        Ok(codes) => {
            record::after(&app, act).await;
            page(&app, who, Said { codes, ..said }).await
        }
        Err(error) => {
            record::refused(&app, act).await;
            problem(&app, who, said, error).await
        }
    };
    shown.map_err(IntoResponse::into_response)
}

/// `POST /settings/second-factor/passkeys/options`: what the browser is to be asked to make.
pub(crate) async fn begin_passkey(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, Response> {
    if let Err(away) = begun(&app, &form).await {
        let to = away.headers().get(header::LOCATION);
        let Some(to) = to.and_then(|to: &HeaderValue| to.to_str().ok()) else {
            return Err(away);
        };
        return Ok(Json(json!({ "location": to })).into_response());
    }
    let who = &form.who;
    let options = app.identity.begin_passkey(&who.session, &who.user).await;
    asked(options).map_err(IntoResponse::into_response)
}

/// `POST /settings/second-factor/passkeys`: what the browser made.
pub(crate) async fn add_passkey(
    State(app): State<App>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, Response> {
    let said = begun(&app, &form).await?;
    let (who, fields) = (&form.who, &form.fields);
    let name = fields.get("name");
    let target: String = visible(name).chars().take(passkey::MAX_NAME).collect();
    let act = on_record(&app, who, "factor.add", &target).await?;
    let (user, credential) = (who.principal.user_id, fields.get("credential"));
    let finished = app
        .identity
        .finish_passkey(&who.session, user, name, credential)
        .await;
    let shown = match finished {
        Ok(new) => {
            let done = Done::named("passkey-added");
            let how = (act, Proof::Passkey);
            added(&app, who, how, Said { done, ..said }, new).await
        }
        Err(error) => {
            record::refused(&app, act).await;
            problem(&app, who, said, error).await
        }
    };
    shown.map_err(IntoResponse::into_response)
}

/// `POST /settings/second-factor/passkeys/{id}/remove`.
pub(crate) async fn remove_passkey(
    State(app): State<App>,
    Path(id): Path<String>,
    EnrollingForm(form): EnrollingForm,
) -> Result<Response, Response> {
    let said = begun(&app, &form).await?;
    let gone = || PageError::NotFound.into_response();
    let id: i64 = id.parse().map_err(|_| gone())?;
    let who = &form.who;
    let act = on_record(&app, who, "factor.remove", &id.to_string()).await?;
    match app.identity.remove_passkey(who.principal.user_id, id).await {
        Ok(name) => {
            let target = visible(&name);
            record::after(&app, Act { target, ..act }).await;
            Ok(done(&said.next, "passkey-removed"))
        }
        Err(error) => {
            record::refused(&app, act).await;
            match error {
                FactorError::Missing => Err(gone()),
                error => Err(PageError::internal(&error, "removing a passkey").into_response()),
            }
        }
    }
}
