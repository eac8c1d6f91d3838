//! Fetching a package before its server is started.
//!
//! `npx` and `uvx` fetch what they run when it is run first: within the time that a handshake has, with the
//! server's secrets around the installation's scripts, and not at all where the server has no network. So
//! fetching is a step of its own, made of the command itself: `npm install -g` and `uv tool install` put the
//! package where they are told, and what is started then is its program, without the runner around it.

use std::path::Path;

use crate::template::{Installs, Prepare};

/// How a runner says which package it means when the program has another name.
const FROM: &[&str] = &["-p", "--package", "--from"];

/// The step that fetches what this command runs; none for another program, or where the command is more than a
/// package and the arguments of its program. A runner that is named by its path is another program: it may be a
/// wrapper of the administrator's, who wants that one to be run.
pub(crate) fn step(program: &str, args: &[String]) -> Option<Prepare> {
    let (tool, install): (&str, &[&str]) = match program {
        "npx" => ("npm", &["install", "-g"]),
        "uvx" => ("uv", &["tool", "install"]),
        _ => return None,
    };
    let mut words = args.iter().map(String::as_str).peekable();
    let skip_yes = |words: &mut std::iter::Peekable<_>| {
        while words
            .next_if(|word| program == "npx" && matches!(*word, "-y" | "--yes"))
            .is_some()
        {}
    };
    skip_yes(&mut words);
    let first = words.next()?;
    let from = match first.split_once('=') {
        _ if FROM.contains(&first) => Some(words.next()?),
        Some((flag, package)) if FROM.contains(&flag) => Some(package),
        _ => None,
    };
    let (package, name) = match from {
        Some(package) => {
            skip_yes(&mut words);
            (package, words.next()?)
        }
        None => (first, bare(first)),
    };
    if [package, name]
        .iter()
        .any(|word| word.is_empty() || word.starts_with('-'))
    {
        return None;
    }
    let args = install.iter().copied().chain([package]);
    Some(Prepare {
        program: tool.to_owned(),
        args: args.map(str::to_owned).collect(),
        installs: Some(Installs {
            name: name.to_owned(),
            exactly: from.is_some(),
            args: words.map(str::to_owned).collect(),
        }),
    })
}

/// The name in `@scope/name@version`, `name[extra]`, `name==version`.
fn bare(package: &str) -> &str {
    let name = Path::new(package)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or(package);
    let end = name.find(['@', '[', '=', '<', '>', '~', '!', ' ']);
    match end {
        Some(end) if end > 0 => &name[..end],
        _ => name,
    }
}

#[cfg(test)]
mod tests;
