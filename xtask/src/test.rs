//! `cargo xtask test`: every check, each timed, and what came of them.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::args::{Plan, Step};
use crate::part::{Missing, Part};
use crate::services::Services;
use crate::{fuzz, machine, process};

/// What came of one step.
enum Verdict {
    Passed,
    Failed,
    LeftOut,
}

/// Runs the plan; true if nothing failed. A failed step does not keep the next from running.
pub(crate) fn run(plan: &Plan) -> Result<bool> {
    let steps = if plan.only.is_empty() {
        vec![
            ("fmt", vec![Step::Fmt]),
            ("clippy", vec![Step::Clippy]),
            ("deny", vec![Step::Deny]),
            ("test", vec![Step::Unit, Step::It]),
            ("fuzz", vec![Step::Fuzz]),
        ]
    } else {
        Step::ALL
            .into_iter()
            .filter(|s| plan.only.contains(s))
            .map(|s| (s.name(), vec![s]))
            .collect()
    };
    let mut report = Report::default();
    let needs_services = steps
        .iter()
        .any(|(_, s)| s.contains(&Step::Unit) || s.contains(&Step::It));
    let services = if needs_services {
        Services::start()
    } else {
        Services::default()
    };
    if machine::is_ci() && !services.missing().is_empty() {
        report.add("parts", Duration::ZERO, Verdict::Failed);
    }
    report.missing.extend(services.missing().iter().map(line));

    for (name, what) in steps {
        eprintln!("\n── {name} ──");
        let started = Instant::now();
        let verdict = match what.as_slice() {
            [Step::Fmt] => passed(process::cargo().args(["fmt", "--all", "--check"]))?,
            [Step::Clippy] => passed(
                process::cargo()
                    .args(["clippy", "--workspace", "--all-targets"])
                    .args(machine::locked())
                    .args(["--", "-D", "warnings"]),
            )?,
            [Step::Deny] => deny(&mut report)?,
            [Step::Fuzz] => fuzzed()?,
            tests => test(tests, plan, &services)?,
        };
        report.add(name, started.elapsed(), verdict);
    }
    drop(services);
    Ok(report.show())
}

fn passed(command: &mut std::process::Command) -> Result<Verdict> {
    Ok(if process::succeeds(command)? {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

fn fuzzed() -> Result<Verdict> {
    Ok(if fuzz::short()? {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// Licences, bans and sources. Advisories change without us: `cargo deny check advisories`.
fn deny(report: &mut Report) -> Result<Verdict> {
    // Building it takes minutes, which `cargo xtask setup` spends and a test run does not.
    let found = if machine::is_ci() {
        Part::CargoDeny.provide()
    } else {
        Part::CargoDeny.find().ok_or_else(to_be_set_up)
    };
    match found {
        Ok(program) => {
            let mut command = std::process::Command::new(program);
            command.current_dir(machine::root()).args([
                "--workspace",
                "--all-features",
                "check",
                "--hide-inclusion-graph",
                "bans",
                "licenses",
                "sources",
            ]);
            passed(&mut command)
        }
        Err(missing) => {
            report.missing.push(line(&missing));
            Ok(if machine::is_ci() {
                Verdict::Failed
            } else {
                Verdict::LeftOut
            })
        }
    }
}

fn to_be_set_up() -> Missing {
    Missing {
        part: Part::CargoDeny,
        remedy: "cargo xtask setup".to_owned(),
    }
}

fn test(steps: &[Step], plan: &Plan, services: &Services) -> Result<Verdict> {
    let tests = Tests { plan, services };
    match steps {
        [Step::Unit] => passed(&mut tests.of(&["--lib", "--bins"], WAITING)),
        [Step::It] => passed(&mut tests.of(&["--test", "*"], WAITING)),
        _ => tests.all(),
    }
}

/// The test programs of a run.
struct Tests<'a> {
    plan: &'a Plan,
    services: &'a Services,
}

/// How many tests run at once, for the tests' own runner.
const THREADS: &str = "RUST_TEST_THREADS";

/// Tests for each processor: most of a test is waiting for servers and databases.
const WAITING: usize = 3;

/// The program that takes as long as all others together, and waits the most.
const LONGEST: &str = "it";

impl Tests<'_> {
    /// Everything, with the examples in the documentation: the longest program beside all others.
    fn all(&self) -> Result<Verdict> {
        let mut build = process::cargo();
        build
            .args(["test", "--workspace", "--no-run"])
            .args(machine::locked());
        if !process::succeeds(&mut build)? {
            return Ok(Verdict::Failed);
        }
        let others: Vec<String> = programs()?
            .into_iter()
            .filter(|name| name != LONGEST)
            .flat_map(|name| ["--test".to_owned(), name])
            .collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        // Those wait less, and share the machine.
        let mut in_front = [
            self.of(&["--lib", "--bins", "--examples"], 1),
            self.of(&others, 1),
            self.of(&["--doc"], 1),
        ];
        let beside = self.of(&["--test", LONGEST], WAITING);
        Ok(if process::side_by_side(&mut in_front, beside)? {
            Verdict::Passed
        } else {
            Verdict::Failed
        })
    }

    /// Some of them, with so many tests at once for each processor.
    fn of(&self, which: &[&str], at_once: usize) -> std::process::Command {
        let mut command = process::cargo();
        command
            .args(["test", "--workspace", "--no-fail-fast"])
            .args(machine::locked())
            .args(which)
            .arg("--")
            .args(&self.plan.test_args);
        if std::env::var_os(THREADS).is_none() {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            command.env(THREADS, (at_once * processors).to_string());
        }
        self.services.tell(&mut command);
        command
    }
}

/// The programs of the `tests` folders, found as cargo finds them.
fn programs() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for package in std::fs::read_dir(machine::root().join("crates"))? {
        let Ok(tests) = std::fs::read_dir(package?.path().join("tests")) else {
            continue;
        };
        for entry in tests {
            let path = entry?.path();
            let is_file = path.extension().is_some_and(|e| e == "rs");
            if (is_file || path.join("main.rs").is_file())
                && let Some(name) = path.file_stem().and_then(|n| n.to_str())
            {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

fn line(missing: &Missing) -> String {
    format!(
        "{}: {} is missing. {}",
        missing.part.left_out(),
        missing.part.name(),
        missing.remedy
    )
}

/// Steps and what was left out.
#[derive(Default)]
struct Report {
    steps: Vec<(&'static str, Duration, Verdict)>,
    missing: Vec<String>,
}

impl Report {
    fn add(&mut self, name: &'static str, time: Duration, verdict: Verdict) {
        self.steps.push((name, time, verdict));
    }

    /// Prints it; true if nothing failed.
    fn show(&self) -> bool {
        eprintln!("\n── cargo xtask test ──");
        for (name, time, verdict) in &self.steps {
            let word = match verdict {
                Verdict::Passed => "ok",
                Verdict::Failed => "FAILED",
                Verdict::LeftOut => "left out",
            };
            eprintln!("{word:9} {name:7} {:7.1} s", time.as_secs_f32());
        }
        for text in &self.missing {
            eprintln!("left out  {text}");
        }
        !self
            .steps
            .iter()
            .any(|(_, _, verdict)| matches!(verdict, Verdict::Failed))
    }
}

#[cfg(test)]
mod tests;
