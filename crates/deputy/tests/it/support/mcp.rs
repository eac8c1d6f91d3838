//! A small MCP client of either era, as somebody's: asks one thing after the other and accepts what it is asked.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Map, Value, json};
use url::Url;

use super::{Person, client};

/// What it may be asked.
const CAPABILITIES: &str = r#"{ "elicitation": { "form": {}, "url": {} }, "sampling": {} }"#;

/// A client at one address.
pub(crate) struct Mcp {
    url: Url,
    token: String,
    revision: String,
    session: Option<String>,
    last: i64,
    http: reqwest::Client,
}

impl Mcp {
    /// A client of this revision; one of the older era begins a session.
    pub(crate) async fn open(person: &Person, path: &str, revision: &str) -> Result<Self, Value> {
        let mut mcp = Self {
            url: person.url.join(path).unwrap(),
            token: person.token.clone(),
            revision: revision.to_owned(),
            session: None,
            last: 0,
            http: client(),
        };
        if !mcp.is_modern() {
            let params = json!({
                "protocolVersion": revision,
                "capabilities": capabilities(),
                "clientInfo": { "name": "it", "version": "1" },
            });
            mcp.request("initialize", params).await?;
            let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
            mcp.post(&done, &[]).await;
        }
        Ok(mcp)
    }

    fn is_modern(&self) -> bool {
        self.revision.as_str() >= "2026"
    }

    /// Asks and gives the result, after as many rounds as the server wants; an error is what the server says.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let mut params = params.as_object().cloned().unwrap_or_default();
        for _ in 0..10 {
            let result = self.round(method, &params).await?;
            if result["resultType"] != "input_required" {
                return Ok(result);
            }
            let questions = result["inputRequests"].as_object().cloned();
            let answers: Map<String, Value> = questions
                .unwrap_or_default()
                .into_iter()
                .map(|(key, question)| (key, accept(&question["params"])))
                .collect();
            params.insert("inputResponses".to_owned(), answers.into());
            match result.get("requestState") {
                Some(state) => params.insert("requestState".to_owned(), state.clone()),
                None => params.remove("requestState"),
            };
        }
        panic!("{method}: it asks for ever");
    }

    async fn round(&mut self, method: &str, params: &Map<String, Value>) -> Result<Value, Value> {
        self.last += 1;
        let id = self.last;
        let mut params = params.clone();
        let mut headers = Vec::new();
        if self.is_modern() {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientInfo": { "name": "it", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": capabilities(),
            });
            headers.push(("mcp-method", method.to_owned()));
            let name = params.get("name").or_else(|| params.get("uri"));
            if let Some(name) = name.and_then(Value::as_str) {
                headers.push(("mcp-name", name.to_owned()));
            }
            params.insert("_meta".to_owned(), meta);
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let mut response = self.post(&message, &headers).await;
        if let Some(session) = response.headers().get("mcp-session-id") {
            self.session = Some(session.to_str().unwrap().to_owned());
        }
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE).cloned();
        if kind.is_none_or(|kind| kind != "text/event-stream") {
            let text = response.text().await.unwrap();
            let answer = serde_json::from_str(&text);
            return outcome(answer.unwrap_or_else(|_| panic!("{method}: {status}: {text}")));
        }
        let mut buffer = String::new();
        while let Some(piece) = response.chunk().await.unwrap() {
            buffer += std::str::from_utf8(&piece).unwrap();
            while let Some((event, rest)) = buffer.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                buffer = rest;
                let data: String = event
                    .lines()
                    .filter_map(|line| line.strip_prefix("data:"))
                    .collect();
                let Ok(message) = serde_json::from_str::<Value>(&data) else {
                    continue;
                };
                if message.get("method").is_none() && message["id"] == id {
                    return outcome(message);
                }
                if let (Some(_), Some(asked)) = (message.get("method"), message.get("id")) {
                    let result = accept(&message["params"]);
                    let answer = json!({ "jsonrpc": "2.0", "id": asked, "result": result });
                    self.post(&answer, &[]).await;
                }
            }
        }
        panic!("{method}: {status}: the stream ended without an answer: {buffer}");
    }

    async fn post(&self, message: &Value, headers: &[(&str, String)]) -> reqwest::Response {
        let mut request = self
            .http
            .post(self.url.clone())
            .bearer_auth(&self.token)
            .header(ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", &self.revision)
            .json(message);
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send().await.unwrap()
    }
}

fn capabilities() -> Value {
    serde_json::from_str(CAPABILITIES).unwrap()
}

fn outcome(mut message: Value) -> Result<Value, Value> {
    match message.get_mut("error") {
        Some(error) => Err(error.take()),
        None => Ok(message["result"].take()),
    }
}

/// Says yes to a question, with what its form has by itself in it; boxes without that are ticked.
fn accept(params: &Value) -> Value {
    let properties = params["requestedSchema"]["properties"].as_object();
    let content: Map<String, Value> = properties
        .into_iter()
        .flatten()
        .filter_map(|(name, property)| {
            let ticked = (property["type"] == "boolean").then_some(json!(true));
            let value = property.get("default").cloned().or(ticked)?;
            Some((name.clone(), value))
        })
        .collect();
    json!({ "action": "accept", "content": content })
}
