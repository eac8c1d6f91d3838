//! `deputy token …`

use std::process::ExitCode;

use anyhow::bail;
use deputy_core::{Scope, Scopes, Secret};
use deputy_identity::{Identity, PersonalToken, TokenRequest, User};
use serde_json::{Value, json};

use crate::cli::{DatabaseArgs, TokenAction};
use crate::commands::record::Act;
use crate::commands::{say, say_all};
use crate::compose::Offline;

/// Runs it.
pub(crate) async fn run(action: TokenAction, database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    let offline = Offline::open(database).await?;
    let identity = offline.identity();
    match action {
        TokenAction::Create {
            user,
            scopes,
            days,
            name,
        } => {
            let user = identity.user_by_name(&user).await?;
            let scopes = match scopes.as_slice() {
                [] => None,
                [all] if all == "all" => Some(Identity::rights(user.role)),
                some => Some(Scopes(
                    some.iter()
                        .map(|s| s.parse::<Scope>())
                        .collect::<Result<_, _>>()?,
                )),
            };
            let act = Act {
                user: Some(user.id),
                ..Act::new("token.create", &name)
            };
            let made = |(_, stored): &(Secret<String>, PersonalToken), act| {
                let detail = json!({ "name": stored.name, "scopes": stored.scopes.to_string() });
                vec![Act {
                    target: stored.id.to_string(),
                    detail,
                    ..act
                }]
            };
            let doing = identity.create_token(user.id, TokenRequest { name, scopes, days });
            let (token, stored) = offline.on_record_with(act, doing, made).await?;
            eprintln!(
                "token {} of {} ({}); it is not shown again",
                stored.id, user.username, stored.scopes
            );
            say(token.expose());
        }
        TokenAction::List { user, list } => {
            let mut found = Vec::new();
            for owner in identity.users().await? {
                if user
                    .as_ref()
                    .is_some_and(|name| !owner.username.eq_ignore_ascii_case(name))
                {
                    continue;
                }
                let tokens = identity.tokens(owner.id).await?;
                found.extend(tokens.into_iter().map(|it| (owner.username.clone(), it)));
            }
            say_all(&list, &found, line, value);
        }
        TokenAction::Revoke { id } => {
            let Some((owner, token)) = find(&identity, id).await? else {
                bail!("there is no token {id}; `deputy token list` shows those there are");
            };
            let act = Act {
                user: Some(owner.id),
                detail: json!({ "name": token.name }),
                ..Act::new("token.revoke", id.to_string())
            };
            let doing = identity.revoke_token(owner.id, id);
            if !offline.on_record(act, doing).await? {
                eprintln!("somebody else has just revoked it");
            }
            eprintln!("revoked token {id}");
        }
    }
    offline.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// A token and whose it is.
async fn find(identity: &Identity, id: i64) -> anyhow::Result<Option<(User, PersonalToken)>> {
    for owner in identity.users().await? {
        let tokens = identity.tokens(owner.id).await?;
        if let Some(token) = tokens.into_iter().find(|token| token.id == id) {
            return Ok(Some((owner, token)));
        }
    }
    Ok(None)
}

/// A token in a list as JSON; the fields stay as they are.
fn value((owner, token): &(String, PersonalToken)) -> Value {
    let scopes: Vec<_> = token.scopes.0.iter().map(|scope| scope.as_str()).collect();
    json!({
        "id": token.id,
        "username": owner,
        "name": token.name,
        "hint": token.hint,
        "scopes": scopes,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    })
}

fn line((owner, token): &(String, PersonalToken)) -> String {
    let expires = token
        .expires_at
        .map_or_else(|| "never".to_owned(), |at| at.to_string());
    let used = token
        .last_used_at
        .map_or_else(|| "never".to_owned(), |at| at.to_string());
    format!(
        "{}\t{owner}\t{}\t…{}\t{}\texpires {expires}\tused {used}",
        token.id, token.name, token.hint, token.scopes
    )
}
