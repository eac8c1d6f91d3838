//! Calls that wait for an answer of a client that has no connection to us meanwhile.
//!
//! A server of the older era asks in the middle of a call and waits. A client of the newer era is asked by the result of
//! its request, and answers with another request. In between the call to the server stays open, and is held here, under
//! a random name that only its person can use, for a limited time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Principal, Scopes, UserId};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::callers::{Callers, Presence};
use super::state::Binding;
use crate::call::{Outcome, Trial};
use crate::error::CallError;
use crate::pool::{Inbound, Progress};

/// How long a call is held.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);
/// Calls of one person that are held at once, and of all.
const MOST_OF_ONE: usize = 16;
const MOST: usize = 512;

/// What a request to a server came to.
pub(super) enum Came {
    /// A call of a tool.
    Tool(Outcome),
    /// Any other request: its `result` as the server wrote it.
    Raw(Box<RawValue>),
}

/// A request that is under way, with everything that comes of it.
pub(super) struct Running {
    pub(super) call: BoxFuture<'static, Result<Came, CallError>>,
    pub(super) inbound: mpsc::Receiver<Inbound>,
    pub(super) progress: mpsc::Receiver<Progress>,
    /// Cancelled when it takes too long: then it ends as at its deadline.
    pub(super) late: CancellationToken,
    /// What it takes up of its server's breaker.
    pub(super) trial: Trial,
    /// How many questions there were.
    pub(super) asked: u32,
}

/// One that waits for answers.
pub(super) struct Held {
    pub(super) running: Running,
    /// The server's open questions by key.
    pub(super) questions: Vec<(String, Inbound)>,
    binding: Binding,
    user: UserId,
    /// What the token might do that the call began with.
    scopes: Scopes,
    until: Instant,
    by: Presence,
}

impl Held {
    pub(super) fn new(
        running: Running,
        questions: Vec<(String, Inbound)>,
        binding: Binding,
        principal: &Principal,
        callers: &Arc<Callers>,
    ) -> Self {
        Self {
            running,
            questions,
            binding,
            user: principal.user_id,
            scopes: principal.scopes.clone(),
            until: Instant::now() + PATIENCE,
            by: callers.enter(principal),
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until <= now || self.by.is_gone()
    }
}

/// All that are held.
#[derive(Default)]
pub(super) struct HeldCalls {
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    by_name: HashMap<Uuid, Held>,
    closed: bool,
}

impl HeldCalls {
    /// Holds a call under a name. Gives it back when there is no more room, or when the program stops.
    pub(super) fn hold(&self, name: Uuid, held: Held) -> Result<(), Box<Held>> {
        let mut calls = self.calls.lock();
        let of_one = calls.by_name.values().filter(|h| h.user == held.user);
        if calls.closed || of_one.count() >= MOST_OF_ONE || calls.by_name.len() >= MOST {
            return Err(Box::new(held));
        }
        calls.by_name.insert(name, held);
        Ok(())
    }

    /// Takes a call out to go on with it. None: it is not held (any more), or not for this; or the token may not do any
    /// more what it might when the call began.
    pub(super) fn take(&self, name: Uuid, binding: &Binding, scopes: &Scopes) -> Option<Held> {
        let mut calls = self.calls.lock();
        let held = calls.by_name.get(&name)?;
        if held.binding != *binding
            || held.is_over(Instant::now())
            || !held.scopes.0.is_subset(&scopes.0)
        {
            return None;
        }
        calls.by_name.remove(&name)
    }

    /// Drops what nobody came back for, or nobody may any more: its server is told that the call is cancelled.
    pub(super) fn prune(&self) {
        let now = Instant::now();
        let gone: Vec<Held> = {
            let mut calls = self.calls.lock();
            let late: Vec<Uuid> = calls
                .by_name
                .iter()
                .filter(|(_, held)| held.is_over(now))
                .map(|(name, _)| *name)
                .collect();
            late.iter()
                .filter_map(|n| calls.by_name.remove(n))
                .collect()
        };
        drop(gone);
    }

    /// Drops everything and holds nothing any more.
    pub(super) fn close(&self) {
        let gone = {
            let mut calls = self.calls.lock();
            calls.closed = true;
            std::mem::take(&mut calls.by_name)
        };
        drop(gone);
    }
}
