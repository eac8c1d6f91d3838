//! Servers that are held: real ones in the sandbox, and memory.

mod escaped;
mod prepared;

use std::path::{Path, PathBuf};
use std::time::Duration;

use deputy_gateway::pool::{Config, Launch, UpstreamError};
use deputy_jail::{Confinement, Level, Network, abilities};
use serde_json::json;

use crate::npm;
use crate::support::{LONG, World, answer, is_gone, key, process};

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
