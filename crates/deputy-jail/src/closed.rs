//! What no server comes to read by way of the program that it is.
//!
//! The folders of a program are found by looking beside it (`programs`), and what lies there could have
//! been laid there by a server: a link `lib` to `/` beside a `bin` of its own. So neither a program nor
//! anything that it reads may lie where servers write, and nothing is opened that holds what is Deputy's
//! own. Paths are compared as they are when all links in them are resolved.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// Stands for a person's number in a path.
const USER: &str = "{user}";

/// Paths that are closed, with all that lies in them.
#[derive(Debug, Default)]
pub struct Closed {
    /// The parts of each after the root; `{user}` in one stands for any number.
    patterns: Vec<Vec<OsString>>,
}

/// How a path lies to a closed one.
#[derive(PartialEq, Eq)]
enum Place {
    Within,
    Equal,
    Above,
    Elsewhere,
}

impl Closed {
    /// `{user}` in a path stands for the number of any person.
    pub fn new(paths: &[PathBuf]) -> Self {
        let mut closed = Self::default();
        for path in paths {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            closed.add(&path);
            let personal = path.iter().position(is_personal);
            let fixed: PathBuf = path.iter().take(personal.unwrap_or(usize::MAX)).collect();
            let rest: PathBuf = path.iter().skip(fixed.iter().count()).collect();
            let real = real(&fixed);
            closed.add(&real.join(&rest));
            if personal.is_some() {
                closed.add_of_people(&real, &rest);
            }
        }
        closed
    }

    fn add(&mut self, path: &Path) {
        let pattern = parts(path).map(OsStr::to_owned).collect();
        if !self.patterns.contains(&pattern) {
            self.patterns.push(pattern);
        }
    }

    /// A person's folder may itself be a link, which the administrator made.
    fn add_of_people(&mut self, folder: &Path, rest: &Path) {
        let Some(first) = rest.iter().next() else {
            return;
        };
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(number) = number(first, &name) else {
                continue;
            };
            let path: PathBuf = rest
                .iter()
                .map(|part| part.to_string_lossy().replace(USER, &number))
                .collect();
            let path = folder.join(path);
            if let Ok(real) = path.canonicalize()
                && real != path
            {
                self.add(&real);
            }
        }
    }

    /// Whether `path` is closed, or in what is.
    pub fn holds(&self, path: &Path) -> bool {
        self.places(path)
            .any(|place| matches!(place, Place::Within | Place::Equal))
    }

    /// Whether `path` is in what is closed, and itself neither closed nor around anything that is.
    pub fn surrounds(&self, path: &Path) -> bool {
        let mut within = false;
        for place in self.places(path) {
            match place {
                Place::Within => within = true,
                Place::Equal | Place::Above => return false,
                Place::Elsewhere => {}
            }
        }
        within
    }

    /// Whether `path` is closed, in what is, or has it in it.
    pub fn touches(&self, path: &Path) -> bool {
        self.places(path).any(|place| place != Place::Elsewhere)
    }

    fn places(&self, path: &Path) -> impl Iterator<Item = Place> {
        self.patterns.iter().map(|pattern| {
            let mut path = parts(path);
            for part in pattern {
                match path.next() {
                    None => return Place::Above,
                    Some(name) if number(part, name).is_none() => return Place::Elsewhere,
                    Some(_) => {}
                }
            }
            if path.next().is_some() {
                Place::Within
            } else {
                Place::Equal
            }
        })
    }
}

fn parts(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

fn is_personal(part: &OsStr) -> bool {
    part.to_str().is_some_and(|part| part.contains(USER))
}

/// Whether `name` is `part` with a number in place of `{user}`: the number, or nothing if it needs none.
fn number(part: &OsStr, name: &OsStr) -> Option<String> {
    if part == name {
        return Some(String::new());
    }
    let part = part.to_str()?;
    let (before, after) = (part.find(USER)?, part.rfind(USER)? + USER.len());
    let middle = name
        .to_str()?
        .strip_prefix(&part[..before])?
        .strip_suffix(&part[after..])?;
    let number: String = middle.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then_some(number)
}

/// `path` with the links in it resolved, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let known = path
        .ancestors()
        .find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    match known {
        Some((folder, real)) => match path.strip_prefix(folder) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
