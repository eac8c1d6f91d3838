//! What fuzzing tries of this crate: see docs/testing.md, "Fuzzing". Built for that and for tests alone.

use crate::exchange;

/// A parser, and what must hold of it for any input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name. `fuzz/corpus/NAME` has what each begins with.
pub const TARGETS: &[Target] = &[
    ("requirements-csv", exchange::fuzzing::csv),
    ("requirements-markdown", exchange::fuzzing::markdown),
    ("requirements-reqif", exchange::fuzzing::reqif),
    ("requirements-texts", exchange::fuzzing::texts),
];

#[cfg(test)]
mod tests;
