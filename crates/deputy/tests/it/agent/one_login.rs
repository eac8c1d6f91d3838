//! One login that several processes use, that is renewed under their hands, and whose answers get lost.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Notify;
use url::Url;

use super::{Machine, done, take_away};
use crate::bridge::{Bridge, modern};
use crate::support::{App, Engine, Options, Process, both, client};

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
