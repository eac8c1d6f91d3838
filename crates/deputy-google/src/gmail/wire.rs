//! Gmail's JSON (Gmail API v1, resources `users.messages`, `users.drafts`, `users.threads`): only
//! what is asked for by the `fields` masks of the calls.

use serde::{Deserialize, Deserializer, Serialize};

/// `fields` of a message for a listing.
pub(crate) const SUMMARY_FIELDS: &str = "id,threadId,labelIds,snippet,internalDate,payload/headers";
/// Headers of a message for a listing.
pub(crate) const SUMMARY_HEADERS: [&str; 4] = ["From", "To", "Subject", "Date"];
/// Headers of a message that is replied to.
pub(crate) const PARENT_HEADERS: [&str; 8] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Message-ID",
    "References",
    "In-Reply-To",
];

/// Answer of `messages.list`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MessageList {
    pub(crate) messages: Vec<MessageRef>,
    pub(crate) next_page_token: Option<String>,
}

/// A message by its ids.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MessageRef {
    pub(crate) id: String,
    pub(crate) thread_id: String,
}

/// A message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) thread_id: String,
    pub(crate) label_ids: Vec<String>,
    /// The first words, HTML entities escaped.
    pub(crate) snippet: String,
    /// Milliseconds since 1970: when Gmail took the message in.
    #[serde(deserialize_with = "number_or_string")]
    pub(crate) internal_date: Option<i64>,
    pub(crate) payload: Option<Part>,
}

impl Message {
    /// Whether the label (`SENT`, `UNREAD`, …) is on it.
    pub(crate) fn has_label(&self, label: &str) -> bool {
        self.label_ids.iter().any(|l| l == label)
    }

    /// The first header of that name, as it came.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.payload.as_ref()?.header(name)
    }
}

/// A MIME part; the message itself is the outermost.
#[expect(clippy::struct_field_names, reason = "as on the wire")]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Part {
    pub(crate) part_id: String,
    pub(crate) mime_type: String,
    pub(crate) filename: String,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: PartBody,
    pub(crate) parts: Vec<Part>,
}

impl Part {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
    }
}

/// A header of a part.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A part's content, transfer encoding undone: here, or to be fetched by its attachment id.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PartBody {
    pub(crate) attachment_id: Option<String>,
    /// Bytes.
    pub(crate) size: u64,
    /// URL-safe base64.
    pub(crate) data: Option<String>,
}

/// A draft.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Draft {
    pub(crate) id: String,
    pub(crate) message: Message,
}

/// Answer of `drafts.list`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DraftList {
    pub(crate) drafts: Vec<Draft>,
}

/// Answer of `threads.get`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Thread {
    pub(crate) messages: Vec<Message>,
}

/// Answer of `users.getProfile`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Profile {
    pub(crate) email_address: String,
}

/// Body of `drafts.create`.
#[derive(Debug, Serialize)]
pub(crate) struct NewDraft {
    pub(crate) message: NewMessage,
}

/// A message to store.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewMessage {
    /// The RFC 5322 message in URL-safe base64; absent when it is uploaded beside this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thread_id: Option<String>,
}

/// Body of `drafts.send`.
#[derive(Debug, Serialize)]
pub(crate) struct SendDraft<'a> {
    pub(crate) id: &'a str,
}

/// int64 is a string in Google's JSON; some examples show a bare number.
fn number_or_string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Number(n)) => Some(n),
        Some(Either::Text(s)) => Some(s.parse().map_err(serde::de::Error::custom)?),
        None => None,
    })
}
