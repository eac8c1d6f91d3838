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

/// The statement of the documentation adds a kind; what is wrong with another, in the table and in the folder, is said.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_what_servers_lack_here() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let data = at("data");
    for name in ["data", "bin", "templates", "shared"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let npx = Path::new(&at("bin")).join("npx");
    std::fs::write(&npx, "#!/bin/sh\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&npx, mode).unwrap();
    let migrated = deputy(&["db", "migrate", "--data", &data])
        .current_dir(dir.path())
        .status()
        .unwrap();
    assert!(migrated.success());
    let page = include_str!("../../../../docs/servers.md");
    let (_, documented) = page.split_once("```sql\n").unwrap();
    let documented = documented.split_once("```").unwrap().0;
    let broken = "INSERT INTO mcp_server_templates (server_type, display_name, command_template) \
                  VALUES ('broken', 'Broken', '${config:nothing}')";
    let database = format!("sqlite://{data}/deputy.db");
    for statement in [documented, broken] {
        deputy_store::testing::execute(&database, statement).await;
    }
    let doctor = |commands: &str, roots: &str, templates: &str| {
        let output = deputy(&["doctor", "--data", &data])
            .current_dir(dir.path())
            .env("PATH", at("bin"))
            .env("DEPUTY_CUSTOM_COMMANDS", commands)
            .env("DEPUTY_FILES_ROOTS", roots)
            .env("DEPUTY_TEMPLATES_DIR", templates)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let has = |said: &str, start: &str, part: &str| {
        let found = said
            .lines()
            .any(|line| line.starts_with(start) && line.contains(part));
        assert!(found, "{start}…{part}: {said}");
    };
    std::fs::write(at("templates/odd.toml"), "type = 7\n").unwrap();
    let roots = format!("{}:{}", at("shared"), at("people/{user}"));
    let said = doctor("npx,not-there", &roots, &at("templates"));
    has(&said, "FAIL  templates: server template", "odd.toml");
    has(
        &said,
        "FAIL  templates: server template",
        "mcp_server_templates/broken",
    );
    assert!(!said.contains("templates/wiki"), "{said}");
    has(&said, "ok    templates: 14 kinds of servers", "templates");
    has(&said, "ok    programs: npx", "");
    has(&said, "note  programs: uvx is not found", "fetch");
    has(
        &said,
        "FAIL  programs: DEPUTY_CUSTOM_COMMANDS: not-there",
        "bin",
    );
    has(&said, "ok    files: ", "shared");
    has(&said, "ok    files: ", "each person's is made");

    let said = doctor("*", &at("missing"), &at("nowhere"));
    has(&said, "FAIL  files: ", "missing: there is no such folder");
    has(
        &said,
        "FAIL  templates: ",
        "nowhere: the folder can't be read",
    );
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
