//! cargo-deny, which is built from source: minutes, once.

use std::path::PathBuf;

use anyhow::Result;

use crate::{machine, process};

pub(super) const VERSION: &str = include_str!("../../tools/cargo-deny.version");

fn folder() -> Result<PathBuf> {
    Ok(machine::tools()?.join("cargo"))
}

/// The program: on the PATH in any version, else the pinned one.
pub(super) fn find() -> Option<PathBuf> {
    if let Some(installed) = process::find("cargo-deny") {
        return Some(installed);
    }
    let ours = folder().ok()?.join("bin/cargo-deny");
    let version = process::output(&ours, &["--version"])?;
    version.ends_with(VERSION.trim()).then_some(ours)
}

/// Builds it.
pub(super) fn install() -> Result<(), String> {
    let build = || -> Result<()> {
        let mut cargo = process::cargo();
        cargo
            .args([
                "install",
                "cargo-deny",
                "--locked",
                "--quiet",
                "--force",
                "--version",
                VERSION.trim(),
                "--root",
            ])
            .arg(folder()?);
        // Not into the repository's target folder, where nothing would ever remove it.
        cargo.env_remove("CARGO_TARGET_DIR");
        process::run(&mut cargo)
    };
    build().map_err(|e| format!("{e:#}"))
}
