//! The people of this installation and their second factors, on `/admin`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use deputy_core::{Role, UserId};
use deputy_identity::UserError;

use super::administrators_only;
use crate::App;
use crate::auth::Form;
use crate::error::PageError;
use crate::fresh;
use crate::oauth::authorize::consent;
use crate::oauth::said;
use crate::pages::done;
use crate::record::{self, Act};

/// Most people on the page.
const MOST: usize = 500;

/// A person.
pub(crate) struct PersonView {
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) admin: bool,
    pub(crate) active: bool,
    pub(crate) app: bool,
    pub(crate) passkeys: i64,
}

impl PersonView {
    /// Whether the password alone is not enough.
    pub(crate) fn has_second_factor(&self) -> bool {
        self.app || self.passkeys > 0
    }
}

pub(super) async fn views(app: &App) -> Result<Vec<PersonView>, PageError> {
    let users = app.identity.users().await;
    let users = users.map_err(|error| PageError::internal(&error, "listing people"))?;
    let having = app.identity.people_with_second_factor().await;
    let having = having.map_err(|error| PageError::internal(&error, "reading second factors"))?;
    let view = |user: deputy_identity::User| {
        let has = having.get(&user.id).copied().unwrap_or_default();
        PersonView {
            id: user.id.0,
            name: said(&user.name, consent::NAME),
            admin: user.role == Role::Admin,
            active: user.is_active,
            app: has.app,
            passkeys: i64::try_from(has.passkeys).unwrap_or(i64::MAX),
            username: user.username,
        }
    };
    Ok(users.into_iter().map(view).take(MOST).collect())
}

/// `POST /admin/people/{id}/second-factor/remove`.
pub(crate) async fn reset(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Response> {
    let page_error = |error: PageError| error.into_response();
    administrators_only(&form.who).map_err(page_error)?;
    fresh::need(&app, &form.who, "/admin#people").await?;
    let id: i64 = id.parse().map_err(|_| page_error(PageError::NotFound))?;
    let user = match app.identity.user(UserId(id)).await {
        Ok(user) => user,
        Err(UserError::NotFound) => return Err(page_error(PageError::NotFound)),
        Err(error) => return Err(page_error(PageError::internal(&error, "reading a profile"))),
    };
    let who = &form.who.principal;
    let act = record::of_person(&app, who, "user.reset_second_factor", user.username.clone());
    let act = act.await.map_err(page_error)?;
    match app.identity.reset_second_factor(user.id).await {
        Ok(_) => {
            record::after(&app, act.clone()).await;
            // The person finds it in their own records too.
            if user.id != who.user_id {
                record::after(
                    &app,
                    Act {
                        user: user.id,
                        ..act
                    },
                )
                .await;
            }
            Ok(done("/admin#people", "factor-reset"))
        }
        Err(error) => {
            record::refused(&app, act).await;
            Err(page_error(PageError::internal(
                &error,
                "removing second factors",
            )))
        }
    }
}
