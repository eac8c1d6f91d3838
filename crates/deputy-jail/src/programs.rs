//! Where a program is, and what it needs to read to run.
//!
//! Programs of the system need nothing more: all servers may read its folders. Others (a Node of nvm, a
//! Python of pyenv, a virtual environment) live in an installation of their own, of which the usual
//! folders are opened: `bin`, `lib` and the like beside each `bin` folder that the program's links lead
//! through, and the same for the interpreter that a script names in its first line. Never the whole of the
//! installation: for `~/.local/bin/uvx` that would be a person's whole `~/.local`.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::Error;

/// What every server may read: programs and libraries of the system.
pub(crate) const SYSTEM: &[&str] = &[
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/libexec",
    "/usr/share",
    "/usr/include",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/local/libexec",
    "/usr/local/share",
    "/usr/local/include",
];

/// What is opened beside a `bin` folder.
const BESIDE: &[&str] = &["bin", "lib", "lib64", "libexec", "include", "pyvenv.cfg"];

/// How many links or interpreters are followed.
const DEPTH: usize = 16;

/// A program.
pub(crate) struct Found {
    /// Its full path, links not resolved: a virtual environment is found by the link.
    pub(crate) path: PathBuf,
    /// What it reads beside the system's folders.
    pub(crate) reads: Vec<PathBuf>,
    /// Variables it needs.
    pub(crate) env: Vec<(String, String)>,
}

/// Finds `program`: a full path, or a name to be looked up in `search`.
pub(crate) fn find(program: &Path, search: &str) -> Result<Found, Error> {
    let path = look_up(program, search)?;
    let mut reads = BTreeSet::new();
    needs(&path, search, &mut reads, DEPTH);
    let mut env = Vec::new();
    // uv looks for a Python by itself and would find a version manager's shim, which runs nowhere here.
    let name = path.file_name().unwrap_or_default();
    if (name == "uv" || name == "uvx")
        && let Ok(python) = look_up(Path::new("python3"), search)
    {
        needs(&python, search, &mut reads, DEPTH);
        env.push(("UV_PYTHON".to_owned(), python.display().to_string()));
    }
    Ok(Found {
        path,
        reads: reads.into_iter().collect(),
        env,
    })
}

/// Whether this program is there: a bare name in the `PATH` `search`, a whole path as it is.
pub fn is_installed(program: &Path, search: &str) -> bool {
    look_up(program, search).is_ok()
}

fn look_up(program: &Path, search: &str) -> Result<PathBuf, Error> {
    let missing = |searched: &str| Error::ProgramNotFound {
        program: program.to_owned(),
        searched: searched.to_owned(),
    };
    if program.components().count() != 1 || program.as_os_str().as_bytes().contains(&b'/') {
        if program.is_relative() {
            return Err(Error::ProgramRelative(program.to_owned()));
        }
        let parent = program.parent().unwrap_or(program);
        let found = Some(program.to_owned()).filter(|path| is_program(path));
        return found
            .map(|path| behind_shim(&path).unwrap_or(path))
            .ok_or_else(|| missing(&parent.display().to_string()));
    }
    std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .filter(|path| is_program(path))
        .find_map(|path| {
            if is_shim(&path) {
                behind_shim(&path)
            } else {
                Some(path)
            }
        })
        .ok_or_else(|| missing(search))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether it is in a version manager's folder of stand-ins (pyenv, rbenv, asdf: `ROOT/shims`).
fn is_shim(path: &Path) -> bool {
    path.parent().is_some_and(|folder| {
        folder.ends_with("shims") && folder.with_file_name("versions").is_dir()
    })
}

/// The program that pyenv's stand-in would run: of the first of the versions in `ROOT/version` that has it.
fn behind_shim(path: &Path) -> Option<PathBuf> {
    if !is_shim(path) {
        return None;
    }
    let root = path.parent()?.parent()?;
    let versions = std::fs::read_to_string(root.join("version")).ok()?;
    versions
        .split_whitespace()
        .filter(|version| !version.contains('/'))
        .map(|version| {
            root.join("versions")
                .join(version)
                .join("bin")
                .join(path.file_name().unwrap_or_default())
        })
        .find(|candidate| is_program(candidate))
}

/// Collects what `path` reads: along its links, and of its interpreter.
fn needs(path: &Path, search: &str, reads: &mut BTreeSet<PathBuf>, depth: usize) {
    let mut at = path.to_owned();
    for _ in 0..DEPTH {
        beside(&at, reads);
        match std::fs::read_link(&at) {
            Ok(target) => at = at.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => break,
        }
    }
    // Links of folders on the way are resolved by this one only.
    if let Ok(real) = path.canonicalize() {
        beside(&real, reads);
        package(&real, reads);
        if depth > 0
            && let Some(interpreter) = interpreter(&real, search)
        {
            needs(&interpreter, search, reads, depth - 1);
        }
    }
}

/// Adds a program and what is beside its `bin` folder, if it is not the system's.
fn beside(path: &Path, reads: &mut BTreeSet<PathBuf>) {
    if is_system(path) {
        return;
    }
    reads.insert(path.to_owned());
    let Some(folder) = path.parent().filter(|folder| folder.ends_with("bin")) else {
        return;
    };
    let Some(root) = folder.parent().filter(|root| root.parent().is_some()) else {
        return;
    };
    reads.extend(
        BESIDE
            .iter()
            .map(|name| root.join(name))
            .filter(|path| path.exists()),
    );
}

/// Adds the npm packages among which a script is: those it was installed with are what it imports.
fn package(real: &Path, reads: &mut BTreeSet<PathBuf>) {
    let modules = real
        .ancestors()
        .filter(|folder| folder.ends_with("node_modules"))
        .last();
    if let Some(modules) = modules.filter(|path| !is_system(path)) {
        reads.insert(modules.to_owned());
    }
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// The program that runs the script `path`, from its first line.
fn interpreter(path: &Path, search: &str) -> Option<PathBuf> {
    let mut head = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(256).read_to_end(&mut head).ok()?;
    let line = head
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let program = Path::new(words.next()?);
    if program.file_name()? != "env" {
        return Some(program.to_owned());
    }
    let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    look_up(Path::new(name), search).ok()
}

#[cfg(test)]
mod tests;
