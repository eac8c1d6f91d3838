//! The arithmetic of the chain.

use std::borrow::Cow;

use aws_lc_rs::{constant_time, hmac};
use deputy_core::Secret;
use deputy_store::audit::{AuditHead, AuditRow};

/// What stands for the record before, where the end of the chain was not as it was left. No hash has
/// this length.
pub(super) const BREAK: &[u8] = b"deputy/audit/break";

/// Hashes records and seals the end.
pub(super) struct Chain {
    key: hmac::Key,
}

impl Chain {
    /// With the installation's audit key.
    pub(super) fn new(key: &Secret<Vec<u8>>) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()),
        }
    }

    /// The hash of a record that comes after the one with the hash `before`.
    pub(super) fn link(&self, before: &[u8], row: &AuditRow) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        let mut part = |bytes: &[u8]| {
            // Length before content: no two records have the same encoding.
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        part(b"deputy/audit/v1");
        part(before);
        part(&row.seq.to_be_bytes());
        part(&row.at.as_millisecond().to_be_bytes());
        part(
            &row.user
                .map_or_else(Vec::new, |u| u.0.to_be_bytes().to_vec()),
        );
        for text in [&row.caller, &row.action, &row.target] {
            part(text.as_bytes());
        }
        part(optional(row.call_id.as_deref()).as_bytes());
        part(row.outcome.as_bytes());
        part(row.detail.as_bytes());
        context.sign().as_ref().to_vec()
    }

    /// Whether `row` comes after the one with the hash `before`.
    pub(super) fn links(&self, before: &[u8], row: &AuditRow) -> bool {
        constant_time::verify_slices_are_equal(&self.link(before, row), &row.hash).is_ok()
    }

    /// The keyed code over the end of the chain.
    pub(super) fn seal(&self, seq: i64, hash: &[u8]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"deputy/audit/head/v1");
        context.update(&seq.to_be_bytes());
        context.update(hash);
        context.sign().as_ref().to_vec()
    }

    /// Whether an end was once sealed with this key.
    pub(super) fn sealed(&self, head: &AuditHead) -> bool {
        let seal = self.seal(head.seq, &head.hash);
        constant_time::verify_slices_are_equal(&seal, &head.seal).is_ok()
    }
}

/// A text that may be missing: nothing is another thing than an empty text, and each other text
/// stands for itself.
fn optional(text: Option<&str>) -> Cow<'_, str> {
    match text {
        None => Cow::Borrowed(""),
        Some(text) if text.is_empty() || text.starts_with('\0') => Cow::Owned(format!("\0{text}")),
        Some(text) => Cow::Borrowed(text),
    }
}
