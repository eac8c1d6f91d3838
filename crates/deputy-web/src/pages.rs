//! The pages for people. Every one works without scripts: forms that post, each answered with a
//! redirect to the page that shows what came of it.

pub(crate) mod activity;
pub(crate) mod admin;
pub(crate) mod approvals;
pub(crate) mod confirm;
pub(crate) mod connect;
pub(crate) mod home;
pub(crate) mod language;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod message;
pub(crate) mod remote;
pub(crate) mod second_factor;
pub(crate) mod servers;
pub(crate) mod settings;
pub(crate) mod workspace;

use askama::Template;
use axum::Router;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use deputy_core::{Language, Role};
use jiff::tz::TimeZone;

use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::text::Text;
use crate::view::{Flash, Nav, Shell, Watch};

/// The pages that answer quickly.
pub(crate) fn quick() -> Router<App> {
    Router::new()
        .route("/", get(home::show))
        .route("/login", get(login::show).post(login::submit))
        .route(
            "/login/second",
            get(login::second::show).post(login::second::submit),
        )
        .route("/login/second/passkey", post(login::second::begin))
        .route("/login/passkey", post(login::passkey::begin))
        .route("/login/passkey/finish", post(login::passkey::submit))
        .route("/confirm", get(confirm::show).post(confirm::submit))
        .route("/confirm/passkey", post(confirm::begin))
        .route("/logout", post(logout::submit))
        .route("/language", post(language::submit))
        .route("/connect", get(connect::show))
        .route("/connect/google", get(connect::start))
        .route(
            "/connect/disconnect",
            get(connect::confirm).post(connect::disconnect),
        )
        .route("/connect/notices/{id}/dismiss", post(connect::dismiss))
        .route("/activity", get(activity::show))
        .route("/approvals", get(approvals::show))
        .route("/settings", get(settings::show))
        .route("/settings/profile", post(settings::change_profile))
        .route("/settings/password", post(settings::change_password))
        .route("/settings/tokens", post(settings::create_token))
        .route("/settings/tokens/{id}/revoke", post(settings::revoke_token))
        .route("/settings/access/{id}/end", post(settings::access::end))
        .route("/settings/access/end", post(settings::access::end_all))
        .route(
            "/settings/delete",
            get(settings::delete::show).post(settings::delete::submit),
        )
        .merge(second_factors())
        .route("/admin", get(admin::show))
        .route(
            "/admin/people/{id}/second-factor/remove",
            post(admin::people::reset),
        )
        .route("/admin/clients", get(admin::list).post(admin::add))
        .route(
            "/admin/clients/{id}/remove",
            get(admin::confirm).post(admin::remove),
        )
        .route("/admin/access/end", post(admin::access::end))
        .route("/admin/blocks", post(admin::access::block))
        .route("/admin/blocks/{id}/end", post(admin::access::unblock))
        .route(
            "/settings/sign-out-everywhere",
            post(settings::sign_out_everywhere),
        )
        .merge(servers::quick())
        .merge(workspace::quick())
}

fn second_factors() -> Router<App> {
    Router::new()
        .route(second_factor::HERE, get(second_factor::show))
        .route(
            "/settings/second-factor/app",
            post(second_factor::begin_app),
        )
        .route(
            "/settings/second-factor/app/confirm",
            post(second_factor::confirm_app),
        )
        .route(
            "/settings/second-factor/app/remove",
            post(second_factor::remove_app),
        )
        .route(
            "/settings/second-factor/recovery",
            post(second_factor::new_codes),
        )
        .route(
            "/settings/second-factor/passkeys",
            post(second_factor::add_passkey),
        )
        .route(
            "/settings/second-factor/passkeys/options",
            post(second_factor::begin_passkey),
        )
        .route(
            "/settings/second-factor/passkeys/{id}/remove",
            post(second_factor::remove_passkey),
        )
}

/// The pages that make a call.
pub(crate) fn slow() -> Router<App> {
    Router::new()
        .route(
            "/approvals/{id}",
            get(approvals::one).post(approvals::decide),
        )
        .route("/servers/{name}/connect", get(remote::start))
        .route("/servers/oauth/callback", get(remote::callback))
        .merge(servers::slow())
}

/// A page as an answer.
pub(crate) fn render(page: &impl Template) -> Result<Response, PageError> {
    match page.render() {
        Ok(html) => Ok(Html(html).into_response()),
        Err(error) => Err(PageError::internal(&error, "making a page")),
    }
}

/// Back to `path` with the message `done` on it.
pub(crate) fn done(path: &str, done: &str) -> Response {
    let (path, fragment) = path
        .split_once('#')
        .map_or((path, String::new()), |(p, f)| (p, format!("#{f}")));
    Redirect::to(&format!("{path}?done={done}{fragment}")).into_response()
}

/// `?done=…`: the message of the form that led here.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Done {
    #[serde(default)]
    done: String,
}

impl Done {
    /// For a page that is the answer to its form.
    pub(crate) fn named(done: &'static str) -> Self {
        Self {
            done: done.to_owned(),
        }
    }

    fn flash(&self) -> Option<Flash> {
        Flash::named(&self.done)
    }
}

/// The frame of a signed-in person's page.
pub(crate) async fn shell(
    app: &App,
    who: &SignedIn,
    active: Nav,
    flash: Option<Flash>,
) -> Result<Shell, PageError> {
    let pending = app
        .gateway
        .pending_approvals(who.principal.user_id)
        .await
        .map_err(|error| PageError::internal(&error, "counting approvals"))?;
    let path = who.path.split('?').next().unwrap_or("/");
    Ok(Shell {
        t: Text::new(who.user.language),
        csrf: who.csrf(),
        active,
        path: path.to_owned(),
        name: who.user.name.clone(),
        admin: who.user.role == Role::Admin,
        pending: i64::try_from(pending).unwrap_or(i64::MAX),
        sandbox: app.sandbox(),
        flash,
    })
}

/// The frame of a page for somebody unknown.
pub(crate) fn plain_shell(app: &App, language: Language, path: &str, csrf: String) -> Shell {
    Shell {
        t: Text::new(language),
        csrf,
        active: Nav::Elsewhere,
        path: path.to_owned(),
        name: String::new(),
        admin: false,
        pending: 0,
        sandbox: app.sandbox(),
        flash: None,
    }
}

/// Shows instants to this person.
pub(crate) fn watch(app: &App, who: &SignedIn) -> Watch {
    Watch {
        t: Text::new(who.user.language),
        zone: TimeZone::get(&who.user.time_zone).unwrap_or(TimeZone::UTC),
        now: app.clock.now(),
    }
}

#[cfg(test)]
mod tests;
