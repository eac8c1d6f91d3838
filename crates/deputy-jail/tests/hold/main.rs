//! What a server tries that runs as the same account as Deputy, at each level: what it can reach and what
//! it can't. The machine has to be able to do `strict`; where it isn't, the tests say so and are left out,
//! except where `CI=true`.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail like its tests")]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests start the helper as the gateway does"
)]

mod reach;
mod starting;
mod world;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use deputy_jail::{Confinement, Level, abilities, command, wrapped_name};

const PROBE: &str = env!("CARGO_BIN_EXE_jail-probe");
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn able() -> bool {
    let missing = abilities().missing(Level::Strict);
    assert!(
        missing.is_none() || std::env::var("CI").as_deref() != Ok("true"),
        "{missing:?}"
    );
    if let Some(missing) = &missing {
        eprintln!("left out: {missing}");
    }
    missing.is_none()
}

fn start(
    confinement: &Confinement,
    program: &Path,
    args: &[&str],
    env: &[(&str, &str)],
) -> Command {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let search = env
        .iter()
        .find(|(name, _)| *name == "PATH")
        .map_or(PATH, |(_, path)| *path);
    let invocation = command(Path::new(PROBE), confinement, program, &args, Some(search)).unwrap();
    let mut command = Command::new(&invocation.program);
    command
        .args(&invocation.args)
        .env_clear()
        .stdin(Stdio::null());
    let own = invocation
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.chain([("PATH", search)]).chain(env.iter().copied()) {
        let name = if invocation.wrapped {
            wrapped_name(name)
        } else {
            name.to_owned()
        };
        command.env(name, value);
    }
    if let Some(dir) = &invocation.working_dir {
        command.current_dir(dir);
    }
    command
}

fn run(confinement: &Confinement, program: &str, args: &[&str]) -> Output {
    start(confinement, Path::new(program), args, &[])
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
