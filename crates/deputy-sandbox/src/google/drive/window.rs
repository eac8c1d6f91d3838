//! The drive as people see it on the account's page.

use super::access;
use super::file::{self, DOCUMENT, FOLDER};
use crate::google::docs;
use crate::google::service::{Item, Row, Section, Window};
use crate::google::world::Tx;

pub(crate) const WINDOW: Window = Window {
    name: "files",
    section,
    item,
};

const MOST_ROWS: usize = 200;
/// Text files are shown up to this many bytes.
const MOST_TEXT: usize = 200_000;

fn section(tx: &Tx<'_>, account: &str) -> Section {
    let mut files = file::all(tx);
    files.retain(|(_, file)| !file.is_root && access::is_listed(tx, file, account));
    files.sort_by_key(|(_, file)| std::cmp::Reverse(file.modified));
    let rows = files.into_iter().take(MOST_ROWS).map(|(id, file)| Row {
        cells: vec![
            file.name.clone(),
            kind(&file.mime_type).to_owned(),
            file.owner.clone(),
            file.modified.strftime("%Y-%m-%d %H:%M").to_string(),
            if file::is_trashed(tx, &file) {
                "in the trash".to_owned()
            } else {
                place(tx, &file, account)
            },
        ],
        item: Some(id),
        strong: false,
    });
    Section {
        title: "Files",
        empty: "No files.",
        columns: &["Name", "Kind", "Owner", "Modified (UTC)", "Folder"],
        rows: rows.collect(),
    }
}

fn kind(mime_type: &str) -> &str {
    match mime_type {
        DOCUMENT => "Google document",
        FOLDER => "folder",
        other => other,
    }
}

fn place(tx: &Tx<'_>, file: &file::File, account: &str) -> String {
    let visible = |folder: &file::File| access::role(tx, folder, account).is_some();
    let names = file::ancestors(tx, file)
        .into_iter()
        .filter(|(_, folder)| visible(folder))
        .map(|(_, folder)| folder.name.clone());
    let mut names: Vec<String> = names.collect();
    names.reverse();
    names.join(" / ")
}

fn item(tx: &Tx<'_>, account: &str, id: &str) -> Option<Item> {
    let file = file::get(tx, id)?;
    access::role(tx, &file, account)?;
    let mut facts = vec![
        ("Kind".to_owned(), kind(&file.mime_type).to_owned()),
        ("Id".to_owned(), id.to_owned()),
        ("Folder".to_owned(), place(tx, &file, account)),
        (
            "Modified".to_owned(),
            format!("{} by {}", file.modified, file.modified_by),
        ),
    ];
    for permission in &file.permissions {
        let who = match &permission.grantee {
            file::Grantee::User(who) | file::Grantee::Group(who) | file::Grantee::Domain(who) => {
                who.clone()
            }
            file::Grantee::Anyone(_) => "anyone with the link".to_owned(),
        };
        facts.push((permission.role.name().to_owned(), who));
    }
    for (key, value) in file.properties.iter().chain(&file.app_properties) {
        facts.push((format!("property {key}"), value.clone()));
    }
    let text = if file.mime_type == DOCUMENT {
        docs::to_markdown(&docs::body(tx, id))
    } else if file.mime_type.starts_with("text/") {
        let bytes = file::bytes(tx, id);
        String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_TEXT)]).into_owned()
    } else {
        String::new()
    };
    Some(Item {
        title: file.name.clone(),
        facts,
        text,
    })
}
