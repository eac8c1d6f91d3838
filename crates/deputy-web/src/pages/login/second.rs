//! `/login/second`: after the right password, what else there is to prove: a code of the
//! authenticator app, a recovery code, or a passkey. Whoever is here is nobody yet
//! ([`deputy_identity::pending`]).

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Throttled;
use deputy_identity::second_factor::passkey::Step;
use deputy_identity::{Browser, FactorError, Proof, SecondFactors, Session, User, csrf};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{admit, for_program, hidden};
use crate::App;
use crate::auth;
use crate::error::PageError;
use crate::form::{Fields, Lenient};
use crate::middleware::Scripted;
use crate::next;
use crate::pages::{plain_shell, render};
use crate::record::{self, Act};
use crate::view::Shell;

#[derive(Template)]
#[template(path = "login_second.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) name: String,
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

/// Who gave the password here, if anybody did a moment ago.
async fn pending(app: &App, session: &Session) -> Result<Option<(User, Browser)>, PageError> {
    let pending = app.identity.pending(session).await;
    pending.map_err(|error| PageError::internal(&error, "reading a session"))
}

async fn page(
    app: &App,
    session: &Session,
    user: &User,
    next: &str,
    problem: Option<String>,
) -> Result<Response, PageError> {
    let csrf = csrf::token(session);
    let csrf = csrf.map(|token| token.expose().clone()).unwrap_or_default();
    let here = next::second_step(next);
    let has = factors(app, user).await?;
    let page = render(&Page {
        shell: plain_shell(app, user.language, &here, csrf),
        name: user.name.clone(),
        app: has.app_since.is_some(),
        passkeys: app.identity.passkeys_work() && !has.passkeys.is_empty(),
        next: hidden(next),
        problem,
    })?;
    Ok(for_program(next, Scripted.on(app, page)))
}

async fn factors(app: &App, user: &User) -> Result<SecondFactors, PageError> {
    let has = app.identity.second_factors(user.id).await;
    has.map_err(|error| PageError::internal(&error, "reading second factors"))
}

/// Back to the beginning: it took too long, or nobody gave a password here.
fn anew(next: &str) -> Response {
    for_program(next, Redirect::to(&next::login(next)).into_response())
}

/// `GET /login/second`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    Lenient(way): Lenient<Way>,
) -> Result<Response, PageError> {
    let next = next::safe(&way.next);
    match pending(&app, &session).await? {
        Some((user, _)) => page(&app, &session, &user, next, None).await,
        None => Ok(anew(next)),
    }
}

/// A form of this page, and who sent it; else where to begin anew.
async fn sent(
    app: &App,
    session: &Session,
    request: Request,
) -> Result<(User, Browser, Fields), Response> {
    let fields = auth::fields(request, app).await?;
    let pending = pending(app, session)
        .await
        .map_err(IntoResponse::into_response)?;
    let Some((user, browser)) = pending else {
        return Err(anew(next::safe(fields.get("next"))));
    };
    if !csrf::is_valid(session, fields.get("csrf")) {
        tracing::info!(user = %user.id, "a form without the session's token was refused");
        return Err(PageError::Form.into_response());
    }
    Ok((user, browser, fields))
}

/// `POST /login/second/passkey`: what the browser is to be asked for.
pub(crate) async fn begin(
    State(app): State<App>,
    session: Session,
    request: Request,
) -> Result<Response, Response> {
    let (user, ..) = match sent(&app, &session, request).await {
        Ok(sent) => sent,
        Err(away) if away.status().is_redirection() => {
            return Ok(Json(json!({ "location": "/login" })).into_response());
        }
        Err(refused) => return Err(refused),
    };
    let asked = app
        .identity
        .begin_passkey_step(&session, user.id, Step::SignIn);
    crate::pages::second_factor::asked(asked.await).map_err(IntoResponse::into_response)
}

/// `POST /login/second`.
pub(crate) async fn submit(
    State(app): State<App>,
    session: Session,
    request: Request,
) -> Result<Response, Response> {
    let (user, browser, fields) = sent(&app, &session, request).await?;
    let next = next::safe(fields.get("next"));
    let credential = fields.get("credential");
    let proved = if credential.is_empty() {
        let code = fields.get("code");
        app.identity.take_code(user.id, code).await.map(Some)
    } else {
        let identity = &app.identity;
        let finished = identity.finish_passkey_step(&session, user.id, Step::SignIn, credential);
        finished.await.map(|()| None)
    };
    let outcome = match proved {
        Ok(used) => {
            if let Some(used) = used {
                note_recovery(&app, &user, used).await;
            }
            admit(&app, &session, &user, browser, Proof::SecondFactor, next).await
        }
        Err(error) => refuse(&app, &session, &user, next, error).await,
    };
    outcome.map_err(IntoResponse::into_response)
}

/// A recovery code that was used is on record by itself.
pub(crate) async fn note_recovery(
    app: &App,
    user: &User,
    used: deputy_identity::second_factor::Used,
) {
    use deputy_identity::second_factor::Used;
    if let Used::Recovery { left } = used {
        let act = Act {
            user: user.id,
            caller: "browser".to_owned(),
            action: "factor.recovery_used",
            target: user.username.clone(),
            detail: json!({ "left": left }),
        };
        record::after(app, act).await;
    }
}

/// What a wrong code or passkey is told, and when to come back.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) after: Option<u64>,
}

impl Refusal {
    /// Puts the refusal on record, but not what was only too fast.
    pub(crate) async fn of(
        app: &App,
        user: &User,
        t: crate::text::Text,
        error: FactorError,
    ) -> Result<Self, PageError> {
        let (status, text, after) = match &error {
            FactorError::Throttled(throttled) => return Ok(Self::throttled(t, *throttled)),
            FactorError::Wrong => (StatusCode::UNAUTHORIZED, t.tr("factor-wrong"), None),
            error if error.is_refusal() => {
                (StatusCode::UNAUTHORIZED, t.tr("passkey-refused"), None)
            }
            _ => return Err(PageError::internal(&error, "looking at a second factor")),
        };
        let act = Act {
            user: user.id,
            caller: "browser".to_owned(),
            action: "factor.refused",
            target: user.username.clone(),
            detail: json!({ "why": error.to_string() }),
        };
        record::refused(app, act).await;
        Ok(Self {
            status,
            text,
            after,
        })
    }

    pub(crate) fn throttled(t: crate::text::Text, throttled: Throttled) -> Self {
        let minutes = i64::try_from(throttled.retry_after.as_secs().div_ceil(60)).unwrap_or(5);
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: t.count("login-throttled", minutes),
            after: Some(throttled.seconds()),
        }
    }

    /// The page with it, as an answer.
    pub(crate) fn on(status: StatusCode, after: Option<u64>, page: Response) -> Response {
        let mut response = (status, page).into_response();
        if let Some(seconds) = after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

async fn refuse(
    app: &App,
    session: &Session,
    user: &User,
    next: &str,
    error: FactorError,
) -> Result<Response, PageError> {
    let t = crate::text::Text::new(user.language);
    let refusal = Refusal::of(app, user, t, error).await?;
    let Refusal {
        status,
        text,
        after,
    } = refusal;
    let page = page(app, session, user, next, Some(text)).await?;
    Ok(Refusal::on(status, after, page))
}
