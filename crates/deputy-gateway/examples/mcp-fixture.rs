//! An MCP server over stdio that misbehaves as told: what the pool's tests run.
//!
//! `mcp-fixture [--fault NAME]... [--pids FILE]`: without a fault it is a plain server of the older kind
//! (2025-11-25). It is written against the wire and not against an SDK, so that it can break every rule.

use std::io::{BufRead as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

#[derive(Clone)]
struct Fixture {
    faults: Arc<Vec<String>>,
    pids: Option<String>,
    out: Arc<Mutex<std::io::Stdout>>,
    cancelled: Arc<Mutex<Vec<Value>>>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut faults = Vec::new();
    let mut pids = None;
    let mut role = None;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--fault" => faults.extend(args.next()),
            "--pids" => pids = args.next(),
            "--role" => role = args.next(),
            other => panic!("unknown argument {other}"),
        }
    }
    match role.as_deref() {
        Some("middle") => return spawn_self("daemon", pids.as_deref()),
        Some("daemon") => {
            nix::unistd::setsid().expect("a session of its own");
            note_pid(pids.as_deref());
            return rest();
        }
        Some("helper") => {
            note_pid(pids.as_deref());
            return rest();
        }
        _ => {}
    }
    note_pid(pids.as_deref());
    let faults = Arc::new(faults);
    let fixture =
        Fixture { faults, pids, out: Arc::new(Mutex::new(std::io::stdout())), cancelled: Arc::new(Mutex::new(Vec::new())) };
    fixture.begin();
    fixture.serve();
}

/// Adds this process to the list that the test reads.
fn note_pid(file: Option<&str>) {
    if let Some(file) = file {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).expect("the list of pids");
        writeln!(file, "{}", std::process::id()).expect("the list of pids");
    }
}

/// Longer than any test.
fn rest() {
    std::thread::sleep(Duration::from_mins(10));
}

/// A child in another role, which holds our pipes open.
fn spawn_self(role: &str, pids: Option<&str>) {
    #[expect(clippy::disallowed_methods, reason = "a server that starts processes is what is tested")]
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.args(["--role", role]).args(pids.map(|file| ["--pids", file]).into_iter().flatten());
    let mut child = command.stdin(Stdio::null()).spawn().expect("a child");
    if role == "middle" {
        child.wait().expect("the middle process ends");
    }
}

impl Fixture {
    fn has(&self, fault: &str) -> bool {
        self.faults.iter().any(|f| f == fault)
    }

    fn begin(&self) {
        if self.has("exit-at-start") {
            eprintln!("fatal: no configuration; token was {}", env("FIXTURE_TOKEN"));
            std::process::exit(3);
        }
        if self.has("ignore-term") {
            let mut mask = nix::sys::signal::SigSet::empty();
            mask.add(nix::sys::signal::Signal::SIGTERM);
            mask.thread_block().expect("a blocked signal");
        }
        if self.has("double-fork") {
            spawn_self("middle", self.pids.as_deref());
        }
        if self.has("helper") {
            spawn_self("helper", self.pids.as_deref());
        }
        if self.has("stderr-flood") {
            std::thread::spawn(|| {
                let line = [b'e'; 1024];
                while std::io::stderr().write_all(&line).is_ok() {}
            });
        }
        if self.has("banner") {
            println!("Fixture server listening on stdio!\n\n{{not json}}");
        }
        if self.has("slow-start") {
            std::thread::sleep(Duration::from_millis(700));
        }
    }

    fn serve(&self) {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
            self.handle(&message);
        }
        if self.has("ignore-term") {
            rest();
        }
    }

    fn handle(&self, message: &Value) {
        let id = message.get("id").cloned();
        let params = message.get("params").cloned().unwrap_or_default();
        match (message["method"].as_str().unwrap_or_default(), id) {
            ("initialize", Some(id)) => self.initialize(&id),
            ("server/discover", Some(id)) => self.discover(&id),
            ("ping", Some(id)) if !self.has("mute") => self.answer(&id, &json!({})),
            ("tools/list", Some(id)) => self.list(&id, &params),
            ("tools/call", Some(id)) => {
                let fixture = self.clone();
                if self.has("single") {
                    fixture.call(&id, &params);
                } else {
                    std::thread::spawn(move || fixture.call(&id, &params));
                }
            }
            ("notifications/cancelled", None) => {
                self.cancelled.lock().expect("the list").push(params["requestId"].clone());
            }
            _ => {}
        }
    }

    fn initialize(&self, id: &Value) {
        if self.has("mute-at-start") {
            return;
        }
        if self.has("exit-at-initialize") || self.has("modern-only") {
            std::process::exit(4);
        }
        let info = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "fixture", "version": "1" },
        });
        self.answer(id, &info);
    }

    fn discover(&self, id: &Value) {
        if self.has("silent-on-discover") || self.has("mute-at-start") || (self.has("mute") && self.has("modern")) {
            return;
        }
        if self.has("exit-on-discover") {
            std::process::exit(0);
        }
        if self.has("modern") || self.has("modern-only") {
            let result = json!({
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {} },
                "ttlMs": 0,
                "cacheScope": "private",
            });
            return self.answer(id, &result);
        }
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "Method not found" } }));
    }

    fn list(&self, id: &Value, params: &Value) {
        let page: u64 = params["cursor"].as_str().and_then(|c| c.parse().ok()).unwrap_or(0);
        let tool = json!({ "name": format!("tool{page}"), "inputSchema": { "type": "object" }, "x-odd": 1 });
        let mut result = json!({ "tools": [tool] });
        if page < 2 || self.has("endless-list") {
            result["nextCursor"] = (page + 1).to_string().into();
        }
        self.answer(id, &result);
    }

    #[expect(clippy::too_many_lines, reason = "a table of tools")]
    fn call(&self, id: &Value, params: &Value) {
        if self.has("mute") {
            return;
        }
        if self.has("die-at-call") {
            std::process::exit(5);
        }
        let arguments = params["arguments"].clone();
        let number = |name: &str| arguments[name].as_u64().unwrap_or(0);
        match params["name"].as_str().unwrap_or_default() {
            "echo" => {
                let structured = json!({ "arguments": arguments, "meta": params["_meta"], "pid": std::process::id() });
                self.result(id, &structured);
            }
            "env" => {
                let vars: serde_json::Map<_, _> =
                    std::env::vars_os().map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into())).collect();
                let cwd = std::env::current_dir().unwrap_or_default();
                let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
                let fds: Vec<_> = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten().collect();
                let links = fds.iter().filter_map(|fd| std::fs::read_link(fd.path()).ok());
                let open: Vec<_> = links.map(|l| l.to_string_lossy().into_owned()).collect();
                self.result(id, &json!({ "env": vars, "cwd": cwd, "limits": limits, "open": open }));
            }
            "hang" => {}
            "slow" => {
                std::thread::sleep(Duration::from_millis(number("ms")));
                self.result(id, &json!({ "pid": std::process::id() }));
            }
            "exit" => std::process::exit(i32::try_from(number("status")).unwrap_or(1)),
            "kill" => {
                eprintln!("about to go, {}", env("FIXTURE_TOKEN"));
                let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            }
            "half-exit" => {
                self.raw(br#"{"jsonrpc":"2.0","id":"#);
                std::process::exit(0);
            }
            "last-words" => {
                self.result(id, &json!({ "pid": std::process::id() }));
                std::process::exit(0);
            }
            "close-stdout" => {
                nix::unistd::close(1).expect("stdout closes");
                rest();
            }
            "progress" => {
                let token = &params["_meta"]["progressToken"];
                for step in 1..=number("steps") {
                    let note = json!({ "progressToken": token, "progress": step, "total": number("steps"), "message": "on it" });
                    self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": note }));
                }
                self.result(id, &json!({}));
            }
            "flood" => {
                for _ in 0..number("n") {
                    let params = json!({ "level": "info", "data": "x" });
                    self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params }));
                }
                self.result(id, &json!({}));
            }
            "changed" => {
                self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
                self.result(id, &json!({}));
            }
            "big" => {
                let text = "x".repeat(usize::try_from(number("bytes")).unwrap_or(0));
                self.answer(id, &json!({ "content": [{ "type": "text", "text": text }] }));
            }
            "odd" => self.raw(odd_line(id).as_bytes()),
            "broken-utf8" => {
                let mut line = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"a"#).into_bytes();
                line.extend_from_slice(b"\xff\xfe");
                line.extend_from_slice(b"b\"}]}}\n");
                self.raw(&line);
            }
            "rpc-error" => {
                let error = json!({ "code": -32050, "message": "no such thing", "data": { "hint": 1 } });
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "error": error }));
            }
            "no-result" => self.answer(id, &json!({ "ok": true })),
            "input" => self.answer(id, &json!({ "resultType": "input_required", "inputRequests": {}, "requestState": "s" })),
            "text-id" => {
                let id = id.to_string();
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [], "isError": true } }));
                // and again, and one to nothing
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [] } }));
                self.send(&json!({ "jsonrpc": "2.0", "id": 987_654, "result": {} }));
            }
            "ask-back" => {
                let sampling = json!({ "messages": [], "maxTokens": 1 });
                for n in 0..100 {
                    let request = json!({ "jsonrpc": "2.0", "id": n, "method": "sampling/createMessage", "params": sampling });
                    self.send(&request);
                }
                self.result(id, &json!({}));
            }
            "cancelled" => {
                let seen = self.cancelled.lock().expect("the list").clone();
                self.result(id, &json!({ "cancelled": seen }));
            }
            "double-fork" => {
                spawn_self("middle", self.pids.as_deref());
                self.result(id, &json!({}));
            }
            other => {
                let text = format!("unknown tool {other}");
                self.answer(id, &json!({ "content": [{ "type": "text", "text": text }], "isError": true }));
            }
        }
    }

    fn result(&self, id: &Value, structured: &Value) {
        self.answer(id, &json!({ "content": [{ "type": "text", "text": "ok" }], "structuredContent": structured }));
    }

    fn answer(&self, id: &Value, result: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    }

    fn send(&self, message: &Value) {
        let mut line = message.to_string();
        if self.has("windows") {
            line = format!("\u{feff}{line}\r");
        }
        if self.has("banner") {
            line = format!("[info] answering\n{line}\n  done  ");
        }
        line.push('\n');
        self.raw(line.as_bytes());
    }

    fn raw(&self, bytes: &[u8]) {
        let mut out = self.out.lock().expect("stdout");
        let mut write = |bytes: &[u8]| {
            if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
                std::process::exit(0);
            }
        };
        if self.has("bytewise") {
            bytes.chunks(1).for_each(write);
        } else if self.has("halves") {
            let (first, second) = bytes.split_at(bytes.len() / 2);
            write(first);
            std::thread::sleep(Duration::from_millis(30));
            write(second);
        } else {
            write(bytes);
        }
    }
}

/// Valid JSON that a typed model would change.
fn odd_line(id: &Value) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"hologram","depth":1.10}}],"structuredContent":[123456789012345678901234567890,1e400],"_meta":{{"b":1,"a":2}},"unheard":"of"}}}}"#
    ) + "\n"
}

fn env(name: &str) -> String {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
}
