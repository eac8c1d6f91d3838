//! What the tests of this crate share: an MCP client over in-memory pipes, and a Google that gives
//! the answers it is told to.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::response::Response;
use deputy_core::firstparty::{CallMeta, META_CALL, META_CREDENTIAL, META_FAILURE, ToolFailure};
use deputy_core::{CallId, Lifecycle, Secret, SystemClock, SystemRng};
use http::request::Parts;
use rmcp::RoleClient;
use rmcp::ServiceExt as _;
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject, RequestMetaObject};
use rmcp::service::{RunningService, ServiceError};
use serde_json::{Value, json};
use url::Url;

use crate::{Config, Credentials, Endpoints, serve_duplex};

/// Serves `router` on a loopback port for as long as `lifecycle` runs.
pub(crate) async fn listen(lifecycle: &Lifecycle, router: Router) -> Url {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    lifecycle.spawn(async move { axum::serve(listener, router).await });
    url
}

/// A Google that answers with what `answer` says.
pub(crate) async fn canned<F, Fut>(lifecycle: &Lifecycle, answer: F) -> Url
where
    F: Fn(Parts, Bytes) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    let handler = move |request: axum::extract::Request| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            answer(parts, body).await
        }
    };
    listen(lifecycle, Router::new().fallback(handler)).await
}

/// A configuration for the APIs under `root`.
pub(crate) fn config(root: &Url, credentials: Credentials) -> Config {
    Config {
        endpoints: Endpoints::under(root),
        ..Config::new(credentials)
    }
}

/// An MCP client of one of the servers.
pub(crate) struct Client {
    pub(crate) service: RunningService<RoleClient, ()>,
}

impl Client {
    /// A client of the server `name`, over pipes. It leaves when it is dropped, and the server ends
    /// then.
    pub(crate) async fn of(lifecycle: &Lifecycle, name: &'static str, config: Config) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (reader, writer) = tokio::io::split(theirs);
        lifecycle.spawn(async move { serve_duplex(name, config, reader, writer).await });
        Self {
            service: ().serve(ours).await.unwrap(),
        }
    }

    /// A client whose requests all carry `token`.
    pub(crate) async fn with_token(
        lifecycle: &Lifecycle,
        name: &'static str,
        root: &Url,
        token: &str,
    ) -> Self {
        Self::of(
            lifecycle,
            name,
            config(root, Credentials::Fixed(Secret::from(token))),
        )
        .await
    }

    /// Calls a tool; `meta` are the private members of the request.
    pub(crate) async fn request(
        &self,
        tool: &str,
        arguments: Value,
        meta: Value,
    ) -> Result<CallToolResult, ServiceError> {
        let mut params = CallToolRequestParams::new(tool.to_owned());
        params.arguments = arguments.as_object().cloned();
        let meta: JsonObject = meta.as_object().cloned().unwrap_or_default();
        params.meta = Some(RequestMetaObject::from(meta));
        self.service.call_tool(params).await
    }

    /// Calls a tool that is to succeed.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let result = self.request(tool, arguments, json!({})).await.unwrap();
        succeeded(&result)
    }

    /// Calls a tool that is to fail: what it says, and the failure for the gateway.
    pub(crate) async fn fail(&self, tool: &str, arguments: Value) -> (String, ToolFailure) {
        let result = self.request(tool, arguments, json!({})).await.unwrap();
        failed(&result)
    }
}

/// The structured answer, which is the text too.
pub(crate) fn succeeded(result: &CallToolResult) -> Value {
    assert_ne!(result.is_error, Some(true), "{result:?}");
    let structured = result
        .structured_content
        .clone()
        .expect("a structured answer");
    let text: Value = serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap();
    assert_eq!(text, structured);
    structured
}

/// What a failed call says, and its failure.
pub(crate) fn failed(result: &CallToolResult) -> (String, ToolFailure) {
    assert_eq!(result.is_error, Some(true), "{result:?}");
    let failure = result
        .meta
        .as_ref()
        .and_then(|meta| meta.get(META_FAILURE))
        .expect("a failure in _meta");
    let text = result.content[0].as_text().unwrap().text.clone();
    (text, serde_json::from_value(failure.clone()).unwrap())
}

/// The `_meta` that the gateway sends for the attempt `attempt` of the call `id`.
pub(crate) fn attempt(id: CallId, attempt: u32) -> Value {
    json!({ META_CALL: CallMeta { id, attempt } })
}

/// The `_meta` of a request with its own token.
pub(crate) fn credential(token: &str) -> Value {
    json!({ META_CREDENTIAL: token })
}

/// A fresh call id.
pub(crate) fn call_id() -> CallId {
    CallId::new(&SystemClock, &SystemRng)
}

/// Tries all cases at the same time: most of what they do is waiting.
pub(crate) async fn at_once<T>(cases: impl IntoIterator<Item = T>, test: impl AsyncFn(T)) {
    futures_util::future::join_all(cases.into_iter().map(|case| test(case))).await;
}

/// A list that a handler and a test share.
pub(crate) type Seen<T> = Arc<parking_lot::Mutex<Vec<T>>>;

/// An emulated Google with its state in a scratch folder.
pub(crate) struct Sandbox {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) url: Url,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// The scopes of a person who granted all that Deputy asks for.
pub(crate) const ALL_SCOPES: [&str; 7] = [
    "calendar",
    "calendar.events",
    "gmail.readonly",
    "gmail.send",
    "gmail.compose",
    "drive",
    "documents",
];

impl Sandbox {
    /// A fresh one.
    pub(crate) async fn start() -> Self {
        let lifecycle = Lifecycle::new();
        let folder = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let config = deputy_sandbox::google::Config {
            data: folder.path().to_owned(),
            rng: Arc::new(SystemRng),
        };
        let google = deputy_sandbox::google::start(listener, config, &lifecycle)
            .await
            .unwrap();
        let http = deputy_core::http::trusted(deputy_core::http::Limits::default()).unwrap();
        Self {
            lifecycle,
            url: google.url().clone(),
            http,
            _folder: folder,
        }
    }

    /// Asks the control endpoint; see the sandbox's documentation for the shapes.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = self.url.join(&format!("control/{path}")).unwrap();
        let reply = self.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{path} {body}");
        reply.json().await.unwrap()
    }

    /// The next request of `method` goes wrong in the way `fault`.
    pub(crate) async fn fault(&self, method: &str, fault: &str) {
        self.control("faults", json!({"method": method, "fault": fault}))
            .await;
    }

    /// How many requests of `method` came so far.
    pub(crate) async fn requests(&self, method: &str) -> usize {
        let url = self
            .url
            .join(&format!("control/log?method={method}"))
            .unwrap();
        let log: Value = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        log["requests"].as_array().unwrap().len()
    }

    /// An access token of `account` with `scopes` (the part after `…/auth/`).
    pub(crate) async fn token(&self, account: &str, scopes: &[&str]) -> String {
        let scopes: Vec<_> = scopes
            .iter()
            .map(|s| format!("https://www.googleapis.com/auth/{s}"))
            .collect();
        let issued = self
            .control(
                "tokens",
                json!({"account": account, "action": "issue", "scopes": scopes}),
            )
            .await;
        issued["access_token"].as_str().unwrap().to_owned()
    }

    /// A request to the emulated Google itself, as `account`.
    pub(crate) async fn direct(
        &self,
        account: &str,
        verb: http::Method,
        path: &str,
        body: Value,
    ) -> Value {
        let token = self.token(account, &ALL_SCOPES).await;
        let url = self.url.join(path).unwrap();
        let reply = self
            .http
            .request(verb, url)
            .bearer_auth(token)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert!(
            reply.status().is_success(),
            "{path}: {}",
            reply.text().await.unwrap()
        );
        reply.json().await.unwrap()
    }

    /// A client of the server `name` as `account`, with all scopes. Google gets a second and
    /// a half to answer, so that a test of an answer that never comes is a short one.
    pub(crate) async fn client(&self, name: &'static str, account: &str) -> Client {
        self.client_with(name, account, &ALL_SCOPES).await
    }

    /// The same with these scopes.
    pub(crate) async fn client_with(
        &self,
        name: &'static str,
        account: &str,
        scopes: &[&str],
    ) -> Client {
        let token = self.token(account, scopes).await;
        let mut config = config(&self.url, Credentials::Fixed(Secret::new(token)));
        config.limits.request = std::time::Duration::from_millis(1500);
        config.limits.lag = [std::time::Duration::from_millis(10); 2];
        Client::of(&self.lifecycle, name, config).await
    }
}
