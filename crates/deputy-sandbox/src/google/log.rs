//! The last requests, so that a test can count effects and a person can see what Deputy did.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// How many requests are remembered.
const CAPACITY: usize = 2000;
/// How much of a body is remembered, in bytes.
const BODY: usize = 4096;

/// One request. Bodies of `/token`, `/revoke` and of the consent page aren't kept: they hold secrets.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    /// The emulated Google's time.
    pub(crate) at: Timestamp,
    pub(crate) verb: String,
    pub(crate) path: String,
    /// The query without tokens.
    pub(crate) query: String,
    /// Discovery id.
    pub(crate) method: Option<String>,
    pub(crate) account: Option<String>,
    /// What was answered; null while it hangs, or if the connection was dropped.
    pub(crate) status: Option<u16>,
    /// Which fault acted.
    pub(crate) fault: Option<super::faults::Kind>,
    /// The request's body: JSON as JSON, other text as a string.
    pub(crate) body: Option<Value>,
}

/// The log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Log {
    /// Adds an entry and returns its number.
    pub(crate) fn add(&mut self, mut entry: Entry) -> u64 {
        self.last += 1;
        entry.seq = self.last;
        self.entries.push_back(entry);
        if self.entries.len() > CAPACITY {
            self.entries.pop_front();
        }
        self.last
    }

    /// Notes what was answered.
    pub(crate) fn answered(&mut self, seq: u64, status: u16) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|e| e.seq == seq) {
            entry.status = Some(status);
        }
    }

    /// All entries, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets all entries; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// What of a body is worth remembering.
pub(crate) fn excerpt(body: &Bytes) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    if body.len() <= BODY
        && let Ok(value) = serde_json::from_slice(body)
    {
        return Some(value);
    }
    let cut = &body[..body.len().min(BODY)];
    Some(Value::String(String::from_utf8_lossy(cut).into_owned()))
}
