//! Logging in with a browser, here or elsewhere, commands that act as who did, and logging out.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use super::{Machine, arrive, decide, take_away};
use crate::support::{
    App, Engine, Options, PASSWORD, Person, both, chromium, client, node, succeed, until,
};

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
    // What a server says of it is text on the page, and plain on the terminal.
    let (mut process, link) = machine.begin(&[]);
    let back = decide(&mut browser, link, "alice", "deny").await;
    let mut hostile = back.clone();
    let said = "<script>alert(1)</script>\u{1b}[2J";
    let pairs: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    hostile
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.iter().filter(|(k, _)| k != "error_description"))
        .append_pair("error_description", said);
    let (status, page) = arrive(hostile).await;
    assert!(
        status == StatusCode::BAD_REQUEST
            && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;")
            && !page.contains("<script"),
        "{page}"
    );
    let line = process.line_with("alert(1)");
    assert!(!line.contains('\u{1b}'), "{line:?}");
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
