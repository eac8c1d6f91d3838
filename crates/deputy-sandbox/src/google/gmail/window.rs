//! The mailbox as people see it on the account's page.

use mail_parser::MessageParser;

use super::mailbox::{self, Message};
use crate::google::service::{Item, Row, Section, Window};
use crate::google::world::Tx;

pub(crate) const WINDOW: Window = Window {
    name: "mail",
    section,
    item,
};

const MOST_ROWS: usize = 200;

fn section(tx: &Tx<'_>, account: &str) -> Section {
    let rows = mailbox::newest_first(tx, account)
        .into_iter()
        .take(MOST_ROWS)
        .map(|(id, message)| Row {
            cells: vec![
                named(&message.summary.subject, "(no subject)"),
                message.summary.from.clone(),
                message.summary.to.clone(),
                message.received.strftime("%Y-%m-%d %H:%M").to_string(),
                folders(&message),
            ],
            item: Some(id),
            strong: message.has("UNREAD"),
        });
    Section {
        title: "Mail",
        empty: "No mail.",
        columns: &["Subject", "From", "To", "Received (UTC)", "Labels"],
        rows: rows.collect(),
    }
}

fn named(text: &str, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text.to_owned()
    }
}

fn folders(message: &Message) -> String {
    let labels = message
        .labels
        .iter()
        .filter(|label| !label.starts_with("CATEGORY_") && *label != "UNREAD");
    labels.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn item(tx: &Tx<'_>, account: &str, id: &str) -> Option<Item> {
    let message = tx.get::<Message>(account, id)?;
    let raw = mailbox::raw(tx, account, id);
    let summary = &message.summary;
    let mut facts = Vec::new();
    let files = summary.filenames.join(", ");
    let labels = folders(&message);
    for (name, value) in [
        ("From", &summary.from),
        ("To", &summary.to),
        ("Cc", &summary.cc),
        ("Bcc", &summary.bcc),
        ("Attachments", &files),
        ("Labels", &labels),
        ("Thread", &message.thread_id),
        ("Message-ID", &summary.message_id),
    ] {
        if !value.is_empty() {
            facts.push((name.to_owned(), value.clone()));
        }
    }
    facts.push(("Received".to_owned(), message.received.to_string()));
    let parsed = MessageParser::new().parse(&raw[..])?;
    let text = (0..parsed.text_body_count())
        .filter_map(|at| parsed.body_text(at))
        .collect::<Vec<_>>()
        .join("\n");
    Some(Item {
        title: named(&summary.subject, "(no subject)"),
        facts,
        text,
    })
}
