//! Node, which comes as a package itself, and the MCP servers and clients that run under it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{is_stamped, stamped};
use crate::{machine, process};

pub(super) const PACKAGE: &str = include_str!("../../tools/package.json");
pub(super) const LOCK: &str = include_str!("../../tools/package-lock.json");

fn folder() -> Result<PathBuf> {
    Ok(machine::tools()?.join("node"))
}

/// The folder that holds `node_modules`.
pub(super) fn find() -> Option<PathBuf> {
    folder().ok().filter(|folder| is_stamped(folder, LOCK))
}

/// Installs it with whatever npm there is.
pub(super) fn install() -> Result<(), String> {
    if cfg!(not(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))) {
        return Err("the pinned Node runs on Linux on x86-64 and ARM64 only".to_owned());
    }
    if process::find("npm").is_none() {
        machine::install(&["npm"])?;
    }
    install_packages().map_err(|e| format!("{e:#}"))
}

fn install_packages() -> Result<()> {
    let folder = folder()?;
    stamped(&folder, LOCK, || {
        std::fs::write(folder.join("package.json"), PACKAGE).context("writing package.json")?;
        std::fs::write(folder.join("package-lock.json"), LOCK)
            .context("writing package-lock.json")?;
        let mut npm = Command::new("npm");
        npm.args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(&folder);
        process::run(&mut npm)
    })
}
