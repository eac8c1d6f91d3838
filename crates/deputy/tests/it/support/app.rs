//! A running installation: the emulated Google, a database, `deputy serve`.

use std::future::Future;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deputy_core::{Lifecycle, SystemRng};
use deputy_sandbox::google;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::process::{Process, deputy};
use super::{Browser, Person, client, until};

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// How the installation differs from the default.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) engine: Engine,
    /// Further settings, by environment name.
    pub(crate) settings: Vec<(String, String)>,
    /// What `deputy.toml` says, where there is one.
    pub(crate) file: Option<String>,
    /// The host in its URL.
    pub(crate) host: String,
}

impl Default for Options {
    fn default() -> Self {
        // Tests call more often than people do.
        Self {
            engine: Engine::Sqlite,
            settings: vec![("DEPUTY_LIMITS_CALLS_PER_MIN".to_owned(), "0".to_owned())],
            file: None,
            host: "127.0.0.1".to_owned(),
        }
    }
}

impl Options {
    pub(crate) fn on(engine: Engine) -> Self {
        Self {
            engine,
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Under a name of this machine.
    pub(crate) fn named(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Settings in the file: there is room for long ones.
    pub(crate) fn in_file(mut self, text: &str) -> Self {
        self.file = Some(text.to_owned());
        self
    }
}

/// A running installation.
pub(crate) struct App {
    pub(crate) url: Url,
    pub(crate) google: Url,
    pub(crate) folder: TempDir,
    pub(crate) settings: Vec<(String, String)>,
    server: Option<Process>,
    world: Lifecycle,
    http: reqwest::Client,
}

/// Runs `test` on an installation of each engine.
pub(crate) async fn both<F, Fut>(test: F)
where
    F: Fn(App) -> Fut,
    Fut: Future<Output = ()>,
{
    on_each(async |engine| test(App::start(Options::on(engine)).await).await).await;
}

/// Runs `test` for each engine, for tests with settings of their own.
pub(crate) async fn on_each(test: impl AsyncFn(Engine)) {
    // At once: much of a test is waiting.
    futures_util::future::join_all(engines().into_iter().map(|engine| test(engine))).await;
}

/// The engine for tests of what is the same on any, the one with more to it where the run has it.
pub(crate) fn one_engine() -> Engine {
    postgres_server().map_or(Engine::Sqlite, |_| Engine::Postgres)
}

/// The engines of the run.
pub(crate) fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::Sqlite];
    engines.extend(postgres_server().map(|_| Engine::Postgres));
    engines
}

/// The PostgreSQL server of the run; without one, tests on it are left out, but not in CI.
pub(crate) fn postgres_server() -> Option<String> {
    let server = std::env::var("DEPUTY_TEST_POSTGRES").ok();
    if server.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "DEPUTY_TEST_POSTGRES is not set"
        );
        eprintln!("left out: PostgreSQL (DEPUTY_TEST_POSTGRES is not set)");
    }
    server
}

impl App {
    /// Starts everything. No user yet.
    pub(crate) async fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Lifecycle::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = google::Config {
            data: folder.path().join("google"),
            rng: Arc::new(SystemRng),
        };
        std::fs::create_dir(&config.data).unwrap();
        let google = google::start(listener, config, &world)
            .await
            .unwrap()
            .url()
            .clone();

        if let Some(text) = &options.file {
            std::fs::write(folder.path().join("deputy.toml"), text).unwrap();
        }
        let key = folder.path().join("key");
        write_key(&key);
        let port = free_port();
        let url = Url::parse(&format!("http://{}:{port}/", options.host)).unwrap();
        let mut settings: Vec<(String, String)> = [
            ("DEPUTY_LISTEN", format!("127.0.0.1:{port}")),
            (
                "DEPUTY_DATA_DIR",
                folder.path().join("data").display().to_string(),
            ),
            ("TOKEN_ENCRYPTION_KEY_FILE", key.display().to_string()),
            ("GOOGLE_CLIENT_ID", google::CLIENT_ID.to_owned()),
            ("GOOGLE_CLIENT_SECRET", google::CLIENT_SECRET.to_owned()),
            (
                "GOOGLE_AUTH_URL",
                google.join("o/oauth2/v2/auth").unwrap().to_string(),
            ),
            (
                "GOOGLE_TOKEN_URL",
                google.join("token").unwrap().to_string(),
            ),
            (
                "GOOGLE_REVOKE_URL",
                google.join("revoke").unwrap().to_string(),
            ),
            ("GOOGLE_API_URL", google.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if options.engine == Engine::Postgres {
            settings.push(("DATABASE_URL".to_owned(), fresh_postgres().await));
        }
        if options.host != "127.0.0.1" {
            settings.push(("DEPUTY_PUBLIC_URL".to_owned(), url.to_string()));
        }
        settings.extend(options.settings);
        let mut app = Self {
            url,
            google,
            folder,
            settings,
            server: None,
            world,
            http: client(),
        };
        app.start_server().await;
        app
    }

    /// Starts `deputy serve` and waits until it is ready.
    pub(crate) async fn start_server(&mut self) {
        self.server = Some(Process::start(self.command(&["serve"])));
        let ready = self.url.join("readyz").unwrap();
        until("a ready server", || async {
            self.http
                .get(ready.clone())
                .send()
                .await
                .ok()
                .filter(|r| r.status().is_success())
                .map(|_| ())
        })
        .await;
    }

    /// The server's process.
    pub(crate) fn server(&mut self) -> &mut Process {
        self.server.as_mut().unwrap()
    }

    /// The program with this installation's settings.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = deputy(args);
        command.current_dir(self.folder.path());
        for (name, value) in &self.settings {
            command.env(name, value);
        }
        command
    }

    /// A setting from the next start of a process on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(n, _)| n != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a setting away.
    pub(crate) fn unset(&mut self, name: &str) {
        self.settings.retain(|(n, _)| n != name);
    }

    /// The database's URL.
    pub(crate) fn database(&self) -> String {
        let url = self
            .settings
            .iter()
            .find(|(n, _)| n == "DATABASE_URL")
            .map(|(_, url)| url.clone());
        url.unwrap_or_else(|| {
            format!(
                "sqlite://{}",
                self.folder.path().join("data/deputy.db").display()
            )
        })
    }

    /// Ends the server in order and starts it again with the settings of now.
    pub(crate) async fn restart(&mut self) {
        assert!(self.server().stop().success());
        self.start_server().await;
    }

    /// Runs a command to its end: exit code, stdout, stderr.
    pub(crate) fn run(&self, args: &[&str], input: &str) -> (i32, String, String) {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap_or(-1),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// Adds a user with a token of every right; nothing is connected. The password is [`PASSWORD`].
    #[expect(clippy::unused_async, reason = "called as its connected sibling is")]
    pub(crate) async fn person(&self, name: &str) -> Person {
        let (code, _, err) = self.run(&["user", "add", name, "--password-stdin"], PASSWORD);
        assert_eq!(code, 0, "{err}");
        let (code, token, err) =
            self.run(&["token", "create", "--user", name, "--scope", "all"], "");
        assert_eq!(code, 0, "{err}");
        Person::new(self.url.clone(), name.to_owned(), token.trim().to_owned())
    }

    /// Adds a user whose account `NAME@sandbox.test` is connected through the pages.
    pub(crate) async fn connected(&self, name: &str) -> Person {
        let person = self.person(name).await;
        let mut browser = self.browser();
        browser.sign_in(name, PASSWORD).await;
        browser
            .connect_google(&self.google, &format!("{name}@sandbox.test"), "all")
            .await;
        person
    }

    /// A browser in which nobody is signed in.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.url.clone())
    }

    /// Says something to the emulated Google's control endpoint.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = self.google.join(&format!("control/{path}")).unwrap();
        let response = self.http.post(url).json(&body).send().await.unwrap();
        assert!(
            response.status().is_success(),
            "control/{path}: {}",
            response.text().await.unwrap()
        );
        response.json().await.unwrap_or(json!(null))
    }

    /// Asks the emulated Google's control endpoint.
    pub(crate) async fn observe(&self, path: &str) -> Value {
        let url = self.google.join(&format!("control/{path}")).unwrap();
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap()
            .json()
            .await
            .unwrap()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.world.hard().cancel();
    }
}

/// Everybody's password.
pub(crate) const PASSWORD: &str = "a long enough passphrase";

fn write_key(path: &std::path::Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let output = deputy(&["key", "generate"]).output().unwrap();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(&output.stdout).unwrap();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

async fn fresh_postgres() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let server = postgres_server().unwrap();
    let name = format!(
        "deputy_it_{}_{}",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::SeqCst)
    );
    let create = format!("CREATE DATABASE {name}");
    deputy_store::testing::execute(&server, &create).await;
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}
