//! A login in the system's key store.

use std::process::{Command, Stdio};

use reqwest::StatusCode;
use tempfile::TempDir;
use url::Url;

use super::{Machine, arrive, decide, done};
use crate::support::{App, Engine, Options, Process};

/// A session bus with a Secret Service, as a desktop has them.
struct Desktop {
    bus: std::process::Child,
    address: String,
    home: TempDir,
}

impl Desktop {
    /// Nothing where there is none to be had.
    fn start() -> Option<Self> {
        let Some(daemon) = std::env::var_os("DEPUTY_TEST_KEYRING").filter(|v| !v.is_empty()) else {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "DEPUTY_TEST_KEYRING is not set"
            );
            eprintln!("left out: a key store (DEPUTY_TEST_KEYRING is not set)");
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        // The daemon goes into the background when it is there, and ends with its bus.
        let script = "printf pw | \"$0\" --unlock --components=secrets >/dev/null 2>&1; \
                      echo \"$DBUS_SESSION_BUS_ADDRESS\"; read -r _";
        let mut bus = Command::new("dbus-run-session")
            .args(["--", "sh", "-c", script])
            .arg(daemon)
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let out = bus.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut address).unwrap();
        Some(Self {
            bus,
            address: address.trim().to_owned(),
            home,
        })
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        drop(self.bus.stdin.take());
        let _ = self.bus.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_store_keeps_the_login() {
    let Some(desktop) = Desktop::start() else {
        return;
    };
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.person("alice").await;
    let machine = Machine::of(&app);
    let at_the_desktop = |args: &[&str]| {
        let mut command = machine.command(args);
        command.env("DBUS_SESSION_BUS_ADDRESS", &desktop.address);
        command.env("HOME", desktop.home.path());
        command
    };
    // Nothing is said of where: it is the key store.
    let mut process = Process::start(at_the_desktop(&["login", &machine.server, "--no-browser"]));
    let link = Url::parse(process.line_with("/oauth/authorize?").trim()).unwrap();
    let back = decide(&mut app.browser(), link, "alice", "allow").await;
    assert_eq!(arrive(back).await.0, StatusCode::OK);
    assert_eq!(process.end().code(), Some(0));
    assert!(
        !machine.token_file().exists(),
        "it is in the key store alone"
    );
    for _ in 0..2 {
        let who = done(
            at_the_desktop(&["whoami"])
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        );
        assert_eq!(who.out, "alice\n", "{who:?}");
        assert!(who.err.contains("key store"), "{who:?}");
    }
    // Away from the desktop it is out of reach, and not lost.
    let away = machine.run(&["whoami"]);
    assert!(away.code == 1 && away.err.contains("key store"), "{away:?}");
    let out = done(
        at_the_desktop(&["logout"])
            .stdin(Stdio::null())
            .output()
            .unwrap(),
    );
    assert_eq!(out.code, 0, "{out:?}");
    let forced = machine.run(&[
        "login",
        &machine.server,
        "--no-browser",
        "--store",
        "keyring",
    ]);
    assert!(
        forced.code == 1 && forced.err.contains("key store"),
        "{forced:?}"
    );
}
