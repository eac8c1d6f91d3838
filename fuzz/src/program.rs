//! Chooses the target.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool: it reads the environment, and lists the targets"
)]

use std::process::exit;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use crate::agent;

type Target = fn(&[u8]);

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn targets() -> impl Iterator<Item = &'static (&'static str, Target)> {
    [
        agent::fuzzing::TARGETS,
        deputy_connections::fuzzing::TARGETS,
        deputy_gateway::fuzzing::TARGETS,
        deputy_identity::fuzzing::TARGETS,
        deputy_web::fuzzing::TARGETS,
        deputy_workspace::fuzzing::TARGETS,
    ]
    .into_iter()
    .flatten()
}

fn choose() {
    let name = std::env::var("DEPUTY_FUZZ_TARGET").unwrap_or_default();
    let Some((_, target)) = targets().find(|(known, _)| *known == name) else {
        for (name, _) in targets() {
            println!("{name}");
        }
        exit(if name.is_empty() { 0 } else { 2 });
    };
    let _ = CHOSEN.set(*target);
}

fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        target(data);
    }
});
