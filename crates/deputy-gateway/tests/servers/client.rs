//! A client of either era at an address of `/mcp`, in this process, which does just what it is told.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use deputy_core::Principal;
use deputy_gateway::mcp::{self, Endpoint};
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::support::{LONG, World};

pub(crate) const OLDER: &str = "2025-11-25";
pub(crate) const NEWER: &str = "2026-07-28";

/// Both addresses of an installation.
pub(crate) fn front(world: &World) -> Router {
    let endpoint = Endpoint {
        allowed_hosts: vec!["localhost".to_owned()],
        allowed_origins: Vec::new(),
    };
    mcp::router(world.gateway.clone(), endpoint)
}

pub(crate) struct Client {
    front: Router,
    who: Principal,
    path: &'static str,
    revision: &'static str,
    capabilities: Value,
    session: Option<String>,
    last: i64,
    /// What it presents from now on; who it is has been found out already.
    pub(crate) token: Option<&'static str>,
}

/// What comes as the answer to something.
pub(crate) struct Messages {
    pub(crate) status: StatusCode,
    /// `WWW-Authenticate`.
    pub(crate) challenge: Option<String>,
    body: BodyDataStream,
    buffer: String,
    is_stream: bool,
}

impl Client {
    /// One that can be asked what `capabilities` say; an older one begins a session.
    pub(crate) async fn open(
        front: &Router,
        who: &Principal,
        path: &'static str,
        revision: &'static str,
        capabilities: Value,
    ) -> Self {
        let mut client = Self {
            front: front.clone(),
            who: who.clone(),
            path,
            revision,
            capabilities,
            session: None,
            last: 0,
            token: None,
        };
        if !client.is_modern() {
            let params = json!({
                "protocolVersion": revision,
                "capabilities": client.capabilities,
                "clientInfo": { "name": "test", "version": "1" },
            });
            let begun = client.request("initialize", params).await;
            assert!(begun["result"].is_object(), "{begun}");
            let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
            let taken = client.post(&done).await;
            assert_eq!(taken.status, StatusCode::ACCEPTED);
        }
        client
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.revision == NEWER
    }

    /// Sends a request; its answer and what comes before it are in the messages.
    pub(crate) async fn send(&mut self, method: &str, params: Value) -> Messages {
        self.last += 1;
        let mut params = params;
        if self.is_modern() {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            });
            let mut all = params["_meta"].as_object().cloned().unwrap_or_default();
            all.extend(meta.as_object().cloned().unwrap());
            params["_meta"] = all.into();
        }
        let message =
            json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        self.post(&message).await
    }

    /// The answer to a request in which nothing is asked.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let mut messages = self.send(method, params).await;
        messages.answer().await
    }

    /// The result of a call of a tool.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await["result"].take()
    }

    /// Answers what it was asked.
    pub(crate) async fn reply(&mut self, asked: &Value, result: Value) {
        let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
        assert_eq!(self.post(&answer).await.status, StatusCode::ACCEPTED);
    }

    /// What is said unasked: of these resources, in the newer era.
    pub(crate) async fn hear(&mut self, uris: &[&str]) -> Messages {
        if self.is_modern() {
            let mut wanted = Map::from_iter([("toolsListChanged".to_owned(), json!(true))]);
            if !uris.is_empty() {
                wanted.insert("resourceSubscriptions".to_owned(), json!(uris));
            }
            let params = json!({ "notifications": wanted });
            let mut heard = self.send("subscriptions/listen", params).await;
            heard
                .until("notifications/subscriptions/acknowledged")
                .await;
            return heard;
        }
        for uri in uris {
            let taken = self
                .request("resources/subscribe", json!({ "uri": uri }))
                .await;
            assert!(taken["result"].is_object(), "{taken}");
        }
        let request = self.head("GET").body(Body::empty()).unwrap();
        let heard = self.exchange(request).await;
        assert_eq!(heard.status, StatusCode::OK);
        heard
    }

    async fn post(&mut self, message: &Value) -> Messages {
        let mut request = self.head("POST").header("content-type", "application/json");
        if self.is_modern() {
            request = request.header("mcp-method", message["method"].as_str().unwrap());
            let params = &message["params"];
            if let Some(name) = params.get("name").or(params.get("uri")) {
                request = request.header("mcp-name", name.as_str().unwrap());
            }
        }
        let request = request.body(Body::from(message.to_string())).unwrap();
        self.exchange(request).await
    }

    fn head(&self, method: &str) -> axum::http::request::Builder {
        let mut head = Request::builder()
            .method(method)
            .uri(self.path)
            .header("host", "localhost")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", self.revision)
            .extension(Arc::new(self.who.clone()));
        if let Some(token) = self.token {
            head = head.header("authorization", format!("Bearer {token}"));
        }
        if let Some(session) = &self.session {
            head = head.header("mcp-session-id", session);
        }
        head
    }

    async fn exchange(&mut self, request: Request<Body>) -> Messages {
        let response = self.front.clone().oneshot(request).await.unwrap();
        if let Some(session) = response.headers().get("mcp-session-id") {
            self.session = Some(session.to_str().unwrap().to_owned());
        }
        let kind = response.headers().get("content-type");
        let challenge = response.headers().get("www-authenticate");
        Messages {
            status: response.status(),
            challenge: challenge.map(|text| text.to_str().unwrap().to_owned()),
            is_stream: kind.is_some_and(|kind| kind == "text/event-stream"),
            body: response.into_body().into_data_stream(),
            buffer: String::new(),
        }
    }
}

impl Messages {
    /// The next piece of the body as it came.
    pub(crate) async fn piece(&mut self) -> String {
        let next = tokio::time::timeout(LONG, self.body.next());
        let piece = next.await.expect("a piece, or the end");
        piece.map_or_else(String::new, |piece| {
            String::from_utf8(piece.unwrap().to_vec()).unwrap()
        })
    }

    /// The next one; nothing at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(LONG, self.message());
        next.await.expect("a message, or the end")
    }

    async fn message(&mut self) -> Option<Value> {
        loop {
            while self.is_stream
                && let Some((event, rest)) = split(&self.buffer)
            {
                let data: String = event
                    .lines()
                    .filter_map(|line| line.strip_prefix("data:"))
                    .collect();
                self.buffer = rest;
                if let Ok(message) = serde_json::from_str(&data) {
                    return Some(message);
                }
            }
            match self.body.next().await {
                Some(piece) => {
                    let piece = piece.ok()?;
                    self.buffer += std::str::from_utf8(&piece).unwrap();
                }
                None if self.is_stream || self.buffer.is_empty() => return None,
                None => return serde_json::from_str(&std::mem::take(&mut self.buffer)).ok(),
            }
        }
    }

    /// The next one of this method.
    pub(crate) async fn until(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|| panic!("no {method}"));
            if message["method"] == method {
                return message;
            }
        }
    }

    /// The answer itself.
    pub(crate) async fn answer(&mut self) -> Value {
        let status = self.status;
        loop {
            let message = self.next().await;
            let message = message.unwrap_or_else(|| panic!("no answer, {status}"));
            if message.get("method").is_none() {
                return message;
            }
        }
    }
}

/// The first event, and what follows it.
fn split(buffer: &str) -> Option<(String, String)> {
    let (event, rest) = buffer.split_once("\n\n")?;
    Some((event.to_owned(), rest.to_owned()))
}
