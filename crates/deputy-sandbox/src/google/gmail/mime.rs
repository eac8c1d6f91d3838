//! Messages on the wire (RFC 5322, MIME) and as Gmail shows them: a tree of parts.
//!
//! mail-parser finds the parts; header fields are split here, since Gmail hands out every field of a
//! message in its order and spelling, and a message that is sent keeps all of those that it doesn't
//! replace.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _, PartType};
use serde_json::{Value, json};

/// A text part up to this size comes in `body.data`; longer ones, and all files, by `attachmentId`.
const INLINE_LIMIT: usize = 1 << 20;

/// One header field: its name and its value as written, without the line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A message with its header fields apart.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) fields: Vec<Field>,
    body: Vec<u8>,
}

impl Letter {
    /// Splits a message; line ends may be LF or CRLF.
    pub(crate) fn parse(raw: &[u8]) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut rest = raw;
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|&b| b == b'\n')
                .map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                rest = after;
                break;
            }
            match (
                text.starts_with([' ', '\t']),
                fields.last_mut(),
                text.split_once(':'),
            ) {
                (true, Some(last), _) => {
                    last.value.push_str("\r\n");
                    last.value.push_str(text);
                }
                (_, _, Some((name, value))) if is_field_name(name.trim_end()) => {
                    fields.push(Field {
                        name: name.trim_end().to_owned(),
                        value: value.trim_start().to_owned(),
                    });
                }
                // Not a header: the body starts without an empty line.
                _ => break,
            }
            rest = after;
        }
        Self {
            fields,
            body: rest.to_vec(),
        }
    }

    /// The message again, with CRLF in its header.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 1024);
        for Field { name, value } in &self.fields {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.fields
            .retain(|field| !field.name.eq_ignore_ascii_case(name));
    }

    /// Puts the field in the place of those of its name, or after the others.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        let at = self
            .fields
            .iter()
            .position(|field| field.name.eq_ignore_ascii_case(name));
        self.remove(name);
        let at = at.unwrap_or(self.fields.len()).min(self.fields.len());
        self.fields.insert(
            at,
            Field {
                name: name.to_owned(),
                value,
            },
        );
    }

    pub(crate) fn prepend(&mut self, name: &str, value: String) {
        self.fields.insert(
            0,
            Field {
                name: name.to_owned(),
                value,
            },
        );
    }
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

/// A field's value on one line, encoded words (RFC 2047) decoded.
fn shown(value: &str) -> String {
    let unfolded = value.replace("\r\n", "");
    if !unfolded.contains("=?") {
        return unfolded.trim().to_owned();
    }
    let line = format!("{}\r\n", unfolded.trim());
    let decoded = mail_parser::parsers::MessageStream::new(line.as_bytes()).parse_unstructured();
    decoded
        .into_text()
        .map_or_else(|| unfolded.trim().to_owned(), |text| text.trim().to_owned())
}

/// What is known of a message without parsing it again: for search, threading and listings.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Summary {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) bcc: String,
    pub(crate) subject: String,
    /// Mailing list (`List-ID`).
    pub(crate) list: String,
    /// Without angle brackets, as all ids here.
    pub(crate) message_id: String,
    /// `References` and `In-Reply-To`.
    pub(crate) references: Vec<String>,
    pub(crate) filenames: Vec<String>,
    /// Text of the bodies, cut to 200,000 characters.
    pub(crate) text: String,
    /// The start of the text on one line, HTML-escaped as Gmail does.
    pub(crate) snippet: String,
}

/// Reads what [`Summary`] has.
pub(crate) fn summary(raw: &[u8]) -> Summary {
    let letter = Letter::parse(raw);
    let field = |name: &str| {
        let found = letter
            .fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| shown(&field.value)).unwrap_or_default()
    };
    let mut references = message_ids(&field("References"));
    references.extend(message_ids(&field("In-Reply-To")));
    let parsed = MessageParser::new().parse(raw);
    let (mut text, mut filenames) = (String::new(), Vec::new());
    if let Some(message) = &parsed {
        filenames = message
            .parts
            .iter()
            .filter_map(|part| part.attachment_name().map(str::to_owned))
            .collect();
        for at in 0..message.text_body_count() {
            if let Some(body) = message.body_text(at) {
                text.push_str(&body);
                text.push('\n');
            }
        }
    }
    let text: String = text.chars().take(200_000).collect();
    Summary {
        from: field("From"),
        to: field("To"),
        cc: field("Cc"),
        bcc: field("Bcc"),
        subject: field("Subject"),
        list: field("List-ID"),
        message_id: message_ids(&field("Message-ID")).pop().unwrap_or_default(),
        references,
        filenames,
        snippet: snippet(&text),
        text,
    }
}

fn snippet(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.chars().count() + word.chars().count() > 198 {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.is_empty() {
        out = text.trim().chars().take(198).collect();
    }
    out.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

fn message_ids(value: &str) -> Vec<String> {
    value
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .map(|(id, _)| id.chars().filter(|c| !c.is_whitespace()).collect())
        .collect()
}

/// The addresses of an address field (`To`, `Cc`, `Bcc`, `From`), in lower case.
pub(crate) fn addresses(letter: &Letter, name: &str) -> Vec<String> {
    let mut block = String::new();
    for field in &letter.fields {
        if field.name.eq_ignore_ascii_case(name) {
            block.extend(["To: ", &field.value, "\r\n"]);
        }
    }
    block.push_str("\r\n");
    let Some(message) = MessageParser::new().parse(block.as_bytes()) else {
        return Vec::new();
    };
    let groups = message.all_to();
    groups
        .flat_map(|group| group.iter())
        .filter_map(|address| address.address.as_deref())
        .map(|address| address.trim().to_lowercase())
        .filter(|address| !address.is_empty())
        .collect()
}

/// A subject without what replies and forwards put before it: what two messages of a thread share.
pub(crate) fn thread_subject(subject: &str) -> String {
    let mut rest = subject.trim();
    while let Some((prefix, after)) = rest.split_once(':') {
        let prefix = prefix.trim().to_lowercase();
        if ![
            "re",
            "fwd",
            "fw",
            "aw",
            "wg",
            "sv",
            "vs",
            "tr",
            "rv",
            "res",
            "enc",
            "ha",
            "отв",
            "пересл",
        ]
        .contains(&prefix.as_str())
        {
            break;
        }
        rest = after.trim_start();
    }
    rest.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// The `MessagePart` tree. `message_id` goes into the ids of attachments.
pub(crate) fn payload(raw: &[u8], message_id: &str) -> Value {
    match MessageParser::new().parse(raw) {
        Some(message) => Tree {
            message: &message,
            raw,
            message_id,
        }
        .part(0, ""),
        None => {
            json!({"partId": "", "mimeType": "text/plain", "filename": "", "headers": [], "body": {"size": 0}})
        }
    }
}

/// The header fields alone, only those in `wanted` if it names any.
pub(crate) fn metadata(raw: &[u8], wanted: &[&str]) -> Value {
    let letter = Letter::parse(raw);
    let fields = letter.fields.iter().filter(|field| {
        wanted.is_empty()
            || wanted
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&field.name))
    });
    let headers: Vec<Value> = fields.map(header).collect();
    let mime_type = MessageParser::new()
        .parse(raw)
        .map_or_else(|| "text/plain".to_owned(), |m| mime_type(&m.parts[0]));
    json!({"mimeType": mime_type, "headers": headers})
}

fn header(field: &Field) -> Value {
    json!({"name": field.name, "value": shown(&field.value)})
}

fn mime_type(part: &MessagePart<'_>) -> String {
    match part.content_type() {
        Some(given) => match given.subtype() {
            Some(subtype) => format!("{}/{subtype}", given.ctype()).to_lowercase(),
            None => given.ctype().to_lowercase(),
        },
        None if matches!(part.body, PartType::Multipart(_)) => "multipart/mixed".to_owned(),
        None => "text/plain".to_owned(),
    }
}

/// A message and the bytes that its parts' offsets count in.
struct Tree<'m> {
    message: &'m Message<'m>,
    raw: &'m [u8],
    message_id: &'m str,
}

impl Tree<'_> {
    fn part(&self, number: u32, part_id: &str) -> Value {
        let Some(part) = self.message.part(number) else {
            return json!({"partId": part_id, "body": {"size": 0}});
        };
        let block = self
            .raw
            .get(part.offset_header as usize..part.offset_body as usize)
            .unwrap_or_default();
        let filename = part.attachment_name().unwrap_or_default();
        let mut out = json!({
            "partId": part_id,
            "mimeType": mime_type(part),
            "filename": filename,
            "headers": Letter::parse(block).fields.iter().map(header).collect::<Vec<_>>(),
        });
        match &part.body {
            PartType::Multipart(children) => {
                out["body"] = json!({"size": 0});
                let parts = children
                    .iter()
                    .enumerate()
                    .map(|(i, &child)| self.part(child, &below(part_id, i)));
                out["parts"] = parts.collect();
            }
            PartType::Message(_) => {
                let nested = nested(part, self.raw);
                out["body"] = json!({"attachmentId": attachment_id(self.message_id, part_id), "size": nested.len()});
                if let Some(message) = MessageParser::new().parse(&nested) {
                    let inner = Tree {
                        message: &message,
                        raw: &nested,
                        message_id: self.message_id,
                    };
                    out["parts"] = json!([inner.part(0, &below(part_id, 0))]);
                }
            }
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_) => {
                let data = part.contents();
                let text = matches!(part.body, PartType::Text(_) | PartType::Html(_));
                out["body"] = if filename.is_empty() && text && data.len() <= INLINE_LIMIT {
                    json!({"size": data.len(), "data": URL_SAFE.encode(data)})
                } else {
                    json!({"attachmentId": attachment_id(self.message_id, part_id), "size": data.len()})
                };
                if data.is_empty() {
                    out["body"] = json!({"size": 0});
                }
            }
        }
        out
    }
}

fn below(part_id: &str, number: usize) -> String {
    if part_id.is_empty() {
        number.to_string()
    } else {
        format!("{part_id}.{number}")
    }
}

fn nested(part: &MessagePart<'_>, raw: &[u8]) -> Vec<u8> {
    let own = part.contents();
    if own.is_empty() {
        raw.get(part.offset_body as usize..part.offset_end as usize)
            .unwrap_or_default()
            .to_vec()
    } else {
        own.to_vec()
    }
}

fn attachment_id(message_id: &str, part_id: &str) -> String {
    format!(
        "ANGjdJ{}",
        URL_SAFE_NO_PAD.encode(format!("{message_id}:{part_id}"))
    )
}

/// The content behind an attachment's id; `None` if this message has none of that id.
pub(crate) fn attachment(raw: &[u8], message_id: &str, id: &str) -> Option<Vec<u8>> {
    let decoded = URL_SAFE_NO_PAD.decode(id.strip_prefix("ANGjdJ")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (message, part_id) = decoded.split_once(':')?;
    if message != message_id {
        return None;
    }
    let steps: Vec<usize> = part_id
        .split('.')
        .filter(|s| !s.is_empty())
        .map(|s| s.parse().ok())
        .collect::<Option<_>>()?;
    part_content(raw, &steps)
}

fn part_content(raw: &[u8], steps: &[usize]) -> Option<Vec<u8>> {
    let message = MessageParser::new().parse(raw)?;
    let mut part = message.part(0)?;
    for (depth, &step) in steps.iter().enumerate() {
        match &part.body {
            PartType::Multipart(children) => part = message.part(*children.get(step)?)?,
            PartType::Message(_) if step == 0 => {
                return part_content(&nested(part, raw), &steps[depth + 1..]);
            }
            _ => return None,
        }
    }
    match &part.body {
        PartType::Message(_) => Some(nested(part, raw)),
        PartType::Multipart(_) => None,
        _ => Some(part.contents().to_vec()),
    }
}

/// Decodes base64 in either alphabet, padded or not, as Google's front end takes it.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    URL_SAFE
        .decode(&text)
        .or_else(|_| URL_SAFE_NO_PAD.decode(&text))
        .or_else(|_| STANDARD.decode(&text))
        .or_else(|_| STANDARD_NO_PAD.decode(&text))
        .ok()
}

/// Base64 in the URL alphabet with padding, as Gmail writes it.
pub(crate) fn encode_base64(data: &[u8]) -> String {
    URL_SAFE.encode(data)
}

/// A name and an address as a field has them (RFC 5322, section 3.4; RFC 2047 for other letters).
pub(crate) fn address_field(name: &str, address: &str) -> String {
    if name.is_empty() {
        return address.to_owned();
    }
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ');
    if plain {
        return format!("{name} <{address}>");
    }
    if name.is_ascii() {
        return format!(
            "\"{}\" <{address}>",
            name.replace(['"', '\\', '\r', '\n'], "")
        );
    }
    format!("=?UTF-8?B?{}?= <{address}>", STANDARD.encode(name))
}

/// An instant as a `Date` field has it, in UTC.
pub(crate) fn date(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// What the `Date` field says.
pub(crate) fn sent_at(raw: &[u8]) -> Option<Timestamp> {
    let message = MessageParser::new().parse(raw)?;
    Timestamp::from_second(message.date()?.to_timestamp()).ok()
}

#[cfg(test)]
mod tests;
