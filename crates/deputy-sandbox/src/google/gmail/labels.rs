//! `users.labels`: the system's labels, which everybody has, and the user's own.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::mailbox::{Message, relabel};
use super::{invalid, mailbox_of, not_found};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;
use crate::google::world::{Document, Tx};

/// A label that the user made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Label {
    pub(crate) name: String,
    /// `messageListVisibility`.
    in_messages: Option<String>,
    /// `labelListVisibility`.
    in_labels: Option<String>,
    color: Option<Value>,
}

impl Document for Label {
    const KIND: &'static str = "gmail.label";
}

/// Ids, which are their names too.
const SYSTEM: [&str; 14] = [
    "CHAT",
    "SENT",
    "INBOX",
    "IMPORTANT",
    "TRASH",
    "DRAFT",
    "SPAM",
    "CATEGORY_FORUMS",
    "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_SOCIAL",
    "STARRED",
    "UNREAD",
];

const MOST_LABELS: usize = 10_000;

/// Whether a message may have this label.
pub(crate) fn exists(tx: &Tx<'_>, account: &str, id: &str) -> bool {
    SYSTEM.contains(&id) || tx.get::<Label>(account, id).is_some()
}

fn system(id: &str) -> Value {
    let mut out = json!({"id": id, "name": id, "type": "system"});
    if id.starts_with("CATEGORY_") || ["CHAT", "IMPORTANT", "TRASH", "SPAM"].contains(&id) {
        out["messageListVisibility"] = json!("hide");
        out["labelListVisibility"] = json!("labelHide");
    }
    out
}

fn own(id: &str, label: &Label) -> Value {
    let mut out = json!({"id": id, "name": label.name, "type": "user"});
    if let Some(visibility) = &label.in_messages {
        out["messageListVisibility"] = json!(visibility);
    }
    if let Some(visibility) = &label.in_labels {
        out["labelListVisibility"] = json!(visibility);
    }
    if let Some(color) = &label.color {
        out["color"] = color.clone();
    }
    out
}

pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let mut labels: Vec<Value> = SYSTEM.iter().map(|id| system(id)).collect();
    labels.extend(
        call.tx
            .list::<Label>(&account)
            .iter()
            .map(|(id, label)| own(id, label)),
    );
    Ok(Answer::json(json!({"labels": labels})))
}

pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = call.params.path("id").to_owned();
    let mut out = match call.tx.get::<Label>(&account, &id) {
        Some(label) => own(&id, &label),
        None if SYSTEM.contains(&id.as_str()) => system(&id),
        None => return Err(not_found()),
    };
    let mut messages = call.tx.list::<Message>(&account);
    messages.retain(|(_, message)| message.has(&id));
    let unread: Vec<_> = messages
        .iter()
        .filter(|(_, message)| message.has("UNREAD"))
        .collect();
    let threads: BTreeSet<&str> = messages
        .iter()
        .map(|(_, message)| message.thread_id.as_str())
        .collect();
    let unread_threads: BTreeSet<&str> = unread
        .iter()
        .map(|(_, message)| message.thread_id.as_str())
        .collect();
    out["messagesTotal"] = json!(messages.len());
    out["messagesUnread"] = json!(unread.len());
    out["threadsTotal"] = json!(threads.len());
    out["threadsUnread"] = json!(unread_threads.len());
    Ok(Answer::json(out))
}

pub(crate) fn create(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let body = call.json()?;
    let all = call.tx.list::<Label>(&account);
    if all.len() >= MOST_LABELS {
        return Err(invalid("Too many labels."));
    }
    let empty = Label {
        name: String::new(),
        in_messages: None,
        in_labels: None,
        color: None,
    };
    let label = changed(call, &account, None, &empty, &body)?;
    let numbers = all
        .iter()
        .filter_map(|(id, _)| id.strip_prefix("Label_")?.parse::<u64>().ok());
    let id = format!("Label_{}", numbers.max().unwrap_or(0) + 1);
    call.tx.put(&account, &id, label.clone());
    Ok(Answer::json(own(&id, &label)))
}

/// `label` with what the body says; refused if its name is missing or taken.
fn changed(
    call: &Call<'_, '_>,
    account: &str,
    id: Option<&str>,
    label: &Label,
    body: &Map<String, Value>,
) -> Result<Label, Failure> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut label = label.clone();
    if let Some(name) = text("name") {
        name.trim().clone_into(&mut label.name);
    }
    label.in_messages = text("messageListVisibility").or(label.in_messages);
    label.in_labels = text("labelListVisibility").or(label.in_labels);
    label.color = body.get("color").cloned().or(label.color);
    if label.name.is_empty() {
        return Err(invalid("Invalid label name"));
    }
    let taken = SYSTEM
        .iter()
        .any(|system| system.eq_ignore_ascii_case(&label.name))
        || call.tx.list::<Label>(account).iter().any(|(other, known)| {
            Some(other.as_str()) != id && known.name.to_lowercase() == label.name.to_lowercase()
        });
    if taken {
        return Err(Failure::new(
            StatusCode::CONFLICT,
            "aborted",
            "Label name exists or conflicts",
        )
        .status("ABORTED"));
    }
    Ok(label)
}

pub(crate) fn patch(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = call.params.path("id").to_owned();
    let label = own_label(call, &account, &id)?;
    let label = changed(call, &account, Some(&id), &label, &call.json()?)?;
    call.tx.put(&account, &id, label.clone());
    Ok(Answer::json(own(&id, &label)))
}

pub(crate) fn update(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    patch(call)
}

fn own_label(call: &Call<'_, '_>, account: &str, id: &str) -> Result<Label, Failure> {
    if SYSTEM.contains(&id) {
        return Err(invalid(format!(
            "Invalid update request: {id} is a system label"
        )));
    }
    call.tx
        .get::<Label>(account, id)
        .map(|label| Label::clone(&label))
        .ok_or_else(not_found)
}

pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = call.params.path("id").to_owned();
    if SYSTEM.contains(&id.as_str()) {
        return Err(invalid("Invalid delete request"));
    }
    if !call.tx.remove::<Label>(&account, &id) {
        return Err(not_found());
    }
    for (message_id, message) in call.tx.list::<Message>(&account) {
        if message.has(&id) {
            relabel(
                call.tx,
                &account,
                &message_id,
                &[],
                std::slice::from_ref(&id),
            );
        }
    }
    Ok(Answer::no_content())
}
