//! Fetching a package before its server is started.
//!
//! `npx` and `uvx` fetch what they run when it is run first: within the time that a handshake has, with the
//! server's secrets around the installation's scripts, and not at all where the server has no network. So
//! fetching is a step of its own, made of the command itself.

use std::path::Path;

use crate::template::Prepare;

/// The step that fetches what this command runs; none for another program, or where the command is more than a
/// package and the arguments of its program.
pub(crate) fn step(program: &str, args: &[String]) -> Option<Prepare> {
    let runner = Path::new(program).file_name()?.to_str()?;
    let mut args = args
        .iter()
        .map(String::as_str)
        .skip_while(|arg| runner == "npx" && matches!(*arg, "-y" | "--yes"));
    let package = args.next().filter(|package| !package.starts_with('-'))?;
    let args = match runner {
        "npx" => vec!["-y", "-p", package, "-c", "true"],
        "uvx" => vec!["--from", package, "python", "-c", ""],
        _ => return None,
    };
    Some(Prepare {
        program: program.to_owned(),
        args: args.into_iter().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests;
