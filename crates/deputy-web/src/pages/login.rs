//! `/login`: sign-in with name and password. Who has a second factor goes on to [`second`]; a passkey
//! that knows whose it is needs neither ([`passkey`]).
//!
//! There is no session yet and so no token in the form: that a browser sends it from our own page
//! is checked by what the browser says (`middleware::own_site`).

pub(crate) mod passkey;
pub(crate) mod second;

use std::net::IpAddr;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Secret;
use deputy_identity::{
    AuthError, Browser, Proof, Session, SignInError, User, csrf, password::HashError,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{Done, plain_shell, render};
use crate::App;
use crate::auth;
use crate::error::PageError;
use crate::form::Lenient;
use crate::language;
use crate::middleware::{Eased, Scripted};
use crate::next;
use crate::record::{self, Act};
use crate::view::Shell;

#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) username: String,
    pub(crate) next: String,
    pub(crate) problem: Option<String>,
    /// Whether there can be passkeys here.
    pub(crate) passkeys: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    next: String,
    /// The form also for who is signed in.
    #[serde(default)]
    again: String,
    #[serde(flatten)]
    done: Done,
}

/// `GET /login`; who is signed in already goes on, unless it is to be done again.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    headers: HeaderMap,
    Lenient(way): Lenient<Way>,
) -> Result<Response, PageError> {
    let next = next::safe(&way.next);
    let again = !way.again.is_empty();
    let somebody = match app.identity.authenticate_session(&session).await {
        Ok(_) if !again => return Ok(for_program(next, Redirect::to(next).into_response())),
        Err(AuthError::MustEnrol) if !again => {
            return Ok(Redirect::to(&next::enrolment(next)).into_response());
        }
        Ok(_) => true,
        Err(_) => false,
    };
    let here = if again {
        next::login_again(next)
    } else {
        next::login(next)
    };
    // Who is signed in has a token, and the switch of the language wants it.
    let csrf = csrf::token(&session).filter(|_| somebody);
    let csrf = csrf.map(|token| token.expose().clone()).unwrap_or_default();
    let mut shell = plain_shell(&app, language::of_browser(&headers), &here, csrf);
    shell.flash = way.done.flash();
    let page = render(&Page {
        shell,
        username: String::new(),
        next: hidden(next),
        problem: None,
        passkeys: app.identity.passkeys_work(),
    })?;
    Ok(for_program(next, Scripted.on(&app, page)))
}

/// A sign-in on the way to a program's consent page may stand in a window of that program.
fn for_program(next: &str, response: Response) -> Response {
    if next.starts_with("/oauth/authorize") {
        Eased::default().on(response)
    } else {
        response
    }
}

/// What the form carries: nothing where sign-in leads to the start page.
fn hidden(next: &str) -> String {
    if next == "/" {
        String::new()
    } else {
        next.to_owned()
    }
}

/// `POST /login`.
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
    let password = Secret::from(fields.get("password"));
    let username = fields.get("username");
    let user = match app.identity.sign_in(username, &password, address).await {
        Ok(user) => user,
        Err(error) => {
            return refuse(&app, &headers, username, next, error)
                .map(|page| for_program(next, page))
                .map_err(IntoResponse::into_response);
        }
    };
    let browser = browser(&headers, address);
    let has_more = app.identity.has_second_factor(user.id).await;
    let has_more = has_more
        .map_err(|error| PageError::internal(&error, "reading second factors").into_response())?;
    if !has_more {
        let admitted = admit(&app, &session, &user, browser, Proof::Password, next).await;
        return admitted.map_err(IntoResponse::into_response);
    }
    app.identity
        .start_pending(&session, &user, browser)
        .await
        .map_err(|error| PageError::internal(&error, "starting a session").into_response())?;
    let on = Redirect::to(&next::second_step(next)).into_response();
    Ok(for_program(next, on))
}

/// From where somebody signs in.
fn browser(headers: &HeaderMap, address: IpAddr) -> Browser {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    Browser {
        user_agent: agent.to_owned(),
        address: address.to_string(),
    }
}

/// Signs in whoever has proved who they are, and leads on: to `next`, or to setting a second factor
/// up where there has to be one.
async fn admit(
    app: &App,
    session: &Session,
    user: &User,
    browser: Browser,
    how: Proof,
    next: &str,
) -> Result<Response, PageError> {
    let address = browser.address.clone();
    app.identity
        .start_session(session, user, browser, how)
        .await
        .map_err(|error| PageError::internal(&error, "starting a session"))?;
    let with = match how {
        Proof::Password => "password",
        Proof::SecondFactor => "second_factor",
        Proof::Passkey => "passkey",
    };
    let act = Act {
        user: user.id,
        caller: "browser".to_owned(),
        action: "session.start",
        target: user.username.clone(),
        detail: serde_json::json!({ "address": address, "with": with }),
    };
    record::after(app, act).await;
    // Proved with the password alone: then there was nothing else to prove it with.
    let must = how == Proof::Password && app.identity.must_have_second_factor(user.role);
    let to = if must {
        next::enrolment(next)
    } else {
        next.to_owned()
    };
    let mut response = Redirect::to(&to).into_response();
    response.headers_mut().append(
        header::SET_COOKIE,
        language::remember(user.language, app.https()),
    );
    Ok(for_program(next, response))
}

/// The form again, with what is wrong.
fn refuse(
    app: &App,
    headers: &HeaderMap,
    username: &str,
    next: &str,
    error: SignInError,
) -> Result<Response, PageError> {
    let shell = plain_shell(
        app,
        language::of_browser(headers),
        &next::login(next),
        String::new(),
    );
    let (status, problem, after) = match error {
        // A disabled account is told nothing either: it is no account to sign in with.
        SignInError::Rejected | SignInError::Disabled => {
            (StatusCode::UNAUTHORIZED, shell.t.tr("login-wrong"), None)
        }
        SignInError::Throttled(throttled) => {
            let minutes = i64::try_from(throttled.retry_after.as_secs().div_ceil(60)).unwrap_or(5);
            (
                StatusCode::TOO_MANY_REQUESTS,
                shell.t.count("login-throttled", minutes),
                Some(throttled.seconds()),
            )
        }
        SignInError::Hash(HashError::Busy) => (
            StatusCode::SERVICE_UNAVAILABLE,
            shell.t.tr("error-busy-text"),
            Some(5),
        ),
        other => return Err(PageError::internal(&other, "signing in")),
    };
    let username = username.chars().take(128).collect();
    let page = render(&Page {
        shell,
        username,
        next: hidden(next),
        problem: Some(problem),
        passkeys: app.identity.passkeys_work(),
    })?;
    let mut response = (status, Scripted.on(app, page)).into_response();
    if let Some(seconds) = after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}
