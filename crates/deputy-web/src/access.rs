//! What programs may do for people, as the pages and the REST API use it: shown, taken away; and
//! the programs themselves, as administrators add and remove them. Nothing is done that is not on
//! record first.

use deputy_core::{Principal, UserId};
use deputy_identity::oauth::{AddError, Client, ClientError, NewRegistered, Removed};
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
    #[error(transparent)]
    Add(#[from] AddError),
    #[error("nothing is done while the records can't be written")]
    Audit,
    #[error("the database failed")]
    Store(#[from] deputy_store::Error),
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let text = error.to_string();
        match error {
            AccessError::NotFound | AccessError::NoClient => Self::not_found(text),
            AccessError::Add(AddError::Taken(_)) => {
                Self::new(http::StatusCode::CONFLICT, "CONFLICT", text)
            }
            AccessError::Add(AddError::Store(error)) | AccessError::Store(error) => {
                Self::internal(&error, "using what programs may do")
            }
            AccessError::Add(AddError::Id(_)) => {
                Self::validation(text).pointer("/client_id".to_owned())
            }
            AccessError::Add(AddError::Name) => Self::validation(text).pointer("/name".to_owned()),
            AccessError::Add(AddError::Redirects | AddError::Redirect { .. }) => {
                Self::validation(text).pointer("/redirect_uris".to_owned())
            }
            AccessError::Audit => Self::unavailable(text, record::PAUSE),
        }
    }
}

impl From<AccessError> for PageError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::NotFound | AccessError::NoClient => Self::NotFound,
            AccessError::Audit => Self::Unavailable(record::PAUSE),
            AccessError::Add(AddError::Store(error)) | AccessError::Store(error) => {
                Self::internal(&error, "using what programs may do")
            }
            AccessError::Add(_) => Self::Invalid,
        }
    }
}

/// What this person's programs may do, newest first.
pub(crate) async fn of(app: &App, user: UserId) -> Result<Vec<Grant>, AccessError> {
    Ok(app.authorization.grants(user).await?)
}

/// Takes one of them away: what hangs on it is dead from now on, and the program has to ask again.
pub(crate) async fn end(app: &App, principal: &Principal, id: i64) -> Result<(), AccessError> {
    let user = principal.user_id;
    let grants = of(app, user).await?;
    let grant = grants
        .into_iter()
        .find(|grant| grant.id == id)
        .ok_or(AccessError::NotFound)?;
    let act = Act {
        user,
        caller: principal.caller.label(),
        action: "access.end",
        target: grant.client_id.clone(),
        detail: json!({
            "grant": id,
            "name": said(&grant.client_name, TEXT),
            "why": "person",
        }),
    };
    let before = record::before(app, act.clone()).await;
    before.map_err(|_| AccessError::Audit)?;
    if !app.authorization.end_grant(user, id).await? {
        // Somebody else was faster.
        return Err(AccessError::NotFound);
    }
    app.gateway.look_at_callers();
    record::after(app, act).await;
    Ok(())
}

/// Adds a program on an administrator's word.
pub(crate) async fn add(
    app: &App,
    principal: &Principal,
    new: NewRegistered,
) -> Result<Client, AccessError> {
    let redirects = new.redirect_uris.iter().take(20);
    let redirects: Vec<String> = redirects.map(|uri| said(uri, 200)).collect();
    let act = Act {
        user: principal.user_id,
        caller: principal.caller.label(),
        action: "client.add",
        target: said(&new.client_id, TEXT),
        detail: json!({ "redirects": redirects }),
    };
    let before = record::before(app, act.clone()).await;
    before.map_err(|_| AccessError::Audit)?;
    match app.authorization.add_client(new).await {
        Ok(client) => {
            record::after(app, act).await;
            Ok(client)
        }
        Err(error) => {
            record::refused(app, act).await;
            Err(error.into())
        }
    }
}

/// Removes a program, and with it whatever people allowed it.
pub(crate) async fn remove(
    app: &App,
    principal: &Principal,
    client_id: &str,
) -> Result<Removed, AccessError> {
    let known = app.authorization.known_client(client_id).await?;
    let known = known.ok_or(AccessError::NoClient)?;
    let caller = principal.caller.label();
    let act = Act {
        user: principal.user_id,
        caller: caller.clone(),
        action: "client.remove",
        target: client_id.to_owned(),
        detail: json!({ "name": said(&known.name, TEXT) }),
    };
    let before = record::before(app, act.clone()).await;
    before.map_err(|_| AccessError::Audit)?;
    let removed = match app.authorization.remove_client(client_id).await {
        Ok(removed) => removed,
        Err(ClientError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(AccessError::NoClient),
    };
    app.gateway.look_at_callers();
    record::after(app, act).await;
    // Each person finds in their own records why a program stopped.
    for grant in &removed.ended {
        let act = Act {
            user: grant.user_id,
            caller: caller.clone(),
            action: "access.end",
            target: client_id.to_owned(),
            detail: json!({
                "grant": grant.id,
                "name": said(&grant.client_name, TEXT),
                "why": "administrator",
            }),
        };
        record::after(app, act).await;
    }
    Ok(removed)
}
