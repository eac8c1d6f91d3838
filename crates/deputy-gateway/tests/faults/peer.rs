//! A server in the network that misbehaves as told, written against the socket so that it can break every rule of
//! HTTP too. Without a fault it is a plain server of the older kind, in sessions.

use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// A listening server; it ends when dropped.
pub(crate) struct Peer {
    pub(crate) url: Url,
    _tasks: JoinSet<()>,
}

/// Serves with this fault.
pub(crate) async fn serve(fault: &'static str) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            while connections.try_join_next().is_some() {}
            connections.spawn(async move {
                let mut connection = Connection { stream, fault };
                // whoever is talked to goes away as it likes
                let _ = connection.serve().await;
            });
        }
    });
    Peer {
        url: url.parse().unwrap(),
        _tasks: tasks,
    }
}

struct Connection {
    stream: TcpStream,
    fault: &'static str,
}

/// What came.
struct Asked {
    method: String,
    resumes: bool,
    message: Value,
}

fn broken() -> io::Error {
    io::Error::other("no request")
}

/// The next one never comes.
const OVER: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// The result of a good call.
fn good(id: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [], "structuredContent": "good" } })
        .to_string()
}

fn event(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}

impl Connection {
    async fn serve(&mut self) -> io::Result<()> {
        while let Some(asked) = self.next().await? {
            self.answer(&asked).await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Asked>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.stream.read(&mut byte).await? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head)
            .map_err(|_| broken())?
            .to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Ok(0), |text| text.trim().parse())
            .map_err(|_| broken())?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(Some(Asked {
            method: head.split(' ').next().unwrap_or_default().to_owned(),
            resumes: head.contains("\nlast-event-id:"),
            message: serde_json::from_slice(&body).unwrap_or_default(),
        }))
    }

    async fn answer(&mut self, asked: &Asked) -> io::Result<()> {
        let id = &asked.message["id"];
        let result =
            |result: Value| json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
        match (asked.method.as_str(), asked.message["method"].as_str()) {
            ("get", _) if asked.resumes => {
                self.begin_events().await?;
                self.write(b"retry: 1\nid: 7\ndata:\n\n").await?;
                Err(OVER.into())
            }
            ("get", _) => self.plain("405 Method Not Allowed", "").await,
            ("delete", _) => self.plain("200 OK", "").await,
            (_, Some("server/discover" | "initialize")) if self.fault == "mute" => {
                self.silence().await
            }
            (_, Some("server/discover")) => self.plain("400 Bad Request", "").await,
            (_, Some("initialize")) => {
                if self.fault == "late" {
                    tokio::time::sleep(Duration::from_millis(800)).await;
                }
                let said = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": { "name": "peer", "version": "1" } });
                self.json("mcp-session-id: s1\r\n", &result(said)).await
            }
            (_, Some("tools/list")) => {
                let list = self.list(&asked.message["params"]["cursor"], id);
                self.json("", &list).await
            }
            (_, Some("tools/call")) => {
                let tool = asked.message["params"]["name"].as_str().unwrap_or_default();
                if tool == "echo" {
                    return self.json("", &good(id)).await;
                }
                let id = id.clone();
                self.misbehave(&id).await
            }
            (_, Some("ping")) => self.json("", &result(json!({}))).await,
            // notifications, and answers to our questions
            _ => self.plain("202 Accepted", "").await,
        }
    }

    fn list(&self, cursor: &Value, id: &Value) -> String {
        let schema = json!({ "type": "object", "properties": { "a": { "$ref": "https://evil.example/schema.json" } } });
        if self.fault == "deep-schema" {
            let deep = format!(
                "{}{{}}{}",
                r#"{"properties":"#.repeat(1000),
                "}".repeat(1000)
            );
            return format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{{"name":"deep","inputSchema":{deep}}}]}}}}"#
            );
        }
        let many = if self.fault == "many-tools" {
            10_000
        } else {
            1
        };
        let tools: Vec<_> = (0..many)
            .map(|n| json!({ "name": format!("tool{n}"), "inputSchema": schema }))
            .collect();
        let mut result = json!({ "tools": tools });
        if self.fault == "endless-list" {
            let page: u64 = cursor.as_str().and_then(|it| it.parse().ok()).unwrap_or(0);
            result["nextCursor"] = (page + 1).to_string().into();
        }
        json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
    }

    #[expect(clippy::too_many_lines, reason = "a table of faults")]
    async fn misbehave(&mut self, id: &Value) -> io::Result<()> {
        let good = good(id);
        match self.fault {
            "hang" => self.silence().await,
            "hang-up" => Err(OVER.into()),
            "half" => {
                self.head(
                    "200 OK",
                    "content-type: application/json\r\ncontent-length: 1000\r\n",
                )
                .await?;
                self.write(&good.as_bytes()[..20]).await?;
                Err(OVER.into())
            }
            "half-event" => {
                self.begin_events().await?;
                self.write(&event(&good).as_bytes()[..30]).await?;
                Err(OVER.into())
            }
            "pauses" => {
                self.head(
                    "200 OK",
                    &format!(
                        "content-type: application/json\r\ncontent-length: {}\r\n",
                        good.len()
                    ),
                )
                .await?;
                for half in good.as_bytes().chunks(good.len() / 2 + 1) {
                    self.write(half).await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(())
            }
            "bytewise" => {
                self.begin_chunks("text/event-stream").await?;
                for byte in event(&good).bytes() {
                    self.chunk(&[byte]).await?;
                }
                self.chunk(b"").await
            }
            "drips" => {
                self.begin_chunks("application/json").await?;
                loop {
                    self.chunk(b" ").await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            "15-mib" | "17-mib" => {
                let mib = if self.fault == "15-mib" { 15 } else { 17 };
                let text = "x".repeat(mib << 20);
                let message = format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
                );
                self.json("", &message).await
            }
            "body-without-end" | "event-without-end" => {
                self.begin_chunks(if self.fault == "body-without-end" {
                    "application/json"
                } else {
                    "text/event-stream"
                })
                .await?;
                self.chunk(b"data: ").await?;
                let piece = vec![b'x'; 64 * 1024];
                loop {
                    self.chunk(&piece).await?;
                }
            }
            "bomb" => {
                let body = &*BOMB;
                let headers = format!(
                    "content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n",
                    body.len()
                );
                self.head("200 OK", &headers).await?;
                self.write(body).await
            }
            "headers-without-end" => {
                self.write(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    self.write(b"x-more: and more and more and more\r\n")
                        .await?;
                }
            }
            "no-http" => {
                self.write(b"SSH-2.0-OpenSSH_9.9\r\n").await?;
                Err(OVER.into())
            }
            "flood" => {
                self.begin_events().await?;
                let note = event(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "x" } }).to_string());
                let batch = note.repeat(1000);
                for _ in 0..30 {
                    self.write(batch.as_bytes()).await?;
                }
                self.write(event(&good).as_bytes()).await?;
                Err(OVER.into())
            }
            "comments-without-end" => {
                self.begin_events().await?;
                loop {
                    self.write(b": still here\n\n").await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            "asks-for-ever" => {
                self.begin_events().await?;
                for n in 0_u64.. {
                    let asking = json!({ "jsonrpc": "2.0", "id": format!("q{n}"), "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 1 } });
                    self.write(event(&asking.to_string()).as_bytes()).await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(())
            }
            "broken-utf8" => {
                let mut body = good.replace("good", "go##d").into_bytes();
                for byte in &mut body {
                    *byte = if *byte == b'#' { 0xFF } else { *byte };
                }
                self.head(
                    "200 OK",
                    &format!(
                        "content-type: application/json\r\ncontent-length: {}\r\n",
                        body.len()
                    ),
                )
                .await?;
                self.write(&body).await
            }
            "windows" => {
                self.begin_events().await?;
                self.write(format!("\u{feff}event: message\r\ndata: {good}\r\n\r\n").as_bytes())
                    .await?;
                Err(OVER.into())
            }
            "twice" => {
                self.begin_events().await?;
                self.write(event(&good).repeat(2).as_bytes()).await?;
                Err(OVER.into())
            }
            "resumes-for-ever" => {
                self.begin_events().await?;
                self.write(b"retry: 1\nid: 7\ndata:\n\n").await?;
                Err(OVER.into())
            }
            "other-id" => {
                self.json("", &good.replace(&format!("\"id\":{id}"), "\"id\":987654"))
                    .await
            }
            "text-id" => {
                self.json(
                    "",
                    &good.replace(&format!("\"id\":{id}"), &format!("\"id\":\"{id}\"")),
                )
                .await
            }
            "null-id" => {
                self.json("", &good.replace(&format!("\"id\":{id}"), "\"id\":null"))
                    .await
            }
            "version" => self.json("", &good.replace("2.0", "1.0")).await,
            "no-json" => self.json("", "<html>").await,
            "html" => self.plain("200 OK", "<html>").await,
            "redirect" => {
                self.plain_with("302 Found", "location: http://169.254.169.254/\r\n")
                    .await
            }
            "forgets" => self.plain("404 Not Found", "").await,
            "401" => {
                self.plain_with("401 Unauthorized", "www-authenticate: Bearer\r\n")
                    .await
            }
            "429" => {
                self.plain_with("429 Too Many Requests", "retry-after: 7\r\n")
                    .await
            }
            "429-absurd" => {
                self.plain_with("429 Too Many Requests", "retry-after: 99999999999\r\n")
                    .await
            }
            "429-odd" => {
                self.plain_with("429 Too Many Requests", "retry-after: soon\r\n")
                    .await
            }
            "500" => self.plain("500 Internal Server Error", "").await,
            "503" => self.plain("503 Service Unavailable", "").await,
            other => panic!("{other}"),
        }
    }

    async fn silence(&mut self) -> io::Result<()> {
        // until the other side goes away
        let mut rest = [0];
        let _ = self.stream.read(&mut rest).await?;
        Err(OVER.into())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    async fn head(&mut self, status: &str, headers: &str) -> io::Result<()> {
        self.write(format!("HTTP/1.1 {status}\r\n{headers}\r\n").as_bytes())
            .await
    }

    async fn json(&mut self, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        self.head(
            "200 OK",
            &format!("{headers}content-type: application/json\r\ncontent-length: {length}\r\n"),
        )
        .await?;
        self.write(body.as_bytes()).await
    }

    async fn plain(&mut self, status: &str, body: &str) -> io::Result<()> {
        self.head(
            status,
            &format!(
                "content-type: text/html\r\ncontent-length: {}\r\n",
                body.len()
            ),
        )
        .await?;
        self.write(body.as_bytes()).await
    }

    async fn plain_with(&mut self, status: &str, headers: &str) -> io::Result<()> {
        self.head(status, &format!("{headers}content-length: 0\r\n"))
            .await
    }

    /// Events until the connection ends.
    async fn begin_events(&mut self) -> io::Result<()> {
        self.head(
            "200 OK",
            "content-type: text/event-stream\r\nconnection: close\r\n",
        )
        .await
    }

    async fn begin_chunks(&mut self, kind: &str) -> io::Result<()> {
        self.head(
            "200 OK",
            &format!("content-type: {kind}\r\ntransfer-encoding: chunked\r\n"),
        )
        .await
    }

    async fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.write(&chunk).await
    }
}

/// 128 MiB of `x` in a gzip file of less than one percent of that (RFC 1951, fixed Huffman codes).
pub(crate) static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bits = Bits(vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255], 0);
    bits.push(0b011, 3); // the last block, fixed codes
    bits.push_code(0x30 + u32::from(b'x'), 8);
    for _ in 0..500_000 {
        bits.push_code(0b1100_0101, 8); // 258 bytes
        bits.push_code(0, 5); // from the one before
    }
    bits.push_code(0, 7); // the end of the block
    let mut file = bits.0;
    file.extend_from_slice(&[0; 8]);
    file
});

/// Bits, the lowest of a byte first.
struct Bits(Vec<u8>, u8);

impl Bits {
    fn bit(&mut self, bit: bool) {
        if self.1 == 0 {
            self.0.push(0);
        }
        if let Some(last) = self.0.last_mut() {
            *last |= u8::from(bit) << self.1;
        }
        self.1 = (self.1 + 1) % 8;
    }

    fn push(&mut self, value: u32, count: u32) {
        (0..count).for_each(|at| self.bit(value >> at & 1 == 1));
    }

    /// A Huffman code, which goes the other way round.
    fn push_code(&mut self, code: u32, count: u32) {
        (0..count)
            .rev()
            .for_each(|at| self.bit(code >> at & 1 == 1));
    }
}
