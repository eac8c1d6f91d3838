//! The parts that tests need beside Rust: finding each, installing it, and what goes without it.
//!
//! Their versions are pinned in `xtask/tools/`. What is not a package of the system lives in the
//! user's cache folder, so nothing here changes the machine but `apt-get` run by root.

mod cargo_deny;
mod chromium;
mod keyring;
mod node;
mod python;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{machine, postgres};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Postgres,
    Node,
    Python,
    Chromium,
    Keyring,
    CargoDeny,
}

/// A part that isn't there.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) part: Part,
    /// What the person can do about it: a command, or a sentence.
    pub(crate) remedy: String,
}

impl Part {
    pub(crate) const ALL: [Self; 6] = [
        Self::Postgres,
        Self::Node,
        Self::Python,
        Self::Chromium,
        Self::Keyring,
        Self::CargoDeny,
    ];

    /// Its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Node => "Node and its MCP packages",
            Self::Python => "Python and its packages",
            Self::Chromium => "Chromium",
            Self::Keyring => "GNOME Keyring and a session bus",
            Self::CargoDeny => "cargo-deny",
        }
    }

    /// What is left out without it.
    pub(crate) fn left_out(self) -> &'static str {
        match self {
            Self::Postgres => "tests on PostgreSQL (the same ones run on SQLite)",
            Self::Node => {
                "tests with MCP servers, MCP clients and OAuth clients written in TypeScript"
            }
            Self::Python => {
                "tests with Google's Python client, the Python MCP client and OAuth clients"
            }
            Self::Chromium => "tests with a real browser (others send the pages' forms themselves)",
            Self::Keyring => {
                "tests with the system's key store (a login is kept in a file in the others)"
            }
            Self::CargoDeny => "the check of dependencies (licences, bans, sources)",
        }
    }

    /// The variable by which the tests find it; set by hand, it overrules what is found here.
    pub(crate) fn variable(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("DEPUTY_TEST_POSTGRES"),
            Self::Node => Some("DEPUTY_TEST_NODE_DIR"),
            Self::Python => Some("DEPUTY_TEST_PYTHON"),
            Self::Chromium => Some("DEPUTY_TEST_CHROMIUM"),
            Self::Keyring => Some("DEPUTY_TEST_KEYRING"),
            Self::CargoDeny => None,
        }
    }

    /// Where it is: a folder or a program. None: nowhere, or not in the pinned version.
    pub(crate) fn find(self) -> Option<PathBuf> {
        match self {
            Self::Postgres => postgres::binaries(),
            Self::Node => node::find(),
            Self::Python => python::find(),
            Self::Chromium => chromium::find(),
            Self::Keyring => keyring::find(),
            Self::CargoDeny => cargo_deny::find(),
        }
    }

    /// Where it is, installed first where it is missing.
    pub(crate) fn provide(self) -> Result<PathBuf, Missing> {
        if let Some(found) = self.find() {
            return Ok(found);
        }
        eprintln!("{} is not there yet", self.name());
        let missing = |remedy| Missing { part: self, remedy };
        match self {
            Self::Postgres => machine::install(&["postgresql"]),
            Self::Node => alone(node::install),
            Self::Python => alone(python::install),
            Self::Chromium => machine::install(&["chromium"]),
            Self::Keyring => machine::install(&["gnome-keyring", "dbus"]),
            Self::CargoDeny => alone(cargo_deny::install),
        }
        .map_err(missing)?;
        self.find()
            .ok_or_else(|| missing(format!("{} was installed, yet it isn't found", self.name())))
    }
}

/// One installation at a time: two runs share the folder.
fn alone(install: fn() -> Result<(), String>) -> Result<(), String> {
    let lock = || -> Result<File> {
        let folder = machine::tools()?;
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let file = File::create(folder.join("lock"))?;
        file.lock()?;
        Ok(file)
    };
    let held = lock().map_err(|e| format!("{e:#}"))?;
    let done = install();
    drop(held);
    done
}

/// Makes an installation that can be told from a half-done one: `fill` works on an empty folder,
/// and the stamp that [`is_stamped`] looks for is written last.
fn stamped(folder: &std::path::Path, stamp: &str, fill: impl FnOnce() -> Result<()>) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("removing {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    fill()?;
    std::fs::write(folder.join(STAMP), stamp).context("marking the installation as whole")
}

const STAMP: &str = "installed";

/// Whether the folder holds a whole installation of exactly this.
fn is_stamped(folder: &std::path::Path, stamp: &str) -> bool {
    std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|text| text == stamp)
}

#[cfg(test)]
mod tests;
