//! `deputy token …`

use std::process::ExitCode;

use anyhow::bail;
use deputy_core::{Scope, Scopes};
use deputy_identity::{Identity, PersonalToken, TokenRequest};

use crate::cli::{DatabaseArgs, TokenAction};
use crate::commands::say;
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
            let (token, stored) = identity
                .create_token(user.id, TokenRequest { name, scopes, days })
                .await?;
            eprintln!(
                "token {} of {} ({}); it is not shown again",
                stored.id, user.username, stored.scopes
            );
            say(token.expose());
        }
        TokenAction::List { user } => {
            for owner in identity.users().await? {
                if user
                    .as_ref()
                    .is_some_and(|name| !owner.username.eq_ignore_ascii_case(name))
                {
                    continue;
                }
                for token in identity.tokens(owner.id).await? {
                    say(&line(&owner.username, &token));
                }
            }
        }
        TokenAction::Revoke { id } => {
            let mut revoked = false;
            for owner in identity.users().await? {
                revoked |= identity.revoke_token(owner.id, id).await?;
            }
            if !revoked {
                bail!("there is no token {id}; `deputy token list` shows those there are");
            }
            eprintln!("revoked token {id}");
        }
    }
    offline.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn line(owner: &str, token: &PersonalToken) -> String {
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
