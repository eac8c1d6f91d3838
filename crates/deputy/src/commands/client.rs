//! `deputy client …`: OAuth clients that are known beforehand.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use deputy_identity::oauth::{
    AuthorizationServer, BUILTIN, Client, ClientKind, ClientRow, NewRegistered, Removed,
};
use serde_json::json;

use crate::cli::{ClientAction, DatabaseArgs};
use crate::commands::record::Act;
use crate::commands::say;
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
        ClientAction::List { all } => list(&authorization, all).await?,
        ClientAction::Remove { id } => remove(&offline, &authorization, &id).await?,
    }
    offline.close().await?;
    Ok(ExitCode::SUCCESS)
}

async fn list(authorization: &AuthorizationServer, all: bool) -> anyhow::Result<()> {
    let kind = (!all).then_some(ClientKind::Registered);
    if all {
        let client = Client::builtin();
        say(&format!(
            "{}\tbuilt in\t{}\t{}",
            client.client_id,
            client.name,
            client.redirect_uris.join(" ")
        ));
    }
    let mut after = None;
    loop {
        let rows = authorization.clients(kind, after, PAGE).await?;
        for row in &rows {
            say(&line(row));
        }
        match rows.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(()),
        }
    }
}

fn line(row: &ClientRow) -> String {
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

/// A removal, and for each person whose access ended with it that it did.
fn on_removal(removed: &Removed, act: Act) -> Vec<Act> {
    let ends = removed.ended.iter().map(|grant| Act {
        user: Some(grant.user_id),
        detail: json!({ "grant": grant.id, "name": grant.client_name, "why": "administrator" }),
        ..Act::new("access.end", &act.target)
    });
    let ends: Vec<Act> = ends.collect();
    [act].into_iter().chain(ends).collect()
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
    let removed = offline.on_record_with(act, doing, on_removal).await?;
    let people: BTreeSet<_> = removed.ended.iter().map(|grant| grant.user_id.0).collect();
    let ended = match (removed.ended.len(), people.len()) {
        (0, _) => "nobody had given it access".to_owned(),
        (1, _) => "1 access ended at once".to_owned(),
        (accesses, 1) => format!("{accesses} accesses of 1 person ended at once"),
        (accesses, people) => format!("{accesses} accesses of {people} people ended at once"),
    };
    eprintln!(
        "removed client {} ({}); {ended}",
        removed.client.client_id, removed.client.name
    );
    Ok(())
}
