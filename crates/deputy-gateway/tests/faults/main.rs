//! Everything that a server may do wrong, and what it comes to: as a process, and in the network. Meanwhile other
//! people's servers and other servers of the same person keep their pace, memory stays within bounds, and nothing is
//! left at the end. In a program of its own, because what is left is counted for the whole program.
//!
//! What goes wrong between a list of tools and a call (tools that change meanwhile), and what is on record of a call
//! that failed, is the gateway's: `tests/servers/trust.rs`, `tests/servers/faults.rs`.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail like its tests")]

mod measure;
mod net;
mod peer;
mod stdio;
#[path = "../pool/support.rs"]
#[expect(dead_code, reason = "most of it is for the pool's other tests")]
mod support;

use std::time::Duration;

use deputy_gateway::pool::{Inbound, ToolResult, UpstreamError};
use serde_json::value::RawValue;
use tokio::sync::{Mutex, mpsc};

/// How many faults go on at a time.
const AT_ONCE: usize = 4;
/// When a caller gives up a server that does not answer.
const DEADLINE: Duration = Duration::from_secs(1);
/// When everything else has to have come to its end.
const IN_TIME: Duration = Duration::from_secs(20);

/// Descriptors and memory are the whole program's: one at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// What a caller gets.
#[derive(Clone, Copy)]
enum Outcome {
    /// An answer.
    Fine,
    /// `NotStarted`, for a reason with this in it.
    NotStarted(&'static str),
    /// `Died`, for a reason with this in it.
    Died(&'static str),
    /// `Protocol`, for a reason with this in it.
    Protocol(&'static str),
    /// `Timeout` of a call that was sent.
    Timeout,
    /// `BackingOff`, after some calls.
    BackingOff,
    /// `Unavailable` of this status.
    Unavailable(u16),
    /// `RateLimited`, with what it said of how long.
    RateLimited(Option<u64>),
    /// `Unauthorized`.
    Unauthorized,
}

impl Outcome {
    fn fits(self, result: &Result<ToolResult, UpstreamError>) -> bool {
        match (self, result) {
            (Self::Fine, Ok(ToolResult::Complete(_)))
            | (Self::Timeout, Err(UpstreamError::Timeout { sent: true }))
            | (Self::BackingOff, Err(UpstreamError::BackingOff { .. }))
            | (Self::Unauthorized, Err(UpstreamError::Unauthorized { .. })) => true,
            (Self::NotStarted(text), Err(UpstreamError::NotStarted { reason, .. }))
            | (Self::Died(text), Err(UpstreamError::Died { reason, .. }))
            | (Self::Protocol(text), Err(UpstreamError::Protocol { reason })) => {
                reason.contains(text)
            }
            (Self::Unavailable(wanted), Err(UpstreamError::Unavailable { status, .. })) => {
                *status == wanted
            }
            (Self::RateLimited(wanted), Err(UpstreamError::RateLimited { retry_after })) => {
                *retry_after == wanted.map(Duration::from_secs)
            }
            _ => false,
        }
    }
}

/// A result for people.
fn shown(result: &Result<ToolResult, UpstreamError>) -> String {
    format!("{result:?}").chars().take(300).collect()
}

/// Somebody who answers everything that a server asks.
fn obliging() -> mpsc::Sender<Inbound> {
    let (sink, mut inbox) = mpsc::channel::<Inbound>(16);
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    tokio::spawn(async move {
        while let Some(inbound) = inbox.recv().await {
            let said = RawValue::from_string("{}".to_owned()).unwrap();
            let _ = inbound.answer.send(Ok(said));
        }
    });
    sink
}
