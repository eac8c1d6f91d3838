//! `deputy user …`

use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use deputy_core::{Lifecycle, Role, Secret, UserId};
use deputy_identity::oauth::{ADMINISTRATOR_END, Grant};
use deputy_identity::second_factor::Kinds;
use deputy_identity::{Identity, NewUser, PasswordPolicy, User};
use deputy_web::account::{self, By, Deleted};
use serde_json::{Value, json};

use crate::cli::{DatabaseArgs, ListArgs, UserAction};
use crate::commands::client::with_ends;
use crate::commands::record::Act;
use crate::commands::say_all;
use crate::compose::Offline;
use crate::settings::ConfinementSettings;

/// Runs it.
pub(crate) async fn run(action: UserAction, database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    let offline = Offline::open(database).await?;
    let identity = offline.identity();
    match action {
        UserAction::Add {
            name,
            admin,
            password_stdin,
        } => add(&offline, name, admin, password_stdin).await?,
        UserAction::List(args) => list(&identity, &args).await?,
        UserAction::Disable { name } => disable(&offline, &name).await?,
        UserAction::Enable { name } => enable(&offline, &name).await?,
        UserAction::Passwd {
            name,
            password_stdin,
        } => passwd(&offline, &name, password_stdin).await?,
        UserAction::ResetSecondFactor { name } => {
            Box::pin(reset_second_factor(&offline, &identity, &name)).await?;
        }
        UserAction::EndAccess { name } => end_access(&offline, &identity, &name).await?,
        UserAction::Delete { name } => Box::pin(delete_by_name(&offline, &identity, &name)).await?,
    }
    offline.close().await?;
    Ok(ExitCode::SUCCESS)
}

async fn add(
    offline: &Offline,
    name: String,
    admin: bool,
    password_stdin: bool,
) -> anyhow::Result<()> {
    let mut new = NewUser::new(name, password(password_stdin)?);
    if admin {
        new.role = Role::Admin;
    }
    let act = Act {
        detail: json!({ "role": new.role }),
        ..Act::new("user.add", &new.username)
    };
    let made = |user: &User, act| {
        vec![Act {
            detail: json!({ "role": user.role }),
            user: Some(user.id),
            ..act
        }]
    };
    let identity = offline.identity();
    let doing = identity.create_user(new);
    let user = offline.on_record_with(act, doing, made).await?;
    let role = if user.role == Role::Admin {
        "administrator"
    } else {
        "user"
    };
    eprintln!("added {role} {}", user.username);
    Ok(())
}

async fn list(identity: &Identity, args: &ListArgs) -> anyhow::Result<()> {
    let having = identity.people_with_second_factor().await?;
    let users = identity.users().await?.into_iter().map(|user| {
        let has = having.get(&user.id).copied().unwrap_or_default();
        (user, has)
    });
    say_all(args, &users.collect::<Vec<_>>(), line, value);
    Ok(())
}

fn line((user, has): &(User, Kinds)) -> String {
    let role = if user.role == Role::Admin {
        "admin"
    } else {
        "user"
    };
    let state = if user.is_active { "active" } else { "disabled" };
    let name = &user.username;
    let app = has.app.then(|| "app".to_owned());
    let passkeys = (has.passkeys > 0).then(|| format!("passkeys:{}", has.passkeys));
    let ways: Vec<_> = app.into_iter().chain(passkeys).collect();
    let proof = if ways.is_empty() {
        "password".to_owned()
    } else {
        format!("password+{}", ways.join(","))
    };
    format!("{name}\t{role}\t{state}\t{}\t{proof}", user.created_at)
}

/// A person in a list as JSON; the fields stay as they are.
fn value((user, has): &(User, Kinds)) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "role": user.role,
        "is_active": user.is_active,
        "created_at": user.created_at,
        "second_factor": { "app": has.app, "passkeys": has.passkeys },
    })
}

async fn disable(offline: &Offline, name: &str) -> anyhow::Result<()> {
    let identity = offline.identity();
    let user = identity.user_by_name(name).await?;
    let doing = identity.disable_user(user.id);
    offline
        .on_record(Act::on("user.disable", &user), doing)
        .await?;
    eprintln!(
        "disabled {}; sessions and tokens no longer work, and what runs for them ends within a minute",
        user.username
    );
    Ok(())
}

async fn enable(offline: &Offline, name: &str) -> anyhow::Result<()> {
    let identity = offline.identity();
    let user = identity.user_by_name(name).await?;
    let doing = identity.enable_user(user.id);
    offline
        .on_record(Act::on("user.enable", &user), doing)
        .await?;
    eprintln!("enabled {}", user.username);
    Ok(())
}

async fn passwd(offline: &Offline, name: &str, password_stdin: bool) -> anyhow::Result<()> {
    let identity = offline.identity();
    let user = identity.user_by_name(name).await?;
    let password = password(password_stdin)?;
    let doing = identity.set_password(user.id, &password, PasswordPolicy::Strict);
    offline
        .on_record(Act::on("user.password", &user), doing)
        .await?;
    eprintln!(
        "changed the password of {}; they are signed out everywhere",
        user.username
    );
    Ok(())
}

/// Removes what the person of this name has beside the password.
async fn reset_second_factor(
    offline: &Offline,
    identity: &Identity,
    name: &str,
) -> anyhow::Result<()> {
    let user = identity.user_by_name(name).await?;
    let doing = identity.reset_second_factor(user.id);
    let act = Act::on("user.reset_second_factor", &user);
    let had_any = Box::pin(offline.on_record(act, doing)).await?;
    let who = &user.username;
    if had_any {
        eprintln!("removed the second factors of {who}; the password alone signs them in");
    } else {
        eprintln!("{who} has no second factor");
    }
    Ok(())
}

/// Ends all access that the person of this name gave to programs.
async fn end_access(offline: &Offline, identity: &Identity, name: &str) -> anyhow::Result<()> {
    let user = identity.user_by_name(name).await?;
    let authorization = offline.authorization();
    let act = Act {
        detail: json!({ "why": ADMINISTRATOR_END }),
        ..Act::on("access.end_all", &user)
    };
    let doing = authorization.end_person(user.id);
    let on_end = |ended: &Vec<Grant>, act| with_ends(ended, ADMINISTRATOR_END, act);
    let ended = offline.on_record_with(act, doing, on_end).await?;
    let (who, count) = (&user.username, ended.len());
    eprintln!("{who}: accesses of programs that ended at once: {count}");
    Ok(())
}

/// Deletes the person of this name, and says what is left to do elsewhere.
async fn delete_by_name(offline: &Offline, identity: &Identity, name: &str) -> anyhow::Result<()> {
    let user = identity.user_by_name(name).await?;
    let doing = Box::pin(delete(offline, identity, &user));
    let Deleted {
        google_told,
        untold,
    } = offline
        .on_record(Act::on("user.delete", &user), doing)
        .await?;
    eprintln!(
        "deleted {} and destroyed their keys; backups made before still hold both",
        user.username
    );
    eprintln!("{}", removed(&offline.settings.confinement, user.id));
    if untold > 0 {
        eprintln!(
            "{untold} of the sign-in services of their servers could not be told: these grants stay \
             there until the person ends them, or they lapse"
        );
    }
    if !google_told {
        eprintln!(
            "Google could not be told: the grant stays there until the person removes it in \
             their Google account, or it lapses"
        );
    }
    Ok(())
}

/// Deletes a person once those who hold grants of theirs were told.
async fn delete(offline: &Offline, identity: &Identity, user: &User) -> anyhow::Result<Deleted> {
    let lifecycle = Lifecycle::new();
    let connections = offline.connections(&lifecycle)?;
    let remote = offline.remote(&lifecycle)?;
    let by = By::Administrator;
    let deleted = account::delete(identity, connections.as_ref(), &remote, user, by).await;
    lifecycle.stop(Duration::from_secs(1)).await;
    Ok(deleted?)
}

/// What becomes of a deleted person's folders, and when.
fn removed(confinement: &ConfinementSettings, user: UserId) -> String {
    let when = "within a minute, or when a server starts next";
    let elsewhere: Vec<String> = deputy_jail::own_roots(&confinement.files_roots, user.0)
        .into_iter()
        .filter(|root| {
            let parent = root.parent().map(ToOwned::to_owned);
            confinement.files.is_none() || parent != confinement.files
        })
        .map(|root| root.display().to_string())
        .collect();
    let mut said = match &confinement.files {
        Some(files) => format!(
            "the running server ends their servers and removes what these kept, and {}, {when}",
            files.join(user.to_string()).display()
        ),
        None => {
            format!("the running server ends their servers and removes what these kept, {when}")
        }
    };
    if !elsewhere.is_empty() {
        said.push_str("; not touched, for you to look after: ");
        said.push_str(&elsewhere.join(", "));
    }
    said
}

fn password(from_stdin: bool) -> anyhow::Result<Secret<String>> {
    if from_stdin {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context("reading the password from standard input")?;
        let password = Secret::from(line.trim_end_matches(['\r', '\n']));
        zeroize::Zeroize::zeroize(&mut line);
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        bail!("standard input is no terminal; give the password with --password-stdin");
    }
    let first = Secret::new(rpassword::prompt_password("Password: ")?);
    let again = Secret::new(rpassword::prompt_password("Again: ")?);
    if first.expose() != again.expose() {
        bail!("the two passwords differ");
    }
    Ok(first)
}
