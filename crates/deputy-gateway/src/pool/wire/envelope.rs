//! Messages as text: what is looked at of a server's, and how ours are written.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::pool::exchange::{Exchange, Params, Reply};
use crate::pool::upstream::RpcError;

/// An id of ours: a number, or the same as text (some servers make it one), or written as a fraction (some
/// languages know no other numbers).
pub(in crate::pool) fn numeric(id: &RawValue) -> Option<i64> {
    let text = id.get().trim_matches('"');
    let whole = text.trim_end_matches('0').strip_suffix('.');
    text.parse().ok().or_else(|| whole?.parse().ok())
}

/// The id of an answer of which only the edges are known. Only where it certainly is the answer's own:
/// right at the start, or as the last member.
pub(in crate::pool) fn id_at_edge(head: &[u8], tail: &[u8]) -> Option<i64> {
    let digits = |bytes: &[u8]| -> Option<i64> {
        let end = bytes.iter().position(|b| !b.is_ascii_digit())?;
        str::from_utf8(&bytes[..end]).ok()?.parse().ok()
    };
    let compact: Vec<u8> = head
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .take(64)
        .collect();
    if let Some(rest) = compact.strip_prefix(br#"{"jsonrpc":"2.0","id":"#) {
        return digits(rest);
    }
    let tail = tail.trim_ascii_end();
    let at = tail.windows(6).rposition(|w| w == br#","id":"#)?;
    let rest = &tail[at + 6..];
    (rest.len() > 1
        && rest[..rest.len() - 1].iter().all(u8::is_ascii_digit)
        && rest.ends_with(b"}"))
    .then(|| digits(rest))
    .flatten()
}

/// A message of a server's, hardly looked at.
#[derive(Deserialize)]
pub(in crate::pool) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(in crate::pool) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(in crate::pool) method: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(in crate::pool) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(in crate::pool) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(in crate::pool) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireError {
    code: serde_json::Number,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Value>,
}

/// The parameters of `notifications/progress`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::pool) struct ProgressParams<'a> {
    #[serde(borrow)]
    pub(in crate::pool) progress_token: &'a RawValue,
    pub(in crate::pool) progress: f64,
    #[serde(default)]
    pub(in crate::pool) total: Option<f64>,
    #[serde(default)]
    pub(in crate::pool) message: Option<String>,
}

#[derive(Serialize)]
struct OutLine<'a> {
    jsonrpc: &'static str,
    id: i64,
    method: &'a str,
    #[serde(skip_serializing_if = "OutParams::is_empty")]
    params: OutParams<'a>,
}

#[derive(Serialize)]
struct OutParams<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<OneLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    #[serde(flatten)]
    members: OutMembers<'a>,
    #[serde(rename = "_meta", skip_serializing_if = "OutMeta::is_empty")]
    meta: OutMeta<'a>,
}

/// A request of ours as a line, under `id` and with the protocol's `_meta`.
pub(in crate::pool) fn request_line(
    exchange: &Exchange,
    protocol: &Map<String, Value>,
    id: i64,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&OutLine {
        jsonrpc: "2.0",
        id,
        method: exchange.method(),
        params: OutParams::of(exchange, protocol, id),
    })
}

/// An answer of ours to the server's request `id`.
pub(in crate::pool) fn answer_line(id: &RawValue, answer: Result<&RawValue, &RpcError>) -> Vec<u8> {
    #[derive(Serialize)]
    struct OutAnswer<'a> {
        jsonrpc: &'static str,
        id: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<OneLine<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<OutError<'a>>,
    }
    #[derive(Serialize)]
    struct OutError<'a> {
        code: i64,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
    }
    let line = OutAnswer {
        jsonrpc: "2.0",
        id,
        result: answer.ok().map(OneLine),
        error: answer.err().map(|error| OutError {
            code: error.code,
            message: &error.message,
            data: error.data.as_ref(),
        }),
    };
    // raw JSON and text always have a JSON form
    serde_json::to_vec(&line).unwrap_or_default()
}

/// What an answer came to.
pub(in crate::pool) fn reply_of(envelope: &Envelope<'_>) -> Reply {
    match (envelope.result, envelope.error) {
        (_, Some(error)) => match serde_json::from_str::<WireError>(error.get()) {
            Ok(error) => Reply::Error {
                code: error.code.as_i64().unwrap_or_default(),
                message: error.message,
                data: error.data,
            },
            Err(_) => Reply::Bad("an error without code or message".to_owned()),
        },
        (Some(result), None) => Reply::Result(result.to_owned()),
        (None, None) => Reply::Bad("an answer with neither result nor error".to_owned()),
    }
}

impl<'a> OutParams<'a> {
    fn of(exchange: &'a Exchange, protocol: &'a Map<String, Value>, id: i64) -> Self {
        let token = exchange.asides().progress.is_some().then_some(id);
        let mut out = Self {
            name: None,
            arguments: None,
            cursor: None,
            members: OutMembers(&[]),
            meta: OutMeta {
                protocol,
                own: None,
                token,
            },
        };
        match exchange.params() {
            Params::Call {
                tool,
                arguments,
                meta,
            } => {
                out.name = Some(tool);
                out.arguments = Some(OneLine(arguments));
                out.meta.own = Some(meta);
            }
            Params::Page { cursor } => out.cursor = cursor.as_deref(),
            Params::Bare => {}
            Params::Any { members, meta } => {
                out.members = OutMembers(members);
                out.meta.own = Some(meta);
            }
        }
        out
    }

    fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.cursor.is_none()
            && self.members.0.is_empty()
            && self.meta.is_empty()
    }
}

/// Members of an object, in their order.
struct OutMembers<'a>(&'a [(String, Box<RawValue>)]);

impl Serialize for OutMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, OneLine(value))))
    }
}

/// Between its tokens raw JSON may hold line breaks; on this wire a line break ends the message.
struct OneLine<'a>(&'a RawValue);

impl Serialize for OneLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.get().contains(['\n', '\r']) {
            return self.0.serialize(serializer);
        }
        let flat = RawValue::from_string(self.0.get().replace(['\n', '\r'], " "));
        flat.map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// `_meta`: the protocol's members, then ours; a progress token only where progress is wanted.
struct OutMeta<'a> {
    protocol: &'a Map<String, Value>,
    own: Option<&'a Map<String, Value>>,
    token: Option<i64>,
}

const PROGRESS_TOKEN: &str = "progressToken";
/// What the client can do. What the caller can is in its own `_meta`; without that, nothing.
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

impl OutMeta<'_> {
    fn protocol(&self) -> impl Iterator<Item = (&String, &Value)> {
        let own = self.own;
        self.protocol.iter().filter(move |(k, _)| {
            *k != PROGRESS_TOKEN && !own.is_some_and(|own| own.contains_key(*k))
        })
    }

    fn is_empty(&self) -> bool {
        self.token.is_none()
            && self.own.is_none_or(Map::is_empty)
            && self.protocol().next().is_none()
    }
}

impl Serialize for OutMeta<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(token) = self.token {
            map.serialize_entry(PROGRESS_TOKEN, &token)?;
        }
        for (key, value) in self.protocol() {
            if key == CAPABILITIES {
                map.serialize_entry(key, &Map::new())?;
            } else {
                map.serialize_entry(key, value)?;
            }
        }
        for (key, value) in self.own.into_iter().flatten() {
            if key != PROGRESS_TOKEN {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}
