//! Running programs where the person can watch.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Shows the command, runs it on this terminal, and fails where it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    if succeeds(command)? {
        return Ok(());
    }
    bail!("{} failed", name(command))
}

/// Shows the command, runs it on this terminal, and says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    eprintln!("$ {}", shown(command));
    forget_ourselves(command);
    let status = command
        .status()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    if !status.success() {
        eprintln!("{} ended with {status}", name(command));
    }
    Ok(status.success())
}

/// Runs the commands in front one after the other on this terminal, all of them, and one more beside them, whose words
/// are shown when the terminal is free. Whether all succeeded.
pub(crate) fn side_by_side(in_front: &mut [Command], mut beside: Command) -> Result<bool> {
    eprintln!("$ {}   (beside the next ones)", shown(&beside));
    forget_ourselves(&mut beside);
    let (mut reader, writer) = std::io::pipe()?;
    let mut child = beside
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("starting {}", beside.get_program().display()))?;
    let called = name(&beside);
    // With our ends of the pipe in it, nobody would see its end.
    drop(beside);
    let (sender, words) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = reader.read(&mut piece) {
            if sender.send(piece[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut all = true;
    for command in in_front {
        all &= succeeds(command)?;
    }
    let mut out = std::io::stdout();
    loop {
        match words.recv_timeout(Duration::from_millis(200)) {
            Ok(piece) => {
                out.write_all(&piece)?;
                out.flush()?;
            }
            // What it started may hold the pipe open for longer than it lives.
            Err(mpsc::RecvTimeoutError::Timeout) if child.try_wait()?.is_none() => {}
            Err(_) => break,
        }
    }
    let status = child.wait()?;
    if !status.success() {
        eprintln!("{called} ended with {status}");
    }
    Ok(all && status.success())
}

/// What a program prints, if it can be started and succeeds.
pub(crate) fn output(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    out.status
        .success()
        .then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The program of this name on the PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::machine::root());
    command
}

/// Takes out what the cargo that runs this program says about it. Build scripts look at some of
/// that, and much would be built anew whenever one goes from `cargo test` to `cargo xtask test`.
fn forget_ourselves(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let about_us = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if about_us {
            command.env_remove(&name);
        }
    }
}

/// The program without its folder.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or(program.as_os_str())
        .display()
        .to_string()
}

fn shown(command: &Command) -> String {
    let mut text = name(command);
    for arg in command.get_args() {
        let _ = write!(text, " {}", arg.display());
    }
    text
}

#[cfg(test)]
mod tests;
