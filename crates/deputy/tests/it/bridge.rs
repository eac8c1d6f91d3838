//! `deputy bridge`: clients that know stdio alone reach a server through it, in both protocol eras.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mcp_clients::drive;
use crate::support::{App, Engine, Options, Person, deputy, node, python, until};

const MODERN: &str = "2026-07-28";

/// The scenario of `mcp_clients`, by clients that start a bridge each.
async fn over_stdio(script: fn() -> Option<Command>) {
    let bridge = [("BRIDGE", env!("CARGO_BIN_EXE_deputy"))];
    if script().is_some() {
        let app = App::start(Options::on(Engine::Sqlite)).await;
        drive(&app, script, &bridge).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_in_both_eras() {
    over_stdio(|| python("mcp_client.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_typescript_client() {
    over_stdio(|| node("mcp_v1.mjs")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_typescript_client_in_both_eras() {
    over_stdio(|| node("mcp_v2.mjs")).await;
}

/// A bridge, and its client's end of the pipes.
pub(crate) struct Bridge {
    child: Child,
    input: Option<ChildStdin>,
    output: mpsc::Receiver<String>,
    next: i64,
}

impl Bridge {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, output) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            output,
            next: 1,
        }
    }

    fn of(person: &Person, args: &[&str]) -> Self {
        let mut command = deputy(&[&["bridge"], args].concat());
        command
            .env("DEPUTY_URL", person.url.as_str())
            .env("DEPUTY_TOKEN", &person.token);
        Self::start(command)
    }

    pub(crate) fn write(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    /// The next message; every line is one.
    pub(crate) fn read(&self) -> Value {
        let line = self.output.recv_timeout(Duration::from_secs(30));
        let line = line.expect("the bridge says nothing");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no message: {line}"))
    }

    /// Asks, and gives the answer, and what came before it.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> (Value, Vec<Value>) {
        let id = self.next;
        self.next += 1;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.write(&request.to_string());
        let mut before = Vec::new();
        loop {
            let said = self.read();
            if said["id"] == json!(id) && said["method"].is_null() {
                return (said, before);
            }
            before.push(said);
        }
    }

    fn initialize(&mut self) -> Value {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "it", "version": "1" },
        });
        let (answer, _) = self.ask("initialize", &params);
        self.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        answer
    }

    /// Closes its input, and waits for its end: the exit code, what was still said, and what went to stderr.
    pub(crate) fn close(mut self) -> (i32, Vec<Value>, String) {
        drop(self.input.take());
        let deadline = Instant::now() + Duration::from_secs(30);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "the bridge did not end with its input"
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut said = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        let rest = self.output.iter();
        let rest = rest
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect();
        (status.code().unwrap_or(-1), rest, said)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Parameters of the newer era.
pub(crate) fn modern(more: &Value) -> Value {
    let mut params = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "it", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    } });
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    params
}

fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array();
    let tools = tools.unwrap_or_else(|| panic!("no tools in {answer}"));
    tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_gone_for_no_longer_than_it_is() {
    let mut app = App::start(Options::on(Engine::Sqlite)).await;
    let alice = app.connected("alice").await;
    let mut older = Bridge::of(&alice, &[]);
    assert_eq!(
        older.initialize()["result"]["protocolVersion"],
        "2025-11-25"
    );
    assert!(names(&older.ask("tools/list", &json!({})).0).contains(&"list_calendars"));
    let mut newer = Bridge::of(&alice, &[]);
    assert!(names(&newer.ask("tools/list", &modern(&json!({}))).0).contains(&"list_calendars"));

    assert!(app.server().stop().success());
    for (bridge, params) in [(&mut older, json!({})), (&mut newer, modern(&json!({})))] {
        let (refused, _) = bridge.ask("tools/list", &params);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("does not answer"), "{refused}");
        assert!(
            message.contains(alice.url.as_str().trim_end_matches('/')),
            "{refused}"
        );
    }
    app.start_server().await;
    // The older one has a session that the server knows nothing of.
    let (listed, before) = older.ask("tools/list", &json!({}));
    assert!(names(&listed).contains(&"list_calendars"));
    let is_change = |said: &Value| said["method"] == "notifications/tools/list_changed";
    assert!(before.iter().any(is_change), "{before:?}");
    assert!(names(&newer.ask("tools/list", &modern(&json!({}))).0).contains(&"list_calendars"));
    // And the server can speak to it by itself.
    alice
        .delete("api/v1/integrations/google?service=drive")
        .await;
    until("the news", || async {
        is_change(&older.read()).then_some(())
    })
    .await;
    let (code, rest, said) = older.close();
    assert!(code == 0 && rest.iter().all(is_change), "{rest:?} {said}");
    assert!(said.contains("begun anew"), "{said}");
    assert_eq!(newer.close().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_before_the_end_is_answered() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    let alice = app.connected("alice").await;
    let mut bridge = Bridge::of(&alice, &["--server", "calendar"]);
    // As `printf … | deputy bridge` does.
    let call = modern(&json!({ "name": "list_calendars", "arguments": {} }));
    let call = json!({ "jsonrpc": "2.0", "id": "ü", "method": "tools/call", "params": call });
    bridge.write(&call.to_string());
    let listen = modern(&json!({ "notifications": { "toolsListChanged": true } }));
    let listen =
        json!({ "jsonrpc": "2.0", "id": 2, "method": "subscriptions/listen", "params": listen });
    bridge.write(&listen.to_string());
    bridge.write("no json");
    bridge.write("[]");
    let list =
        json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": modern(&json!({})) });
    bridge.write(&list.to_string());
    let (code, said, err) = bridge.close();
    assert_eq!(code, 0, "{err}");
    let answer = |id: Value| {
        let found = said.iter().find(|m| m["id"] == id);
        found.unwrap_or_else(|| panic!("no answer to {id}: {said:?}; {err}"))
    };
    let called = answer(json!("ü"));
    assert!(
        called["result"]["structuredContent"]["calendars"].is_array(),
        "{called}"
    );
    assert_eq!(
        said.iter().filter(|m| m["error"]["code"] == -32700).count(),
        2,
        "{said:?}"
    );
    let listed = names(answer(json!(3)));
    assert!(listed.contains(&"list_calendars") && !listed.contains(&"send_email"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_cancelled_in_both_eras() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    let alice = app.connected("alice").await;
    for (cancelled, mut params) in [json!({}), modern(&json!({}))].into_iter().enumerate() {
        let hang = json!({ "account": alice.account(), "method": "calendar.events.list", "fault": "hang" });
        let fault = app.fault(hang).await;
        let mut bridge = Bridge::of(&alice, &[]);
        if params["_meta"].is_null() {
            bridge.initialize();
        }
        params["name"] = json!("list_calendar_events");
        params["arguments"] =
            json!({ "time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-02T00:00:00Z" });
        let call = json!({ "jsonrpc": "2.0", "id": 70, "method": "tools/call", "params": params });
        bridge.write(&call.to_string());
        until("a request at Google", || async {
            (app.hits(fault).await > 0).then_some(())
        })
        .await;
        let about = json!({ "requestId": 70, "reason": "not needed any more" });
        let cancel =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": about });
        bridge.write(&cancel.to_string());
        until("its end on record", || async {
            let records = alice.get("api/v1/audit?limit=100").await;
            let records = records.data().as_array().unwrap().clone();
            let ended = records.iter().filter(|r| r["outcome"] == "CANCELLED");
            (ended.count() > cancelled).then_some(())
        })
        .await;
        app.heal(fault).await;
        let (code, said, err) = bridge.close();
        assert_eq!((code, said.len()), (0, 0), "{said:?} {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_says_what_to_do() {
    let app = App::start(Options::on(Engine::Sqlite)).await;
    let alice = app.person("alice").await;
    let mut bridge = Bridge::of(&alice.with_token("dpt_pat_s3cret"), &[]);
    let (refused, _) = bridge.ask("tools/list", &modern(&json!({})));
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("does not accept this token"), "{refused}");
    let (code, _, said) = bridge.close();
    assert!(code == 0 && !said.contains("s3cret"), "{said}");
}
