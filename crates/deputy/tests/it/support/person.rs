//! Somebody with a token.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::client;

/// A user of an installation, acting through the REST API.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) url: Url,
    pub(crate) name: String,
    pub(crate) token: String,
    http: reqwest::Client,
}

/// What the server said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) retry_after: Option<u64>,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    /// The data of a success.
    pub(crate) fn data(&self) -> &Value {
        assert_eq!(self.body["success"], Value::Bool(true), "{self:?}");
        &self.body["data"]
    }

    /// The code of a failure.
    pub(crate) fn code(&self) -> &str {
        assert_eq!(self.body["success"], Value::Bool(false), "{self:?}");
        self.body["error"]["code"].as_str().unwrap()
    }
}

impl Person {
    pub(crate) fn new(url: Url, name: String, token: String) -> Self {
        Self {
            url,
            name,
            token,
            http: client(),
        }
    }

    /// The same person with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The person's account at the emulated Google.
    pub(crate) fn account(&self) -> String {
        format!("{}@sandbox.test", self.name)
    }

    /// Makes a request; `headers` beside the token.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self
            .http
            .request(method, self.url.join(path).unwrap())
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let headers = response.headers().clone();
        let retry_after = headers
            .get("retry-after")
            .map(|v| v.to_str().unwrap().parse().unwrap());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{path}: {status}, no JSON: {text}"));
        Answer {
            status,
            body,
            retry_after,
            headers,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, None, &[]).await
    }

    /// The tools that the person's Google account gives, by name: those of the workspace everybody has.
    pub(crate) async fn google_tools(&self) -> Vec<String> {
        let tools = self.get("api/v1/tools").await;
        let all = tools.data().as_array().unwrap().iter();
        all.filter(|tool| tool["server"] != "workspace")
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A document that is not in the API's envelope.
    pub(crate) async fn http_get(&self, path: &str) -> Value {
        self.get(path).await.body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, None, &[]).await
    }

    /// Calls a tool, whatever comes of it.
    pub(crate) async fn try_call(&self, tool: &str, arguments: &Value) -> Answer {
        self.post(&format!("api/v1/tools/{tool}/call"), arguments)
            .await
    }

    /// Calls a tool that answers, and gives its structured result.
    pub(crate) async fn call(&self, tool: &str, arguments: &Value) -> Value {
        let answer = self.try_call(tool, arguments).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.data()["is_error"], Value::Bool(false), "{answer:?}");
        answer.data()["structured"].clone()
    }

    /// Calls a tool that asks, approves it, and gives its structured result.
    pub(crate) async fn call_approved(&self, tool: &str, arguments: &Value) -> Value {
        let answer = self.try_call(tool, arguments).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let decided = self
            .decide(answer.data()["approval"]["id"].as_str().unwrap(), "approve")
            .await;
        assert_eq!(decided.status, StatusCode::OK, "{decided:?}");
        let result = &decided.data()["result"];
        assert_eq!(result["is_error"], Value::Bool(false), "{decided:?}");
        result["structured"].clone()
    }

    /// Decides an approval.
    pub(crate) async fn decide(&self, id: &str, decision: &str) -> Answer {
        self.post(
            &format!("api/v1/approvals/{id}"),
            &serde_json::json!({ "decision": decision }),
        )
        .await
    }
}
