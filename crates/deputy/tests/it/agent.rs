//! The agent as somebody uses it: `deputy login`, the browser, and then commands that act as them, until the access is
//! taken away.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use url::Url;

use crate::bridge::{Bridge, modern};
use crate::support::{
    App, Browser, Engine, Options, PASSWORD, Person, Process, both, chromium, client, deputy, node,
    succeed, until,
};

/// Somebody's machine: the program, and what it keeps.
struct Machine {
    home: TempDir,
    server: String,
}

/// What a command did.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Machine {
    fn of(app: &App) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            server: app.url.origin().ascii_serialization(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = deputy(args);
        command.env("XDG_CONFIG_HOME", self.home.path());
        command
    }

    /// Runs a command to its end.
    fn run(&self, args: &[&str]) -> Done {
        done(self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// Begins a login that waits for its browser: the process, and the link.
    fn begin(&self, more: &[&str]) -> (Process, Url) {
        let login = ["login", &self.server, "--no-browser", "--store", "file"];
        let mut process = Process::start(self.command(&[&login, more].concat()));
        let link = process.line_with("/oauth/authorize?");
        (process, Url::parse(link.trim()).unwrap())
    }

    /// Logs in as who sits at the browser; what the page at the end says.
    async fn log_in(&self, browser: &mut Browser, name: &str, more: &[&str]) -> String {
        let (mut process, link) = self.begin(more);
        let back = decide(browser, link, name, "allow").await;
        let (status, page) = arrive(back).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert_eq!(process.end().code(), Some(0));
        page
    }

    /// The folder of the one login.
    fn folder(&self) -> PathBuf {
        let servers = std::fs::read_dir(self.home.path().join("deputy/servers"));
        servers.unwrap().next().unwrap().unwrap().path()
    }

    fn token_file(&self) -> PathBuf {
        self.folder().join("refresh-token")
    }
}

fn done(output: std::process::Output) -> Done {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let done = Done {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    for secret in ["dpt_rt_", "dpt_at_", "dpt_ac_", "dpt_pat_"] {
        assert!(
            !done.out.contains(secret) && !done.err.contains(secret),
            "{done:?}"
        );
    }
    done
}

/// Opens a link, signs in where asked to, decides, and gives the address that the browser is sent to.
async fn decide(browser: &mut Browser, link: Url, name: &str, decision: &str) -> Url {
    let home = link.origin();
    let (mut method, mut url, mut fields) = (Method::GET, link, None);
    for _ in 0..20 {
        let response = browser.send(method, url.clone(), fields.as_deref()).await;
        if let Some(to) = response.headers().get("location") {
            url = url.join(to.to_str().unwrap()).unwrap();
            if url.origin() != home {
                return url;
            }
            (method, fields) = (Method::GET, None);
            continue;
        }
        let page = crate::support::Page {
            status: response.status(),
            url: url.clone(),
            html: response.text().await.unwrap(),
        };
        let form = if page.html.contains("name=\"password\"") {
            let form = page.form_with("password");
            form.with("username", name).with("password", PASSWORD)
        } else {
            page.form_with("decision").with("decision", decision)
        };
        (method, url, fields) = (Method::POST, form.action, Some(form.fields));
    }
    panic!("{name} is asked without end");
}

/// The browser comes back.
async fn arrive(back: Url) -> (StatusCode, String) {
    let page = client().get(back).send().await.unwrap();
    (page.status(), page.text().await.unwrap())
}

/// Takes away what has access, where the person sees it.
async fn take_away(browser: &mut Browser) {
    let page = browser.open("settings").await;
    let (_, after) = page.html.split_once("/settings/access/").unwrap();
    let path = format!("/settings/access/{}", after.split('"').next().unwrap());
    let done = browser.submit(page.form_to(&path)).await;
    assert!(done.status.is_success(), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_act_as_who_logged_in_until_that_is_taken_away() {
    both(async |app| {
        let alice = app.connected("alice").await;
        let machine = Machine::of(&app);
        let nobody = machine.run(&["whoami", "--url", &machine.server]);
        assert_eq!(nobody.code, 1);
        assert!(
            nobody
                .err
                .contains(&format!("deputy login {}", machine.server)),
            "{nobody:?}"
        );

        let mut browser = app.browser();
        let page = machine.log_in(&mut browser, "alice", &[]).await;
        assert!(
            page.contains("You are logged in") && page.contains("alice"),
            "{page}"
        );

        // The server is that of the last login.
        let who = machine.run(&["whoami"]);
        assert_eq!((who.code, who.out.as_str()), (0, "alice\n"), "{who:?}");
        let kept = machine.token_file();
        for said in [
            "tools:write",
            "chat",
            &machine.server,
            &*kept.to_string_lossy(),
        ] {
            assert!(who.err.contains(said), "{said}: {who:?}");
        }
        assert!(!who.err.contains("approvals:decide"), "{who:?}");
        let tools = machine.run(&["tools", "--json"]);
        assert!(
            tools.code == 0 && tools.out.contains("list_calendars"),
            "{tools:?}"
        );
        let called = machine.run(&["call", "list_calendars"]);
        let calendars: Value = serde_json::from_str(&called.out).unwrap();
        assert!(calendars["calendars"].is_array(), "{called:?}");
        its_name_is_on_record(&alice).await;
        nobody_else_reads(&machine);

        take_away(&mut browser).await;
        let refused = machine.run(&["call", "list_calendars"]);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
        for said in [
            "taken away on /settings",
            &*format!("deputy login {}", machine.server),
        ] {
            assert!(refused.err.contains(said), "{said}: {refused:?}");
        }
        assert!(!kept.exists());
        let again = machine.run(&["tools"]);
        assert!(
            again.code == 1 && again.err.contains("not logged in"),
            "{again:?}"
        );
    })
    .await;
}

async fn its_name_is_on_record(alice: &Person) {
    let call = until("the call on record", || async {
        let records = alice.get("api/v1/audit?limit=20").await;
        let records = records.data().as_array().unwrap();
        let call = records.iter().find(|r| r["target"] == "list_calendars");
        call.map(Value::to_string)
    })
    .await;
    assert!(call.contains("Deputy's command line"), "{call}");
}

fn nobody_else_reads(machine: &Machine) {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.home.path().join("deputy")), 0o700);
    assert_eq!(mode(&machine.folder()), 0o700);
    for entry in std::fs::read_dir(machine.folder()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_logs_in() {
    let Some(mut browser) = node("login.mjs") else {
        return;
    };
    let Some(chromium) = chromium() else {
        return;
    };
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.connected("alice").await;
    let machine = Machine::of(&app);
    let (mut process, link) = machine.begin(&[]);
    browser
        .env("CHROMIUM", chromium)
        .env("LINK", link.as_str())
        .envs([("USERNAME", "alice"), ("PASSWORD", PASSWORD)]);
    let page = succeed(browser).await;
    assert!(
        page.contains("You are logged in") && page.contains("alice"),
        "{page}"
    );
    assert_eq!(process.end().code(), Some(0));
    assert_eq!(machine.run(&["call", "list_calendars"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_it_at_the_server() {
    let mut app = App::start(Options::on(Engine::Sqlite)).await;
    app.person("alice").await;
    let machine = Machine::of(&app);
    let mut browser = app.browser();
    machine.log_in(&mut browser, "alice", &[]).await;
    let token = std::fs::read_to_string(machine.token_file()).unwrap();
    let out = machine.run(&["logout"]);
    assert!(out.code == 0 && out.err.contains("logged out"), "{out:?}");
    assert!(!machine.token_file().exists());
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "deputy-cli"),
        ("refresh_token", token.trim()),
    ];
    let refused = client()
        .post(app.url.join("oauth/token").unwrap())
        .form(&form);
    let refused: Value = refused.send().await.unwrap().json().await.unwrap();
    assert_eq!(refused["error"], "invalid_grant", "{refused}");
    let out = machine.run(&["logout", &machine.server]);
    assert!(
        out.code == 0 && out.err.contains("not logged in"),
        "{out:?}"
    );

    // A server that can't be told.
    machine.log_in(&mut browser, "alice", &[]).await;
    assert!(app.server().stop().success());
    let away = machine.run(&["whoami"]);
    assert!(
        away.code == 1 && away.err.contains("does not answer"),
        "{away:?}"
    );
    assert!(machine.token_file().exists(), "no network is no logout");
    let out = machine.run(&["logout"]);
    assert!(
        out.code == 1 && out.err.contains("could not be told"),
        "{out:?}"
    );
    assert!(!machine.token_file().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_answer_that_was_asked_for_counts() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.person("alice").await;
    let machine = Machine::of(&app);
    // Somebody has the port.
    let _taken = std::net::TcpListener::bind("127.0.0.1:8181");
    let (mut process, link) = machine.begin(&[]);
    let ask = |name: &str| {
        let found = link.query_pairs().find(|(key, _)| key == name);
        found.unwrap().1.into_owned()
    };
    let callback = Url::parse(&ask("redirect_uri")).unwrap();
    assert_ne!(callback.port(), Some(8181));
    assert_eq!(
        (callback.host_str(), callback.path()),
        (Some("localhost"), "/callback")
    );
    assert_eq!(ask("code_challenge_method"), "S256");

    let mut browser = app.browser();
    let back = decide(&mut browser, link.clone(), "alice", "allow").await;
    let mut forged = back.clone();
    let pairs: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    forged.query_pairs_mut().clear().extend_pairs(
        pairs
            .iter()
            .map(|(k, v)| (k, if k == "state" { "other" } else { v })),
    );
    assert_eq!(arrive(forged).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        arrive(back.join("/other").unwrap()).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        arrive(back.clone()).await.0,
        StatusCode::OK,
        "it waits for the right one"
    );
    assert_eq!(process.end().code(), Some(0));

    // Another server's word, and a refusal.
    let (mut process, link) = machine.begin(&[]);
    let back = decide(&mut browser, link, "alice", "allow").await;
    let other = back.as_str().replace("iss=http", "iss=https");
    assert_ne!(other, back.as_str());
    let (status, page) = arrive(Url::parse(&other).unwrap()).await;
    assert!(
        status == StatusCode::BAD_REQUEST && page.contains("another server"),
        "{page}"
    );
    process.line_with("another server");
    assert_eq!(process.end().code(), Some(1));
    let (mut process, link) = machine.begin(&["--scope", "admin,tools:read"]);
    let back = decide(&mut browser, link, "alice", "deny").await;
    let (status, page) = arrive(back).await;
    assert!(
        status == StatusCode::BAD_REQUEST && page.contains("not logged in"),
        "{page}"
    );
    process.line_with("did not let you in");
    assert_eq!(process.end().code(), Some(1));
    // Given up.
    let (mut process, _) = machine.begin(&[]);
    process.line_with("Ctrl-C");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(process.id()),
        nix::sys::signal::SIGINT,
    )
    .unwrap();
    process.line_with("given up");
    assert_eq!(process.end().code(), Some(1));
    // None of it touched the login there was.
    assert_eq!(machine.run(&["whoami"]).out, "alice\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_elsewhere_is_pasted_from() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.person("alice").await;
    let machine = Machine::of(&app);
    let mut browser = app.browser();
    let mut command = machine.command(&["login", &machine.server, "--paste", "--store", "file"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let link = lines.find_map(|line| line.unwrap().contains("/oauth/authorize?").then_some(()));
    assert!(link.is_some());
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(1), "nothing was pasted");

    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let link = lines.find_map(|line| Url::parse(line.unwrap().trim()).ok());
    let back = decide(&mut browser, link.unwrap(), "alice", "allow").await;
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, format!("what?\n{back}\n").as_bytes()).unwrap();
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said:?}");
    assert!(
        said.iter().any(|line| line.contains("no address")),
        "{said:?}"
    );
    assert_eq!(machine.run(&["whoami"]).out, "alice\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_named_with_the_way_to_it() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.connected("alice").await;
    let machine = Machine::of(&app);
    let mut browser = app.browser();
    machine
        .log_in(&mut browser, "alice", &["--scope", "tools:read,tools:call"])
        .await;
    assert_eq!(machine.run(&["call", "list_calendars"]).code, 0);
    let arguments = r#"{"to":"guest@sandbox.test","subject":"a","body":"b"}"#;
    let refused = machine.run(&["call", "send_email", arguments]);
    assert_eq!(refused.code, 1);
    let command = format!(
        "deputy login {} --scope tools:read,tools:call,tools:write",
        machine.server
    );
    assert!(
        refused.err.contains("tools:write") && refused.err.contains(&command),
        "{refused:?}"
    );
    // What it says is what helps; the former login ends.
    let former = std::fs::read_to_string(machine.token_file()).unwrap();
    machine
        .log_in(
            &mut browser,
            "alice",
            &["--scope", "tools:read,tools:call,tools:write"],
        )
        .await;
    let sent = machine.run(&["call", "send_email", arguments]);
    assert!(
        sent.code == 0 && sent.err.contains("waits for your approval"),
        "{sent:?}"
    );
    assert_ne!(
        former,
        std::fs::read_to_string(machine.token_file()).unwrap()
    );
    let settings = browser.open("settings").await;
    assert_eq!(
        settings.html.matches("/settings/access/").count(),
        1,
        "{settings:?}"
    );

    assert_eq!(machine.run(&["login", "--scope", "everything"]).code, 2);
    let one = machine.run(&["bridge", "--server", "calendar"]);
    assert!(
        one.code == 1 && one.err.contains("--server calendar"),
        "{one:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_login_stay_logged_in() {
    both(async |app| {
        app.person("alice").await;
        let machine = Machine::of(&app);
        let mut browser = app.browser();
        machine.log_in(&mut browser, "alice", &[]).await;
        // At once.
        for round in 0..6 {
            let start = || {
                let mut command = machine.command(&["whoami"]);
                command
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                command.spawn().unwrap()
            };
            for child in [start(), start(), start()] {
                let done = done(child.wait_with_output().unwrap());
                assert_eq!(
                    (done.code, done.out.as_str()),
                    (0, "alice\n"),
                    "{round}: {done:?}"
                );
            }
        }
        // Killed anywhere in a refresh, the next one goes on.
        for round in 0..16_u64 {
            let mut command = machine.command(&["whoami"]);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(6 * round));
            let _ = child.kill();
            child.wait().unwrap();
            if round % 4 == 3 {
                let next = machine.run(&["whoami"]);
                assert_eq!(next.out, "alice\n", "{round}: {next:?}");
            }
        }
    })
    .await;
}

/// The token endpoint behind a way on which answers get lost.
struct LossyWay {
    url: Url,
    /// The server has answered.
    answered: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl LossyWay {
    /// The first answer gets stuck for ever, or (`breaks`) its connection breaks; those after it pass.
    async fn to(app: &App, breaks: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/oauth/token", listener.local_addr().unwrap());
        let answered = Arc::new(Notify::new());
        let (tell, target) = (answered.clone(), app.url.join("oauth/token").unwrap());
        let lose = Arc::new(AtomicBool::new(true));
        let router = Router::new().fallback(async move |form: String| {
            let form_type = ("content-type", "application/x-www-form-urlencoded");
            let sent = client()
                .post(target.clone())
                .header(form_type.0, form_type.1)
                .body(form);
            let answer = sent.send().await.unwrap();
            let (status, body) = (answer.status(), answer.bytes().await.unwrap());
            if !lose.swap(false, Ordering::SeqCst) {
                return (status, Body::from(body));
            }
            assert_eq!(status, StatusCode::OK);
            tell.notify_one();
            if !breaks {
                std::future::pending::<()>().await;
            }
            let lost: [Result<Vec<u8>, _>; 1] = [Err(std::io::Error::other("lost"))];
            (status, Body::from_stream(futures_util::stream::iter(lost)))
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let url = Url::parse(&url).unwrap();
        Self {
            url,
            answered,
            task,
        }
    }

    /// Sends a machine's refreshes this way; gives what was there before.
    fn between(&self, machine: &Machine) -> String {
        let path = machine.folder().join("login.json");
        let before = std::fs::read_to_string(&path).unwrap();
        let mut login: Value = serde_json::from_str(&before).unwrap();
        login["token_endpoint"] = json!(self.url);
        std::fs::write(&path, login.to_string()).unwrap();
        before
    }
}

impl Drop for LossyWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_costs_no_login() {
    both(async |app| {
        app.person("alice").await;
        let machine = Machine::of(&app);
        machine.log_in(&mut app.browser(), "alice", &[]).await;
        let stored = || std::fs::read_to_string(machine.token_file()).unwrap();
        let first = stored();
        // Killed after the server had given the next token, before that was stored.
        let way = LossyWay::to(&app, false).await;
        let before = way.between(&machine);
        let mut killed = Process::start(machine.command(&["whoami"]));
        way.answered.notified().await;
        killed.kill();
        assert_eq!(stored(), first);
        std::fs::write(machine.folder().join("login.json"), before).unwrap();
        let next = machine.run(&["whoami"]);
        assert_eq!(next.out, "alice\n", "{next:?}");
        let second = stored();
        assert_ne!(second, first);
        // Only the connection breaks: nobody notices.
        let way = LossyWay::to(&app, true).await;
        way.between(&machine);
        let same = machine.run(&["whoami"]);
        assert_eq!(same.out, "alice\n", "{same:?}");
        assert_ne!(stored(), second);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_goes_on_with_a_login_that_was_made_anew() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    app.connected("alice").await;
    let machine = Machine::of(&app);
    let mut browser = app.browser();
    machine
        .log_in(&mut browser, "alice", &["--server", "calendar"])
        .await;
    let mut bridge = Bridge::start(machine.command(&["bridge"]));
    let mut one = Bridge::start(machine.command(&["bridge", "--server", "calendar"]));
    let list = modern(&json!({}));
    for bridge in [&mut bridge, &mut one] {
        let (listed, _) = bridge.ask("tools/list", &list);
        assert!(listed["result"]["tools"].is_array(), "{listed}");
    }
    // The former login's tokens are worth nothing from now on.
    machine
        .log_in(&mut browser, "alice", &["--server", "calendar"])
        .await;
    for bridge in [&mut bridge, &mut one] {
        let (listed, _) = bridge.ask("tools/list", &list);
        assert!(listed["result"]["tools"].is_array(), "{listed}");
    }
    take_away(&mut browser).await;
    let (refused, _) = bridge.ask("tools/list", &list);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("taken away") && message.contains("deputy login"),
        "{refused}"
    );
    assert_eq!(bridge.close().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_are_logged_in_to_side_by_side() {
    let (here, there) = tokio::join!(
        App::start(Options::on(Engine::Sqlite)),
        App::start(Options::on(Engine::Sqlite))
    );
    let mut machine = Machine::of(&here);
    here.person("alice").await;
    there.person("bob").await;
    machine.log_in(&mut here.browser(), "alice", &[]).await;
    let first = std::mem::replace(
        &mut machine.server,
        there.url.origin().ascii_serialization(),
    );
    machine.log_in(&mut there.browser(), "bob", &[]).await;
    assert_eq!(
        machine.run(&["whoami"]).out,
        "bob\n",
        "that of the last login"
    );
    assert_eq!(machine.run(&["whoami", "--url", &first]).out, "alice\n");
    assert_eq!(machine.run(&["logout"]).code, 0);
    assert_eq!(machine.run(&["whoami", "--url", &first]).out, "alice\n");
    let gone = machine.run(&["whoami", "--url", &machine.server]);
    assert!(gone.code == 1 && gone.err.contains(&first), "{gone:?}");
    // The address under which it is not known.
    let alias = first.replace("127.0.0.1", "localhost");
    let elsewhere = machine.run(&["login", &alias, "--no-browser", "--store", "file"]);
    assert!(
        elsewhere.code == 1 && elsewhere.err.contains(&format!("deputy login {first}")),
        "{elsewhere:?}"
    );
}

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
