//! One request of ours: what is asked, what goes with it, and the place for its answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deputy_core::Secret;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::upstream::{InboundSink, ProgressSink, UpstreamError};

/// How often a server may ask something during one request.
const ASKS: u32 = 256;

/// A request of ours, and the place for its answer.
pub(super) struct Exchange {
    method: Cow<'static, str>,
    params: Params,
    asides: Asides,
    reply: Mutex<Option<Reply>>,
    /// What the server has asked for while it is under way.
    asked: AtomicU32,
    /// How much of that waits for an answer.
    open: AtomicU32,
    /// Cancelled when nobody waits for the answer any more, or it is there.
    over: CancellationToken,
    /// Cancelled when the server says that it will tell what it was asked to (`subscriptions/listen`).
    acknowledged: CancellationToken,
}

/// What goes with a request beside its parameters.
#[derive(Default)]
pub(super) struct Asides {
    /// Takes progress.
    pub(super) progress: Option<ProgressSink>,
    /// Takes the server's own requests.
    pub(super) inbound: Option<InboundSink>,
    /// Over HTTP only.
    pub(super) bearer: Bearer,
    /// Over HTTP only.
    pub(super) headers: Vec<(String, String)>,
    /// Cancelled when it is too late for the answer.
    pub(super) late: CancellationToken,
}

/// Whose token a request goes with.
#[derive(Default)]
pub(super) enum Bearer {
    /// It is for nobody in particular: the last that a caller came with.
    #[default]
    Last,
    /// The caller's. None: the caller has none (any more), and none is sent.
    Callers(Option<Secret<String>>),
}

/// The parameters of a request of ours.
pub(super) enum Params {
    /// `tools/call`
    Call {
        /// The tool's name.
        tool: String,
        /// A JSON object.
        arguments: Box<RawValue>,
        /// Members of `_meta`; they win over the protocol's.
        meta: Map<String, Value>,
    },
    /// A page of a list.
    Page {
        /// Where the page begins.
        cursor: Option<String>,
    },
    /// None but `_meta`.
    Bare,
    /// Any, as they came.
    Any {
        /// All members but `_meta`.
        members: Vec<(String, Box<RawValue>)>,
        /// Members of `_meta`; they win over the protocol's.
        meta: Map<String, Value>,
    },
}

impl Params {
    /// Those of a request that somebody else made, with `meta` over its own.
    pub(super) fn any(params: &RawValue, meta: Map<String, Value>) -> Result<Self, UpstreamError> {
        let not_object = |error: serde_json::Error| UpstreamError::Rpc {
            code: -32602,
            message: format!("parameters have to be an object: {error}"),
            data: None,
        };
        let Members(mut members) = serde_json::from_str(params.get()).map_err(not_object)?;
        let mut all = Map::new();
        // Of several the last counts, as everywhere, and no other goes along: ours has to be the only one.
        if let Some((_, last)) = members.iter().rfind(|(name, _)| name == "_meta") {
            all = serde_json::from_str(last.get()).map_err(not_object)?;
            members.retain(|(name, _)| name != "_meta");
        }
        all.extend(meta);
        Ok(Self::Any { members, meta: all })
    }
}

/// The members of an object, in their order.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// An answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// `result` as it came.
    Result(Box<RawValue>),
    /// `error`, taken apart.
    Error {
        /// The code.
        code: i64,
        /// The message.
        message: String,
        /// The data.
        data: Option<Value>,
    },
    /// No use; why.
    Bad(String),
}

impl Exchange {
    pub(super) fn new(
        method: impl Into<Cow<'static, str>>,
        params: Params,
        asides: Asides,
    ) -> Arc<Self> {
        Arc::new(Self {
            method: method.into(),
            params,
            asides,
            reply: Mutex::new(None),
            asked: AtomicU32::new(0),
            open: AtomicU32::new(0),
            over: CancellationToken::new(),
            acknowledged: CancellationToken::new(),
        })
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// Whether a caller waits for what comes of it, who might be asked something meanwhile: it is none of the requests
    /// by which the server is looked after, listed and listened to.
    pub(super) fn is_callers(&self) -> bool {
        !matches!(
            self.method(),
            "ping"
                | "initialize"
                | "server/discover"
                | "subscriptions/listen"
                | "tools/list"
                | "prompts/list"
                | "resources/list"
                | "resources/templates/list"
                | "resources/subscribe"
                | "resources/unsubscribe"
                | "logging/setLevel"
        )
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    pub(super) fn asides(&self) -> &Asides {
        &self.asides
    }

    /// Counts what the server asks; whether it may.
    pub(super) fn may_ask(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) < ASKS
    }

    /// Its caller is asked something for the server.
    pub(super) fn question_begins(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// That is answered, or withdrawn.
    pub(super) fn question_ends(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the server waits for its caller.
    pub(super) fn is_asked(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Cancelled when nobody waits for the answer any more, or it is there.
    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Cancelled when the server says that it will tell what it was asked to (`subscriptions/listen`).
    pub(super) fn acknowledged(&self) -> &CancellationToken {
        &self.acknowledged
    }

    /// Puts the answer in its place.
    pub(super) fn settle(&self, reply: Reply) {
        *self.reply.lock() = Some(reply);
        self.over.cancel();
    }

    /// What it is done to, as a header says it (2026-07-28, "Request headers").
    pub(super) fn name(&self) -> Option<String> {
        let member = match self.method() {
            "tools/call" | "prompts/get" => "name",
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
            "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
            _ => return None,
        };
        match &self.params {
            Params::Call { tool, .. } => Some(tool.clone()),
            Params::Any { members, .. } => {
                let (_, value) = members.iter().find(|(name, _)| name == member)?;
                serde_json::from_str(value.get()).ok()
            }
            Params::Page { .. } | Params::Bare => None,
        }
    }

    /// What came of it.
    pub(super) fn outcome(&self) -> Result<Box<RawValue>, UpstreamError> {
        let protocol = |reason: String| Err(UpstreamError::Protocol { reason });
        match self.take_reply() {
            Some(Reply::Result(result)) => Ok(result),
            Some(Reply::Error {
                code,
                message,
                data,
            }) => Err(UpstreamError::Rpc {
                code,
                message,
                data,
            }),
            Some(Reply::Bad(reason)) => protocol(reason),
            None => protocol("an answer to another question".to_owned()),
        }
    }

    /// The answer, once it is there.
    pub(super) fn take_reply(&self) -> Option<Reply> {
        self.reply.lock().take()
    }
}
