//! `users.drafts`. A draft is a name for a message that may be replaced: the draft's id stays, the
//! message's changes with every update, its thread stays.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::mailbox::{self, Entry, Format, Message, Thread, message, resource};
use super::send::{self, Given};
use super::{invalid, mailbox_of, mime, not_found, search};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;
use crate::google::upload::{self, Upload};
use crate::google::world::{Document, Tx};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Draft {
    message_id: String,
}

impl Document for Draft {
    const KIND: &'static str = "gmail.draft";
}

/// Called when a message is gone: a draft doesn't outlive its message.
pub(crate) fn forget_message(tx: &mut Tx<'_>, account: &str, message_id: &str) {
    let drafts = tx.list::<Draft>(account);
    for (id, _) in drafts
        .iter()
        .filter(|(_, draft)| draft.message_id == message_id)
    {
        tx.remove::<Draft>(account, id);
    }
}

fn draft(call: &Call<'_, '_>, account: &str, id: &str) -> Result<Draft, Failure> {
    call.tx
        .get::<Draft>(account, id)
        .map(|draft| Draft::clone(&draft))
        .ok_or_else(not_found)
}

fn message_of(body: &Map<String, Value>) -> Map<String, Value> {
    body.get("message")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

/// Stores the text of a draft. Its sender and date are set as they will be when it is sent.
fn store(tx: &mut Tx<'_>, account: &str, raw: &[u8], thread: Thread) -> String {
    let raw = send::outgoing(tx, account, raw).to_bytes();
    let received = tx.tick();
    mailbox::add(tx, account, raw, ["DRAFT"], thread, received)
}

fn answer(
    call: &Call<'_, '_>,
    account: &str,
    id: &str,
    message_id: &str,
) -> Result<Answer, Failure> {
    let message = message(call.tx, account, message_id)?;
    Ok(Answer::json(json!({
        "id": id,
        "message": {"id": message_id, "threadId": message.thread_id, "labelIds": message.labels},
    })))
}

pub(crate) fn create(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    match upload::read(call)? {
        upload::Request::Opened(answer) => Ok(answer),
        upload::Request::Whole(upload) => create_upload(call, &upload),
    }
}

pub(crate) fn create_upload(call: &mut Call<'_, '_>, upload: &Upload) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let given = Given::read(&message_of(&upload.metadata), upload.media.as_ref())?;
    let given = given.ok_or_else(|| invalid("Missing draft message"))?;
    let thread = match &given.thread_id {
        Some(wanted) => {
            send::thread_of_sender(call.tx, &account, wanted, &mime::summary(&given.raw))?
        }
        None => Thread::New,
    };
    let message_id = store(call.tx, &account, &given.raw, thread);
    let id = format!("r{}", call.tx.random_id("123456789", 18));
    call.tx.put(
        &account,
        &id,
        Draft {
            message_id: message_id.clone(),
        },
    );
    answer(call, &account, &id, &message_id)
}

pub(crate) fn update(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    match upload::read(call)? {
        upload::Request::Opened(answer) => Ok(answer),
        upload::Request::Whole(upload) => update_upload(call, &upload),
    }
}

pub(crate) fn update_upload(call: &mut Call<'_, '_>, upload: &Upload) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = call.params.path("id").to_owned();
    let given = Given::read(&message_of(&upload.metadata), upload.media.as_ref())?;
    let given = given.ok_or_else(|| invalid("Missing draft message"))?;
    let message_id = replace(call.tx, &account, &id, &given)?;
    answer(call, &account, &id, &message_id)
}

/// Gives the draft another message and says which.
fn replace(tx: &mut Tx<'_>, account: &str, id: &str, given: &Given) -> Result<String, Failure> {
    let draft = tx.get::<Draft>(account, id).ok_or_else(not_found)?;
    let old = message(tx, account, &draft.message_id)?;
    let thread = match &given.thread_id {
        Some(wanted) if *wanted != old.thread_id => {
            send::thread_of_sender(tx, account, wanted, &mime::summary(&given.raw))?
        }
        _ => Thread::Known(old.thread_id.clone()),
    };
    let message_id = store(tx, account, &given.raw, thread);
    mailbox::remove(tx, account, &draft.message_id);
    tx.put(
        account,
        id,
        Draft {
            message_id: message_id.clone(),
        },
    );
    Ok(message_id)
}

pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = call.params.path("id").to_owned();
    let draft = draft(call, &account, &id)?;
    let found = message(call.tx, &account, &draft.message_id)?;
    let format = Format::of(call);
    let message = resource(call.tx, &account, (&draft.message_id, &found), format, &[]);
    Ok(Answer::json(json!({"id": id, "message": message})))
}

pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let drafts = call.tx.list::<Draft>(&account);
    let mut found = search::messages(call, &account)?;
    found.retain(|(_, message)| message.has("DRAFT"));
    let named = |message_id: &str| {
        drafts
            .iter()
            .find(|(_, draft)| draft.message_id == message_id)
    };
    found.retain(|(id, _)| named(id).is_some());
    let total = found.len();
    let page = search::page(call, found, |(id, message): &Entry| (message.received, id))?;
    let mut out = json!({"resultSizeEstimate": total});
    if !page.items.is_empty() {
        let items = page.items.iter().filter_map(|(message_id, message)| {
            let (id, _) = named(message_id)?;
            Some(json!({"id": id, "message": {"id": message_id, "threadId": message.thread_id}}))
        });
        out["drafts"] = items.collect();
    }
    if let Some(next) = page.next {
        out["nextPageToken"] = json!(next);
    }
    Ok(Answer::json(out))
}

pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = call.params.path("id").to_owned();
    let draft = draft(call, &account, &id)?;
    mailbox::remove(call.tx, &account, &draft.message_id);
    call.tx.remove::<Draft>(&account, &id);
    Ok(Answer::no_content())
}

pub(crate) fn send(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    match upload::read(call)? {
        upload::Request::Opened(answer) => Ok(answer),
        upload::Request::Whole(upload) => send_upload(call, &upload),
    }
}

/// Sends the draft, with the text that the request brings if it brings one. The draft is gone
/// afterwards; the message that was sent has an id of its own and stays in the draft's thread.
pub(crate) fn send_upload(call: &mut Call<'_, '_>, upload: &Upload) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = upload
        .metadata
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let given = Given::read(&message_of(&upload.metadata), upload.media.as_ref())?;
    if id.is_empty() {
        // A message alone is sent without ever having been a draft.
        let given = given.ok_or_else(|| invalid("Invalid draft"))?;
        let sent = send::dispatch(call.tx, &account, &given.raw, given.thread_id.as_deref())?;
        return super::messages::brief(call, &account, &sent);
    }
    if let Some(given) = given {
        replace(call.tx, &account, &id, &given)?;
    }
    let draft = draft(call, &account, &id)?;
    let old = message(call.tx, &account, &draft.message_id)?;
    let raw = mailbox::raw(call.tx, &account, &draft.message_id);
    let sent = send::dispatch(call.tx, &account, &raw, None)?;
    mailbox::remove(call.tx, &account, &draft.message_id);
    call.tx.remove::<Draft>(&account, &id);
    // A draft was put into its thread when it was written; the message stays there.
    let message = message(call.tx, &account, &sent)?;
    call.tx.put(
        &account,
        &sent,
        Message {
            thread_id: old.thread_id.clone(),
            ..Message::clone(&message)
        },
    );
    super::messages::brief(call, &account, &sent)
}
