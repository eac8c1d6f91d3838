//! The tools that write and send mail.

use deputy_core::firstparty::FailureKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::AddressList;
use super::api::Gmail;
use super::compose::{self, AttachmentArg, Body, CALL_HEADER, HtmlArg, Outgoing};
use super::reply::{self, ReplyHead};
use super::sending::{self, Trace};
use super::wire::{Message, MessageRef, PARENT_HEADERS};
use crate::call::Call;
use crate::error::ToolError;

/// Arguments of `send_email`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendEmail {
    /// Recipients: one string (several separated by commas) or a list; `name@example.org` or `Name <name@example.org>`
    to: AddressList,
    /// Subject
    subject: String,
    /// Text of the message
    body: String,
    /// Recipients of copies
    cc: Option<AddressList>,
    /// Recipients of hidden copies
    bcc: Option<AddressList>,
    /// The HTML version of the text; or true: `body` itself is HTML
    html: Option<HtmlArg>,
    /// Files to attach
    #[serde(default)]
    attachments: Vec<AttachmentArg>,
}

/// Arguments of `reply_to_email`.
#[expect(clippy::struct_field_names, reason = "the argument is called so")]
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// Gmail's id of the message to answer
    #[schemars(length(min = 1))]
    message_id: String,
    /// Text of the answer
    body: String,
    /// Whether the answer goes to all recipients of the message too
    #[serde(default)]
    reply_all: bool,
    /// The HTML version of the text, or true if `body` is HTML
    html: Option<HtmlArg>,
    /// Files to attach
    #[serde(default)]
    attachments: Vec<AttachmentArg>,
}

/// Arguments of `create_email_draft`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDraft {
    /// Recipients, as in `send_email`; may come later, in Gmail
    to: Option<AddressList>,
    /// Subject
    subject: Option<String>,
    /// Text of the message
    body: String,
    /// Recipients of copies
    cc: Option<AddressList>,
    /// Recipients of hidden copies
    bcc: Option<AddressList>,
    /// The HTML version of the text, or true if `body` is HTML
    html: Option<HtmlArg>,
    /// Files to attach
    #[serde(default)]
    attachments: Vec<AttachmentArg>,
    /// Gmail's id of a message that this answers: recipient, subject and conversation come from it where not given
    reply_to_message_id: Option<String>,
    /// With `reply_to_message_id`: whether the answer goes to all recipients of that message too
    #[serde(default)]
    reply_all: bool,
}

/// Arguments of `send_email_draft`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendDraft {
    /// The draft's id, from `create_email_draft`
    #[schemars(length(min = 1))]
    draft_id: String,
}

/// Result of what sends.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Sent {
    /// Gmail's id of the message that was sent
    message_id: String,
    /// Gmail's id of its conversation
    thread_id: String,
}

/// Result of `create_email_draft`.
#[expect(clippy::struct_field_names, reason = "three ids")]
#[derive(Serialize, JsonSchema)]
pub(crate) struct DraftAnswer {
    /// For `send_email_draft`
    draft_id: String,
    /// Gmail's id of the message in the draft
    message_id: String,
    /// Gmail's id of its conversation
    thread_id: String,
}

impl From<MessageRef> for Sent {
    fn from(message: MessageRef) -> Self {
        Self {
            message_id: message.id,
            thread_id: message.thread_id,
        }
    }
}

/// `send_email`.
pub(crate) async fn send(call: Call, args: SendEmail) -> Result<Sent, ToolError> {
    let mail = Outgoing {
        to: args.to.parse("to")?,
        cc: optional(args.cc.as_ref(), "cc")?,
        bcc: optional(args.bcc.as_ref(), "bcc")?,
        subject: compose::subject(&args.subject)?,
        body: Body::from_arguments(&args.body, args.html.as_ref()),
        attachments: compose::attachments(&args.attachments)?,
        in_reply_to: None,
        references: Vec::new(),
        call: call.id,
        date: call.clock.now(),
    };
    Ok(sending::send(&call, &mail, None).await?.into())
}

/// `reply_to_email`.
pub(crate) async fn reply(call: Call, args: Reply) -> Result<Sent, ToolError> {
    let attachments = compose::attachments(&args.attachments)?;
    let (parent, head) = parent(&call, &args.message_id, args.reply_all).await?;
    if head.to.is_empty() {
        return Err(ToolError::refused(
            FailureKind::Invalid,
            "the message names no sender that could be answered",
        ));
    }
    let mail = Outgoing {
        to: head.to,
        cc: head.cc,
        bcc: Vec::new(),
        subject: head.subject,
        body: Body::from_arguments(&args.body, args.html.as_ref()),
        attachments,
        in_reply_to: head.in_reply_to,
        references: head.references,
        call: call.id,
        date: call.clock.now(),
    };
    Ok(sending::send(&call, &mail, Some(&parent.thread_id))
        .await?
        .into())
}

/// `create_email_draft`.
pub(crate) async fn create_draft(call: Call, args: CreateDraft) -> Result<DraftAnswer, ToolError> {
    let given_to = optional(args.to.as_ref(), "to")?;
    let given_cc = optional(args.cc.as_ref(), "cc")?;
    let bcc = optional(args.bcc.as_ref(), "bcc")?;
    let given_subject = args.subject.as_deref().map(compose::subject).transpose()?;
    let attachments = compose::attachments(&args.attachments)?;
    let (thread_id, head) = match &args.reply_to_message_id {
        Some(id) => {
            let (parent, head) = parent(&call, id, args.reply_all).await?;
            (Some(parent.thread_id), head)
        }
        None => (None, ReplyHead::default()),
    };
    let mail = Outgoing {
        to: if args.to.is_some() { given_to } else { head.to },
        cc: if args.cc.is_some() { given_cc } else { head.cc },
        bcc,
        subject: given_subject.unwrap_or(head.subject),
        body: Body::from_arguments(&args.body, args.html.as_ref()),
        attachments,
        in_reply_to: head.in_reply_to,
        references: head.references,
        call: call.id,
        date: call.clock.now(),
    };
    let draft = sending::store_draft(&call, &mail, thread_id.as_deref()).await?;
    Ok(DraftAnswer {
        draft_id: draft.id,
        message_id: draft.message.id,
        thread_id: draft.message.thread_id,
    })
}

/// `send_email_draft`.
pub(crate) async fn send_draft(call: Call, args: SendDraft) -> Result<Sent, ToolError> {
    let gmail = Gmail(&call.google);
    let Some(draft) = gmail.draft(&args.draft_id).await? else {
        let text = if call.is_repeat() {
            "The draft is gone: the earlier attempt sent it, or somebody deleted it. Look into the sent mail."
        } else {
            "There is no such draft: it was sent or deleted, or the id is wrong."
        };
        return Err(ToolError::refused(FailureKind::NotFound, text));
    };
    let named = ["To", "Cc", "Bcc"].iter().any(|name| {
        draft
            .message
            .header(name)
            .is_some_and(|v| !v.trim().is_empty())
    });
    if !named {
        return Err(ToolError::refused(
            FailureKind::Invalid,
            "the draft has no recipient yet; add one in Gmail",
        ));
    }
    let made_by = draft
        .message
        .header(CALL_HEADER)
        .and_then(|id| id.trim().parse().ok());
    let trace = made_by.map_or(Trace::Newest, Trace::Call);
    Ok(sending::send_draft(&gmail, &draft, trace).await?.into())
}

fn optional(
    list: Option<&AddressList>,
    field: &'static str,
) -> Result<Vec<super::address::Mailbox>, ToolError> {
    match list {
        // Models leave an optional field empty rather than out.
        None => Ok(Vec::new()),
        Some(AddressList::One(text)) if text.trim().is_empty() => Ok(Vec::new()),
        Some(AddressList::Many(texts)) if texts.is_empty() => Ok(Vec::new()),
        Some(list) => Ok(list.parse(field)?),
    }
}

async fn parent(
    call: &Call,
    message_id: &str,
    reply_all: bool,
) -> Result<(Message, ReplyHead), ToolError> {
    let gmail = Gmail(&call.google);
    let fields = "id,threadId,labelIds,payload/headers";
    let (parent, me) = tokio::try_join!(
        gmail.headers(message_id, &PARENT_HEADERS, fields),
        gmail.profile()
    )?;
    let head = reply::head(&parent, &me.email_address, reply_all);
    Ok((parent, head))
}
