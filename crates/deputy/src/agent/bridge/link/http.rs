//! The messages as requests of HTTP: their headers, who sends them, and what a status means.

use bytes::Bytes;
use deputy_core::Secret;
use deputy_gateway::pool::header_value;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::{ASIDE, Link};
use crate::agent::api::challenge_of;
use crate::agent::bridge::failure::Failure;
use crate::agent::bridge::message::Message;
use crate::agent::bridge::session::Session;
use crate::agent::bridge::stream::Events;
use crate::agent::terminal::plain;

pub(in crate::agent::bridge) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
pub(super) const JSON: &str = "application/json";
pub(super) const STREAM: &str = "text/event-stream";
/// How much is read of an answer that says what is wrong, in bytes.
const COMPLAINT: usize = 64 * 1024;

impl Link {
    /// Posts a message; what is no success is a failure.
    pub(in crate::agent::bridge) async fn post(
        &self,
        message: &Message,
        session: Option<&Session>,
    ) -> Result<Response, Failure> {
        let mut headers = self.headers(message, session);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        let response = self
            .send(Method::POST, headers, Some(&message.text))
            .await?;
        self.success(response, session).await
    }

    /// Opens a stream of what the server says by itself, or of what is left of another one. Nothing where the server
    /// has none.
    pub(in crate::agent::bridge) async fn get(
        &self,
        session: &Session,
        last_event: Option<&str>,
    ) -> Result<Option<Events>, Failure> {
        let mut headers = of_session(Some(session));
        headers.insert(ACCEPT, HeaderValue::from_static(STREAM));
        if let Some(id) = last_event.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT, id);
        }
        let response = self.send(Method::GET, headers, None).await?;
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(None);
        }
        let response = self.success(response, Some(session)).await?;
        Ok(is(&response, STREAM).then(|| Events::of(response)))
    }

    /// Ends a session. Nobody waits for whether it worked.
    pub(in crate::agent::bridge) async fn delete(&self, session: &Session) {
        let headers = of_session(Some(session));
        let _ = self.send(Method::DELETE, headers, None).await;
    }

    fn headers(&self, message: &Message, session: Option<&Session>) -> HeaderMap {
        let mut headers = of_session(session);
        let modern = match (&message.version, session) {
            (Some(version), _) => Some(version.clone()),
            (None, Some(_)) => None,
            // what the newer era sends without saying so: notifications
            (None, None) if message.is("initialize") => None,
            (None, None) => self.modern.lock().clone(),
        };
        if let Some(version) = modern {
            if let Ok(version) = HeaderValue::from_str(&version) {
                headers.insert(VERSION, version);
            }
            for (name, text) in [(METHOD, &message.method), (NAME, &message.about)] {
                if let Some(value) = text.as_deref().and_then(header_value) {
                    headers.insert(name, value);
                }
            }
        }
        headers
    }

    /// Sends a request with a token, and with another one where that is refused.
    async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Option<&Bytes>,
    ) -> Result<Response, Failure> {
        let access = |error: crate::agent::session::SessionError| {
            let error = anyhow::Error::from(error);
            Failure::Access(format!("{error:#}"))
        };
        let bearer = self.identity.bearer().await.map_err(access)?;
        let response = self.attempt(&method, &headers, body, &bearer).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.identity.instead_of(&bearer).await.map_err(access)? {
            Some(other) => self.attempt(&method, &headers, body, &other).await,
            None => Ok(response),
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        headers: &HeaderMap,
        body: Option<&Bytes>,
        bearer: &Secret<String>,
    ) -> Result<Response, Failure> {
        let mut request = self.http.request(method.clone(), self.endpoint.clone());
        request = request.headers(headers.clone());
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", bearer.expose())) {
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| {
            let server = self.server.to_string();
            if error.is_connect() {
                let why = anyhow::Error::from(error.without_url());
                let why = why.root_cause().to_string();
                Failure::Unreachable { server, why }
            } else {
                Failure::Broken(server)
            }
        })
    }

    /// What a status means.
    async fn success(
        &self,
        response: Response,
        session: Option<&Session>,
    ) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::NOT_FOUND && session.is_some_and(|s| s.id.is_some()) {
            return Err(Failure::Session);
        }
        let challenge = challenge_of(&response).unwrap_or_default();
        if let Some(explained) = self.identity.explain(&self.server, status, &challenge) {
            return Err(Failure::Access(explained));
        }
        let json = is(&response, JSON);
        let body = tokio::time::timeout(ASIDE, read(response, COMPLAINT)).await;
        let body = body.ok().flatten().unwrap_or_default();
        if json
            && let Ok(mut said) = serde_json::from_slice::<Value>(&body)
            && said["error"]["code"].is_i64()
        {
            return Err(Failure::Rpc(said["error"].take()));
        }
        let text = plain(&String::from_utf8_lossy(&body));
        Err(Failure::Status { status, text })
    }
}

fn of_session(session: Option<&Session>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(session) = session else {
        return headers;
    };
    if let Ok(version) = HeaderValue::from_str(&session.version) {
        headers.insert(VERSION, version);
    }
    if let Some(id) = session
        .id
        .as_deref()
        .and_then(|id| HeaderValue::from_str(id).ok())
    {
        headers.insert(SESSION, id);
    }
    headers
}

pub(super) fn is(response: &Response, kind: &str) -> bool {
    let value = response.headers().get(CONTENT_TYPE);
    let essence = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(kind))
}

/// A body; nothing where it broke off or is over the limit.
pub(super) async fn read(mut response: Response, limit: usize) -> Option<Bytes> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        if body.len() + piece.len() > limit {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body.into())
}
