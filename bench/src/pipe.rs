//! Direct calls of a server over its pipes, without any gateway: line by line, and with the SDK.

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::rc::Rc;

use anyhow::Context as _;
use rmcp::ClientServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{ClientLifecycleMode, RoleClient, RunningService};
use rmcp::transport::async_rw::AsyncRwTransport;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::oneshot;

use crate::http::{Call, OLDER, check};
use crate::load::Caller;

fn start(command: Command) -> anyhow::Result<Child> {
    let mut command = tokio::process::Command::from(command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command.spawn().context("starting a server")
}

type Waiting = Rc<RefCell<HashMap<u64, oneshot::Sender<String>>>>;

/// A server that several callers talk to, a line each way per call.
#[derive(Clone)]
pub(crate) struct Pipe {
    stdin: Rc<tokio::sync::Mutex<ChildStdin>>,
    waiting: Waiting,
    next: Rc<RefCell<u64>>,
    pub(crate) pid: u32,
    _end: Rc<(Child, tokio::task::JoinHandle<()>)>,
}

impl Pipe {
    /// Starts the server and shakes hands. To be called on a `LocalSet`.
    pub(crate) async fn open(command: Command) -> anyhow::Result<Self> {
        let mut child = start(command)?;
        let pid = child.id().context("the server ended")?;
        let stdin = child.stdin.take().context("no standard input")?;
        let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let waiting = Waiting::default();
        let answers = Rc::clone(&waiting);
        let reader = tokio::task::spawn_local(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let id = serde_json::from_str::<Id>(&line).ok().and_then(|id| id.id);
                if let Some(waiter) = id.and_then(|id| answers.borrow_mut().remove(&id)) {
                    // Nobody waiting any more is fine.
                    let _ = waiter.send(line);
                }
            }
            answers.borrow_mut().clear();
        });
        let pipe = Self {
            stdin: Rc::new(tokio::sync::Mutex::new(stdin)),
            waiting,
            next: Rc::default(),
            pid,
            _end: Rc::new((child, reader)),
        };
        let hello = json!({
            "protocolVersion": OLDER, "capabilities": {}, "clientInfo": { "name": "deputy-bench", "version": "0" },
        });
        pipe.request("initialize", &hello.to_string()).await?;
        pipe.write("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n")
            .await?;
        Ok(pipe)
    }

    async fn write(&self, line: &str) -> anyhow::Result<()> {
        Ok(self.stdin.lock().await.write_all(line.as_bytes()).await?)
    }

    async fn request(&self, method: &str, params: &str) -> anyhow::Result<String> {
        let id = {
            let mut next = self.next.borrow_mut();
            *next += 1;
            *next
        };
        let (sender, answer) = oneshot::channel();
        self.waiting.borrow_mut().insert(id, sender);
        self.write(&format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}\n"
        ))
        .await?;
        answer.await.context("the server ended")
    }
}

#[derive(serde::Deserialize)]
struct Id {
    id: Option<u64>,
}

/// Calls a tool over a [`Pipe`].
pub(crate) struct PipeCaller {
    pub(crate) pipe: Pipe,
    params: String,
    marker: &'static str,
}

impl PipeCaller {
    pub(crate) fn new(pipe: &Pipe, call: &Call) -> Self {
        let params = json!({ "name": call.tool, "arguments": call.arguments }).to_string();
        Self {
            pipe: pipe.clone(),
            params,
            marker: call.marker,
        }
    }
}

impl Caller for PipeCaller {
    async fn call(&mut self) -> anyhow::Result<()> {
        let answer = self.pipe.request("tools/call", &self.params).await?;
        check(true, answer.as_bytes(), self.marker)
    }
}

/// Calls a tool with the SDK's client.
pub(crate) struct SdkCaller {
    service: Rc<RunningService<RoleClient, ()>>,
    call: Call,
    pub(crate) pid: u32,
    _child: Rc<Child>,
}

impl SdkCaller {
    /// Starts the server; the callers share it.
    pub(crate) async fn open(
        command: Command,
        call: &Call,
        count: usize,
    ) -> anyhow::Result<Vec<Self>> {
        let mut child = start(command)?;
        let pid = child.id().context("the server ended")?;
        let (out, into) = (
            child.stdout.take().context("no standard output")?,
            child.stdin.take().context("no standard input")?,
        );
        let service = ()
            .serve_with_lifecycle(
                AsyncRwTransport::new_client(out, into),
                ClientLifecycleMode::Initialize,
            )
            .await?;
        let (service, child) = (Rc::new(service), Rc::new(child));
        let caller = || Self {
            service: Rc::clone(&service),
            call: call.clone(),
            pid,
            _child: Rc::clone(&child),
        };
        Ok(std::iter::repeat_with(caller).take(count).collect())
    }
}

impl Caller for SdkCaller {
    async fn call(&mut self) -> anyhow::Result<()> {
        let mut params = CallToolRequestParams::new(self.call.tool);
        if let Value::Object(arguments) = &self.call.arguments {
            params = params.with_arguments(arguments.clone());
        }
        let result = self.service.call_tool(params).await?;
        check(
            result.is_error != Some(true),
            &serde_json::to_vec(&result)?,
            self.call.marker,
        )
    }
}
