//! `/settings/delete`: the end of one's account.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use deputy_identity::UserError;
use http::{HeaderValue, StatusCode};

use crate::App;
use crate::account::{self, By, DeleteError};
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::fresh;
use crate::pages::{logout, render, shell};
use crate::record;
use crate::view::{Nav, Shell};

#[derive(Template)]
#[template(path = "account_delete.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) username: String,
    /// Whether nobody else administers this installation.
    pub(crate) last: bool,
    pub(crate) problem: Option<String>,
}

async fn page(
    app: &App,
    who: &SignedIn,
    problem: Option<&'static str>,
) -> Result<Response, PageError> {
    let mut shell = shell(app, who, Nav::Settings, None).await?;
    "/settings/delete".clone_into(&mut shell.path);
    let last = app.identity.is_last_admin(&who.user).await;
    let last = last.map_err(|error| PageError::internal(&error, "counting administrators"))?;
    render(&Page {
        username: who.user.username.clone(),
        last,
        problem: problem.map(|key| shell.t.tr(key)),
        shell,
    })
}

/// `GET /settings/delete`: says what goes.
pub(crate) async fn show(State(app): State<App>, who: SignedIn) -> Result<Response, PageError> {
    page(&app, &who, None).await
}

/// `POST /settings/delete`.
pub(crate) async fn submit(State(app): State<App>, form: Form) -> Result<Response, Response> {
    let Form { who, fields } = form;
    fresh::need(&app, &who, "/settings/delete").await?;
    let refused = async |status: StatusCode, problem| match page(&app, &who, Some(problem)).await {
        Ok(page) => (status, page).into_response(),
        Err(error) => error.into_response(),
    };
    if fields.get("username").trim() != who.user.username {
        return Err(refused(StatusCode::UNPROCESSABLE_ENTITY, "delete-name-differs").await);
    }
    let user = who.user.clone();
    let username = user.username.clone();
    let act = record::of_person(&app, &who.principal, "user.delete", username).await;
    let act = act.map_err(IntoResponse::into_response)?;
    let here = app.clone();
    // To the end, also when the browser leaves meanwhile.
    let done = app.lifecycle.spawn(async move {
        let app = &here;
        app.gateway.pool().stop_user(user.id).await;
        let google = app.connections.is_configured().then_some(&app.connections);
        let deleted = account::delete(&app.identity, google, &app.remote, &user, By::Themselves);
        let deleted = deleted.await;
        if deleted.is_ok() {
            // What was begun meanwhile.
            app.gateway.pool().stop_user(user.id).await;
            app.gateway.look_at_callers();
            record::after(app, act).await;
        } else {
            record::refused(app, act).await;
        }
        deleted
    });
    match done.await {
        Ok(Some(Ok(_))) => {
            let mut response = logout::leave_with(&app, "account-deleted");
            response
                .headers_mut()
                .insert("clear-site-data", HeaderValue::from_static("\"cache\""));
            Ok(response)
        }
        Ok(Some(Err(DeleteError::User(UserError::LastAdmin)))) => {
            Err(refused(StatusCode::CONFLICT, "delete-last").await)
        }
        Ok(Some(Err(error))) => {
            Err(PageError::internal(&error, "deleting an account").into_response())
        }
        // The program stops.
        _ => Err(PageError::Unavailable(record::PAUSE).into_response()),
    }
}
