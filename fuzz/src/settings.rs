//! What of the program the agent's parsers use.

use std::fmt;

#[derive(Debug)]
pub(crate) struct SettingError(pub(crate) String);

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing is set here.
pub(crate) fn variable(_: &str) -> Option<String> {
    None
}
