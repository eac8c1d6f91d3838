//! Programs that were not written here, run by the scripts in `tests/clients` under the Python and
//! the Node that `cargo xtask` provides.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::Person;

/// A script of `tests/clients`.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// What a variable names; without it the test is left out, but not in CI.
fn provided(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable)
        .filter(|v| !v.is_empty())
        .map(PathBuf::from);
    if found.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{variable} is not set"
        );
        eprintln!("left out: a client that is run with {variable}, which is not set");
    }
    found
}

fn command(program: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(script(name)).env_clear();
    for variable in ["PATH", "HOME", "TMPDIR"] {
        if let Ok(value) = std::env::var(variable) {
            command.env(variable, value);
        }
    }
    command
}

/// A Python script; nothing where there is no Python with the packages.
pub(crate) fn python(name: &str) -> Option<Command> {
    let mut command = command(&provided("DEPUTY_TEST_PYTHON")?, name);
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1");
    Some(command)
}

/// A TypeScript client's script; nothing where there is no Node with the packages.
pub(crate) fn node(name: &str) -> Option<Command> {
    let folder = node_dir()?;
    let mut command = command(&node_program(&folder), name);
    command.env("DEPUTY_TEST_NODE_DIR", folder);
    Some(command)
}

/// A real browser; nothing where there is none.
pub(crate) fn chromium() -> Option<PathBuf> {
    provided("DEPUTY_TEST_CHROMIUM")
}

/// The folder of Node and its packages; nothing where there is none.
pub(crate) fn node_dir() -> Option<PathBuf> {
    provided("DEPUTY_TEST_NODE_DIR")
}

/// A `PATH` on which the `node` of the tests is, their `uvx`, and `npx`; nothing where they are not.
pub(crate) fn runners() -> Option<String> {
    let python = provided("DEPUTY_TEST_PYTHON")?;
    let node = node_program(&node_dir()?);
    let beside = |program: &Path| program.parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    Some(format!("{}:{}:{path}", beside(&node), beside(&python)))
}

/// A program of a package of `node_modules`; nothing where the package is not.
pub(crate) fn client_package(script: &str) -> Option<Command> {
    let folder = provided("DEPUTY_TEST_NODE_DIR")?;
    let script = folder.join("node_modules").join(script);
    if !script.exists() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{} is not there",
            script.display()
        );
        eprintln!("left out: {} is not there", script.display());
        return None;
    }
    let mut command = Command::new(node_program(&folder));
    command.arg(script).env_clear();
    for variable in ["PATH", "HOME", "TMPDIR"] {
        if let Ok(value) = std::env::var(variable) {
            command.env(variable, value);
        }
    }
    Some(command)
}

/// The Node of this machine's architecture.
pub(crate) fn node_program(folder: &Path) -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    folder.join(format!("node_modules/node-linux-{arch}/bin/node"))
}

/// Tells an MCP client's script whose it is: `alice`'s client with the rights that tokens have by
/// default, herself, and `bob`'s client.
pub(crate) fn for_two(command: &mut Command, alice: (&Person, &str), bob: (&Person, &str)) {
    command
        .env("DEPUTY_URL", alice.0.url.as_str())
        .envs([
            ("ALICE", &*alice.0.name),
            ("ALICE_TOKEN", alice.1),
            ("ALICE_DECIDES", &*alice.0.token),
        ])
        .envs([("BOB", &*bob.0.name), ("BOB_TOKEN", bob.1)]);
}

/// Runs a script to its end.
pub(crate) async fn output(mut command: Command) -> (Output, String) {
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, said)
}

/// Runs a script that has to succeed, and gives what it said.
pub(crate) async fn succeed(command: Command) -> String {
    let (output, said) = output(command).await;
    assert!(output.status.success(), "{}:\n{said}", output.status);
    said
}
