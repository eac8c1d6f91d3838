//! `users.messages`, but for sending.

use http::StatusCode;
use serde_json::{Value, json};

use super::mailbox::{self, Entry, Format, label_change, message, normal, relabel, resource};
use super::{drafts, invalid, mailbox_of, mime, not_found, search};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;

pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let found = search::messages(call, &account)?;
    let total = found.len();
    let page = search::page(call, found, |(id, message): &Entry| (message.received, id))?;
    let mut out = json!({"resultSizeEstimate": total});
    if !page.items.is_empty() {
        let items = page
            .items
            .iter()
            .map(|(id, message)| json!({"id": id, "threadId": message.thread_id}));
        out["messages"] = items.collect();
    }
    if let Some(next) = page.next {
        out["nextPageToken"] = json!(next);
    }
    Ok(Answer::json(out))
}

pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = normal(call.params.path("id"));
    let found = message(call.tx, &account, &id)?;
    let format = Format::of(call);
    if mailbox::metadata_only(call) && matches!(format, Format::Full | Format::Raw) {
        let name = if format == Format::Raw { "RAW" } else { "FULL" };
        return Err(Failure::forbidden(
            "forbidden",
            format!("Metadata scope doesn't allow format {name}"),
        ));
    }
    let headers: Vec<&str> = call.params.all("metadataHeaders").collect();
    Ok(Answer::json(resource(
        call.tx,
        &account,
        (&id, &found),
        format,
        &headers,
    )))
}

pub(crate) fn modify(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = normal(call.params.path("id"));
    message(call.tx, &account, &id)?;
    let (add, take) = label_change(call.tx, &account, &call.json()?)?;
    relabel(call.tx, &account, &id, &add, &take);
    brief(call, &account, &id)
}

/// Id, thread and labels: what a change answers.
pub(crate) fn brief(call: &Call<'_, '_>, account: &str, id: &str) -> Result<Answer, Failure> {
    let message = message(call.tx, account, id)?;
    Ok(Answer::json(
        json!({"id": id, "threadId": message.thread_id, "labelIds": message.labels}),
    ))
}

pub(crate) fn trash(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, &["TRASH"], &["INBOX"])
}

pub(crate) fn untrash(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, &[], &["TRASH"])
}

fn change(call: &mut Call<'_, '_>, add: &[&str], take: &[&str]) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = normal(call.params.path("id"));
    message(call.tx, &account, &id)?;
    let owned = |labels: &[&str]| {
        labels
            .iter()
            .map(|&label| label.to_owned())
            .collect::<Vec<_>>()
    };
    relabel(call.tx, &account, &id, &owned(add), &owned(take));
    brief(call, &account, &id)
}

pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let id = normal(call.params.path("id"));
    message(call.tx, &account, &id)?;
    mailbox::remove(call.tx, &account, &id);
    drafts::forget_message(call.tx, &account, &id);
    Ok(Answer::no_content())
}

/// `ids` of a batch, which are at most 1000.
fn ids(call: &Call<'_, '_>) -> Result<Vec<String>, Failure> {
    let body = call.json()?;
    let ids: Vec<String> = body
        .get("ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(normal)
        .collect();
    match ids.len() {
        0 => Err(invalid("No message ids specified.")),
        1..=1000 => Ok(ids),
        _ => Err(invalid("Too many message ids.")),
    }
}

pub(crate) fn batch_modify(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let ids = ids(call)?;
    let (add, take) = label_change(call.tx, &account, &call.json()?)?;
    // Ids that name nothing are passed over: the method promises nothing about them.
    for id in &ids {
        relabel(call.tx, &account, id, &add, &take);
    }
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(crate) fn batch_delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    for id in ids(call)? {
        mailbox::remove(call.tx, &account, &id);
        drafts::forget_message(call.tx, &account, &id);
    }
    Ok(Answer::no_content())
}

pub(crate) fn attachment(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let message_id = normal(call.params.path("messageId"));
    message(call.tx, &account, &message_id)?;
    let raw = mailbox::raw(call.tx, &account, &message_id);
    let data = mime::attachment(&raw, &message_id, call.params.path("id")).ok_or_else(not_found)?;
    Ok(Answer::json(
        json!({"size": data.len(), "data": mime::encode_base64(&data)}),
    ))
}
