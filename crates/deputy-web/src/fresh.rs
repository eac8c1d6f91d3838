//! Acts that want a fresh proof of who is there ([`deputy_identity::proof`]): the way to the page that
//! takes it, and what was filled in meanwhile.

use axum::response::{IntoResponse as _, Redirect, Response};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::form::Fields;
use crate::next;

/// The member of a session's data that keeps a form.
const KEPT: &str = "deputy.kept";
/// Most of a form that is kept, in bytes.
const MOST: usize = 16 * 1024;
/// Fields that are not kept: secrets, and what is made anew.
const SECRET: [&str; 7] = [
    "csrf",
    "password",
    "current",
    "new",
    "again",
    "code",
    "credential",
];

/// A form that waits for its person.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Where it is sent to.
    form: String,
    fields: Vec<(String, String)>,
}

/// Leads to the proof, and from there to `page`, unless it was given a moment ago.
pub(crate) async fn need(app: &App, who: &SignedIn, page: &str) -> Result<(), Response> {
    let fresh = app.identity.is_fresh(&who.session, who.principal.user_id);
    match fresh.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Redirect::to(&next::confirm(page)).into_response()),
        Err(error) => Err(PageError::internal(&error, "reading a session").into_response()),
    }
}

/// The same for a form that is sent to `form` and stands on `page`, where it is found filled in
/// afterwards ([`kept`]).
pub(crate) async fn need_for(
    app: &App,
    who: &SignedIn,
    (page, form): (&str, &str),
    fields: &Fields,
) -> Result<(), Response> {
    let led_away = match need(app, who, page).await {
        Ok(()) => return Ok(()),
        Err(led_away) => led_away,
    };
    let fields: Vec<_> = fields
        .pairs()
        .filter(|(name, _)| !SECRET.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let size: usize = fields.iter().map(|(n, v)| n.len() + v.len()).sum();
    let form = form.to_owned();
    if size <= MOST
        && let Err(error) = who.session.insert(KEPT, Kept { form, fields }).await
    {
        // It is filled in once more, then.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a form could not be kept"
        );
    }
    Err(led_away)
}

/// What was filled into the form that is sent to `form`, once.
pub(crate) async fn kept(who: &SignedIn, form: &str) -> Option<Fields> {
    let kept = who.session.get::<Kept>(KEPT).await.ok()??;
    if kept.form != form {
        return None;
    }
    who.session.remove::<Kept>(KEPT).await.ok()?;
    Some(Fields::of(kept.fields))
}
