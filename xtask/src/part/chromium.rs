//! A browser that tests drive. It comes from the system: the npm packages that drive one would download a build of
//! their own, which a machine with package registries alone does not get.

use std::path::PathBuf;

use crate::process;

/// What it is called: on Debian, elsewhere, and Google's build of it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The program.
pub(super) fn find() -> Option<PathBuf> {
    NAMES.into_iter().find_map(process::find)
}
