//! Servers that are held: real ones in the sandbox, what is run before the first start, and memory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deputy_core::UserId;
use deputy_gateway::pool::{Config, EnvValue, Installs, Launch, PoolKey, Prepare, UpstreamError};
use deputy_jail::{Confinement, Level, Network, abilities};
use serde_json::json;

use crate::npm;
use crate::support::{LONG, World, answer, is_gone, key, process, secret, until};

#[expect(
    clippy::disallowed_methods,
    reason = "whether tests may be left out is the environment's to say"
)]
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

/// The fixture takes the part of the program that confines itself.
fn helper(config: &mut Config) {
    config.helper = env!("CARGO_BIN_EXE_mcp-fixture").into();
}

fn world() -> World {
    World::with(helper)
}

fn patient() -> World {
    World::with(|config| {
        helper(config);
        config.handshake = LONG;
        config.probe = Duration::from_secs(15);
        config.input_grace = Duration::from_secs(3);
    })
}

struct Folders {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Folders {
    /// `home`, `own`, and `other`, which is somebody else's.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["own", "other"] {
            std::fs::create_dir(root.join(name)).unwrap();
            std::fs::write(root.join(name).join("note.txt"), format!("of {name}")).unwrap();
        }
        std::os::unix::fs::symlink(root.join("other"), root.join("own/way-out")).unwrap();
        let link = root.join("own/note-out.txt");
        std::os::unix::fs::symlink(root.join("other/note.txt"), link).unwrap();
        Self { _dir: dir, root }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn confinement(&self, network: Network) -> Confinement {
        Confinement {
            level: Level::Strict,
            network,
            home: Some(self.at("home")),
            ..Confinement::default()
        }
    }
}

/// The fixture, held, with what it writes for the tests to read.
fn held(world: &World, folders: &Folders, faults: &[&str]) -> Launch {
    let mut launch = world.launch(faults);
    let mut confinement = folders.confinement(Network::None);
    let folder = world.folder().canonicalize().unwrap();
    confinement.write.push(folder);
    process(&mut launch).confinement = Some(confinement);
    launch
}

/// The reference server is told that it may use everything; what it gets is its one folder.
#[tokio::test]
async fn a_filesystem_server_reaches_its_folder_whatever_it_would_allow() {
    let Some(modules) = npm::node_modules().filter(|_| able()) else {
        return;
    };
    let (world, folders) = (patient(), Folders::new());
    let key = key(1, "files");
    let all = folders.root.display().to_string();
    let own = folders.at("own").display().to_string();
    let mut launch = npm::launch(&modules, "server-filesystem", &[&own, &all]);
    let mut confinement = folders.confinement(Network::None);
    confinement.read.push(modules.canonicalize().unwrap());
    confinement.write.push(folders.at("own"));
    process(&mut launch).confinement = Some(confinement);
    let ask = async |tool: &str, path: &Path| {
        let arguments = json!({ "path": path, "content": "mine" }).to_string();
        let answer = answer(world.call(&key, &launch, tool, &arguments).await);
        (answer.is_error, npm::text(&answer))
    };
    let (failed, text) = ask("list_directory", &folders.at("own")).await;
    assert!(!failed && text.contains("note.txt"), "{text}");
    let (failed, text) = ask("read_text_file", &folders.at("own/note.txt")).await;
    assert!(!failed, "{text}");
    assert_eq!(text, "of own");
    let (failed, text) = ask("write_file", &folders.at("own/new.txt")).await;
    assert!(!failed, "{text}");
    for path in [
        "other/note.txt",
        "own/../other/note.txt",
        "own/note-out.txt",
        "own/way-out/note.txt",
    ] {
        let (failed, text) = ask("read_text_file", &folders.at(path)).await;
        assert!(failed && !text.contains("of other"), "{path}: {text}");
        let (failed, text) = ask("write_file", &folders.at(path)).await;
        assert!(failed, "{path}: {text}");
    }
    for path in ["other", "own/way-out", "own/../other"] {
        let (failed, text) = ask("list_directory", &folders.at(path)).await;
        assert!(failed && !text.contains("note.txt"), "{path}: {text}");
    }
    let other = std::fs::read_to_string(folders.at("other/note.txt")).unwrap();
    assert_eq!(other, "of other");
    world.pool.shutdown().await;
}

/// Stopping, killing and burying work on what is held as on what is not.
#[tokio::test]
async fn held_servers_end_with_all_they_started() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let key = key(1, "held");
    let launch = held(&world, &folders, &["helper", "ignore-term"]);
    let pid = world.pid(&key, &launch).await;
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environ = String::from_utf8_lossy(&environ);
    assert!(environ.contains("DEPUTY_PROCESS="), "{environ}");
    assert!(!environ.contains("DEPUTY_ENV_"), "{environ}");
    world.pool.shutdown().await;
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_held_is_not_started() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let refused = async |change: fn(&mut Confinement, &Folders), program: Option<&str>| {
        let mut launch = held(&world, &folders, &[]);
        let process = process(&mut launch);
        change(process.confinement.as_mut().unwrap(), &folders);
        if let Some(program) = program {
            process.program = program.into();
        }
        let key = key(1, program.unwrap_or("held"));
        match world.call(&key, &launch, "echo", "{}").await {
            Err(UpstreamError::NotStarted {
                reason,
                stderr_tail,
            }) => format!("{reason}\n{stderr_tail}"),
            other => panic!("{other:?}"),
        }
    };
    let link = |confinement: &mut Confinement, folders: &Folders| {
        confinement.write.push(folders.at("own/way-out"));
    };
    let said = refused(link, None).await;
    assert!(
        said.contains("way-out") && said.contains("is a link"),
        "{said}"
    );
    let said = refused(|_, _| {}, Some("no-such-program")).await;
    assert!(said.contains("no-such-program was not found"), "{said}");
    world.pool.shutdown().await;
}

/// A launch that is prepared by `script`, and then is the program of that name in what it made.
fn prepared(world: &World, folders: &Folders, script: &str, name: Option<&str>) -> Launch {
    let mut launch = held(world, folders, &[]);
    let process = process(&mut launch);
    process.env = vec![
        ("TOKEN".to_owned(), secret("very-secret")),
        ("PLACE".to_owned(), EnvValue::Plain("here".to_owned())),
        (
            "npm_config_prefix".to_owned(),
            EnvValue::Plain("/elsewhere".to_owned()),
        ),
    ];
    process.prepare = Some(Prepare {
        program: "sh".into(),
        args: vec!["-c".to_owned(), script.to_owned()],
        folder: folders.at("packages"),
        installs: name.map(|name| Installs {
            name: name.to_owned(),
            exactly: false,
            args: process.args.clone(),
        }),
    });
    launch
}

/// What all steps of these packages wrote into this file.
fn seen(folders: &Folders, name: &str) -> Vec<String> {
    let mut seen: Vec<String> = std::fs::read_dir(folders.at("packages"))
        .unwrap()
        .filter_map(|package| {
            std::fs::read_to_string(package.unwrap().path().join("files").join(name)).ok()
        })
        .collect();
    seen.sort();
    seen
}

fn own(server: i64) -> PoolKey {
    PoolKey::own(UserId(1), server)
}

#[tokio::test]
async fn what_is_prepared_is_prepared_once_and_without_secrets() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let script = "echo \"$PLACE$TOKEN.$npm_config_offline\" >> \"$npm_config_prefix/seen\"";
    let launch = prepared(&world, &folders, script, None);
    let key = own(1);
    let asked =
        json!({ "names": ["TOKEN", "npm_config_offline", "UV_OFFLINE", "HOME"] }).to_string();
    let env = world.ask(&key, &launch, "env", &asked).await.to_string();
    for part in ["very-secret", "\"true\"", "/home"] {
        assert!(env.contains(part), "{env}");
    }
    world.pool.stop_server(&key).await;
    world.pid(&key, &launch).await;
    // Another server of the same packages fetches them no more.
    world.pid(&own(2), &launch).await;
    assert_eq!(seen(&folders, "seen"), ["here.\n"]);
    // Another package is another preparation.
    world.pool.stop_server(&key).await;
    let script = "echo other >> \"$npm_config_prefix/seen\"";
    let other = prepared(&world, &folders, script, None);
    world.pid(&key, &other).await;
    assert_eq!(seen(&folders, "seen"), ["here.\n", "other\n"]);

    // Both have a server; then one has none, and goes when nobody can need it any more.
    let folder = folders.at("packages");
    let count = || std::fs::read_dir(&folder).unwrap().count();
    let later = || {
        for package in std::fs::read_dir(&folder).unwrap() {
            let used = std::fs::File::open(package.unwrap().path().join("used")).unwrap();
            used.set_modified(std::time::SystemTime::UNIX_EPOCH)
                .unwrap();
        }
    };
    later();
    world.pool.sweep_packages(&folder, &|_| true).await;
    assert_eq!(count(), 2);
    world.pool.sweep_packages(&folder, &|id| id == 1).await;
    assert_eq!(count(), 2, "somebody has just left it");
    later();
    world.pool.sweep_packages(&folder, &|id| id == 1).await;
    assert_eq!(seen(&folders, "seen"), ["other\n"]);
    world.pool.shutdown().await;
}

/// Where a step runs that has the network, nothing lies that a server left, and a server that reads what the
/// step made can neither change it nor have it made again.
#[tokio::test]
async fn nothing_that_a_server_left_is_there_when_a_package_is_fetched() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let step = |version: &str| {
        let fixture = env!("CARGO_BIN_EXE_mcp-fixture");
        // the program that the package brings does what it can before it becomes the server
        format!(
            r#"ls -A "$HOME" "$npm_config_cache" "$XDG_CONFIG_HOME" "$UV_CACHE_DIR" > "$npm_config_prefix/found"
            echo {version} >> "$npm_config_prefix/runs"
            mkdir "$npm_config_prefix/bin"
            cat > "$npm_config_prefix/bin/tool" <<'END'
#!/bin/sh
package="${{0%/files/bin/tool}}"
for file in .npmrc npm/planted config/planted uv/planted; do echo planted > "$HOME/$file"; done
rm -rf "$package" 2>/dev/null
rm -f "$package/done" "$package"/used/* 2>/dev/null
echo changed 2>/dev/null >> "$package/files/bin/tool"
echo changed 2>/dev/null > "$package/files/planted"
touch "$package/home" "$package/../planted" 2>/dev/null
exec {fixture} "$@"
END
            chmod +x "$npm_config_prefix/bin/tool""#
        )
    };
    let key = own(1);
    for version in ["one", "one", "two"] {
        let launch = prepared(&world, &folders, &step(version), Some("other-name"));
        world.pid(&key, &launch).await;
        world.pool.stop_server(&key).await;
        let planted = std::fs::read_to_string(folders.at("home/.npmrc")).unwrap();
        assert_eq!(planted, "planted\n", "it ran, and tried");
    }
    assert_eq!(seen(&folders, "runs"), ["one\n", "two\n"]);
    for found in seen(&folders, "found") {
        assert!(
            !found.contains("planted") && !found.contains(".npmrc"),
            "{found}"
        );
    }
    assert!(seen(&folders, "planted").is_empty());
    for tool in seen(&folders, "bin/tool") {
        assert!(
            tool.contains("exec") && !tool.ends_with("changed\n"),
            "{tool}"
        );
    }
    let mut kept: Vec<_> = std::fs::read_dir(folders.at("packages"))
        .unwrap()
        .flat_map(|package| std::fs::read_dir(package.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["done", "done", "files", "files", "used", "used"]);
    world.pool.shutdown().await;
}

#[tokio::test]
async fn which_program_of_a_package_is_meant_has_to_be_plain() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let link = format!("ln -s {} bin", folders.at("own").display());
    for (server, made, said) in [
        (1, "mkdir bin", "brings no program"),
        (2, "mkdir bin; touch bin/a bin/b", "but a, b"),
        // it shows nobody what is elsewhere
        (3, link.as_str(), "brings no program"),
    ] {
        let script = format!("cd $npm_config_prefix; {made}");
        let launch = prepared(&world, &folders, &script, Some("tool"));
        match world.call(&own(server), &launch, "echo", "{}").await {
            Err(UpstreamError::NotStarted { reason, .. }) => {
                assert!(reason.contains(said), "{reason}");
                assert!(!reason.contains("note"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    world.pool.shutdown().await;
}

/// Links and modes that a package left lead nobody out of its folder, and keep nobody from removing it.
#[tokio::test]
async fn what_failed_is_removed_whatever_it_left() {
    if !able() {
        return;
    }
    let world = World::with(|config| {
        helper(config);
        config.backoff_first = Duration::ZERO;
        config.backoff_max = Duration::ZERO;
    });
    let folders = Folders::new();
    let other = folders.at("other");
    let script = format!(
        "ls -A $npm_config_prefix >&2; ln -s {} $npm_config_prefix/out; mkdir -p $npm_config_prefix/a/b; \
         chmod 0 $npm_config_prefix/a; exit 3",
        other.display()
    );
    let launch = prepared(&world, &folders, &script, None);
    for _ in 0..2 {
        match world.call(&own(1), &launch, "echo", "{}").await {
            Err(UpstreamError::NotStarted {
                reason,
                stderr_tail,
            }) => {
                assert!(reason.contains("status 3"), "{reason}");
                assert_eq!(stderr_tail, "", "nothing was there");
            }
            other => panic!("{other:?}"),
        }
    }
    let left = std::fs::read_dir(other).unwrap().count();
    assert_eq!(left, 1, "its note alone");
    world.pool.shutdown().await;
}

#[tokio::test]
async fn one_package_is_prepared_by_one_at_a_time() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let script =
        "cd $npm_config_prefix; mkdir lock || exit 9; sleep 0.2; rmdir lock; echo x >> seen";
    let launch = prepared(&world, &folders, script, None);
    let keys: Vec<_> = [1, 2, 3].map(own).into();
    let calls = keys.iter().map(|key| world.pid(key, &launch));
    futures_util::future::join_all(calls).await;
    assert_eq!(seen(&folders, "seen"), ["x\n"]);
    world.pool.shutdown().await;
}

#[tokio::test]
async fn a_preparation_that_fails_or_hangs_is_told_and_tried_again() {
    if !able() {
        return;
    }
    let world = World::with(|config| {
        helper(config);
        config.prepare = Duration::from_millis(1500);
        config.backoff_first = Duration::ZERO;
        config.backoff_max = Duration::ZERO;
    });
    let folders = Folders::new();
    let fails = async |server: i64, script: &str| {
        let launch = prepared(&world, &folders, script, None);
        match world.call(&own(server), &launch, "echo", "{}").await {
            Err(UpstreamError::NotStarted {
                reason,
                stderr_tail,
            }) => (reason, stderr_tail),
            other => panic!("{other:?}"),
        }
    };
    let flood =
        "head -c 9000000 /dev/zero | tr '\\0' 'x'; echo; echo 'no such package' >&2; exit 3";
    let (reason, tail) = fails(1, flood).await;
    assert!(
        reason.contains("preparing") && reason.contains("status 3"),
        "{reason}"
    );
    assert!(tail.ends_with("no such package"), "{}", tail.len());
    assert!(tail.len() < 10_000, "{}", tail.len());
    let hang = "echo $$ > \"$npm_config_prefix/pid\"; echo waiting; sleep 600 & wait";
    let (reason, tail) = fails(2, hang).await;
    assert!(reason.contains("within 1 s"), "{reason}");
    assert_eq!(tail, "waiting");
    let pids = seen(&folders, "pid");
    let pid: u32 = pids[0].trim().parse().unwrap();
    until("what prepared is gone", || is_gone(pid)).await;
    // It was not remembered as done.
    let (reason, _) = fails(3, flood).await;
    assert!(reason.contains("status 3"), "{reason}");
    world.pool.shutdown().await;
}

/// A shell script that starts what leaves its group, its session and its environment and then does `what`, and
/// becomes the fixture.
fn with_escapee(folders: &Folders, what: &str) -> String {
    let (fixture, pid) = (
        env!("CARGO_BIN_EXE_mcp-fixture"),
        folders.at("home/escaped"),
    );
    let pid = pid.display();
    format!(
        "(setsid env -i /bin/sh -c \"echo \\$\\$ > {pid}; {what}\" > /dev/null 2>&1 < /dev/null &)\n\
         exec {fixture} \"$@\""
    )
}

fn escapee(world: &World, folders: &Folders, what: &str) -> Launch {
    let mut launch = held(world, folders, &[]);
    let process = process(&mut launch);
    let script = with_escapee(folders, what);
    let confinement = process.confinement.as_mut().unwrap();
    confinement
        .read
        .push(std::mem::replace(&mut process.program, "/bin/sh".into()));
    let args = ["-c".to_owned(), script, "sh".to_owned()];
    process.args.splice(0..0, args);
    launch
}

/// The process that escaped.
async fn escaped(folders: &Folders) -> u32 {
    let file = folders.at("home/escaped");
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    until("it escaped", || read().ends_with('\n')).await;
    let pid = read().trim().parse().unwrap();
    std::fs::remove_file(file).unwrap();
    pid
}

#[tokio::test]
async fn who_left_group_session_and_environment_ends_with_its_server_and_not_before() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let key = key(1, "escapes");
    let launch = escapee(&world, &folders, "exec sleep 1000");
    for end in ["stop", "exit", "kill"] {
        world.pid(&key, &launch).await;
        let pid = escaped(&folders).await;
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(
            environ.is_empty() || !environ.starts_with(b"DEPUTY"),
            "{environ:?}"
        );
        world.pool.look().await;
        assert!(!is_gone(pid), "its server is there");
        if end == "stop" {
            world.pool.stop_server(&key).await;
            assert!(is_gone(pid), "at once");
        } else {
            let error = world.call(&key, &launch, end, "{}").await.unwrap_err();
            assert!(matches!(error, UpstreamError::Died { .. }), "{error:?}");
            until("it is gone", || is_gone(pid)).await;
            world.advance(Duration::from_hours(1));
        }
    }
    world.pool.shutdown().await;
}

#[tokio::test]
async fn who_left_its_server_counts_for_its_memory() {
    if !able() {
        return;
    }
    let world = World::with(|config| {
        helper(config);
        config.memory = 256 << 20;
    });
    let folders = Folders::new();
    let key = key(1, "hides");
    let what = "x=\\$(head -c 400000000 /dev/zero | tr '\\\\0' x); exec sleep 1000";
    let launch = escapee(&world, &folders, what);
    let server = u32::try_from(world.pid(&key, &launch).await).unwrap();
    let pid = escaped(&folders).await;
    let deadline = std::time::Instant::now() + LONG;
    while !is_gone(server) || !is_gone(pid) {
        assert!(std::time::Instant::now() < deadline, "it was not found");
        world.pool.look().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let next = world.call(&key, &launch, "echo", "{}").await;
    let said = format!("{next:?}");
    assert!(next.is_ok() || said.contains("256 MiB"), "{said}");
    world.pool.shutdown().await;
}

#[tokio::test]
async fn a_killed_deputy_leaves_nothing_of_a_held_server() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let mut launch = escapee(&world, &folders, "exec sleep 1000");
    let process = process(&mut launch);
    let confinement = process.confinement.as_ref().unwrap();
    // the list of processes is written to a folder of its own, which this one has not
    process.args.truncate(2);
    #[expect(clippy::disallowed_methods, reason = "the program that is killed")]
    let mut host = tokio::process::Command::new(env!("CARGO_BIN_EXE_pool-host"));
    let mut host = host
        .arg("--held")
        .arg(folders.at("home"))
        .arg(env!("CARGO_BIN_EXE_mcp-fixture"))
        .arg(confinement.read.last().unwrap())
        .arg(&process.program)
        .args(&process.args)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = tokio::io::BufReader::new(host.stdout.take().unwrap());
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut stdout, &mut line)
        .await
        .unwrap();
    assert_eq!(line, "ready\n");
    let pid = escaped(&folders).await;
    assert!(!is_gone(pid));
    host.kill().await.unwrap();
    let dead = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    until("it is dead", dead).await;
}

/// What was half fetched when the program was killed is fetched anew, with nothing left of it.
#[tokio::test]
async fn a_preparation_that_a_kill_cut_off_begins_again() {
    if !able() {
        return;
    }
    let (world, folders) = (world(), Folders::new());
    let go = folders.at("own/go");
    let script = format!(
        "cd $npm_config_prefix; if [ -e {} ]; then echo whole > seen; else echo $$ > half; sleep 1000; fi",
        go.display()
    );
    let mut launch = prepared(&world, &folders, &script, None);
    let process = process(&mut launch);
    let confinement = process.confinement.as_mut().unwrap();
    confinement.read.push(folders.at("own"));
    #[expect(clippy::disallowed_methods, reason = "the program that is killed")]
    let mut host = tokio::process::Command::new(env!("CARGO_BIN_EXE_pool-host"));
    let mut host = host
        .arg("--prepare")
        .arg(folders.at("packages"))
        .arg(&script)
        .arg("--held")
        .arg(folders.at("home"))
        .arg(env!("CARGO_BIN_EXE_mcp-fixture"))
        .arg(folders.at("own"))
        .arg(&process.program)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let packages = folders.at("packages");
    until("it is half done", || {
        packages.exists() && seen(&folders, "half").iter().any(|it| it.ends_with('\n'))
    })
    .await;
    let pid: u32 = seen(&folders, "half")[0].trim().parse().unwrap();
    host.kill().await.unwrap();
    let dead = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    until("what prepared is dead", dead).await;

    std::fs::write(go, "").unwrap();
    world.pid(&own(1), &launch).await;
    assert_eq!(seen(&folders, "seen"), ["whole\n"]);
    assert!(seen(&folders, "half").is_empty());
    world.pool.shutdown().await;
}

/// What was not held and lost its server is ended too, by who looks now and then.
#[tokio::test]
async fn who_escaped_without_a_confinement_is_ended_with_its_server() {
    let (world, folders) = (world(), Folders::new());
    std::fs::create_dir(folders.at("home")).unwrap();
    let key = key(1, "free");
    let mut launch = escapee(&world, &folders, "exec sleep 1000");
    process(&mut launch).confinement = None;
    world.pid(&key, &launch).await;
    let pid = escaped(&folders).await;
    world.pool.stop_server(&key).await;
    until("it is gone", || is_gone(pid)).await;
    world.pool.shutdown().await;
}

#[tokio::test]
async fn a_server_that_eats_memory_is_killed_and_its_person_told() {
    let world = World::with(|config| config.memory = 64 << 20);
    let key = key(1, "eats");
    let launch = world.launch(&[]);
    let pid = world.pid(&key, &launch).await;
    world.pool.look().await;
    assert_eq!(world.pid(&key, &launch).await, pid, "it used little");
    for _ in 0..2 {
        let pid = u32::try_from(world.pid(&key, &launch).await).unwrap();
        let looking = async {
            while !is_gone(pid) {
                world.pool.look().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let eating = world.call(&key, &launch, "eat", r#"{"mib":96}"#);
        match tokio::join!(eating, looking).0 {
            Err(UpstreamError::Died { reason, .. }) => {
                assert!(reason.contains("64 MiB"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    // It counts as a failure: after a second the next start has to wait.
    let next = world.call(&key, &launch, "echo", "{}").await;
    assert!(
        matches!(&next, Err(UpstreamError::BackingOff { reason, .. }) if reason.contains("64 MiB")),
        "{next:?}"
    );
    world.pool.shutdown().await;
}
