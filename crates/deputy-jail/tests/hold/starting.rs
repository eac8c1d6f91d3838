//! What a server gets when it starts, and what is not started.

use std::path::{Path, PathBuf};

use deputy_jail::{Level, Network, abilities, command};

use crate::world::World;
use crate::{PATH, PROBE, able, run, start, text};

#[test]
fn it_gets_its_own_environment_and_the_helper_none_of_it() {
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::None);
    let home = world.at("home").display().to_string();
    let args = ["try", "pid=1"];
    let evil = world.at("home/evil.so").display().to_string();
    std::fs::write(&evil, "no library").unwrap();
    let env = [
        ("TOKEN", "t0k3n"),
        ("XDG_CACHE_HOME", "/elsewhere"),
        ("LD_PRELOAD", evil.as_str()),
    ];
    let output = start(&confinement, Path::new(PROBE), &args, &env)
        .env("LEAK", "of the gateway")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(said.contains("env:TOKEN t0k3n"), "{said}");
    assert!(said.contains(&format!("env:HOME {home}\n")), "{said}");
    assert!(said.contains("env:XDG_CACHE_HOME /elsewhere"), "{said}");
    assert!(
        !said.contains("LEAK") && !said.contains("DEPUTY_ENV_"),
        "{said}"
    );
    // The loader complains once, of the server; had the helper had it, it would have complained twice.
    let complaints = String::from_utf8_lossy(&output.stderr)
        .matches("evil.so")
        .count();
    assert_eq!(complaints, 1, "{output:?}");
}

#[test]
fn limits_hold() {
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Basic, Network::None);
    confinement.limits.open_files = 32;
    confinement.limits.file_size = 4096;
    let output = run(
        &confinement,
        "/bin/sh",
        &["-c", "ulimit -n; ulimit -c; ulimit -f"],
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "32\n0\n8\n",
        "{output:?}"
    );
    let script = "head -c 9000 /dev/zero > big; wc -c < big";
    let output = run(&confinement, "/bin/sh", &["-c", script]);
    assert!(text(&output).contains("4096"), "{output:?}");
}

/// A person's other server may have put a link where the folder was when it was allowed.
#[test]
fn a_folder_that_became_a_link_is_refused() {
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Strict, Network::None);
    for folder in ["home/folder-out", "home/folder-out/deep"] {
        confinement.write = vec![world.at(folder)];
        let output = run(&confinement, "/bin/sh", &["-c", "cat ../outside/secret"]);
        assert_eq!(
            output.status.code(),
            Some(i32::from(deputy_jail::EXIT_CONFINEMENT))
        );
        assert!(text(&output).contains("is a link"), "{output:?}");
    }
    confinement.write = vec![world.at("nowhere")];
    let output = run(&confinement, "/bin/true", &[]);
    assert!(text(&output).contains("nowhere"), "{output:?}");
}

#[test]
fn what_was_taken_stays_taken_from_children() {
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::None);
    let script = format!(
        "sh -c 'setsid sh -c \"cat {}\"'",
        world.at("outside/secret").display()
    );
    let output = run(&confinement, "/bin/sh", &["-c", &script]);
    assert!(!text(&output).contains("everybody"), "{output:?}");
}

#[test]
fn node_and_python_start_with_what_they_need() {
    if !able() {
        return;
    }
    let world = World::new();
    let path = std::env::var("PATH").unwrap_or_default();
    for network in [Network::None, Network::Open] {
        let confinement = world.confinement(Level::Strict, network);
        let node = "const fs=require('fs'); fs.writeFileSync('n','1'); process.memoryUsage(); \
                    console.log(require('os').cpus().length>0, require('child_process').execSync('echo child').toString())";
        let python = "import ssl,json,asyncio,subprocess,sqlite3,tempfile; tempfile.TemporaryFile(); \
                      asyncio.run(asyncio.sleep(0)); print(subprocess.check_output(['echo','child']))";
        for (program, arg, script) in [("node", "-e", node), ("python3", "-c", python)] {
            let found = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
            if !found {
                eprintln!("left out: no {program}");
                continue;
            }
            let output = start(
                &confinement,
                Path::new(program),
                &[arg, script],
                &[("PATH", &path)],
            )
            .output()
            .unwrap();
            assert!(output.status.success(), "{program}: {output:?}");
            assert!(text(&output).contains("child"), "{program}: {output:?}");
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let world = World::new();
    let confinement = world.confinement(Level::Off, Network::None);
    let fail = |program: &str| {
        command(
            Path::new(PROBE),
            &confinement,
            Path::new(program),
            &[],
            Some("/usr/bin:/nowhere"),
        )
        .unwrap_err()
        .to_string()
    };
    let said = fail("no-such-program");
    assert!(
        said.contains("no-such-program") && said.contains("/usr/bin:/nowhere"),
        "{said}"
    );
    assert!(fail("/etc/passwd").contains("not found"));
    assert!(fail("bin/true").contains("full path"));
    let old = deputy_jail::Abilities {
        landlock: 4,
        ..abilities()
    };
    let missing = old.missing(Level::Strict).unwrap();
    assert!(
        missing.contains("6.12") && missing.contains("DEPUTY_SANDBOX=basic"),
        "{missing}"
    );
    assert_eq!(old.missing(Level::Basic), None);
}

/// A command that a server laid out itself, with links to what it would like to read beside it.
#[test]
fn a_program_of_a_servers_making_is_not_started() {
    use std::os::unix::fs::PermissionsExt as _;
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Strict, Network::None);
    confinement.closed = vec![world.at("home")];
    std::fs::create_dir_all(world.at("home/p/bin")).unwrap();
    let shell = world.at("home/p/bin/run");
    std::fs::copy("/bin/sh", &shell).unwrap();
    std::os::unix::fs::symlink("/", world.at("home/p/lib")).unwrap();
    let secret = world.at("outside/secret");
    std::os::unix::fs::symlink(&secret, world.at("home/x")).unwrap();
    let feed = world.at("home/x\x0c");
    std::fs::copy("/bin/sh", &feed).unwrap();
    let script = world.at("home/script");
    let text_of = format!("#!{}\ncat {}\n", feed.display(), secret.display());
    std::fs::write(&script, text_of).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let read = format!("cat {}", secret.display());
    for (program, args) in [
        (shell, vec!["-c".to_owned(), read]),
        (script.clone(), vec![]),
    ] {
        let refused = command(Path::new(PROBE), &confinement, &program, &args, Some(PATH));
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("install it elsewhere"), "{said}");
    }
    // Even elsewhere, only what the kernel runs is opened.
    confinement.closed = vec![world.at("outside/deep")];
    let output = start(&confinement, &script, &[], &[]).output().unwrap();
    assert!(!text(&output).contains("everybody"), "{output:?}");
}

#[test]
fn what_every_server_may_read_is_no_place_for_deputys_data() {
    if !able() {
        return;
    }
    let world = World::new();
    let mut confinement = world.confinement(Level::Strict, Network::None);
    let outside = world.at("outside/deep");
    for (closed, read) in [
        ("/usr/share/deputy".into(), PathBuf::from("/usr/share")),
        (outside.clone(), world.at("outside")),
        (outside.clone(), outside.clone()),
    ] {
        confinement.closed = vec![closed];
        confinement.read = vec![read.clone()];
        let program = Path::new("/bin/true");
        let refused = command(Path::new(PROBE), &confinement, program, &[], None).unwrap_err();
        assert!(
            matches!(&refused, deputy_jail::Error::Exposed(path) if *path == read),
            "{refused}"
        );
    }
    // What is opened by name in what is closed is meant.
    confinement.closed = vec![world.at("outside")];
    confinement.read = vec![outside];
    command(
        Path::new(PROBE),
        &confinement,
        Path::new("/bin/true"),
        &[],
        None,
    )
    .unwrap();
}

/// What a runner of packages put somewhere is run with what the runner needs.
#[test]
fn what_is_started_instead_of_a_program_reads_what_that_needs() {
    use std::os::unix::fs::PermissionsExt as _;
    if !able() {
        return;
    }
    let world = World::new();
    let runner = world.at("runtime/bin/runner");
    let tool = world.at("packages/bin/tool");
    for (file, text) in [
        (&runner, "#!/bin/sh\necho runner\n".to_owned()),
        (
            &tool,
            format!(
                "#!/bin/sh\necho tool $1; {}; echo x > $0\n",
                runner.display()
            ),
        ),
    ] {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut confinement = world.confinement(Level::Strict, Network::None);
    confinement.closed = vec![world.at("packages"), world.at("home")];
    confinement.read.push(world.at("packages/bin"));
    confinement.instead = Some(tool.clone());
    let output = start(&confinement, &runner, &["one"], &[])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "tool one\nrunner\n",
        "{output:?}"
    );
    assert!(
        text(&output).contains("denied"),
        "it changes nothing: {output:?}"
    );
    assert!(std::fs::read_to_string(tool).unwrap().contains("echo tool"));
}

/// The helper ends as the server did, when nothing of it is left.
#[test]
fn what_the_server_left_ends_with_it() {
    use std::os::unix::process::ExitStatusExt as _;
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::None);
    let left = "(setsid env -i /bin/sh -c 'echo $$ > left; exec sleep 1000' > /dev/null 2>&1 &) ; \
                while ! [ -s left ]; do sleep 0.01; done";
    for (end, code, signal) in [
        ("exit 3", Some(3), None),
        ("kill -9 $$", None, Some(9)),
        ("kill -15 $$", None, Some(15)),
    ] {
        let script = format!("{left}; {end}");
        let output = run(&confinement, "/bin/sh", &["-c", &script]);
        assert_eq!(output.status.code(), code, "{output:?}");
        assert_eq!(output.status.signal(), signal, "{output:?}");
        let pid = std::fs::read_to_string(world.at("home/left")).unwrap();
        std::fs::remove_file(world.at("home/left")).unwrap();
        assert!(
            !Path::new(&format!("/proc/{}", pid.trim())).exists(),
            "{end}"
        );
    }
}

/// A confined server can't have its warden leave it, or anything of it, alone.
#[test]
fn a_server_does_not_reach_its_warden() {
    if !able() {
        return;
    }
    let world = World::new();
    let confinement = world.confinement(Level::Strict, Network::Open);
    let script = "for signal in KILL USR2 STOP TERM; do kill -$signal $PPID 2>/dev/null && echo sent; done; \
                  cat /proc/$PPID/environ 2>/dev/null && echo read; exit 3";
    let output = run(&confinement, "/bin/sh", &["-c", script]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{output:?}");
}
