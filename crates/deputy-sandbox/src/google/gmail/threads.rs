//! `users.threads`: conversations. A thread is nothing of its own, but the messages that carry its id.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::mailbox::{
    self, Entry, Format, LabelChange, label_change, normal, relabel, resource, thread,
};
use super::{drafts, mailbox_of, not_found, search};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;

pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let mut seen = BTreeSet::new();
    // Newest first, so that a thread stands where its newest message that was asked for stands.
    let mut heads = search::messages(call, &account)?;
    heads.retain(|(_, message)| seen.insert(message.thread_id.clone()));
    let total = heads.len();
    let page = search::page(call, heads, |(id, message): &Entry| (message.received, id))?;
    let mut out = json!({"resultSizeEstimate": total});
    if !page.items.is_empty() {
        let items = page.items.iter().map(|(_, message)| {
            json!({
                "id": message.thread_id,
                "snippet": message.summary.snippet,
                "historyId": message.history.to_string(),
            })
        });
        out["threads"] = items.collect();
    }
    if let Some(next) = page.next {
        out["nextPageToken"] = json!(next);
    }
    Ok(Answer::json(out))
}

/// The thread of a request with its messages, or 404.
fn found(call: &Call<'_, '_>) -> Result<(String, String, Vec<Entry>), Failure> {
    let account = mailbox_of(call)?;
    let id = normal(call.params.path("id"));
    let messages = thread(call.tx, &account, &id);
    if messages.is_empty() {
        Err(not_found())
    } else {
        Ok((account, id, messages))
    }
}

pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (account, id, messages) = found(call)?;
    let format = Format::of(call);
    if mailbox::metadata_only(call) && format == Format::Full {
        return Err(Failure::forbidden(
            "forbidden",
            "Metadata scope doesn't allow format FULL",
        ));
    }
    let headers: Vec<&str> = call.params.all("metadataHeaders").collect();
    let history = messages
        .iter()
        .map(|(_, message)| message.history)
        .max()
        .unwrap_or(1);
    let messages: Vec<Value> = messages
        .iter()
        .map(|(id, message)| resource(call.tx, &account, (id, message), format, &headers))
        .collect();
    Ok(Answer::json(
        json!({"id": id, "historyId": history.to_string(), "messages": messages}),
    ))
}

fn change(
    call: &mut Call<'_, '_>,
    read: fn(&Call<'_, '_>, &str) -> Result<LabelChange, Failure>,
) -> Result<Answer, Failure> {
    let (account, id, messages) = found(call)?;
    let (add, take) = read(call, &account)?;
    for (message_id, _) in &messages {
        relabel(call.tx, &account, message_id, &add, &take);
    }
    let messages: Vec<Value> = thread(call.tx, &account, &id)
        .iter()
        .map(|(id, message)| json!({"id": id, "threadId": message.thread_id, "labelIds": message.labels}))
        .collect();
    Ok(Answer::json(json!({"id": id, "messages": messages})))
}

pub(crate) fn modify(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, |call, account| {
        label_change(call.tx, account, &call.json()?)
    })
}

pub(crate) fn trash(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, |_, _| {
        Ok((vec!["TRASH".to_owned()], vec!["INBOX".to_owned()]))
    })
}

pub(crate) fn untrash(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, |_, _| Ok((Vec::new(), vec!["TRASH".to_owned()])))
}

pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (account, _, messages) = found(call)?;
    for (message_id, _) in messages {
        mailbox::remove(call.tx, &account, &message_id);
        drafts::forget_message(call.tx, &account, &message_id);
    }
    Ok(Answer::no_content())
}
