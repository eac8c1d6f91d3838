//! A proxy on loopback that adds somebody's token to each request: for clients that can't send one.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use super::Person;

/// Somebody's requests to one address.
pub(crate) struct Proxy {
    pub(crate) url: Url,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct To {
    target: Url,
    token: String,
    own: SocketAddr,
    http: reqwest::Client,
}

impl Proxy {
    /// Passes everything on to `path` of this person's installation.
    pub(crate) async fn start(person: &Person, path: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let to = To {
            target: person.url.join(path).unwrap(),
            token: person.token.clone(),
            own,
            http: super::client(),
        };
        let router = Router::new().fallback(forward).with_state(to);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url: Url::parse(&format!("http://{own}/mcp")).unwrap(),
            task,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl To {
    /// The headers as the installation would see them: what names the proxy names the installation.
    fn headers(&self, given: &HeaderMap) -> HeaderMap {
        let own = self.own.to_string();
        let there = self.target.authority();
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let hop = ["connection", "content-length", "transfer-encoding"];
            if hop.contains(&name.as_str()) {
                continue;
            }
            let value = match value.to_str() {
                Ok(text) if ["host", "origin"].contains(&name.as_str()) => {
                    HeaderValue::from_str(&text.replace(&own, there)).unwrap()
                }
                _ => value.clone(),
            };
            headers.append(name, value);
        }
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.token)).unwrap();
        headers.insert(HeaderName::from_static("authorization"), bearer);
        headers
    }
}

async fn forward(State(to): State<To>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap();
    let sent = to
        .http
        .request(parts.method, to.target.clone())
        .headers(to.headers(&parts.headers))
        .body(body)
        .send()
        .await;
    let Ok(answer) = sent else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" && name != "content-length" {
            response.headers_mut().append(name, value.clone());
        }
    }
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    response
}
