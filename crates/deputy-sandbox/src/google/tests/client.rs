//! A running emulator and somebody who talks to it.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::http::{Limits, trusted};
use deputy_core::{Lifecycle, SystemRng};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::google::{Config, Google, start};

pub(in crate::google) const CALENDAR: &str = "https://www.googleapis.com/auth/calendar";

/// An emulator with its state in a scratch folder.
pub(in crate::google) struct Sandbox {
    pub(in crate::google) google: Google,
    pub(in crate::google) http: reqwest::Client,
    lifecycle: Lifecycle,
    folder: TempDir,
}

impl Sandbox {
    pub(in crate::google) async fn start() -> Self {
        Self::start_in(TempDir::new().unwrap()).await
    }

    async fn start_in(folder: TempDir) -> Self {
        let lifecycle = Lifecycle::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config {
            data: folder.path().to_owned(),
            rng: Arc::new(SystemRng),
        };
        let google = start(listener, config, &lifecycle).await.unwrap();
        let http = trusted(Limits {
            total: Duration::from_secs(20),
            ..Limits::default()
        })
        .unwrap();
        Self {
            google,
            http,
            lifecycle,
            folder,
        }
    }

    /// The same state under a new process's eyes.
    pub(in crate::google) async fn restart(self) -> Self {
        let Self {
            google,
            http,
            lifecycle,
            folder,
        } = self;
        drop(http);
        lifecycle.stop(Duration::from_millis(200)).await;
        drop(google);
        Self::start_in(folder).await
    }

    pub(in crate::google) fn at(&self, path: &str) -> String {
        format!("{}{}", self.google.url(), path.trim_start_matches('/'))
    }

    pub(in crate::google) async fn control(&self, path: &str, body: Value) -> Value {
        let reply = self
            .http
            .post(self.at(&format!("control/{path}")))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), StatusCode::OK, "{path} {body}");
        reply.json().await.unwrap()
    }

    /// The requests so far of one method.
    pub(in crate::google) async fn log(&self, method: &str) -> Vec<Value> {
        let reply = self
            .http
            .get(self.at(&format!("control/log?method={method}")))
            .send()
            .await
            .unwrap();
        reply.json::<Value>().await.unwrap()["requests"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Somebody with an access token for these scopes.
    pub(in crate::google) async fn person(&self, email: &str, scopes: &[&str]) -> Person<'_> {
        let token = self
            .control(
                "tokens",
                json!({"account": email, "action": "issue", "scopes": scopes}),
            )
            .await;
        Person {
            sandbox: self,
            email: email.to_owned(),
            token: token["access_token"].as_str().unwrap().to_owned(),
            refresh: token["refresh_token"].as_str().unwrap().to_owned(),
        }
    }

    pub(in crate::google) async fn calendar_person(&self, email: &str) -> Person<'_> {
        self.person(email, &[CALENDAR]).await
    }
}

/// Somebody with a token.
pub(in crate::google) struct Person<'s> {
    pub(in crate::google) sandbox: &'s Sandbox,
    pub(in crate::google) email: String,
    pub(in crate::google) token: String,
    pub(in crate::google) refresh: String,
}

impl Person<'_> {
    pub(in crate::google) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.sandbox
            .http
            .request(method, self.sandbox.at(path))
            .bearer_auth(&self.token)
    }

    pub(in crate::google) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub(in crate::google) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    pub(in crate::google) async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::PATCH, path).json(&body)).await
    }

    pub(in crate::google) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::PUT, path).json(&body)).await
    }

    pub(in crate::google) async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::DELETE, path)).await
    }
}

/// Status and JSON body; null where there is no JSON.
pub(in crate::google) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    let body = reply.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// `errors[0].reason`.
pub(in crate::google) fn reason(body: &Value) -> &str {
    body["error"]["errors"][0]["reason"].as_str().unwrap_or("")
}
