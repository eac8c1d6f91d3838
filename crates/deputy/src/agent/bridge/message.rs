//! As much of a message as has to be known to send it on.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message as it came, with what was read of it.
#[derive(Clone, Debug)]
pub(in crate::agent) struct Message {
    pub(in crate::agent) text: Bytes,
    /// Its id, as it stands there; none for what has no answer.
    pub(in crate::agent) id: Option<String>,
    /// None for an answer.
    pub(in crate::agent) method: Option<String>,
    /// The protocol that it says it is in: the newer era says so in each request.
    pub(in crate::agent) version: Option<String>,
    /// What it is done to: a tool, a resource, a prompt, a task.
    pub(in crate::agent) about: Option<String>,
    /// The request that a cancellation is about, as its id stands there.
    pub(in crate::agent) cancels: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, rename = "taskId")]
    task: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestId")]
    request: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<&'a RawValue>,
}

impl Message {
    /// Reads one. The error is for the client.
    pub(in crate::agent) fn read(text: Bytes) -> Result<Self, serde_json::Error> {
        // a struct would take an array for its members in order
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(serde::de::Error::custom("a message is a JSON object"));
        }
        let envelope: Envelope<'_> = serde_json::from_slice(&text)?;
        // whether params are what the method wants is the server's to say
        let params: Params<'_> = envelope
            .params
            .and_then(|params| serde_json::from_str(params.get()).ok())
            .unwrap_or_default();
        let meta: Meta<'_> = params
            .meta
            .and_then(|meta| serde_json::from_str(meta.get()).ok())
            .unwrap_or_default();
        let id = envelope.id.map(|id| id.get().to_owned());
        let method = envelope.method.map(Cow::into_owned);
        // 2026-07-28, "Request headers": Mcp-Name, by method
        let about = match method.as_deref() {
            Some("tools/call" | "prompts/get") => params.name,
            Some("resources/read") => params.uri,
            Some(method) if method.starts_with("tasks/") => params.task,
            _ => None,
        };
        let cancels = (method.as_deref() == Some("notifications/cancelled"))
            .then(|| params.request.map(|id| id.get().to_owned()))
            .flatten();
        let (version, about) = (meta.version.and_then(string), about.and_then(string));
        Ok(Self {
            text,
            id,
            method,
            version,
            about,
            cancels,
        })
    }

    pub(in crate::agent) fn is(&self, method: &str) -> bool {
        self.method.as_deref() == Some(method)
    }

    /// Whether it wants an answer.
    pub(in crate::agent) fn is_request(&self) -> bool {
        self.id.is_some() && self.method.is_some()
    }
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Whether this message of the server's is the answer to the request `id`.
pub(in crate::agent) fn answers(text: &[u8], id: &str) -> bool {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(text) else {
        return false;
    };
    envelope.method.is_none() && envelope.id.is_some_and(|answered| answered.get() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Message {
        Message::read(Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn what_is_sent_on_is_read_and_nothing_is_changed() {
        let text = r#"{"jsonrpc":"2.0","id":"a b","method":"tools/call","params":{"name":"gr\u00fc\u00dfe","arguments":{"x":1.0},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","x":{}}},"more":[1]}"#;
        let message = read(text);
        assert_eq!(message.text, text);
        assert!(message.is_request());
        assert_eq!(message.id.as_deref(), Some("\"a b\""));
        assert_eq!(message.about.as_deref(), Some("grüße"));
        assert_eq!(message.version.as_deref(), Some("2026-07-28"));

        let older = read(r#"{"id":7,"method":"resources/read","params":{"uri":"a:b"}}"#);
        assert_eq!((older.version, older.about.as_deref()), (None, Some("a:b")));
        let cancel = read(r#"{"method":"notifications/cancelled","params":{"requestId":7}}"#);
        assert_eq!(
            (cancel.cancels.as_deref(), cancel.is_request()),
            (Some("7"), false)
        );
        let answer = read(r#"{"id":7,"result":{"requestId":8}}"#);
        assert!(!answer.is_request() && answer.method.is_none() && answer.cancels.is_none());
    }

    #[test]
    fn odd_parameters_are_the_server_s_to_refuse() {
        for text in [
            r#"{"id":1,"method":"tools/call","params":[1,2]}"#,
            r#"{"id":1,"method":"tools/call","params":{"name":5,"_meta":7}}"#,
            r#"{"id":1,"method":"tools/call"}"#,
        ] {
            assert!(read(text).is_request(), "{text}");
        }
        for text in [
            "",
            "{",
            "[1]",
            " [1,\"tools/call\",{}]",
            "5",
            "{\"method\":5}",
        ] {
            assert!(
                Message::read(Bytes::from_static(text.as_bytes())).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn an_answer_is_told_by_its_id() {
        assert!(answers(br#"{"id":1,"result":{}}"#, "1"));
        assert!(!answers(br#"{"id":"1","result":{}}"#, "1"));
        assert!(
            !answers(br#"{"id":1,"method":"ping"}"#, "1"),
            "the server's own request"
        );
        assert!(!answers(br#"{"method":"notifications/progress"}"#, "1"));
        assert!(!answers(b"no json", "1"));
    }
}
