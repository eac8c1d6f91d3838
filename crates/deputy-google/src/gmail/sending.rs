//! Sending once.
//!
//! Gmail has no idempotency key, and it replaces the Message-ID it is given. But a draft can be sent
//! only once: `drafts.send` of a draft that is gone is 404. So every mail is first a draft, and the
//! draft carries the call's id in a header of its own, under which both the draft and the sent
//! message are found again:
//!
//! * no answer to `drafts.create`: the draft is looked for; only a draft that is known to be there
//!   goes on, so the worst that is left behind is a second draft;
//! * no answer to `drafts.send`: while the draft is there it may be sent again, since the draft's
//!   id is the key; once it is gone the message is looked for in its thread;
//! * a repeat of the call: draft first, then the sent mail, and only then a new draft.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::CallId;
use deputy_core::firstparty::FailureKind;

use super::api::Gmail;
use super::compose::{CALL_HEADER, Outgoing};
use super::wire::{Draft, Message, MessageRef, NewDraft, NewMessage, SUMMARY_FIELDS};
use crate::call::Call;
use crate::error::ToolError;
use crate::once::{look_for, outcome_or_look};

/// How many of the newest drafts and of the newest sent messages are looked at.
const RECENT: u32 = 30;

/// Longer messages are uploaded beside the JSON, not inside it: Google takes JSON bodies up to some
/// 5 MB, and base64 makes a third more of them (Gmail API, "Upload attachments").
const MAX_IN_JSON: usize = 3 << 20;

/// Stores `mail` as a draft, in the conversation `thread_id` if given. Makes one draft per call.
pub(crate) async fn store_draft(
    call: &Call,
    mail: &Outgoing,
    thread_id: Option<&str>,
) -> Result<Draft, ToolError> {
    let gmail = Gmail(&call.google);
    if call.is_repeat()
        && let Some(draft) = find_draft(&gmail, call.id).await?
    {
        return Ok(draft);
    }
    create(&gmail, call, mail, thread_id).await
}

/// Sends `mail`, in the conversation `thread_id` if given. Sends one message per call.
pub(crate) async fn send(
    call: &Call,
    mail: &Outgoing,
    thread_id: Option<&str>,
) -> Result<MessageRef, ToolError> {
    let gmail = Gmail(&call.google);
    let known = if call.is_repeat() {
        find_draft(&gmail, call.id).await?
    } else {
        None
    };
    if known.is_none()
        && call.is_repeat()
        && let Some(sent) = find_recently_sent(&gmail, call.id).await?
    {
        return Ok(sent);
    }
    let draft = match known {
        Some(draft) => draft,
        None => create(&gmail, call, mail, thread_id).await?,
    };
    call.progress(1.0, Some(2.0), "the message is stored as a draft")
        .await;
    let outcome = send_draft(&gmail, &draft, Trace::Call(call.id)).await;
    if let Err(error) = &outcome
        && is_final(error)
        && let Err(error) = gmail.delete_draft(&draft.id).await
    {
        tracing::info!(%error, "the draft of a message that cannot be sent stays behind");
    }
    outcome
}

/// Whether a repeat of the call would fail in the same way, so that its draft is of no use.
fn is_final(error: &ToolError) -> bool {
    let kind = error.failure().kind;
    !error.may_have_happened()
        && matches!(
            kind,
            FailureKind::Invalid | FailureKind::Forbidden | FailureKind::QuotaExceeded
        )
}

/// By what a sent message is known again.
#[derive(Clone, Copy)]
pub(crate) enum Trace {
    /// By the call's id in its header.
    Call(CallId),
    /// A draft made elsewhere: as the newest sent message of its conversation.
    Newest,
}

/// Sends a draft that is there.
pub(crate) async fn send_draft(
    gmail: &Gmail<'_>,
    draft: &Draft,
    trace: Trace,
) -> Result<MessageRef, ToolError> {
    let mut first_error = None;
    // Twice at most: the second time only after the draft was seen to be still there.
    for _ in 0..2 {
        let error = match gmail.send_draft(&draft.id).await {
            Ok(sent) => {
                return Ok(MessageRef {
                    id: sent.id,
                    thread_id: sent.thread_id,
                });
            }
            Err(error) => error,
        };
        let gone = error.status() == Some(404);
        if !gone && !error.may_have_happened() {
            return Err(error);
        }
        tracing::info!(%error, "no clear answer to drafts.send: looking whether it was sent");
        if !gone && gmail.draft(&draft.id).await?.is_some() {
            first_error.get_or_insert(error);
            continue;
        }
        return find_in_thread(gmail, &draft.message.thread_id, trace).await?.ok_or_else(|| {
            let text = "The draft is gone, but no sent message was found in its place: it was deleted, or sent a moment ago. \
                        Look into the sent mail before sending it again.";
            ToolError::refused(FailureKind::Conflict, text)
        });
    }
    Err(first_error.unwrap_or_else(|| {
        ToolError::refused(FailureKind::Unavailable, "Gmail did not send the draft")
    }))
}

async fn create(
    gmail: &Gmail<'_>,
    call: &Call,
    mail: &Outgoing,
    thread_id: Option<&str>,
) -> Result<Draft, ToolError> {
    let mime = mail.to_mime();
    let new = |raw| NewDraft {
        message: NewMessage {
            raw,
            thread_id: thread_id.map(str::to_owned),
        },
    };
    let written = if mime.len() <= MAX_IN_JSON {
        gmail
            .create_draft(&new(Some(URL_SAFE_NO_PAD.encode(mime))))
            .await
    } else {
        gmail
            .upload_draft(&new(None), &mime, &call.effect_hex("boundary"))
            .await
    };
    outcome_or_look(gmail.0, written, || Box::pin(find_draft(gmail, call.id))).await
}

fn is_of(message: &Message, call: CallId) -> bool {
    message
        .header(CALL_HEADER)
        .is_some_and(|value| value.trim().parse() == Ok(call))
}

async fn find_draft(gmail: &Gmail<'_>, call: CallId) -> Result<Option<Draft>, ToolError> {
    let ids = gmail.drafts(RECENT).await?.into_iter().map(|d| d.id);
    let drafts = gmail.drafts_of(ids).await?;
    Ok(drafts.into_iter().find(|d| is_of(&d.message, call)))
}

async fn find_recently_sent(
    gmail: &Gmail<'_>,
    call: CallId,
) -> Result<Option<MessageRef>, ToolError> {
    let ids = gmail
        .list(None, &["SENT"], RECENT, None)
        .await?
        .messages
        .into_iter()
        .map(|m| m.id);
    let sent = gmail
        .headers_of(ids, &[CALL_HEADER], SUMMARY_FIELDS)
        .await?;
    Ok(sent
        .into_iter()
        .find(|m| is_of(m, call))
        .map(|m| MessageRef {
            id: m.id,
            thread_id: m.thread_id,
        }))
}

async fn find_in_thread(
    gmail: &Gmail<'_>,
    thread_id: &str,
    trace: Trace,
) -> Result<Option<MessageRef>, ToolError> {
    look_for(gmail.0, || {
        Box::pin(sent_in_thread(gmail, thread_id, trace))
    })
    .await
}

async fn sent_in_thread(
    gmail: &Gmail<'_>,
    thread_id: &str,
    trace: Trace,
) -> Result<Option<MessageRef>, ToolError> {
    let fields = "messages(id,threadId,labelIds,internalDate,payload/headers)";
    let messages = match gmail.thread(thread_id, &[CALL_HEADER], fields).await {
        Ok(thread) => thread.messages,
        Err(error) if error.status() == Some(404) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut sent = messages
        .into_iter()
        .filter(|m| m.has_label("SENT") && !m.has_label("DRAFT"));
    let found = match trace {
        Trace::Call(call) => sent.rfind(|m| is_of(m, call)),
        Trace::Newest => sent.max_by_key(|m| m.internal_date),
    };
    Ok(found.map(|message| MessageRef {
        id: message.id,
        thread_id: message.thread_id,
    }))
}
