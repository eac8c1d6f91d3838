//! `/login`: sign-in with name and password.
//!
//! There is no session yet and so no token in the form: that a browser sends it from our own page
//! is checked by what the browser says (`middleware::own_site`).

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Secret;
use deputy_identity::{Browser, Session, SignInError, csrf, password::HashError};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{Done, plain_shell, render};
use crate::App;
use crate::auth;
use crate::error::PageError;
use crate::form::Lenient;
use crate::language;
use crate::middleware::Eased;
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
    let somebody = app.identity.authenticate_session(&session).await.is_ok();
    if somebody && !again {
        return Ok(for_program(next, Redirect::to(next).into_response()));
    }
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
    })?;
    Ok(for_program(next, page))
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
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let browser = Browser {
        user_agent: agent.to_owned(),
        address: address.to_string(),
    };
    app.identity
        .start_session(&session, &user, browser)
        .await
        .map_err(|error| PageError::internal(&error, "starting a session").into_response())?;
    let act = Act {
        user: user.id,
        caller: "browser".to_owned(),
        action: "session.start",
        target: user.username.clone(),
        detail: serde_json::json!({ "address": address.to_string() }),
    };
    record::after(&app, act).await;
    let mut response = Redirect::to(next).into_response();
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
    })?;
    let mut response = (status, page).into_response();
    if let Some(seconds) = after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}
