//! What administrators do about programs and their access to anybody's things.

use deputy_core::Principal;
use deputy_identity::UserError;
use deputy_identity::oauth::{
    ADMINISTRATOR, ADMINISTRATOR_BLOCK, ADMINISTRATOR_END, Block, BlockKind, Client, ClientError,
    NewRegistered, Removed, Subject,
};
use deputy_store::oauth_grant::Grant;
use serde_json::json;

use super::{AccessError, TEXT, to_the_end};
use crate::App;
use crate::oauth::said;
use crate::record::{self, Act};

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
    let (here, client_id) = (app.clone(), client_id.to_owned());
    to_the_end(app, async move {
        let app = &here;
        let before = record::before(app, act.clone()).await;
        before.map_err(|_| AccessError::Audit)?;
        let removed = match app.authorization.remove_client(&client_id).await {
            Ok(removed) => removed,
            Err(error) => {
                record::refused(app, act).await;
                return Err(match error {
                    ClientError::Store(error) => error.into(),
                    _ => AccessError::NoClient,
                });
            }
        };
        app.gateway.look_at_callers();
        record::after(app, act).await;
        note_ends(app, &caller, &removed.ended, ADMINISTRATOR).await;
        Ok(removed)
    })
    .await
}

/// Each person finds in their own records why a program stopped.
async fn note_ends(app: &App, caller: &str, ended: &[Grant], why: &str) {
    for grant in ended {
        let act = Act {
            user: grant.user_id,
            caller: caller.to_owned(),
            action: "access.end",
            target: grant.client_id.clone(),
            detail: json!({
                "grant": grant.id,
                "name": said(&grant.client_name, TEXT),
                "why": why,
            }),
        };
        record::after(app, act).await;
    }
}

/// What an administrator's act did that ends accesses.
struct Ended<T> {
    made: T,
    grants: Vec<Grant>,
    /// Why that is not all.
    failed: Option<AccessError>,
}

/// An administrator's act that ends accesses, on record before and after.
async fn ending<T: Send + 'static>(
    app: &App,
    act: Act,
    why: &'static str,
    doing: impl Future<Output = Result<Ended<T>, AccessError>> + Send + 'static,
) -> Result<(T, Vec<Grant>), AccessError> {
    let here = app.clone();
    to_the_end(app, async move {
        let app = &here;
        let before = record::before(app, act.clone()).await;
        before.map_err(|_| AccessError::Audit)?;
        match doing.await {
            Ok(done) => {
                app.gateway.look_at_callers();
                let mut act = act;
                let caller = act.caller.clone();
                if done.failed.is_some() {
                    act.detail["unfinished"] = true.into();
                }
                record::after(app, act).await;
                note_ends(app, &caller, &done.grants, why).await;
                match done.failed {
                    None => Ok((done.made, done.grants)),
                    Some(error) => Err(error),
                }
            }
            Err(error) => {
                record::refused(app, act).await;
                Err(error)
            }
        }
    })
    .await
}

/// The act of ending alone.
fn all(ended: Result<Vec<Grant>, deputy_store::Error>) -> Result<Ended<()>, AccessError> {
    Ok(Ended {
        made: (),
        grants: ended?,
        failed: None,
    })
}

/// Ends all that anybody allowed this program, which stays and may ask again; what ended.
pub(crate) async fn end_client(
    app: &App,
    principal: &Principal,
    client_id: &str,
) -> Result<Vec<Grant>, AccessError> {
    let known = app.authorization.known_client(client_id).await?;
    let known = known.ok_or(AccessError::NoClient)?;
    let act = Act {
        user: principal.user_id,
        caller: principal.caller.label(),
        action: "access.end_all",
        target: client_id.to_owned(),
        detail: json!({ "name": said(&known.name, TEXT), "why": ADMINISTRATOR_END }),
    };
    let (server, client_id) = (app.authorization.clone(), client_id.to_owned());
    let doing = async move { all(server.end_client(&client_id).await) };
    let ((), ended) = ending(app, act, ADMINISTRATOR_END, doing).await?;
    Ok(ended)
}

/// Ends all that this person allowed any program; what ended.
pub(crate) async fn end_person(
    app: &App,
    principal: &Principal,
    username: &str,
) -> Result<Vec<Grant>, AccessError> {
    let person = match app.identity.user_by_name(username).await {
        Ok(person) => person,
        Err(UserError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(AccessError::NoPerson),
    };
    let act = Act {
        user: principal.user_id,
        caller: principal.caller.label(),
        action: "access.end_all",
        target: person.username.clone(),
        detail: json!({ "person": person.id.0, "why": ADMINISTRATOR_END }),
    };
    let server = app.authorization.clone();
    let doing = async move { all(server.end_person(person.id).await) };
    let ((), ended) = ending(app, act, ADMINISTRATOR_END, doing).await?;
    Ok(ended)
}

/// Blocks a program, or all that are described on a host. The block, and how many accesses ended.
pub(crate) async fn block(
    app: &App,
    principal: &Principal,
    subject: Subject,
) -> Result<(Block, usize), AccessError> {
    let (Subject::Client(name) | Subject::Host(name)) = &subject;
    let act = Act {
        user: principal.user_id,
        caller: principal.caller.label(),
        action: "client.block",
        target: said(name, 300),
        detail: json!({ "host": matches!(subject, Subject::Host(_)) }),
    };
    let server = app.authorization.clone();
    let doing = async move {
        let blocked = server.block(&subject).await?;
        Ok(Ended {
            made: blocked.block,
            grants: blocked.ended,
            failed: blocked.failed.map(AccessError::Unfinished),
        })
    };
    let (block, ended) = ending(app, act, ADMINISTRATOR_BLOCK, doing).await?;
    Ok((block, ended.len()))
}

/// Takes a block back.
pub(crate) async fn unblock(
    app: &App,
    principal: &Principal,
    id: i64,
) -> Result<Block, AccessError> {
    let blocks = app.store.oauth_block(id).await?;
    let block = blocks.ok_or(AccessError::NoBlock)?;
    let act = Act {
        user: principal.user_id,
        caller: principal.caller.label(),
        action: "client.unblock",
        target: said(&block.name, 300),
        detail: json!({ "host": block.kind == BlockKind::Host }),
    };
    let before = record::before(app, act.clone()).await;
    before.map_err(|_| AccessError::Audit)?;
    let done = app.authorization.unblock(id).await;
    if let Ok(Some(_)) = done {
        record::after(app, act).await;
    } else {
        record::refused(app, act).await;
    }
    // Somebody else was faster, where it is gone.
    done?.ok_or(AccessError::NoBlock)
}
