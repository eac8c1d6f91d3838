//! What a mailbox keeps, and how messages get in and out of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mime::{self, Summary};
use super::{labels, mailbox_of, not_found};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;
use crate::google::world::{Document, Tx};

/// A message in one mailbox; its text is the blob of the same id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) thread_id: String,
    pub(crate) labels: BTreeSet<String>,
    /// When Gmail took it in.
    pub(crate) received: Timestamp,
    /// Number of the last change.
    pub(crate) history: u64,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) summary: Summary,
}

impl Document for Message {
    const KIND: &'static str = "gmail.message";
}

impl Message {
    pub(crate) fn has(&self, label: &str) -> bool {
        self.labels.contains(label)
    }
}

/// A message and its id.
pub(crate) type Entry = (String, Arc<Message>);

/// The message, or 404.
pub(crate) fn message(tx: &Tx<'_>, account: &str, id: &str) -> Result<Arc<Message>, Failure> {
    tx.get::<Message>(account, &normal(id))
        .ok_or_else(not_found)
}

/// Ids are hexadecimal numbers: their case and leading zeros don't matter.
pub(crate) fn normal(id: &str) -> String {
    let id = id.to_ascii_lowercase();
    if id.len() < 16 && !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        format!("{id:0>16}")
    } else {
        id
    }
}

/// The whole mailbox, newest first.
pub(crate) fn newest_first(tx: &Tx<'_>, account: &str) -> Vec<Entry> {
    let mut all = tx.list::<Message>(account);
    all.sort_by(|(a_id, a), (b_id, b)| (b.received, b_id).cmp(&(a.received, a_id)));
    all
}

/// The thread's messages, oldest first; none if there is no such thread.
pub(crate) fn thread(tx: &Tx<'_>, account: &str, thread_id: &str) -> Vec<Entry> {
    let mut found = newest_first(tx, account);
    let wanted = normal(thread_id);
    found.retain(|(_, message)| message.thread_id == wanted);
    found.reverse();
    found
}

/// The text of a message.
pub(crate) fn raw(tx: &Tx<'_>, account: &str, id: &str) -> Bytes {
    tx.blob(account, id).unwrap_or_default()
}

/// Which thread a new message goes to.
pub(crate) enum Thread {
    /// One that exists, or that existed as a draft's.
    Known(String),
    /// One of its own.
    New,
}

/// Puts a message into the mailbox and gives its id.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    account: &str,
    raw: Vec<u8>,
    labels: impl IntoIterator<Item = impl Into<String>>,
    thread: Thread,
    received: Timestamp,
) -> String {
    let id = fresh_id(tx, account);
    let thread_id = match thread {
        Thread::Known(id) => id,
        Thread::New => id.clone(),
    };
    let message = Message {
        thread_id,
        labels: labels.into_iter().map(Into::into).collect(),
        received,
        history: tx.next_change(),
        size: raw.len() as u64,
        summary: mime::summary(&raw),
    };
    tx.put_blob(account, &id, Some(raw.into()));
    tx.put(account, &id, message);
    id
}

/// 16 hexadecimal digits that grow with time: Gmail's ids begin with the time too.
fn fresh_id(tx: &mut Tx<'_>, account: &str) -> String {
    loop {
        let time = u64::try_from(tx.tick().as_millisecond()).unwrap_or(0) << 20;
        let mut random = [0; 4];
        tx.rng().fill(&mut random);
        let id = format!(
            "{:016x}",
            time | u64::from(u32::from_be_bytes(random) & 0xf_ffff)
        );
        if tx.get::<Message>(account, &id).is_none() {
            return id;
        }
    }
}

/// Takes a message out for good.
pub(crate) fn remove(tx: &mut Tx<'_>, account: &str, id: &str) -> bool {
    tx.put_blob(account, id, None);
    tx.next_change();
    tx.remove::<Message>(account, id)
}

/// Adds and takes away labels. The change takes a number even if nothing is different after it.
pub(crate) fn relabel(tx: &mut Tx<'_>, account: &str, id: &str, add: &[String], take: &[String]) {
    let Some(message) = tx.get::<Message>(account, id) else {
        return;
    };
    let mut message = Message::clone(&message);
    for label in take {
        message.labels.remove(label);
    }
    message.labels.extend(add.iter().cloned());
    message.history = tx.next_change();
    tx.put(account, id, message);
}

/// How much of a message an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Minimal,
    Full,
    Raw,
    Metadata,
}

impl Format {
    /// The `format` parameter; the frame has refused unknown ones.
    pub(crate) fn of(call: &Call<'_, '_>) -> Self {
        match call.params.get("format") {
            Some("minimal") => Self::Minimal,
            Some("raw") => Self::Raw,
            Some("metadata") => Self::Metadata,
            _ => Self::Full,
        }
    }
}

/// The `Message` resource.
pub(crate) fn resource(
    tx: &Tx<'_>,
    account: &str,
    (id, message): (&str, &Message),
    format: Format,
    headers: &[&str],
) -> Value {
    let mut out = json!({
        "id": id,
        "threadId": message.thread_id,
        "labelIds": message.labels,
        "snippet": message.summary.snippet,
        "historyId": message.history.to_string(),
        "internalDate": message.received.as_millisecond().to_string(),
        "sizeEstimate": message.size,
    });
    match format {
        Format::Minimal => {}
        Format::Full => out["payload"] = mime::payload(&raw(tx, account, id), id),
        Format::Metadata => out["payload"] = mime::metadata(&raw(tx, account, id), headers),
        Format::Raw => out["raw"] = json!(mime::encode_base64(&raw(tx, account, id))),
    }
    if message.labels.is_empty()
        && let Some(out) = out.as_object_mut()
    {
        out.remove("labelIds");
    }
    out
}

/// Whether the token reads no more than headers (`gmail.metadata`).
pub(crate) fn metadata_only(call: &Call<'_, '_>) -> bool {
    const FULL: [&str; 3] = [
        "https://mail.google.com/",
        "https://www.googleapis.com/auth/gmail.modify",
        "https://www.googleapis.com/auth/gmail.readonly",
    ];
    !FULL.iter().any(|scope| call.scopes.contains(*scope))
        && call
            .scopes
            .contains("https://www.googleapis.com/auth/gmail.metadata")
}

/// `users.getProfile`.
pub(crate) fn profile(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let all = call.tx.list::<Message>(&account);
    let threads: BTreeSet<&str> = all
        .iter()
        .map(|(_, message)| message.thread_id.as_str())
        .collect();
    Ok(Answer::json(json!({
        "emailAddress": account,
        "messagesTotal": all.len(),
        "threadsTotal": threads.len(),
        "historyId": call.tx.last_change().max(1).to_string(),
    })))
}

/// Labels to add and labels to take away.
pub(crate) type LabelChange = (Vec<String>, Vec<String>);

/// `addLabelIds` and `removeLabelIds` of a body, checked.
pub(crate) fn label_change(
    tx: &Tx<'_>,
    account: &str,
    body: &serde_json::Map<String, Value>,
) -> Result<LabelChange, Failure> {
    let read = |name: &str| -> Result<Vec<String>, Failure> {
        let ids: Vec<String> = body
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        if ids.len() > 100 {
            return Err(super::invalid("Too many labels."));
        }
        for id in &ids {
            // What these say is a fact about the message, not a label that one gives it.
            if ["SENT", "DRAFT", "CHAT"].contains(&id.as_str()) || !labels::exists(tx, account, id)
            {
                return Err(super::invalid(format!("Invalid label: {id}")));
            }
        }
        Ok(ids)
    };
    let (add, take) = (read("addLabelIds")?, read("removeLabelIds")?);
    if let Some(both) = add.iter().find(|id| take.contains(id)) {
        return Err(super::invalid(format!(
            "Cannot both add and remove the same label: {both}"
        )));
    }
    if add.is_empty() && take.is_empty() {
        return Err(super::invalid("No label add or removes specified"));
    }
    Ok((add, take))
}
