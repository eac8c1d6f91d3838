//! The command line.

#[cfg(test)]
mod tests;

use crate::fuzz::LONG;

/// What it can do, for people.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test [--only STEP]... [-- ARGS]   check everything: format, lints, dependencies, tests
                                    STEP: fmt, clippy, deny, unit (tests inside the crates),
                                    it (tests in tests/ folders), fuzz (each parser for some
                                    seconds); ARGS go to the test programs
  fuzz [TARGET [--seconds N]]       try a parser with made-up input; without TARGET, list them
  with COMMAND...                   run a command with what the tests need beside it, e.g.
                                    cargo xtask with cargo test -p deputy-store
  setup                             install what the tests need
  doctor                            say what of it is there

With CI=true a missing part is a failure; otherwise the tests that need it are left out, by name.";

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Test(Plan),
    /// Without a target: lists them.
    Fuzz {
        target: Option<String>,
        seconds: u64,
    },
    /// A program and its arguments.
    With(Vec<String>),
    Setup,
    Doctor,
}

/// Which checks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Empty: all of them.
    pub(crate) only: Vec<Step>,
    /// For the test programs.
    pub(crate) test_args: Vec<String>,
}

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Fmt,
    Clippy,
    Deny,
    Unit,
    It,
    Fuzz,
}

impl Step {
    pub(crate) const ALL: [Self; 6] = [
        Self::Fmt,
        Self::Clippy,
        Self::Deny,
        Self::Unit,
        Self::It,
        Self::Fuzz,
    ];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Deny => "deny",
            Self::Unit => "unit",
            Self::It => "it",
            Self::Fuzz => "fuzz",
        }
    }
}

/// Reads the arguments after `cargo xtask`; an error is a sentence for the person.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Task, String> {
    let mut args = args.peekable();
    let Some(command) = args.next() else {
        return Ok(Task::Help);
    };
    match command.as_str() {
        "help" | "--help" | "-h" => Ok(Task::Help),
        "test" => parse_plan(args),
        "fuzz" => parse_fuzz(args),
        "with" => {
            let command: Vec<String> = args.collect();
            if command.is_empty() {
                Err("with what? Name a command".to_owned())
            } else {
                Ok(Task::With(command))
            }
        }
        "setup" | "doctor" => match args.next() {
            Some(extra) => Err(format!("{command} takes no '{extra}'")),
            None if command == "setup" => Ok(Task::Setup),
            None => Ok(Task::Doctor),
        },
        other => Err(format!("there is no command '{other}'")),
    }
}

fn parse_fuzz(mut args: impl Iterator<Item = String>) -> Result<Task, String> {
    let (mut target, mut seconds) = (None, LONG);
    while let Some(arg) = args.next() {
        let text = match arg.as_str() {
            "--help" | "-h" => return Ok(Task::Help),
            "--seconds" => args.next().unwrap_or_default(),
            _ if !arg.starts_with('-') && target.is_none() => {
                target = Some(arg);
                continue;
            }
            _ => match arg.strip_prefix("--seconds=") {
                Some(text) => text.to_owned(),
                None => return Err(format!("fuzz takes no '{arg}'")),
            },
        };
        seconds = text
            .parse()
            .map_err(|_| "--seconds needs a whole number".to_owned())?;
    }
    Ok(Task::Fuzz { target, seconds })
}

fn parse_plan(mut args: impl Iterator<Item = String>) -> Result<Task, String> {
    let mut plan = Plan::default();
    while let Some(arg) = args.next() {
        let step = match arg.as_str() {
            "--help" | "-h" => return Ok(Task::Help),
            "--" => {
                plan.test_args.extend(args);
                break;
            }
            "--only" => args.next().ok_or("--only needs the name of a step")?,
            _ => match arg.strip_prefix("--only=") {
                Some(step) => step.to_owned(),
                None => return Err(format!("test takes no '{arg}'")),
            },
        };
        for name in step.split(',') {
            let known = Step::ALL.into_iter().find(|s| s.name() == name);
            plan.only
                .push(known.ok_or_else(|| format!("there is no step '{name}'"))?);
        }
    }
    Ok(Task::Test(plan))
}
