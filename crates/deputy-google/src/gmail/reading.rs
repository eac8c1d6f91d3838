//! The tools that read mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_core::firstparty::FailureKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Gmail;
use super::compose::html_to_text;
use super::content::{
    self, AttachmentInfo, EmailSummary, PART_PREFIX, TextContent, TextSource, decode_data,
    decode_text, find_attachment, find_part, readable_addresses,
};
use super::wire::{PartBody, SUMMARY_FIELDS, SUMMARY_HEADERS};
use crate::call::Call;
use crate::error::ToolError;

/// The longest body that is handed on, in bytes of UTF-8 per form.
const MAX_BODY: usize = 512 * 1024;

/// The largest attachment that is handed on, in bytes.
const MAX_ATTACHMENT: u64 = 10 * 1024 * 1024;

/// Arguments of `list_unread_emails`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListUnread {
    /// How many messages at most
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 250))]
    max_results: u32,
    /// `next_page_token` of the previous answer
    page_token: Option<String>,
}

/// Arguments of `search_emails`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// A search as in Gmail, e.g. `from:ivan@example.org subject:report newer_than:7d`
    #[schemars(length(min = 1, max = 2000))]
    query: String,
    /// How many messages at most
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 250))]
    max_results: u32,
    /// `next_page_token` of the previous answer
    page_token: Option<String>,
}

/// Result of the listings.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Emails {
    /// The messages, newest first
    emails: Vec<EmailSummary>,
    /// There are more: give this as `page_token`
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Arguments of `read_email`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadEmail {
    /// Gmail's id of the message, from a listing
    #[schemars(length(min = 1))]
    message_id: String,
    /// Whether to give the HTML version too, where there is one
    #[serde(default = "yes")]
    include_html: bool,
}

/// Result of `read_email`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReadEmailAnswer {
    /// The message
    email: Email,
}

/// A message, whole.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Email {
    #[serde(flatten)]
    summary: EmailSummary,
    /// Recipients of copies, separated by commas
    cc: String,
    /// The text; made from the HTML version where the message has no other
    body_text: String,
    /// The HTML version
    #[serde(skip_serializing_if = "Option::is_none")]
    body_html: Option<String>,
    /// Whether a body was cut because it is longer than 512 KiB
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    /// Files that came with it
    attachments: Vec<AttachmentInfo>,
    /// The Message-ID header, which other mailboxes know the message by
    message_id: String,
}

/// Arguments of `get_attachment`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetAttachment {
    /// Gmail's id of the message
    #[schemars(length(min = 1))]
    message_id: String,
    /// The attachment's id from `read_email`
    #[schemars(length(min = 1))]
    attachment_id: String,
}

/// Result of `get_attachment`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AttachmentAnswer {
    /// Name of the file, where it is known
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    /// Media type, where it is known
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    /// Size in bytes
    size: u64,
    /// The bytes in base64
    content_base64: String,
}

fn ten() -> u32 {
    10
}

fn yes() -> bool {
    true
}

/// `list_unread_emails`.
pub(crate) async fn list_unread(call: Call, args: ListUnread) -> Result<Emails, ToolError> {
    list(
        &call,
        None,
        &["UNREAD"],
        args.max_results,
        args.page_token.as_deref(),
    )
    .await
}

/// `search_emails`.
pub(crate) async fn search(call: Call, args: Search) -> Result<Emails, ToolError> {
    list(
        &call,
        Some(&args.query),
        &[],
        args.max_results,
        args.page_token.as_deref(),
    )
    .await
}

async fn list(
    call: &Call,
    query: Option<&str>,
    labels: &[&str],
    max: u32,
    page_token: Option<&str>,
) -> Result<Emails, ToolError> {
    let gmail = Gmail(&call.google);
    let page = gmail.list(query, labels, max, page_token).await?;
    #[expect(clippy::cast_precision_loss, reason = "250 at most")]
    let total = page.messages.len() as f64;
    call.progress(0.0, Some(total), "reading the messages' headers")
        .await;
    let ids = page.messages.into_iter().map(|m| m.id);
    let messages = gmail
        .headers_of(ids, &SUMMARY_HEADERS, SUMMARY_FIELDS)
        .await?;
    call.progress(total, Some(total), "done").await;
    Ok(Emails {
        emails: messages.iter().map(content::summary).collect(),
        next_page_token: page.next_page_token,
    })
}

/// `read_email`.
pub(crate) async fn read(call: Call, args: ReadEmail) -> Result<ReadEmailAnswer, ToolError> {
    let gmail = Gmail(&call.google);
    let message = gmail.message(&args.message_id).await?;
    let parts = message
        .payload
        .as_ref()
        .map(content::parts)
        .unwrap_or_default();
    let plain = text(&gmail, &message.id, &parts.text).await?;
    let needs_html = args.include_html || plain.trim().is_empty();
    let html = if needs_html {
        text(&gmail, &message.id, &parts.html).await?
    } else {
        String::new()
    };
    let (html, html_cut) = cut(html);
    let (body_text, text_cut) = if plain.trim().is_empty() {
        cut(html_to_text(&html))
    } else {
        cut(plain)
    };
    let email = Email {
        summary: content::summary(&message),
        cc: readable_addresses(message.header("Cc").unwrap_or_default()),
        body_text,
        body_html: (args.include_html && !html.is_empty()).then_some(html),
        truncated: html_cut || text_cut,
        attachments: parts.attachments,
        message_id: message
            .header("Message-ID")
            .unwrap_or_default()
            .trim()
            .to_owned(),
    };
    Ok(ReadEmailAnswer { email })
}

async fn text(
    gmail: &Gmail<'_>,
    message_id: &str,
    sources: &[TextSource],
) -> Result<String, ToolError> {
    let mut texts = Vec::with_capacity(sources.len());
    for source in sources {
        let charset = source.charset.as_deref();
        texts.push(match &source.content {
            TextContent::Inline(bytes) => decode_text(bytes, charset),
            TextContent::Attachment(id) => {
                let body: PartBody = gmail.attachment(message_id, id).await?;
                decode_text(&bytes_of(&body)?, charset)
            }
        });
    }
    Ok(texts.join("\n").replace("\r\n", "\n"))
}

fn bytes_of(body: &PartBody) -> Result<Vec<u8>, ToolError> {
    decode_data(body.data.as_deref().unwrap_or_default()).ok_or_else(|| {
        ToolError::refused(
            FailureKind::Unavailable,
            "Gmail's answer holds no valid base64",
        )
    })
}

fn cut(mut text: String) -> (String, bool) {
    if text.len() <= MAX_BODY {
        return (text, false);
    }
    text.truncate(text.floor_char_boundary(MAX_BODY));
    (text, true)
}

/// `get_attachment`.
pub(crate) async fn attachment(
    call: Call,
    args: GetAttachment,
) -> Result<AttachmentAnswer, ToolError> {
    let gmail = Gmail(&call.google);
    let message = gmail.message(&args.message_id).await?;
    let payload = message.payload.unwrap_or_default();
    let part = match args.attachment_id.strip_prefix(PART_PREFIX) {
        Some(part_id) => {
            let part = find_part(&payload, part_id);
            Some(part.ok_or_else(|| {
                ToolError::argument("attachment_id", "the message has no such attachment")
            })?)
        }
        // Gmail hands out a new id with every read, and the older ones stay good.
        None => find_attachment(&payload, &args.attachment_id),
    };
    let known_size = part.map_or(0, |p| p.body.size);
    refuse_large(known_size)?;
    let inline = part.filter(|p| p.body.data.is_some());
    let content = match inline {
        Some(part) => bytes_of(&part.body)?,
        None => bytes_of(
            &gmail
                .attachment(&args.message_id, &args.attachment_id)
                .await?,
        )?,
    };
    refuse_large(content.len() as u64)?;
    Ok(AttachmentAnswer {
        filename: part
            .map(|p| content::decode_header(&p.filename))
            .filter(|name| !name.is_empty()),
        mime_type: part
            .map(|p| p.mime_type.clone())
            .filter(|mime_type| !mime_type.is_empty()),
        size: content.len() as u64,
        content_base64: STANDARD.encode(content),
    })
}

fn refuse_large(size: u64) -> Result<(), ToolError> {
    if size <= MAX_ATTACHMENT {
        return Ok(());
    }
    let text = format!("the attachment has {size} bytes; at most {MAX_ATTACHMENT} are handed on");
    Err(ToolError::argument("attachment_id", text))
}
