//! A server in the network that answers as told, and keeps what it was told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

/// A server that answers as told, and keeps what it was told.
#[derive(Default)]
pub(crate) struct Fake {
    /// Faults that hold.
    faults: Mutex<Vec<&'static str>>,
    /// What came: method, headers, message.
    pub(crate) seen: Mutex<Vec<(Method, HeaderMap, Value)>>,
    pub(crate) sessions: Mutex<Vec<String>>,
    /// From where each came.
    pub(crate) from: Mutex<Vec<SocketAddr>>,
    /// Answers to its own requests.
    answers: Mutex<HashMap<String, Value>>,
    answered: Notify,
    pub(crate) release: Notify,
}

impl Fake {
    fn has(&self, fault: &'static str) -> bool {
        self.faults.lock().contains(&fault)
    }

    /// Changes what it does wrong.
    pub(crate) fn set(&self, faults: &[&'static str]) {
        *self.faults.lock() = faults.to_vec();
    }

    /// The requests of this JSON-RPC method that came.
    pub(crate) fn requests(&self, method: &str) -> Vec<(HeaderMap, Value)> {
        self.seen
            .lock()
            .iter()
            .filter(|(_, _, message)| message["method"] == method)
            .map(|(_, headers, message)| (headers.clone(), message.clone()))
            .collect()
    }
}

fn json_answer(id: &Value, result: &Value) -> Response {
    axum::Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
}

fn event_stream(body: Body) -> Response {
    ([("content-type", "text/event-stream")], body).into_response()
}

fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}

async fn take(
    State(fake): State<Arc<Fake>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    fake.seen
        .lock()
        .push((method.clone(), headers.clone(), message.clone()));
    fake.from.lock().push(from);
    let session = headers
        .get("mcp-session-id")
        .map(|it| it.to_str().unwrap().to_owned());
    if method == Method::GET {
        return get(&fake, &headers);
    }
    if method == Method::DELETE {
        fake.sessions
            .lock()
            .retain(|it| Some(it) != session.as_ref());
        return StatusCode::OK.into_response();
    }
    if let Some(refusal) = refusal(&fake, &headers) {
        return refusal;
    }
    if message.get("method").is_none() {
        fake.answers
            .lock()
            .insert(message["id"].to_string(), message.clone());
        fake.answered.notify_waiters();
        return StatusCode::ACCEPTED.into_response();
    }
    let id = message["id"].clone();
    match message["method"].as_str().unwrap() {
        "server/discover" if fake.has("picky") && fake.requests("server/discover").len() == 1 => {
            let error = json!({ "code": -32022, "message": "Unsupported protocol version", "data": { "supported": ["2026-07-28"] } });
            let answer = json!({ "jsonrpc": "2.0", "id": id, "error": error });
            (StatusCode::BAD_REQUEST, axum::Json(answer)).into_response()
        }
        "server/discover" if fake.has("late") && fake.requests("server/discover").len() == 1 => {
            std::future::pending::<()>().await;
            unreachable!()
        }
        "server/discover" if fake.has("modern") => json_answer(
            &id,
            &json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": { "listChanged": true } }, "ttlMs": 0, "cacheScope": "private",
                "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "fake", "version": "2" } },
            }),
        ),
        "server/discover" if fake.has("silent") => {
            std::future::pending::<()>().await;
            unreachable!()
        }
        "server/discover" => (StatusCode::BAD_REQUEST, "Bad Request: no session").into_response(),
        "initialize" if fake.has("repeats-secrets") => repeating(&id, &headers),
        "initialize" if fake.has("modern") => {
            let error = json!({ "code": -32020, "message": "Missing MCP-Protocol-Version header" });
            let answer = json!({ "jsonrpc": "2.0", "id": id, "error": error });
            (StatusCode::BAD_REQUEST, axum::Json(answer)).into_response()
        }
        "initialize" => {
            let session = format!("s{}", fake.seen.lock().len());
            fake.sessions.lock().push(session.clone());
            let mut response = json_answer(
                &id,
                &json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": { "name": "fake", "version": "1" } }),
            );
            response
                .headers_mut()
                .insert("mcp-session-id", session.parse().unwrap());
            response
        }
        "notifications/initialized" | "notifications/cancelled" => {
            StatusCode::ACCEPTED.into_response()
        }
        "subscriptions/listen" => {
            event_stream(Body::from_stream(futures_util::stream::iter([Ok::<
                _,
                std::io::Error,
            >(
                event(&json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" })),
            )])))
        }
        _ if !fake.has("modern")
            && !session.is_some_and(|it| fake.sessions.lock().contains(&it)) =>
        {
            (StatusCode::NOT_FOUND, "no such session").into_response()
        }
        "ping" => json_answer(&id, &json!({})),
        "tools/call" if message["params"]["name"] == "repeats-secrets" => repeating(&id, &headers),
        "tools/call" => call(fake, id, message["params"].clone()).await,
        _ => json_answer(&id, &json!({ "params": message["params"] })),
    }
}

/// What every message is refused with.
fn refusal(fake: &Fake, headers: &HeaderMap) -> Option<Response> {
    if fake.has("old-sse") {
        return Some(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    if fake.has("forbidden") {
        return Some((StatusCode::FORBIDDEN, "<html>no").into_response());
    }
    if fake.has("no-mcp") {
        return Some((StatusCode::NOT_FOUND, "<html>no such page").into_response());
    }
    let given = headers.get("authorization");
    (fake.has("401") && given.is_none_or(|it| it != "Bearer good")).then(|| {
        let challenge = r#"Bearer resource_metadata="https://a.example/.well-known""#;
        (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
    })
}

/// An error that repeats what the request came with.
fn repeating(id: &Value, headers: &HeaderMap) -> Response {
    let given = |name: &str| headers.get(name).map_or("", |it| it.to_str().unwrap());
    let words = format!("bad key {} or {}", given("x-key"), given("authorization"));
    let error = json!({ "code": -32000, "message": words, "data": { "given": words } });
    axum::Json(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response()
}

fn get(fake: &Arc<Fake>, headers: &HeaderMap) -> Response {
    if fake.has("old-sse") {
        return event_stream(Body::from("event: endpoint\ndata: /messages\n\n"));
    }
    if let Some(last) = headers.get("last-event-id") {
        let id: Value = serde_json::from_slice(last.as_bytes()).unwrap();
        let message = json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [], "structuredContent": "resumed" } });
        return event_stream(Body::from(event(&message)));
    }
    if fake.has("speaks-alone") {
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": "a:b" } });
        return event_stream(Body::from(event(&message)));
    }
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

async fn call(fake: Arc<Fake>, id: Value, params: Value) -> Response {
    let done = |structured: Value| json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [], "structuredContent": structured } });
    match params["name"].as_str().unwrap() {
        "echo" => axum::Json(done(params)).into_response(),
        "stream" => {
            let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": id, "progress": 1 } });
            event_stream(Body::from(format!(": hello\r\n\r\nid: 1\r\ndata:\r\n\r\n{}{}", event(&progress), event(&done(json!("streamed"))))))
        }
        "breaks-off" => event_stream(Body::from("data: {\"jsonrpc\":")),
        "resumes" => event_stream(Body::from(format!("id: {id}\nretry: 10\ndata: \n\n"))),
        "asks" => {
            let asking = json!({ "jsonrpc": "2.0", "id": "q1", "method": "elicitation/create", "params": { "message": "who?" } });
            let stream = futures_util::stream::unfold(0, move |step| {
                let (fake, id, asking) = (fake.clone(), id.clone(), asking.clone());
                async move {
                    match step {
                        0 => Some((Ok::<_, std::io::Error>(event(&asking)), 1)),
                        1 => {
                            let said = loop {
                                let waiting = fake.answered.notified();
                                if let Some(said) = fake.answers.lock().remove("\"q1\"") {
                                    break said;
                                }
                                waiting.await;
                            };
                            let last = json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [], "structuredContent": said } });
                            Some((Ok(event(&last)), 2))
                        }
                        _ => None,
                    }
                }
            });
            event_stream(Body::from_stream(stream))
        }
        "hang" => {
            fake.release.notified().await;
            axum::Json(done(json!("released"))).into_response()
        }
        "big" => axum::Json(done(json!("x".repeat(2 << 20)))).into_response(),
        "big-event" => event_stream(Body::from(event(&done(json!("x".repeat(2 << 20)))))),
        "html" => "<html>".into_response(),
        "429" => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
        "503" => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "3")]).into_response(),
        "403" => (
            StatusCode::FORBIDDEN,
            [("www-authenticate", r#"Bearer error="insufficient_scope", scope="more""#)],
        )
            .into_response(),
        "403-in-lines" => {
            let mut response = StatusCode::FORBIDDEN.into_response();
            for line in ["Basic realm=\"x\"", r#"Bearer error="insufficient_scope", scope="more""#] {
                response.headers_mut().append("www-authenticate", line.parse().unwrap());
            }
            response
        }
        "403-plain" => (StatusCode::FORBIDDEN, [("www-authenticate", "Bearer")], "<html>no").into_response(),
        "403-json" => (
            StatusCode::FORBIDDEN,
            axum::Json(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32001, "message": "not yours" } })),
        )
            .into_response(),
        "413" => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        "session-crash" => (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": "The browser session crashed" } })),
        )
            .into_response(),
        "session-parameter" => (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32602, "message": "no parameter session" } })),
        )
            .into_response(),
        "session-400" if fake.requests("initialize").len() < 2 => (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32000, "message": "Bad Request: No valid session ID provided" } })),
        )
            .into_response(),
        "session-400" => axum::Json(done(json!("renewed"))).into_response(),
        "redirect" => (StatusCode::FOUND, [("location", "http://169.254.169.254/")]).into_response(),
        "other" => axum::Json(json!({ "jsonrpc": "2.0", "id": 987_654, "result": {} })).into_response(),
        "null-id" => (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": "bad" } })),
        )
            .into_response(),
        other => panic!("{other}"),
    }
}

/// Has `app` be served, and says where.
pub(crate) async fn serve(app: Router) -> Url {
    serve_until(app, std::future::pending()).await
}

/// The same, until `end`: then nobody is let in any more, and who is there gets the answers.
async fn serve_until(app: Router, end: impl Future<Output = ()> + Send + 'static) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    tokio::spawn(async move {
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, app).with_graceful_shutdown(end).await
    });
    url.parse().unwrap()
}

/// Serves one that lets nobody in any more once it is told.
pub(crate) async fn fake_until(closes: CancellationToken) -> (Arc<Fake>, Url) {
    let fake = Arc::new(Fake::default());
    let app = Router::new().fallback(take).with_state(fake.clone());
    let url = serve_until(app, closes.cancelled_owned()).await;
    (fake, url)
}

/// Serves one with these faults.
pub(crate) async fn fake(faults: &[&'static str]) -> (Arc<Fake>, Url) {
    let fake = Arc::new(Fake::default());
    fake.set(faults);
    let url = serve(Router::new().fallback(take).with_state(fake.clone())).await;
    (fake, url)
}
