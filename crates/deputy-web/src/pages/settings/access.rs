//! The programs that have access, on `/settings`.

use axum::extract::{Path, State};
use axum::response::Response;
use deputy_core::UserId;
use deputy_identity::oauth::Resource;
use deputy_store::oauth_grant::Grant;

use crate::App;
use crate::access;
use crate::auth::Form;
use crate::error::PageError;
use crate::oauth::authorize::consent;
use crate::oauth::said;
use crate::pages::done;
use crate::view::{Watch, When, scope_key};

/// What one program may do for the person.
pub(crate) struct AccessView {
    pub(crate) id: i64,
    /// What it called itself when it was allowed.
    pub(crate) name: String,
    /// Where the person was sent back to.
    pub(crate) host: String,
    pub(crate) targets: Vec<String>,
    pub(crate) scope_keys: Vec<&'static str>,
    pub(crate) since: When,
    pub(crate) used: Option<When>,
}

impl AccessView {
    fn new(app: &App, grant: &Grant, watch: &Watch) -> Self {
        let target = |url: &String| match Resource::parse(app.public_url(), url) {
            Some(resource) => consent::target(&resource, watch.t),
            // The public URL was another one then.
            None => said(url, 100),
        };
        Self {
            id: grant.id,
            name: said(&grant.client_name, consent::NAME),
            host: consent::host(&grant.redirect_uri),
            targets: grant.resources.iter().map(target).collect(),
            scope_keys: grant.scopes.0.iter().copied().map(scope_key).collect(),
            since: watch.show(grant.created_at),
            used: grant.last_used_at.map(|at| watch.show(at)),
        }
    }
}

/// All of this person's, newest first.
pub(super) async fn views(
    app: &App,
    user: UserId,
    watch: &Watch,
) -> Result<Vec<AccessView>, PageError> {
    let grants = access::of(app, user).await?;
    Ok(grants
        .iter()
        .map(|grant| AccessView::new(app, grant, watch))
        .collect())
}

/// `POST /settings/access/{id}/end`.
pub(crate) async fn end(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let id: i64 = id.parse().map_err(|_| PageError::NotFound)?;
    access::end(&app, &form.who.principal, id).await?;
    Ok(done("/settings#access", "access-ended"))
}
