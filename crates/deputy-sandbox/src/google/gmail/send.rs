//! Mail on its way: sent by a person here, delivered to others here, or put in from outside.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::mailbox::{self, Message, Thread, normal};
use super::mime::{self, Letter, Summary};
use super::{invalid, mailbox_of, not_found};
use crate::google::accounts::{self, Account};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;
use crate::google::upload::{self, Upload};
use crate::google::world::Tx;

/// The labels of a mail that comes in.
const ARRIVAL: [&str; 3] = ["INBOX", "UNREAD", "CATEGORY_PERSONAL"];

/// The longest message that is taken (discovery, `mediaUpload.maxSize` of messages.send).
const MOST_BYTES: usize = 36_700_160;

/// A message as a request gives it: in `raw` of the JSON, or as media.
pub(crate) struct Given {
    pub(crate) raw: Vec<u8>,
    pub(crate) thread_id: Option<String>,
    pub(crate) label_ids: Vec<String>,
}

impl Given {
    /// Reads a `Message` resource (`message` of a draft) or the upload in its place; `None` if it
    /// brings no text of a message.
    pub(crate) fn read(
        message: &Map<String, Value>,
        upload: Option<&upload::Media>,
    ) -> Result<Option<Self>, Failure> {
        let raw = match (upload, message.get("raw").and_then(Value::as_str)) {
            (Some(media), _) => Some(media.data.to_vec()),
            (None, Some(raw)) => Some(mime::decode_base64(raw).ok_or_else(|| {
                invalid("Invalid value at 'raw' (TYPE_BYTES), Base64 decoding failed")
            })?),
            (None, None) => None,
        };
        if raw.as_ref().is_some_and(|raw| raw.len() > MOST_BYTES) {
            let code = StatusCode::PAYLOAD_TOO_LARGE;
            return Err(Failure::new(
                code,
                "uploadTooLarge",
                "The message is too large.",
            ));
        }
        let Some(raw) = raw.filter(|raw| !raw.is_empty()) else {
            return Ok(None);
        };
        let thread_id = message
            .get("threadId")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty())
            .map(normal);
        let labels = message
            .get("labelIds")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let label_ids = labels
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        Ok(Some(Self {
            raw,
            thread_id,
            label_ids,
        }))
    }
}

pub(crate) fn send(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    match upload::read(call)? {
        upload::Request::Opened(answer) => Ok(answer),
        upload::Request::Whole(upload) => send_upload(call, &upload),
    }
}

pub(crate) fn send_upload(call: &mut Call<'_, '_>, upload: &Upload) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let given = Given::read(&upload.metadata, upload.media.as_ref())?.ok_or_else(|| {
        invalid(
            "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
        )
    })?;
    let id = dispatch(call.tx, &account, &given.raw, given.thread_id.as_deref())?;
    super::messages::brief(call, &account, &id)
}

/// Sends a message as this account: into its SENT, and to whoever of the recipients is here.
/// Addresses outside are passed over; nothing comes back from there.
pub(crate) fn dispatch(
    tx: &mut Tx<'_>,
    account: &str,
    raw: &[u8],
    thread_id: Option<&str>,
) -> Result<String, Failure> {
    let letter = outgoing(tx, account, raw);
    let recipients: BTreeSet<String> = ["To", "Cc", "Bcc"]
        .iter()
        .flat_map(|field| mime::addresses(&letter, field))
        .collect();
    if recipients.is_empty() {
        return Err(invalid("Recipient address required"));
    }
    let raw = letter.to_bytes();
    let thread = match thread_id {
        Some(wanted) => thread_of_sender(tx, account, wanted, &mime::summary(&raw))?,
        None => Thread::New,
    };
    let received = tx.tick();
    let to_self = recipients.contains(account);
    let labels = std::iter::once("SENT").chain(ARRIVAL.into_iter().filter(|_| to_self));
    let id = mailbox::add(tx, account, raw, labels, thread, received);
    let mut copy = letter;
    copy.remove("Bcc");
    let copy = copy.to_bytes();
    let others: Vec<String> = recipients
        .into_iter()
        .filter(|address| address != account)
        .collect();
    deliver(tx, account, &others, &copy);
    Ok(id)
}

/// The message as Google sends it: a Message-ID of its own, the account's address as From, a Date.
pub(crate) fn outgoing(tx: &Tx<'_>, account: &str, raw: &[u8]) -> Letter {
    let mut letter = Letter::parse(raw);
    let random = tx.random_id(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        48,
    );
    letter.set("Message-ID", format!("<CA{random}@mail.gmail.com>"));
    if mime::addresses(&letter, "From") != [account.to_owned()] {
        let name = tx
            .get::<Account>(account, "")
            .map_or_else(String::new, |account| account.name.clone());
        letter.set("From", mime::address_field(&name, account));
    }
    if !letter.has("Date") {
        letter.set("Date", mime::date(tx.now()));
    }
    if !letter.has("MIME-Version") {
        letter.set("MIME-Version", "1.0".to_owned());
    }
    letter
}

/// The thread that was asked for, if the message belongs there: it names a message of the thread in
/// its reference headers and has the thread's subject. 404 if there is no such thread.
pub(crate) fn thread_of_sender(
    tx: &Tx<'_>,
    account: &str,
    wanted: &str,
    summary: &Summary,
) -> Result<Thread, Failure> {
    let messages = mailbox::thread(tx, account, wanted);
    if messages.is_empty() {
        return Err(not_found());
    }
    let belongs = messages
        .iter()
        .any(|(_, message)| follows(summary, &message.summary));
    Ok(if belongs {
        Thread::Known(normal(wanted))
    } else {
        Thread::New
    })
}

/// Refers to the other message, and is about the same.
fn follows(summary: &Summary, other: &Summary) -> bool {
    summary.references.contains(&other.message_id)
        && mime::thread_subject(&summary.subject) == mime::thread_subject(&other.subject)
}

/// Puts the mail into the mailboxes of those recipients who have accounts here, in the thread that
/// its headers and subject name there.
pub(crate) fn deliver(tx: &mut Tx<'_>, from: &str, to: &[String], raw: &[u8]) {
    let mut letter = Letter::parse(raw);
    if !letter.has("Message-ID") {
        let random = tx.random_id("abcdefghijklmnopqrstuvwxyz0123456789", 32);
        letter.set("Message-ID", format!("<{random}@google.com>"));
    }
    if !letter.has("Date") {
        letter.set("Date", mime::date(tx.now()));
    }
    letter.remove("Bcc");
    let mailboxes: BTreeSet<String> = to
        .iter()
        .filter_map(|address| mailbox_for(tx, address))
        .collect();
    for mailbox in mailboxes {
        let mut copy = letter.clone();
        copy.prepend("Return-Path", format!("<{from}>"));
        copy.prepend("Delivered-To", mailbox.clone());
        let raw = copy.to_bytes();
        let summary = mime::summary(&raw);
        let thread = mailbox::newest_first(tx, &mailbox)
            .into_iter()
            .find(|(_, message)| follows(&summary, &message.summary))
            .map_or(Thread::New, |(_, message)| {
                Thread::Known(message.thread_id.clone())
            });
        let received = tx.tick();
        mailbox::add(tx, &mailbox, raw, ARRIVAL, thread, received);
    }
}

/// The account behind an address; what stands after a `+` is the recipient's own affair.
fn mailbox_for(tx: &Tx<'_>, address: &str) -> Option<String> {
    let address = accounts::normalized(address)?;
    if accounts::exists(tx, &address) {
        return Some(address);
    }
    let (local, domain) = address.split_once('@')?;
    let plain = format!("{}@{domain}", local.split_once('+')?.0);
    accounts::exists(tx, &plain).then_some(plain)
}

pub(crate) fn insert(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    match upload::read(call)? {
        upload::Request::Opened(answer) => Ok(answer),
        upload::Request::Whole(upload) => insert_upload(call, &upload),
    }
}

/// `messages.insert` and `messages.import`: a message from elsewhere, as it is.
pub(crate) fn insert_upload(call: &mut Call<'_, '_>, upload: &Upload) -> Result<Answer, Failure> {
    let account = mailbox_of(call)?;
    let given = Given::read(&upload.metadata, upload.media.as_ref())?.ok_or_else(|| {
        invalid(
            "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
        )
    })?;
    let summary = mime::summary(&given.raw);
    let thread = match &given.thread_id {
        Some(wanted) => thread_of_sender(call.tx, &account, wanted, &summary)?,
        None => mailbox::newest_first(call.tx, &account)
            .into_iter()
            .find(|(_, message)| follows(&summary, &message.summary))
            .map_or(Thread::New, |(_, message)| {
                Thread::Known(message.thread_id.clone())
            }),
    };
    for label in &given.label_ids {
        if !super::labels::exists(call.tx, &account, label) {
            return Err(invalid(format!("Invalid label: {label}")));
        }
    }
    // `insert` takes the time of the request by default, `import` the message's own.
    let source = call.params.get("internalDateSource");
    let by_header = source.map_or(call.method.id == "gmail.users.messages.import", |source| {
        source == "dateHeader"
    });
    let now = call.tx.tick();
    let received = if by_header {
        mime::sent_at(&given.raw).unwrap_or(now)
    } else {
        now
    };
    let id = mailbox::add(
        call.tx,
        &account,
        given.raw,
        given.label_ids,
        thread,
        received,
    );
    let message = call
        .tx
        .get::<Message>(&account, &id)
        .ok_or_else(not_found)?;
    Ok(Answer::json(
        json!({"id": id, "threadId": message.thread_id, "labelIds": message.labels}),
    ))
}
