//! The programs that have access, on `/settings`: one row for each, with its accesses in it.

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

/// A program, and what it was allowed at different times.
pub(crate) struct ProgramView {
    /// As it is sent back, to take all away.
    pub(crate) client_id: String,
    /// What it called itself when it was last allowed something.
    pub(crate) name: String,
    /// The newest first; never empty.
    pub(crate) accesses: Vec<AccessView>,
}

impl ProgramView {
    /// How many accesses it has.
    pub(crate) fn count(&self) -> i64 {
        i64::try_from(self.accesses.len()).unwrap_or(i64::MAX)
    }
}

/// What a program was allowed at one time.
pub(crate) struct AccessView {
    pub(crate) id: i64,
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
            host: consent::host(&grant.redirect_uri),
            targets: grant.resources.iter().map(target).collect(),
            scope_keys: grant.scopes.0.iter().copied().map(scope_key).collect(),
            since: watch.show(grant.created_at),
            used: grant.last_used_at.map(|at| watch.show(at)),
        }
    }
}

/// All of this person's; the program that was last allowed something first.
pub(super) async fn views(
    app: &App,
    user: UserId,
    watch: &Watch,
) -> Result<Vec<ProgramView>, PageError> {
    let grants = access::of(app, user).await?;
    let mut programs: Vec<ProgramView> = Vec::new();
    for grant in &grants {
        let view = AccessView::new(app, grant, watch);
        match programs
            .iter_mut()
            .find(|it| it.client_id == grant.client_id)
        {
            Some(program) => program.accesses.push(view),
            None => programs.push(ProgramView {
                client_id: grant.client_id.clone(),
                name: said(&grant.client_name, consent::NAME),
                accesses: vec![view],
            }),
        }
    }
    Ok(programs)
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

/// `POST /settings/access/end`: all of one program.
pub(crate) async fn end_all(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let client_id = form.fields.get("client_id");
    access::end_all(&app, &form.who.principal, Some(client_id)).await?;
    Ok(done("/settings#access", "accesses-ended"))
}
