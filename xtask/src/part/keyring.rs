//! A Secret Service, as a desktop has one, for the login that the agent keeps there. The tests start it themselves, each on
//! a session bus of its own.

use std::path::PathBuf;

use crate::process;

/// The daemon, where there is a session bus to start it on.
pub(super) fn find() -> Option<PathBuf> {
    process::find("dbus-run-session")?;
    process::find("gnome-keyring-daemon")
}
