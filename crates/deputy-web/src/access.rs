//! What programs may do for people, as the pages and the REST API use it: shown, taken away; and
//! the programs themselves, as administrators add, remove and block them ([`admin`]). Nothing is done
//! that is not on record first.

pub(crate) mod admin;

use deputy_core::{Principal, UserId};
use deputy_identity::oauth::{AddError, BlockError, ended_by};
use deputy_store::oauth_grant::Grant;
use serde_json::json;

use crate::App;
use crate::error::{ApiError, PageError};
use crate::oauth::said;
use crate::record::{self, Act};

/// Longest text of a program's in a record, in characters.
const TEXT: usize = 80;

/// Why nothing was taken away, added or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// There is none, or it is another person's.
    #[error("there is no such access")]
    NotFound,
    /// There is no such program.
    #[error("there is no such client")]
    NoClient,
    /// There is no such person.
    #[error("there is no such person")]
    NoPerson,
    /// There is no such block.
    #[error("there is no such block")]
    NoBlock,
    #[error(transparent)]
    Add(#[from] AddError),
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The block stands.
    #[error("it is blocked, but not all that people allowed it ended; block it again")]
    Unfinished(#[source] deputy_store::Error),
    #[error("nothing is done while the records can't be written")]
    Audit,
    #[error("the database failed")]
    Store(#[from] deputy_store::Error),
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let text = error.to_string();
        match error {
            AccessError::NotFound
            | AccessError::NoClient
            | AccessError::NoPerson
            | AccessError::NoBlock => Self::not_found(text),
            AccessError::Block(BlockError::Name(_) | BlockError::Host(_)) => Self::validation(text),
            AccessError::Add(AddError::Taken(_)) | AccessError::Block(BlockError::TooMany) => {
                Self::new(http::StatusCode::CONFLICT, "CONFLICT", text)
            }
            AccessError::Add(AddError::Store(error))
            | AccessError::Block(BlockError::Store(error))
            | AccessError::Store(error) => Self::internal(&error, "using what programs may do"),
            AccessError::Add(AddError::Id(_)) => {
                Self::validation(text).pointer("/client_id".to_owned())
            }
            AccessError::Add(AddError::Name) => Self::validation(text).pointer("/name".to_owned()),
            AccessError::Add(AddError::Redirects | AddError::Redirect { .. }) => {
                Self::validation(text).pointer("/redirect_uris".to_owned())
            }
            AccessError::Unfinished(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a block ended not all accesses"
                );
                Self::unavailable(text, record::PAUSE)
            }
            AccessError::Audit => Self::unavailable(text, record::PAUSE),
        }
    }
}

impl From<AccessError> for PageError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::NotFound
            | AccessError::NoClient
            | AccessError::NoPerson
            | AccessError::NoBlock => Self::NotFound,
            AccessError::Audit => Self::Unavailable(record::PAUSE),
            AccessError::Add(AddError::Store(error))
            | AccessError::Block(BlockError::Store(error))
            | AccessError::Unfinished(error)
            | AccessError::Store(error) => Self::internal(&error, "using what programs may do"),
            AccessError::Add(_) | AccessError::Block(_) => Self::Invalid,
        }
    }
}

/// What this person's programs may do, newest first.
pub(crate) async fn of(app: &App, user: UserId) -> Result<Vec<Grant>, AccessError> {
    Ok(app.authorization.grants(user).await?)
}

/// Takes one of them away: what hangs on it is dead from now on, and the program has to ask again.
/// The reason says whether a person, a token of theirs or the program itself did it.
pub(crate) async fn end(app: &App, principal: &Principal, id: i64) -> Result<(), AccessError> {
    let user = principal.user_id;
    let grants = of(app, user).await?;
    let grant = grants
        .into_iter()
        .find(|grant| grant.id == id)
        .ok_or(AccessError::NotFound)?;
    let why = ended_by(&principal.caller);
    let act = Act {
        user,
        caller: principal.caller.label(),
        action: "access.end",
        target: grant.client_id.clone(),
        detail: json!({
            "grant": id,
            "name": said(&grant.client_name, TEXT),
            "why": why,
        }),
    };
    let here = app.clone();
    to_the_end(app, async move {
        let app = &here;
        let before = record::before(app, act.clone()).await;
        before.map_err(|_| AccessError::Audit)?;
        let ended = app.authorization.end_grant(user, id, why).await;
        if !matches!(ended, Ok(true)) {
            record::refused(app, act).await;
            ended?;
            // Somebody else was faster.
            return Err(AccessError::NotFound);
        }
        app.gateway.look_at_callers();
        record::after(app, act).await;
        Ok(())
    })
    .await
}

/// Takes away all that the person allowed the program (`None`: any program); what ended.
pub(crate) async fn end_all(
    app: &App,
    principal: &Principal,
    client_id: Option<&str>,
) -> Result<Vec<Grant>, AccessError> {
    let user = principal.user_id;
    let mut grants = of(app, user).await?;
    grants.retain(|grant| client_id.is_none_or(|id| grant.client_id == id));
    // A code that is still out is none of these, but there is a consent for it.
    if grants.is_empty()
        && let Some(id) = client_id
        && app.store.user(user).oauth_consent(id).await?.is_none()
    {
        return Err(AccessError::NotFound);
    }
    let why = ended_by(&principal.caller);
    let act = Act {
        user,
        caller: principal.caller.label(),
        action: "access.end_all",
        target: client_id.map_or_else(|| principal.username.clone(), str::to_owned),
        detail: ends(&grants, why),
    };
    let (here, client_id) = (app.clone(), client_id.map(str::to_owned));
    to_the_end(app, async move {
        let app = &here;
        let before = record::before(app, act.clone()).await;
        before.map_err(|_| AccessError::Audit)?;
        let server = &app.authorization;
        match server.end_grants(user, client_id.as_deref(), why).await {
            Ok(ended) => {
                app.gateway.look_at_callers();
                let detail = ends(&ended, why);
                record::after(app, Act { detail, ..act }).await;
                Ok(ended)
            }
            Err(error) => {
                record::refused(app, act).await;
                Err(error.into())
            }
        }
    })
    .await
}

/// Does what was begun, also when whoever asked for it leaves meanwhile: otherwise a record of the
/// beginning could stay without one of the outcome, and what is done in several steps half done.
async fn to_the_end<T: Send + 'static>(
    app: &App,
    doing: impl Future<Output = Result<T, AccessError>> + Send + 'static,
) -> Result<T, AccessError> {
    match app.lifecycle.spawn(doing).await {
        Ok(Some(done)) => done,
        // The program stops.
        _ => Err(AccessError::Audit),
    }
}

/// What a record says of grants that end together: their numbers.
fn ends(grants: &[Grant], why: &str) -> serde_json::Value {
    let ids: Vec<i64> = grants.iter().map(|grant| grant.id).collect();
    json!({ "grants": ids, "why": why })
}
