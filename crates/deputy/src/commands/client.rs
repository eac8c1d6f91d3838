//! `deputy client …`: OAuth clients that are known beforehand.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use deputy_identity::oauth::{
    ADMINISTRATOR, ADMINISTRATOR_BLOCK, ADMINISTRATOR_END, AuthorizationServer, BUILTIN, Block,
    BlockKind, Blocked, Client, ClientKind, ClientRow, Grant, NewRegistered, Removed, Subject,
};
use serde_json::{Value, json};

use crate::cli::{ClientAction, DatabaseArgs, ListArgs};
use crate::commands::record::Act;
use crate::commands::say_all;
use crate::compose::Offline;

/// How many are read at a time.
const PAGE: u64 = 500;

/// Runs it.
pub(crate) async fn run(action: ClientAction, database: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    let offline = Offline::open(database).await?;
    let authorization = offline.authorization();
    match action {
        ClientAction::Add {
            id,
            redirect_uris,
            name,
        } => {
            let act = Act {
                detail: json!({ "redirects": redirect_uris }),
                ..Act::new("client.add", &id)
            };
            let doing = authorization.add_client(NewRegistered {
                client_id: id,
                name,
                redirect_uris,
            });
            let client = offline.on_record(act, doing).await?;
            eprintln!(
                "added client {} ({}); it has no secret, and people are sent back to {}",
                client.client_id,
                client.name,
                client.redirect_uris.join(", ")
            );
        }
        ClientAction::List { all, list } => list_clients(&authorization, all, &list).await?,
        ClientAction::Remove { id } => remove(&offline, &authorization, &id).await?,
        ClientAction::End { id } => end(&offline, &authorization, &id).await?,
        ClientAction::Block { name, host } => block(&offline, &authorization, name, host).await?,
        ClientAction::Unblock { number } => unblock(&offline, &authorization, number).await?,
        ClientAction::Blocked(list) => blocked(&authorization, &list).await?,
    }
    offline.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// A client in a list: one that has a row, or our own, which has none.
enum Listed {
    Builtin(Client),
    Row(ClientRow),
}

async fn list_clients(
    authorization: &AuthorizationServer,
    all: bool,
    list: &ListArgs,
) -> anyhow::Result<()> {
    let kind = (!all).then_some(ClientKind::Registered);
    let mut found = Vec::new();
    if all {
        found.push(Listed::Builtin(Client::builtin()));
    }
    let mut after = None;
    loop {
        let rows = authorization.clients(kind, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        found.extend(rows.into_iter().map(Listed::Row));
    }
    say_all(list, &found, line, value);
    Ok(())
}

fn line(listed: &Listed) -> String {
    let row = match listed {
        Listed::Builtin(client) => {
            let redirects = client.redirect_uris.join(" ");
            return format!(
                "{}\tbuilt in\t{}\t{redirects}",
                client.client_id, client.name
            );
        }
        Listed::Row(row) => row,
    };
    let at = |instant: Option<_>| {
        instant.map_or_else(|| "never".to_owned(), |at: jiff::Timestamp| at.to_string())
    };
    format!(
        "{}\t{}\t{}\t{}\tsince {}\tallowed {}\tused {}",
        row.client_id,
        row.kind.as_str(),
        row.name,
        row.redirect_uris.join(" "),
        row.created_at,
        at(row.authorized_at),
        at(row.last_used_at),
    )
}

/// A client in a list as JSON; the fields stay as they are.
fn value(listed: &Listed) -> Value {
    match listed {
        Listed::Builtin(client) => json!({
            "client_id": client.client_id,
            "kind": "builtin",
            "name": client.name,
            "redirect_uris": client.redirect_uris,
            "created_at": null,
            "authorized_at": null,
            "last_used_at": null,
        }),
        Listed::Row(row) => json!({
            "client_id": row.client_id,
            "kind": row.kind.as_str(),
            "name": row.name,
            "redirect_uris": row.redirect_uris,
            "created_at": row.created_at,
            "authorized_at": row.authorized_at,
            "last_used_at": row.last_used_at,
        }),
    }
}

/// What was done, and for each person whose access ended with it that it did.
pub(crate) fn with_ends(ended: &[Grant], why: &str, act: Act) -> Vec<Act> {
    let ends = ended.iter().map(|grant| Act {
        user: Some(grant.user_id),
        detail: json!({ "grant": grant.id, "name": grant.client_name, "why": why }),
        ..Act::new("access.end", &grant.client_id)
    });
    [act].into_iter().chain(ends).collect()
}

/// How many accesses of how many people ended, in words.
fn count(ended: &[Grant]) -> String {
    let people: BTreeSet<_> = ended.iter().map(|grant| grant.user_id.0).collect();
    match (ended.len(), people.len()) {
        (0, _) => "nobody had given it access".to_owned(),
        (1, _) => "1 access ended at once".to_owned(),
        (accesses, 1) => format!("{accesses} accesses of 1 person ended at once"),
        (accesses, people) => format!("{accesses} accesses of {people} people ended at once"),
    }
}

async fn end(
    offline: &Offline,
    authorization: &AuthorizationServer,
    id: &str,
) -> anyhow::Result<()> {
    let Some(known) = authorization.known_client(id).await? else {
        bail!("there is no client '{id}'; `deputy client list --all` shows those there are");
    };
    let act = Act {
        detail: json!({ "name": known.name, "why": ADMINISTRATOR_END }),
        ..Act::new("access.end_all", id)
    };
    let doing = authorization.end_client(id);
    let on_end = |ended: &Vec<Grant>, act| with_ends(ended, ADMINISTRATOR_END, act);
    let ended = offline.on_record_with(act, doing, on_end).await?;
    eprintln!("{id}: {}", count(&ended));
    Ok(())
}

async fn block(
    offline: &Offline,
    authorization: &AuthorizationServer,
    name: String,
    is_host: bool,
) -> anyhow::Result<()> {
    let act = Act {
        detail: json!({ "host": is_host }),
        ..Act::new("client.block", &name)
    };
    let subject = if is_host {
        Subject::Host(name)
    } else {
        Subject::Client(name)
    };
    let doing = authorization.block(&subject);
    let on_block = |done: &Blocked, mut act: Act| {
        if done.failed.is_some() {
            act.detail["unfinished"] = true.into();
        }
        with_ends(&done.ended, ADMINISTRATOR_BLOCK, act)
    };
    let done = offline.on_record_with(act, doing, on_block).await?;
    eprintln!("blocked {}; {}", done.block.name, count(&done.ended));
    if let Some(error) = done.failed {
        return Err(error).context("not all of its accesses ended; block it again");
    }
    Ok(())
}

async fn unblock(
    offline: &Offline,
    authorization: &AuthorizationServer,
    number: i64,
) -> anyhow::Result<()> {
    let before = number.checked_sub(1);
    let blocks = authorization.blocks(before, 1).await?;
    let Some(block) = blocks.into_iter().find(|block| block.id == number) else {
        bail!("there is no block {number}; `deputy client blocked` shows those there are");
    };
    let act = Act {
        detail: json!({ "host": block.kind == BlockKind::Host }),
        ..Act::new("client.unblock", &block.name)
    };
    let doing = async {
        let done = authorization.unblock(number).await?;
        done.context("somebody else took the block back")
    };
    offline.on_record(act, doing).await?;
    eprintln!("{} may ask again", block.name);
    Ok(())
}

async fn blocked(authorization: &AuthorizationServer, list: &ListArgs) -> anyhow::Result<()> {
    let mut found: Vec<Block> = Vec::new();
    loop {
        let after = found.last().map(|block| block.id);
        let blocks = authorization.blocks(after, PAGE).await?;
        if blocks.is_empty() {
            break;
        }
        found.extend(blocks);
    }
    let line = |block: &Block| {
        let (id, kind, name) = (block.id, block.kind.as_str(), &block.name);
        format!("{id}\t{kind}\t{name}\tsince {}", block.created_at)
    };
    // The fields stay as they are.
    let value = |block: &Block| {
        let (id, kind, name) = (block.id, block.kind.as_str(), &block.name);
        json!({ "id": id, "kind": kind, "name": name, "created_at": block.created_at })
    };
    say_all(list, &found, line, value);
    Ok(())
}

async fn remove(
    offline: &Offline,
    authorization: &AuthorizationServer,
    id: &str,
) -> anyhow::Result<()> {
    if id == BUILTIN {
        bail!("{BUILTIN} is Deputy's own command line and can't be removed");
    }
    let Some(known) = authorization.known_client(id).await? else {
        bail!("there is no client '{id}'; `deputy client list --all` shows those there are");
    };
    let act = Act {
        detail: json!({ "name": known.name }),
        ..Act::new("client.remove", id)
    };
    let doing = authorization.remove_client(id);
    let on_removal = |removed: &Removed, act| with_ends(&removed.ended, ADMINISTRATOR, act);
    let removed = offline.on_record_with(act, doing, on_removal).await?;
    eprintln!(
        "removed client {} ({}); {}",
        removed.client.client_id,
        removed.client.name,
        count(&removed.ended)
    );
    Ok(())
}
