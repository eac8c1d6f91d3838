//! One call of a tool: as whom, under which id, and how to say how far it is.

use std::sync::Arc;

use deputy_core::{CallId, Clock};
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};

use crate::client::Google;

/// What a tool gets besides its arguments.
#[derive(Clone)]
pub(crate) struct Call {
    /// Google, as the person.
    pub(crate) google: Google,
    /// The call's id; a fresh one where the caller gave none.
    pub(crate) id: CallId,
    /// 1 for the first attempt; above 1, look for the effect before making it.
    pub(crate) attempt: u32,
    /// The present.
    pub(crate) clock: Arc<dyn Clock>,
    /// To whom progress is reported, if anybody asked.
    pub(crate) progress: Option<(Peer<RoleServer>, ProgressToken)>,
}

impl Call {
    /// 64 hex digits that name this call's effect `purpose`: the same for every attempt, and not
    /// to be guessed from outside. A call that makes several things gives each its own purpose.
    pub(crate) fn effect_hex(&self, purpose: &str) -> String {
        self.effect(purpose)
            .iter()
            .fold(String::with_capacity(64), |mut out, byte| {
                use std::fmt::Write as _;
                let _ = write!(out, "{byte:02x}");
                out
            })
    }

    /// The same as 52 digits of base32hex (`0-9a-v`, RFC 4648 section 7), which is what Calendar
    /// takes as an event's id.
    pub(crate) fn effect_base32hex(&self, purpose: &str) -> String {
        base32hex(&self.effect(purpose))
    }

    fn effect(&self, purpose: &str) -> [u8; 32] {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(b"deputy effect 1\0");
        context.update(self.id.0.as_bytes());
        context.update(purpose.as_bytes());
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }

    /// Whether an earlier attempt may have made the effect already.
    pub(crate) fn is_repeat(&self) -> bool {
        self.attempt > 1
    }

    /// Reports how far the call is, where the caller asked for that. Failing to report is no
    /// failure of the call.
    pub(crate) async fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        let Some((peer, token)) = &self.progress else {
            return;
        };
        let mut param = ProgressNotificationParam::new(token.clone(), done).with_message(message);
        if let Some(total) = total {
            param = param.with_total(total);
        }
        if let Err(error) = peer.notify_progress(param).await {
            tracing::debug!(%error, "progress could not be reported");
        }
    }
}

fn base32hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(DIGITS[(buffer >> bits) as usize & 31]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(DIGITS[(buffer << (5 - bits)) as usize & 31]));
    }
    out
}

#[cfg(test)]
mod tests;
