//! Gmail: mailboxes with threads, labels and drafts, and delivery between the accounts here.
//!
//! What clients get wrong is threading and drafts, so those follow Google's rules to the letter: a
//! sent message joins a thread only with all three of `threadId`, reference headers and the subject
//! (discovery, `Message.threadId`); at the recipient the headers and the subject decide; a message
//! that is sent gets a Message-ID of Google's, whatever it brought; a draft keeps its id while its
//! message changes.
//!
//! Room is left for `history.list` and `watch`: every change of a message takes a number
//! ([`super::world::Tx::next_change`]) that is its `historyId`.

use super::call::Call;
use super::failure::Failure;
use super::service::{Quota, Service};
use super::world::Tx;

mod drafts;
mod labels;
mod mailbox;
mod messages;
mod mime;
mod query;
mod search;
mod send;
mod threads;
mod window;

pub(crate) static SERVICE: Service = Service {
    deliver: Some(send::deliver),
    window: Some(window::WINDOW),
    quota: Some(Quota {
        api: "gmail",
        per_minute: 6000,
        cost,
    }),
    resume: Some(resume),
    ..Service::new(
        &[
            ("gmail.users.getProfile", mailbox::profile),
            ("gmail.users.messages.list", messages::list),
            ("gmail.users.messages.get", messages::get),
            ("gmail.users.messages.send", send::send),
            ("gmail.users.messages.insert", send::insert),
            ("gmail.users.messages.import", send::insert),
            ("gmail.users.messages.modify", messages::modify),
            ("gmail.users.messages.trash", messages::trash),
            ("gmail.users.messages.untrash", messages::untrash),
            ("gmail.users.messages.delete", messages::delete),
            ("gmail.users.messages.batchModify", messages::batch_modify),
            ("gmail.users.messages.batchDelete", messages::batch_delete),
            ("gmail.users.messages.attachments.get", messages::attachment),
            ("gmail.users.threads.list", threads::list),
            ("gmail.users.threads.get", threads::get),
            ("gmail.users.threads.modify", threads::modify),
            ("gmail.users.threads.trash", threads::trash),
            ("gmail.users.threads.untrash", threads::untrash),
            ("gmail.users.threads.delete", threads::delete),
            ("gmail.users.drafts.create", drafts::create),
            ("gmail.users.drafts.get", drafts::get),
            ("gmail.users.drafts.list", drafts::list),
            ("gmail.users.drafts.update", drafts::update),
            ("gmail.users.drafts.delete", drafts::delete),
            ("gmail.users.drafts.send", drafts::send),
            ("gmail.users.labels.list", labels::list),
            ("gmail.users.labels.get", labels::get),
            ("gmail.users.labels.create", labels::create),
            ("gmail.users.labels.update", labels::update),
            ("gmail.users.labels.patch", labels::patch),
            ("gmail.users.labels.delete", labels::delete),
        ],
        provision,
    )
};

/// A new mailbox is empty; its system labels are everybody's.
fn provision(_tx: &mut Tx<'_>, _account: &str) {}

/// Quota units of a call (Gmail API, "Usage limits").
fn cost(method: &str) -> u32 {
    match method.trim_start_matches("gmail.users.") {
        "messages.send" | "drafts.send" => 100,
        "messages.batchModify" | "messages.batchDelete" => 50,
        "messages.insert" | "messages.import" => 25,
        "threads.delete" | "drafts.update" => 15,
        "messages.delete" | "threads.list" | "threads.get" | "threads.modify" | "threads.trash"
        | "threads.untrash" | "drafts.create" | "drafts.delete" => 10,
        "getProfile" | "labels.list" | "labels.get" => 1,
        _ => 5,
    }
}

/// The account whose mailbox a request is for: `me` or the person's own address.
fn mailbox_of(call: &Call<'_, '_>) -> Result<String, Failure> {
    let user = call.params.path("userId");
    if user == "me" || user.eq_ignore_ascii_case(&call.account) {
        return Ok(call.account.clone());
    }
    Err(Failure::forbidden(
        "forbidden",
        format!("Delegation denied for {}", call.account),
    ))
}

/// 404 for any id that names nothing in the mailbox.
fn not_found() -> Failure {
    Failure::not_found("Requested entity was not found.")
}

/// 400 with the reason that Gmail gives for bad arguments.
fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(http::StatusCode::BAD_REQUEST, "invalidArgument", message)
}

fn resume(call: &mut Call<'_, '_>) -> Result<super::call::Answer, Failure> {
    super::upload::resume(call, |method| match method {
        "gmail.users.messages.send" => Some(send::send_upload),
        "gmail.users.messages.insert" | "gmail.users.messages.import" => Some(send::insert_upload),
        "gmail.users.drafts.create" => Some(drafts::create_upload),
        "gmail.users.drafts.update" => Some(drafts::update_upload),
        "gmail.users.drafts.send" => Some(drafts::send_upload),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
