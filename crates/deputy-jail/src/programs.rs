//! Where a program is, and what it needs to read to run.
//!
//! Programs of the system need nothing more: all servers may read its folders. Others (a Node of nvm, a
//! Python of pyenv, a virtual environment) live in an installation of their own, of which the usual
//! folders are opened: `bin`, `lib` and the like beside each `bin` folder that the program's links lead
//! through, and the same for the interpreter that a script names in its first line. Never the whole of the
//! installation: for `~/.local/bin/uvx` that would be a person's whole `~/.local`.
//!
//! What is beside a program was laid there by whoever can write there. So no program, link or interpreter
//! may lie where servers write, and nothing that is Deputy's own is opened whatever leads there ([`Closed`]).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::closed::Closed;

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

/// How many interpreters are followed.
const DEPTH: usize = 16;
/// How many links are followed, as the kernel does (path_resolution(7)).
const LINKS: usize = 40;

/// A program.
pub(crate) struct Found {
    /// Its full path, links not resolved: a virtual environment is found by the link.
    pub(crate) path: PathBuf,
    /// What it reads beside the system's folders: real paths, without links in them.
    pub(crate) reads: Vec<PathBuf>,
    /// Variables it needs.
    pub(crate) env: Vec<(String, String)>,
}

/// Finds `program`: a full path, or a name to be looked up in `search`. It must not lie in what is closed.
pub(crate) fn find(program: &Path, search: &str, closed: &Closed) -> Result<Found, Error> {
    let path = look_up(program, search)?;
    let mut needs = Needs {
        search,
        closed,
        reads: BTreeSet::new(),
    };
    needs.collect(&path, DEPTH)?;
    let mut env = Vec::new();
    // uv looks for a Python by itself and would find a version manager's shim, which runs nowhere here.
    let name = path.file_name().unwrap_or_default();
    if (name == "uv" || name == "uvx")
        && let Ok(python) = look_up(Path::new("python3"), search)
    {
        needs.collect(&python, DEPTH)?;
        env.push(("UV_PYTHON".to_owned(), python.display().to_string()));
    }
    Ok(Found {
        path,
        reads: needs.reads.into_iter().collect(),
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

/// What a program reads.
struct Needs<'a> {
    search: &'a str,
    closed: &'a Closed,
    reads: BTreeSet<PathBuf>,
}

impl Needs<'_> {
    /// Collects what `path` reads: along its links, and of its interpreter.
    fn collect(&mut self, path: &Path, depth: usize) -> Result<(), Error> {
        let names = trail(path, self.closed)?;
        for name in &names {
            self.beside(name);
        }
        let Some(real) = names.last() else {
            return Ok(());
        };
        self.package(real);
        match interpreter(real, self.search) {
            Some(interpreter) if depth > 0 => self.collect(&interpreter, depth - 1),
            _ => Ok(()),
        }
    }

    /// Adds a program and what is beside its `bin` folder, if it is not the system's.
    fn beside(&mut self, path: &Path) {
        if is_system(path) {
            return;
        }
        self.open(path);
        let Some(folder) = path.parent().filter(|folder| folder.ends_with("bin")) else {
            return;
        };
        let Some(root) = folder.parent().filter(|root| root.parent().is_some()) else {
            return;
        };
        for name in BESIDE {
            self.open(&root.join(name));
        }
    }

    /// Adds the npm packages among which a script is: those it was installed with are what it imports.
    fn package(&mut self, real: &Path) {
        let modules = real
            .ancestors()
            .filter(|folder| folder.ends_with("node_modules"))
            .last();
        if let Some(modules) = modules {
            self.open(modules);
        }
    }

    /// Opens what is really at `path`, unless nobody is to come by it in this way.
    fn open(&mut self, path: &Path) {
        if let Ok(real) = path.canonicalize()
            && real.parent().is_some()
            && !is_system(&real)
            && !self.closed.touches(&real)
        {
            self.reads.insert(real);
        }
    }
}

/// All names that the program `path` has: each link, and at last the file itself. The folders they are in
/// have no links in their paths. Nothing on the way may be in what is closed.
fn trail(path: &Path, closed: &Closed) -> Result<Vec<PathBuf>, Error> {
    let fault = |error| Error::Folder {
        path: path.to_owned(),
        error,
    };
    if closed.holds(path) {
        return Err(Error::ProgramClosed(path.to_owned()));
    }
    let mut names = Vec::new();
    let mut links = 0;
    let mut at = PathBuf::from("/");
    let mut left = Vec::new();
    let push = |left: &mut Vec<PathBuf>, path: &Path| {
        let from = left.len();
        left.extend(
            path.components()
                .map(|part| PathBuf::from(part.as_os_str())),
        );
        left[from..].reverse();
    };
    push(&mut left, path);
    while let Some(part) = left.pop() {
        if part.as_os_str() == ".." {
            at.pop();
            continue;
        }
        at.push(&part); // the root replaces what was there
        if closed.holds(&at) {
            return Err(Error::ProgramClosed(path.to_owned()));
        }
        if !at.symlink_metadata().map_err(fault)?.is_symlink() {
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(fault(std::io::Error::from_raw_os_error(nix::libc::ELOOP)));
        }
        let target = std::fs::read_link(&at).map_err(fault)?;
        if left.is_empty() {
            names.push(at.clone());
        }
        at.pop();
        push(&mut left, &target);
    }
    names.push(at);
    Ok(names)
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// The program that runs the script `path`, from its first line as the kernel reads it: 256 bytes, whose
/// words end at spaces, tabs and NULs only (`fs/binfmt_script.c`). What is no program is none.
fn interpreter(path: &Path, search: &str) -> Option<PathBuf> {
    let mut head = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(256).read_to_end(&mut head).ok()?;
    let line = head
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let mut words = line
        .split(|byte| matches!(byte, b' ' | b'\t' | 0))
        .filter(|word| !word.is_empty())
        .map(OsStr::from_bytes);
    let program = Path::new(words.next()?);
    if program.file_name()? != "env" {
        return Some(program.to_owned()).filter(|path| path.is_absolute() && is_program(path));
    }
    let name = words.find(|word| {
        let word = word.as_bytes();
        !word.starts_with(b"-") && !word.contains(&b'=')
    })?;
    look_up(Path::new(name), search).ok()
}

#[cfg(test)]
mod tests;
