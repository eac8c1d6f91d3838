//! A Python environment with Google's client and the Python MCP client.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{is_stamped, stamped};
use crate::{machine, process};

pub(super) const REQUIREMENTS: &str = include_str!("../../tools/requirements.txt");

/// Succeeds where the pinned packages can be installed.
const FIT: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

fn folder() -> Result<PathBuf> {
    Ok(machine::tools()?.join("python"))
}

/// The environment's interpreter.
pub(super) fn find() -> Option<PathBuf> {
    let folder = folder()
        .ok()
        .filter(|folder| is_stamped(folder, REQUIREMENTS))?;
    let python = folder.join("bin/python");
    // It is a link to the system's, which an upgrade may have taken away.
    process::output(&python, &["-c", ""]).map(|_| python)
}

/// Makes the environment.
pub(super) fn install() -> Result<(), String> {
    let fit = || {
        [
            "python3",
            "python3.14",
            "python3.13",
            "python3.12",
            "python3.11",
        ]
        .into_iter()
        .find(|p| process::output(p, &["-c", FIT]).is_some())
    };
    let python = if let Some(python) = fit() {
        python
    } else {
        machine::install(&["python3", "python3-venv"])?;
        fit().ok_or("install Python 3.11 or newer, with its venv module")?
    };
    install_packages(python).map_err(|e| format!("{e:#}"))
}

fn install_packages(python: &str) -> Result<()> {
    let folder = folder()?;
    stamped(&folder, REQUIREMENTS, || {
        process::run(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
        let list = folder.join("requirements.txt");
        std::fs::write(&list, REQUIREMENTS).context("writing requirements.txt")?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "-r",
        ])
        .arg(&list);
        process::run(&mut pip)
    })
}
