//! The program as the helper that confines itself, and what `deputy doctor` says about it.

use std::path::Path;

use deputy_jail::{Confinement, Level, abilities, command, wrapped_name};

use crate::support::deputy;

#[test]
fn doctor_says_how_servers_are_held_here() {
    let dir = tempfile::tempdir().unwrap();
    let doctor = |level: &str| {
        let output = deputy(&["doctor", "--data", dir.path().to_str().unwrap()])
            .current_dir(dir.path())
            .env("DEPUTY_SANDBOX", level)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter(|line| line.contains(" sandbox: "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let off = doctor("off");
    assert!(off.starts_with("ok    sandbox: OFF"), "{off}");
    for level in [Level::Basic, Level::Strict] {
        let said = doctor(&level.to_string());
        if abilities().missing(level).is_none() {
            assert!(
                said.starts_with(&format!("ok    sandbox: {level}; ")),
                "{said}"
            );
            assert!(said.contains("Landlock ABI"), "{said}");
        } else {
            assert!(said.starts_with("FAIL  sandbox: "), "{said}");
            assert!(said.contains("will not start"), "{said}");
        }
    }
    let wrong = deputy(&["doctor"])
        .current_dir(dir.path())
        .env("DEPUTY_SANDBOX", "on")
        .output()
        .unwrap();
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("strict, basic or off"));
}

#[test]
fn the_program_confines_itself_and_becomes_another() {
    if let Some(missing) = abilities().missing(Level::Strict) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
        eprintln!("left out: {missing}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "not for servers").unwrap();
    let confinement = Confinement {
        home: Some(dir.path().join("home")),
        ..Confinement::default()
    };
    let script = format!("echo in $HOME as $TOKEN; cat {}", secret.display());
    let args = ["-c".to_owned(), script];
    let helper = Path::new(env!("CARGO_BIN_EXE_deputy"));
    let invocation = command(helper, &confinement, Path::new("sh"), &args, None).unwrap();
    let args: Vec<&str> = invocation.args.iter().map(String::as_str).collect();
    let output = deputy(&args)
        .env(wrapped_name("TOKEN"), "t0k3n")
        .env(wrapped_name("HOME"), "/here")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "in /here as t0k3n\n", "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("denied"));
    // It is no command that people are offered, and does nothing half.
    let help = deputy(&["help"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("__sandbox"));
    for args in [
        &["__sandbox-exec"][..],
        &["__sandbox-exec", "{}", "--"],
        &["__sandbox-exec", "x", "--", "sh"],
    ] {
        let output = deputy(args).output().unwrap();
        assert_eq!(output.status.code(), Some(71), "{output:?}");
    }
}
