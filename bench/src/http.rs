//! A call over HTTP as cheap as it can be made, so that what is measured is the other side: one
//! connection per caller, kept open, one POST per call, no SDK.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use deputy_core::Lifecycle;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::load::Caller;

/// The protocol version of requests that stand alone.
pub(crate) const MODERN: &str = "2026-07-28";
/// An older one, for what knows only those.
pub(crate) const OLDER: &str = "2025-06-18";

/// What is called, as whom.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    /// What every right answer contains.
    pub(crate) marker: &'static str,
}

/// Where.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    /// Which era is spoken.
    pub(crate) version: &'static str,
}

/// One connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Connection {
    /// Connects to `target`.
    pub(crate) async fn open(target: &Target, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        lifecycle.spawn(connection);
        let mut headers = vec![
            (
                hyper::header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ),
            (
                hyper::header::ACCEPT,
                HeaderValue::from_static("application/json, text/event-stream"),
            ),
            (
                HeaderName::from_static("mcp-protocol-version"),
                HeaderValue::from_static(target.version),
            ),
        ];
        if let Some(token) = &target.token {
            headers.push((
                hyper::header::AUTHORIZATION,
                HeaderValue::from_str(&format!("Bearer {token}"))?,
            ));
        }
        Ok(Self {
            sender,
            host: target.address.to_string(),
            uri: target.path.parse()?,
            headers,
        })
    }

    /// One request; status, and the body as it came.
    async fn send(
        &mut self,
        method: Method,
        uri: Uri,
        body: Bytes,
    ) -> anyhow::Result<(u16, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(hyper::header::HOST, &self.host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.sender.ready().await?;
        let response = self
            .sender
            .send_request(request.body(Full::new(body))?)
            .await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// Posts JSON; status, and the body as it came.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<(u16, Bytes)> {
        self.send(Method::POST, path.parse()?, body.to_string().into())
            .await
    }

    /// The same with headers of this one request.
    pub(crate) async fn post_with(
        &mut self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> anyhow::Result<(u16, Bytes)> {
        let fixed = self.headers.len();
        for (name, value) in headers {
            self.headers
                .push((HeaderName::from_static(name), HeaderValue::from_str(value)?));
        }
        let answer = self.post(path, body).await;
        self.headers.truncate(fixed);
        answer
    }

    /// Any page, for what HTTP itself costs.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<()> {
        let (status, _) = self.send(Method::GET, path.parse()?, Bytes::new()).await?;
        if status != 200 {
            bail!("{path} answered {status}");
        }
        Ok(())
    }
}

/// Calls one tool over and over.
pub(crate) struct ToolCaller {
    connection: Connection,
    before_id: String,
    after_id: String,
    marker: &'static str,
    next: u64,
}

impl ToolCaller {
    /// Connects.
    pub(crate) async fn open(
        target: &Target,
        call: &Call,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        let mut connection = Connection::open(target, lifecycle).await?;
        let mut params = json!({ "name": call.tool, "arguments": call.arguments });
        if target.version == MODERN {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "deputy-bench", "version": "0" },
            });
            let name = |text| HeaderName::from_static(text);
            connection
                .headers
                .push((name("mcp-method"), HeaderValue::from_static("tools/call")));
            connection
                .headers
                .push((name("mcp-name"), HeaderValue::from_static(call.tool)));
        }
        Ok(Self {
            connection,
            before_id: "{\"jsonrpc\":\"2.0\",\"id\":".to_owned(),
            after_id: format!(",\"method\":\"tools/call\",\"params\":{params}}}"),
            marker: call.marker,
            next: 1,
        })
    }
}

impl Caller for ToolCaller {
    async fn call(&mut self) -> anyhow::Result<()> {
        let body = format!("{}{}{}", self.before_id, self.next, self.after_id);
        self.next += 1;
        let uri = self.connection.uri.clone();
        let (status, answer) = self.connection.send(Method::POST, uri, body.into()).await?;
        check(status == 200, &answer, self.marker)
            .with_context(|| format!("a call was answered with {status}"))
    }
}

/// Whether an answer is a right one.
pub(crate) fn check(accepted: bool, answer: &[u8], marker: &str) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(answer);
    if accepted && text.contains(marker) && !text.contains("\"isError\":true") {
        return Ok(());
    }
    bail!(
        "not the answer that was expected: {}",
        text.chars().take(600).collect::<String>()
    )
}

/// Asks for a page that costs nothing over and over.
pub(crate) struct PageCaller(pub(crate) Connection);

impl Caller for PageCaller {
    async fn call(&mut self) -> anyhow::Result<()> {
        self.0.get("/healthz").await
    }
}
