//! Makes of a Gmail message what people and models read: decoded headers, bodies as text, the list
//! of attachments.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use mail_parser::{DateTime, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::{join, parse_header};
use super::wire::{Message, Part};

/// An attachment id of ours for a part whose bytes came inside the message: this and its part id.
pub(crate) const PART_PREFIX: &str = "part:";

/// A message in a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EmailSummary {
    /// Gmail's id of the message
    pub(crate) id: String,
    /// Gmail's id of the conversation
    pub(crate) thread_id: String,
    /// Sender, `Name <address>`
    pub(crate) from: String,
    /// Recipients, separated by commas
    pub(crate) to: String,
    /// Subject
    pub(crate) subject: String,
    /// When it was sent, RFC 3339 with offset
    pub(crate) date: String,
    /// The first words of the text
    pub(crate) snippet: String,
    /// Whether it is unread
    pub(crate) unread: bool,
}

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AttachmentInfo {
    /// Name of the file
    pub(crate) filename: String,
    /// Media type
    pub(crate) mime_type: String,
    /// Size in bytes
    pub(crate) size: u64,
    /// For `get_attachment`
    pub(crate) attachment_id: String,
}

/// Where the text of a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextSource {
    /// The bytes, or the id under which to fetch them.
    pub(crate) content: TextContent,
    /// The charset that the part names.
    pub(crate) charset: Option<String>,
}

/// Bytes that came with the message, or their id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextContent {
    /// Here.
    Inline(Vec<u8>),
    /// At `attachments.get`.
    Attachment(String),
}

/// The parts of a message by their use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) text: Vec<TextSource>,
    pub(crate) html: Vec<TextSource>,
    pub(crate) attachments: Vec<AttachmentInfo>,
}

/// The listing's view of a message.
pub(crate) fn summary(message: &Message) -> EmailSummary {
    let header = |name| message.header(name).unwrap_or_default();
    EmailSummary {
        id: message.id.clone(),
        thread_id: message.thread_id.clone(),
        from: readable_addresses(header("From")),
        to: readable_addresses(header("To")),
        subject: decode_header(header("Subject")),
        date: date(message),
        snippet: unescape(&message.snippet),
        unread: message.has_label("UNREAD"),
    }
}

/// `Name <address>, …`, decoded; the header's own text where it holds no address.
pub(crate) fn readable_addresses(value: &str) -> String {
    let mailboxes = parse_header(value);
    if mailboxes.is_empty() {
        decode_header(value)
    } else {
        join(&mailboxes)
    }
}

/// An unstructured header with its encoded words (RFC 2047) decoded.
pub(crate) fn decode_header(value: &str) -> String {
    if !value.contains("=?") && !value.contains(['\r', '\n']) {
        return value.trim().to_owned();
    }
    let flat = value.replace("\r\n", "\n").replace('\n', " ");
    let line = format!("{flat}\r\n");
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.trim().to_owned(),
        _ => flat.trim().to_owned(),
    }
}

/// The sender's date with the sender's offset; where that is missing or makes no sense, when Gmail
/// took the message in.
fn date(message: &Message) -> String {
    let sent = message
        .header("Date")
        .and_then(DateTime::parse_rfc822)
        .filter(DateTime::is_valid);
    match (sent, message.internal_date) {
        (Some(sent), _) => sent.to_rfc3339(),
        (None, Some(ms)) => Timestamp::from_millisecond(ms)
            .map(|t| t.to_string())
            .unwrap_or_default(),
        (None, None) => String::new(),
    }
}

/// Sorts the parts of a message.
pub(crate) fn parts(payload: &Part) -> Parts {
    let mut found = Parts::default();
    collect(payload, &mut found);
    found
}

fn collect(part: &Part, found: &mut Parts) {
    let mime_type = part.mime_type.to_ascii_lowercase();
    let disposition = part
        .header("Content-Disposition")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_file = !part.filename.is_empty() || disposition.starts_with("attachment");
    if mime_type.starts_with("multipart/") && !is_file {
        part.parts.iter().for_each(|p| collect(p, found));
        return;
    }
    let is_body = !is_file && matches!(mime_type.as_str(), "text/plain" | "text/html");
    if !is_body {
        // A forwarded message is one attachment: its own parts are not this message's.
        if is_file || part.body.attachment_id.is_some() || mime_type == "message/rfc822" {
            found.attachments.push(attachment(part));
        }
        return;
    }
    let content = match (&part.body.data, &part.body.attachment_id) {
        (Some(data), _) => TextContent::Inline(decode_data(data).unwrap_or_default()),
        (None, Some(id)) => TextContent::Attachment(id.clone()),
        (None, None) => return,
    };
    let source = TextSource {
        content,
        charset: charset(part),
    };
    if mime_type == "text/plain" {
        found.text.push(source);
    } else {
        found.html.push(source);
    }
}

fn attachment(part: &Part) -> AttachmentInfo {
    let filename = match decode_header(&part.filename) {
        name if !name.is_empty() => name,
        _ if part.mime_type == "message/rfc822" => "message.eml".to_owned(),
        _ => format!("part-{}", part.part_id),
    };
    AttachmentInfo {
        filename,
        mime_type: part.mime_type.clone(),
        size: part.body.size,
        attachment_id: part
            .body
            .attachment_id
            .clone()
            .unwrap_or_else(|| format!("{PART_PREFIX}{}", part.part_id)),
    }
}

/// The part with that id, anywhere below.
pub(crate) fn find_part<'a>(part: &'a Part, part_id: &str) -> Option<&'a Part> {
    if part.part_id == part_id {
        return Some(part);
    }
    part.parts.iter().find_map(|p| find_part(p, part_id))
}

/// The part whose bytes have that attachment id, anywhere below.
pub(crate) fn find_attachment<'a>(part: &'a Part, attachment_id: &str) -> Option<&'a Part> {
    if part.body.attachment_id.as_deref() == Some(attachment_id) {
        return Some(part);
    }
    part.parts
        .iter()
        .find_map(|p| find_attachment(p, attachment_id))
}

fn charset(part: &Part) -> Option<String> {
    let content_type = part.header("Content-Type")?;
    let (_, after) = content_type.split_once(';')?;
    after.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Text of bytes. Gmail mostly hands out UTF-8 whatever the part says, so that is tried first;
/// charsets that hide in ASCII (ISO-2022-*, UTF-7) are decoded as named.
pub(crate) fn decode_text(bytes: &[u8], charset: Option<&str>) -> String {
    let decoder = charset.and_then(|name| charset_decoder(name.as_bytes()));
    let stateful = charset.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.starts_with("iso-2022") || name.starts_with("hz-gb") || name == "utf-7"
    });
    match (std::str::from_utf8(bytes), decoder) {
        (Ok(_), Some(decode)) if stateful => decode(bytes),
        (Ok(text), _) => text.to_owned(),
        (Err(_), Some(decode)) => decode(bytes),
        (Err(_), None) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Bytes of Gmail's URL-safe base64, padded or not.
pub(crate) fn decode_data(data: &str) -> Option<Vec<u8>> {
    URL_SAFE
        .decode(data)
        .or_else(|_| URL_SAFE_NO_PAD.decode(data))
        .ok()
}

/// Undoes the HTML escaping of snippets.
fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.trim().to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        let Some((character, tail)) =
            entity.and_then(|(name, tail)| Some((entity_char(name)?, tail)))
        else {
            out.push('&');
            rest = after;
            continue;
        };
        out.push(character);
        rest = tail;
    }
    out.push_str(rest);
    out.trim().to_owned()
}

fn entity_char(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests;
