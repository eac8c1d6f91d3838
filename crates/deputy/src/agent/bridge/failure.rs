//! Why a request has no answer of the server's, and what its client is told instead.

use bytes::Bytes;
use reqwest::StatusCode;
use serde_json::json;

/// Codes of JSON-RPC (section 5.1): a message that is none, and the first of those left to servers.
const PARSE_ERROR: i32 = -32700;
const SERVER_ERROR: i32 = -32000;

/// Why.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No connection was made: nothing happened.
    #[error("{server} does not answer ({why})")]
    Unreachable { server: String, why: String },
    /// The connection broke before the answer: it may have happened.
    #[error("the connection to {0} broke before the answer; it may have been carried out")]
    Broken(String),
    /// No access, and what to do about it.
    #[error("{0}")]
    Access(String),
    /// The server has forgotten the older era's session.
    #[error("the server has forgotten this session")]
    Session,
    /// The session could not be begun anew.
    #[error("the server was restarted, and does not begin this session anew: {0}")]
    Renewal(String),
    /// A status that says no more.
    #[error("the server answered HTTP {status}{}", words(.text))]
    Status { status: StatusCode, text: String },
    /// The server's own error, in its words.
    #[error("the server's error")]
    Rpc(serde_json::Value),
    /// Not an answer.
    #[error("{0}")]
    Protocol(&'static str),
}

fn words(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl Failure {
    /// The error that answers the request `id`.
    pub(super) fn answer(&self, id: &str) -> Bytes {
        let error = match self {
            Self::Rpc(error) => error.clone(),
            other => json!({ "code": SERVER_ERROR, "message": format!("deputy bridge: {other}") }),
        };
        answer(id, &error)
    }
}

/// The error that answers what could not be read.
pub(super) fn unreadable(why: &str) -> Bytes {
    let error = json!({ "code": PARSE_ERROR, "message": format!("deputy bridge: {why}") });
    answer("null", &error)
}

/// The id goes back as it came.
fn answer(id: &str, error: &serde_json::Value) -> Bytes {
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))
}
