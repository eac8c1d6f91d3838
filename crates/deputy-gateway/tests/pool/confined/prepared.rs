//! What is run before a server's first start.

use std::time::Duration;

use deputy_core::UserId;
use deputy_gateway::pool::{EnvValue, Installs, Launch, PoolKey, Prepare, UpstreamError};
use serde_json::json;

use crate::support::{World, is_dead, is_gone, process, secret, until};

use super::{Folders, able, held, helper, world};

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
    until("what prepared is dead", || is_dead(pid)).await;

    std::fs::write(go, "").unwrap();
    world.pid(&own(1), &launch).await;
    assert_eq!(seen(&folders, "seen"), ["whole\n"]);
    assert!(seen(&folders, "half").is_empty());
    world.pool.shutdown().await;
}
