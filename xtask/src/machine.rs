//! The machine this runs on: who runs it, where things are kept, how packages come.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::process;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut root = PathBuf::from(here);
    root.pop();
    root
}

/// Where tools for tests are kept: `deputy/tools` in the user's cache folder.
pub(crate) fn tools() -> Result<PathBuf> {
    Ok(cache()?.join("tools"))
}

/// What is kept between runs: `deputy` in the user's cache folder.
pub(crate) fn cache() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME").filter(|v| !v.is_empty()) {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("deputy"))
}

/// Whether nobody is there to mend things: a missing part is then a failure.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| v == "true")
}

/// In CI the lock file is what is tested.
pub(crate) fn locked() -> &'static [&'static str] {
    if is_ci() { &["--locked"] } else { &[] }
}

/// Whether this runs as root, who may install packages and whom PostgreSQL refuses to serve.
pub(crate) fn is_root() -> bool {
    process::output("id", &["-u"]).is_some_and(|id| id == "0")
}

/// Installs packages of Debian or Ubuntu. Where this may not, or there is no apt: what to do instead.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" ");
    if process::find("apt-get").is_none() {
        return Err(format!("install what Debian calls {names}"));
    }
    if !is_root() {
        return Err(format!("sudo apt-get install {names}"));
    }
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        process::succeeds(&mut command).unwrap_or(false)
    };
    let install: Vec<&str> = ["install", "-y", "-q", "--no-install-recommends"]
        .into_iter()
        .chain(packages.iter().copied())
        .collect();
    // A fresh machine has no lists of packages, or old ones.
    if apt(&install) || (apt(&["update", "-q"]) && apt(&install)) {
        Ok(())
    } else {
        Err(format!("apt-get install {names}"))
    }
}
