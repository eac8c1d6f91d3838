//! Requests to Google: one small builder on `reqwest`.
//!
//! A [`Google`] is bound to one access token, for one call of a tool. It never repeats a request:
//! what may be repeated is the gateway's decision, and what may have happened is the tool's to find
//! out.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use deputy_core::firstparty::FailureKind;
use deputy_core::{Clock, Secret};
use http::Method;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, RETRY_AFTER,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::config::{Endpoints, Limits};
use crate::error::{GoogleError, ToolError};

/// Which API a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// `…/calendar/v3`
    Calendar,
    /// `…/gmail/v1`
    Gmail,
    /// `…/upload/gmail/v1`
    GmailUpload,
    /// `…/drive/v3`
    Drive,
    /// `…/upload/drive/v3`
    Upload,
    /// `…/v1` of Docs
    Docs,
}

/// What all calls of a server share: the connection pool and the settings.
pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    pub(crate) endpoints: Endpoints,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Google, as one person.
#[derive(Clone)]
pub(crate) struct Google {
    shared: Arc<Shared>,
    token: Secret<String>,
}

impl Google {
    /// Google as the holder of `token`.
    pub(crate) fn new(shared: Arc<Shared>, token: Secret<String>) -> Self {
        Self { shared, token }
    }

    /// See [`Limits::lag`].
    pub(crate) fn lag(&self) -> [Duration; 2] {
        self.shared.limits.lag
    }

    /// A read.
    pub(crate) fn get(&self, api: Api, path: &[&str]) -> Request<'_> {
        self.request(Method::GET, api, path)
    }

    /// A request to `path` under the API's root. Each segment is percent-encoded; none may be
    /// empty, `.` or `..`, which would name another resource.
    pub(crate) fn request(&self, method: Method, api: Api, path: &[&str]) -> Request<'_> {
        let root = match api {
            Api::Calendar => &self.shared.endpoints.calendar,
            Api::Gmail => &self.shared.endpoints.gmail,
            Api::GmailUpload => &self.shared.endpoints.gmail_upload,
            Api::Drive => &self.shared.endpoints.drive,
            Api::Upload => &self.shared.endpoints.upload,
            Api::Docs => &self.shared.endpoints.docs,
        };
        let write = method != Method::GET;
        Request {
            google: self,
            method,
            url: under(root, path),
            write,
            headers: HeaderMap::new(),
            body: None,
        }
    }
}

fn under(root: &Url, path: &[&str]) -> Result<Url, ToolError> {
    if let Some(bad) = path
        .iter()
        .find(|s| s.is_empty() || **s == "." || **s == "..")
    {
        return Err(ToolError::argument(
            "",
            format!("'{bad}' is no id that Google gave out"),
        ));
    }
    let mut url = root.clone();
    match url.path_segments_mut() {
        Ok(mut segments) => {
            segments.pop_if_empty().extend(path);
        }
        Err(()) => {
            return Err(
                GoogleError::local(FailureKind::Network, "the API root is no http URL").into(),
            );
        }
    }
    Ok(url)
}

/// A request that is being put together.
pub(crate) struct Request<'a> {
    google: &'a Google,
    method: Method,
    url: Result<Url, ToolError>,
    write: bool,
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl Request<'_> {
    /// Adds a query parameter.
    #[must_use]
    pub(crate) fn query(mut self, name: &str, value: impl Display) -> Self {
        if let Ok(url) = &mut self.url {
            url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    /// Adds a query parameter that has a value.
    #[must_use]
    pub(crate) fn query_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Only if the resource still has this etag; else Google answers 412.
    #[must_use]
    pub(crate) fn if_match(self, etag: &str) -> Self {
        self.header(IF_MATCH, etag)
    }

    /// Sets a header. A value that is no header value is left out.
    #[must_use]
    pub(crate) fn header(mut self, name: http::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// A JSON body.
    #[must_use]
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                self.headers
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                self.body = Some(bytes.into());
            }
            Err(error) => {
                self.url = Err(GoogleError::local(
                    FailureKind::Invalid,
                    format!("the request cannot be written: {error}"),
                )
                .into());
            }
        }
        self
    }

    /// A body of any type.
    #[must_use]
    pub(crate) fn raw(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self.header(CONTENT_TYPE, content_type)
    }

    /// This changes nothing although it is no GET.
    #[must_use]
    pub(crate) fn reads(mut self) -> Self {
        self.write = false;
        self
    }

    /// Sends it and reads the JSON of a successful answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(self) -> Result<T, ToolError> {
        let write = self.write;
        let answer = self.send().await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            tracing::warn!(%error, "an answer of Google's does not have the expected shape");
            let mut error = GoogleError::local(
                FailureKind::Unavailable,
                "an answer that is not the expected JSON",
            );
            error.may_have_happened = write;
            error.into()
        })
    }

    /// Sends it; a successful answer's body is returned as it is.
    pub(crate) async fn send(self) -> Result<Answer, ToolError> {
        let Self {
            google,
            method,
            url,
            write,
            mut headers,
            body,
        } = self;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", google.token.expose()))
            .map_err(|_| {
                GoogleError::local(
                    FailureKind::Unauthorized,
                    "the access token has characters that no token has",
                )
            })?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json, */*"));
        let empty_post = body.is_none() && method != Method::GET && method != Method::DELETE;
        let mut request = google.shared.http.request(method, url?).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        } else if empty_post {
            // Google answers 411 to a POST that does not say how long it is.
            request = request
                .body(Bytes::new())
                .header(http::header::CONTENT_LENGTH, 0);
        }
        let broke = |error: reqwest::Error| GoogleError::broke(&error, write);
        let mut response = request.send().await.map_err(broke)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let cap = google.shared.limits.answer_bytes;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(broke)? {
            if bytes.len() + chunk.len() > cap {
                let text = format!("the answer is longer than {} MiB; ask for less", cap >> 20);
                let mut error = GoogleError::local(FailureKind::Invalid, text);
                error.may_have_happened = write;
                return Err(error.into());
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = bytes.freeze();
        if status.is_success() {
            return Ok(Answer { body });
        }
        let retry_after = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok());
        let now = google.shared.clock.now();
        Err(GoogleError::answered(status.as_u16(), retry_after, &body, write, now).into())
    }
}

/// A successful answer.
pub(crate) struct Answer {
    /// Its body, decompressed.
    pub(crate) body: Bytes,
}
