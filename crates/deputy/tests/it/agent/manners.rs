//! What the program says to scripts and shells: exit codes, what goes where, completions. No server is needed for it.

use std::process::Stdio;

use tempfile::TempDir;

use super::{Done, done};
use crate::support::deputy;

/// The program on a machine where nobody is logged in.
fn run(args: &[&str]) -> Done {
    let home = TempDir::new().unwrap();
    let mut command = deputy(args);
    command.env("XDG_CONFIG_HOME", home.path());
    done(command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn an_exit_code_says_what_kind_of_failure_it_is() {
    let nowhere = ["--url", "http://127.0.0.1:1", "--token", "dpt_pat"];
    let call =
        |arguments: &'static str| [&["call", "list_calendars", arguments][..], &nowhere].concat();
    for (args, code, said) in [
        (vec!["no-such-command"], 2, "unrecognized subcommand"),
        (vec!["tools", "--no-such-option"], 2, "unexpected argument"),
        (vec!["login", "--store", "nowhere"], 2, "keyring"),
        (call("nonsense"), 2, "no JSON"),
        (call("[1]"), 2, "JSON object"),
        (
            vec!["tools", "--url", "nonsense"],
            78,
            "the server's address is no URL",
        ),
        (
            vec!["login", "http://deputy.example.org"],
            78,
            "must begin with https://",
        ),
        (vec!["whoami"], 1, "not logged in"),
        ([&["whoami"][..], &nowhere].concat(), 1, "does not answer"),
        (call("{}"), 1, "does not answer"),
        (vec!["logout", "http://127.0.0.1:1"], 0, "not logged in"),
    ] {
        let done = run(&args);
        assert_eq!(
            (done.code, done.out.as_str()),
            (code, ""),
            "{args:?}: {done:?}"
        );
        assert!(done.err.contains(said), "{args:?}: {said}: {done:?}");
        assert!(
            !done.err.contains('\u{1b}'),
            "no colours in a pipe: {done:?}"
        );
    }
}

#[test]
fn a_completion_script_knows_every_command_and_a_reader_may_stop_reading() {
    let help = run(&["--help"]);
    let (_, commands) = help.out.split_once("Commands:\n").unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    for name in ["login", "logout", "whoami", "tools", "call", "bridge"] {
        assert!(commands.contains(&name), "{name}: {commands:?}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completion", shell]);
        assert_eq!(script.code, 0, "{script:?}");
        for word in commands
            .iter()
            .chain(&["no-browser", "paste", "idempotency-key"])
        {
            assert!(script.out.contains(word), "{shell}: {word}");
        }
    }
    let mut command = deputy(&["completions", "bash"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = done(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
}

#[test]
fn every_command_has_help_that_says_what_it_is_for() {
    for name in [
        "login",
        "logout",
        "whoami",
        "tools",
        "call",
        "bridge",
        "completions",
    ] {
        let help = run(&[name, "--help"]);
        assert_eq!((help.code, help.err.as_str()), (0, ""), "{help:?}");
        assert!(
            help.out.contains(&format!("Usage: deputy {name}")),
            "{help:?}"
        );
        let widest = help.out.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{name}: {widest:?}");
    }
}
