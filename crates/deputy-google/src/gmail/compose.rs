//! Builds the RFC 5322 message that is handed to Gmail.
//!
//! There is no `From`: Gmail puts the person's own address and name there. The Message-ID is only a
//! placeholder, since Gmail puts its own in its place; what names the call that made the message is
//! the header [`CALL_HEADER`], which Gmail keeps.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use deputy_core::CallId;
use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as BuilderAddress;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::address::Mailbox;
use crate::error::ToolError;

/// Names the call that made a message.
pub(crate) const CALL_HEADER: &str = "X-Deputy-Call";

/// The most that the attachments of one message may hold, decoded. Gmail takes messages up to 25 MB
/// in their encoded form (Gmail help, "Attachment size limit").
pub(crate) const MAX_ATTACHMENTS: usize = 18 * 1024 * 1024;

/// The longest subject: far above any real one, below what relays cut off.
const MAX_SUBJECT: usize = 2000;

/// A file to attach, as an argument.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachmentArg {
    /// Name of the file as the recipient sees it
    pub(crate) filename: String,
    /// Media type, e.g. application/pdf; application/octet-stream when left out
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mime_type: Option<String>,
    /// The file's bytes in base64
    pub(crate) content_base64: String,
}

/// The HTML version of a body, as an argument.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum HtmlArg {
    /// true: `body` is HTML
    Flag(bool),
    /// The HTML version; `body` is the plain text version
    Text(String),
}

impl JsonSchema for HtmlArg {
    fn schema_name() -> Cow<'static, str> {
        "HtmlArg".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "boolean"]})
    }
}

/// An argument that cannot go into a message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ComposeError {
    /// `content_base64` is not base64.
    #[error("not valid base64")]
    NotBase64(usize),
    /// `mime_type` is not `type/subtype`.
    #[error("'{1}' is not a media type such as application/pdf")]
    NotAMediaType(usize, String),
    /// `filename` is empty.
    #[error("empty")]
    NoFilename(usize),
    /// Together too large.
    #[error(
        "{0} bytes together; Gmail takes at most {MAX_ATTACHMENTS}. Share a link to the file instead"
    )]
    TooLarge(usize),
    /// The subject is no subject.
    #[error("longer than {MAX_SUBJECT} characters")]
    SubjectTooLong,
}

impl From<ComposeError> for ToolError {
    fn from(error: ComposeError) -> Self {
        let pointer = match &error {
            ComposeError::NotBase64(n) => format!("/attachments/{n}/content_base64"),
            ComposeError::NotAMediaType(n, _) => format!("/attachments/{n}/mime_type"),
            ComposeError::NoFilename(n) => format!("/attachments/{n}/filename"),
            ComposeError::TooLarge(_) => "/attachments".to_owned(),
            ComposeError::SubjectTooLong => "/subject".to_owned(),
        };
        Self::argument(&pointer, error.to_string())
    }
}

/// A decoded attachment.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) filename: String,
    pub(crate) mime_type: String,
    pub(crate) content: Vec<u8>,
}

/// A body in the forms that the message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) html: Option<String>,
}

/// A message before it is written out.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: Vec<Mailbox>,
    pub(crate) cc: Vec<Mailbox>,
    pub(crate) bcc: Vec<Mailbox>,
    pub(crate) subject: String,
    pub(crate) body: Body,
    pub(crate) attachments: Vec<Attachment>,
    /// Message-ID of the message that is replied to, without angle brackets.
    pub(crate) in_reply_to: Option<String>,
    /// Message-IDs of the conversation so far, oldest first, without angle brackets.
    pub(crate) references: Vec<String>,
    pub(crate) call: CallId,
    pub(crate) date: Timestamp,
}

impl Body {
    /// The body of the arguments `body` and `html`. A body that begins like an HTML document is
    /// taken for one; from HTML alone the plain text version is made.
    pub(crate) fn from_arguments(body: &str, html: Option<&HtmlArg>) -> Self {
        match html {
            Some(HtmlArg::Text(html)) if body.trim().is_empty() => Self::from_html(html),
            Some(HtmlArg::Text(html)) => Self {
                text: body.to_owned(),
                html: Some(html.clone()),
            },
            Some(HtmlArg::Flag(true)) => Self::from_html(body),
            None if looks_like_html(body) => Self::from_html(body),
            Some(HtmlArg::Flag(false)) | None => Self {
                text: body.to_owned(),
                html: None,
            },
        }
    }

    fn from_html(html: &str) -> Self {
        Self {
            text: html_to_text(html),
            html: Some(html.to_owned()),
        }
    }
}

impl Outgoing {
    /// The message in its wire form, CRLF line ends.
    pub(crate) fn to_mime(&self) -> Vec<u8> {
        let mut builder = MessageBuilder::new()
            .date(self.date.as_second())
            .message_id(format!("{}@deputy.invalid", self.call))
            .header(CALL_HEADER, Raw::new(self.call.to_string()));
        for (name, list) in [("To", &self.to), ("Cc", &self.cc), ("Bcc", &self.bcc)] {
            if !list.is_empty() {
                let addresses = list.iter().map(Mailbox::to_builder).collect();
                builder = builder.header(name, BuilderAddress::new_list(addresses));
            }
        }
        builder = builder.subject(self.subject.as_str());
        if let Some(parent) = &self.in_reply_to {
            builder = builder.in_reply_to(parent.as_str());
        }
        if !self.references.is_empty() {
            builder = builder.references(MessageId::new_list(
                self.references.iter().map(String::as_str),
            ));
        }
        builder = builder.text_body(self.body.text.as_str());
        if let Some(html) = &self.body.html {
            builder = builder.html_body(html.as_str());
        }
        for file in &self.attachments {
            builder = builder.attachment(
                file.mime_type.as_str(),
                file.filename.as_str(),
                file.content.as_slice(),
            );
        }
        let mut bytes = Vec::new();
        builder.serialize(&mut bytes);
        bytes
    }
}

/// The subject without line breaks, which would end the header.
pub(crate) fn subject(text: &str) -> Result<String, ComposeError> {
    if text.chars().count() > MAX_SUBJECT {
        return Err(ComposeError::SubjectTooLong);
    }
    Ok(text
        .split(|c: char| c.is_control())
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned())
}

/// The attachments of the argument, decoded and checked.
pub(crate) fn attachments(arguments: &[AttachmentArg]) -> Result<Vec<Attachment>, ComposeError> {
    let mut total = 0;
    let mut decoded = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        let filename = argument.filename.trim();
        if filename.is_empty() {
            return Err(ComposeError::NoFilename(index));
        }
        let mime_type = argument
            .mime_type
            .as_deref()
            .unwrap_or("application/octet-stream")
            .trim();
        if !is_media_type(mime_type) {
            return Err(ComposeError::NotAMediaType(index, mime_type.to_owned()));
        }
        let content =
            decode_base64(&argument.content_base64).ok_or(ComposeError::NotBase64(index))?;
        total += content.len();
        decoded.push(Attachment {
            filename: filename.to_owned(),
            mime_type: mime_type.to_owned(),
            content,
        });
    }
    if total > MAX_ATTACHMENTS {
        Err(ComposeError::TooLarge(total))
    } else {
        Ok(decoded)
    }
}

/// Bytes of base64 text in either alphabet, padded or not, line breaks allowed.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
    engines
        .iter()
        .find_map(|engine| engine.decode(&compact).ok())
}

/// Readable text of an HTML body: links as footnotes, layout tables dissolved.
pub(crate) fn html_to_text(html: &str) -> String {
    html2text::config::plain()
        .raw_mode(true)
        .no_link_wrapping()
        .allow_width_overflow()
        .string_from_read(html.as_bytes(), 120)
        .map_or_else(|_| html.to_owned(), |text| text.trim().to_owned())
}

fn looks_like_html(body: &str) -> bool {
    let start: String = body
        .trim_start()
        .chars()
        .take(15)
        .collect::<String>()
        .to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// `type/subtype` of tokens (RFC 2045, 5.1), parameters not wanted.
fn is_media_type(text: &str) -> bool {
    let token = |s: &str| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    // A message or a multipart inside would be taken apart by the reader.
    text.split_once('/')
        .is_some_and(|(kind, sub)| token(kind) && token(sub) && kind != "multipart")
}

#[cfg(test)]
mod tests;
