//! Requests over HTTP, what their statuses mean, and how their answers are read.

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use reqwest::Response;

use super::events::{Broken, Events};
use super::{RESUMES, Remote, Session, headers};
use crate::pool::ears::Heard;
use crate::pool::exchange::{Bearer, Reply};
use crate::pool::upstream::UpstreamError;
use crate::pool::wire::envelope::{Envelope, numeric, reply_of};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const STREAM: &str = "text/event-stream";

/// How much is read of an answer that says what is wrong, in bytes.
const COMPLAINT: usize = 64 * 1024;
/// The longest `WWW-Authenticate` that is passed on, in bytes.
const CHALLENGE: usize = 4096;
/// The longest id of a session, in bytes.
const LONGEST_SESSION: usize = 1024;
/// How long a stream is left alone before it is taken up again, if the server does not say; and at most.
const RESUME: Duration = Duration::from_secs(1);
const RESUME_MAX: Duration = Duration::from_secs(30);

/// What a message is about, so far as its headers say.
#[derive(Clone, Copy, Default)]
pub(super) struct About<'a> {
    /// Its method; empty for an answer.
    pub(super) method: &'a str,
    /// What it is done to.
    pub(super) name: Option<&'a str>,
    /// Its number; none for what has no answer.
    pub(super) id: Option<i64>,
    /// Whose token goes along; nobody's in particular: the last one.
    pub(super) bearer: Option<&'a Bearer>,
    /// More headers.
    pub(super) headers: &'a [(String, String)],
    /// The session's id.
    pub(super) session: Option<&'a str>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refused {
    /// The server does not know the session.
    Session,
    /// No connection; why.
    Unreached(String),
    /// A status that says nothing to a caller.
    Status(StatusCode),
    /// Anything else.
    Error(UpstreamError),
}

impl From<Refused> for UpstreamError {
    fn from(refused: Refused) -> Self {
        let protocol = |reason: String| Self::Protocol { reason };
        match refused {
            Refused::Session => protocol("it forgot the session".to_owned()),
            Refused::Unreached(reason) => Self::NotStarted {
                reason,
                stderr_tail: String::new(),
            },
            Refused::Status(StatusCode::FORBIDDEN) => Self::Forbidden,
            Refused::Status(StatusCode::PAYLOAD_TOO_LARGE) => Self::TooLarge { most: None },
            Refused::Status(status) => protocol(format!("HTTP status {}", status.as_u16())),
            Refused::Error(error) => error,
        }
    }
}

impl Remote {
    fn headers_for(&self, about: &About<'_>) -> HeaderMap {
        let mut all = self.headers.clone();
        let spoken = self.spoken.get();
        let version = match spoken {
            Some(spoken) => Some(spoken.version.as_str()),
            None => (about.method == "server/discover").then_some(super::handshake::MODERN),
        };
        if let Some(version) = version.and_then(|it| HeaderValue::from_str(it).ok()) {
            all.insert(VERSION, version);
        }
        if self.is_modern() || about.method == "server/discover" {
            if let Some(method) = headers::value_of(about.method).filter(|it| !it.is_empty()) {
                all.insert(METHOD, method);
            }
            if let Some(name) = about.name.and_then(headers::value_of) {
                all.insert(NAME, name);
            }
            headers::add_mirrors(&mut all, about.headers);
        }
        if let Some(id) = about.session.and_then(|it| HeaderValue::from_str(it).ok()) {
            all.insert(SESSION, id);
        }
        let last;
        let bearer = match about.bearer {
            Some(Bearer::Callers(bearer)) => bearer,
            Some(Bearer::Last) | None => {
                last = self.bearer.lock().clone();
                &last
            }
        };
        if let Some(bearer) = bearer
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", bearer.expose()))
        {
            value.set_sensitive(true);
            all.insert(AUTHORIZATION, value);
        }
        all
    }

    /// Posts a message. An answer of success is the caller's to read.
    pub(super) async fn post(&self, line: Vec<u8>, about: &About<'_>) -> Result<Response, Refused> {
        let mut headers = self.headers_for(about);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        let sending = self.guarded.post(&self.url).headers(headers).body(line);
        let response = sending
            .send()
            .await
            .map_err(|error| self.of_network(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refused(response, about.session.is_some(), about.id).await)
    }

    /// Opens a stream of what the server says by itself, or of what is left of another one.
    pub(super) async fn get(
        &self,
        session: &Session,
        last_event: Option<&str>,
    ) -> Result<Events, Refused> {
        let mut headers = self.headers_for(&About {
            session: session.id.as_deref(),
            ..About::default()
        });
        headers.insert(ACCEPT, HeaderValue::from_static(STREAM));
        if let Some(id) = last_event.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT, id);
        }
        let getting = self.guarded.get(&self.url).headers(headers).send();
        let response = getting.await.map_err(|error| self.of_network(&error))?;
        if !response.status().is_success() {
            return Err(refused(response, session.id.is_some(), None).await);
        }
        if !is(&response, STREAM) {
            return Err(Refused::Status(StatusCode::NOT_ACCEPTABLE));
        }
        Ok(Events::new(response, self.limit))
    }

    /// Ends a session.
    pub(super) async fn delete(&self, session: &Session) -> Result<(), Refused> {
        let headers = self.headers_for(&About {
            session: session.id.as_deref(),
            ..About::default()
        });
        let deleting = self.guarded.request(Method::DELETE, &self.url);
        let response = deleting.headers(headers).send().await;
        response.map(drop).map_err(|error| self.of_network(&error))
    }

    fn of_network(&self, error: &deputy_core::http::GuardError) -> Refused {
        if error.is_unsent() {
            Refused::Unreached(format!("{}: {error}", self.place()))
        } else {
            Refused::Error(UpstreamError::Died {
                reason: format!("{}: {error}", self.place()),
                stderr_tail: String::new(),
            })
        }
    }

    /// Reads the answer to `id`, and all that comes with it.
    pub(super) async fn take_answer(
        self: &Arc<Self>,
        response: Response,
        id: i64,
        about: &About<'_>,
    ) -> Result<(), Refused> {
        if is(&response, STREAM) {
            let events = Events::new(response, self.limit);
            return self.take_events(events, id, about).await;
        }
        if !deputy_core::http::guarded::is_json(response.headers()) {
            return Err(protocol(format!(
                "an answer that is neither JSON nor a stream of events (HTTP status {})",
                response.status().as_u16()
            )));
        }
        let limit = self.limit;
        let body = match read(response, limit).await {
            Ok(body) => body,
            Err(Broken::TooLong) => return Err(self.too_long()),
            Err(Broken::Connection) => return Err(self.broke_off()),
        };
        match self.ears.hear(&String::from_utf8_lossy(&body), Some(id)) {
            Heard::Answer(answered) if answered == id => Ok(()),
            _ => Err(protocol("an answer to another question".to_owned())),
        }
    }

    async fn take_events(
        self: &Arc<Self>,
        mut events: Events,
        id: i64,
        about: &About<'_>,
    ) -> Result<(), Refused> {
        let session = Session {
            id: about.session.map(ToOwned::to_owned),
            number: 0,
        };
        let mut resumes = 0;
        loop {
            match events.next().await {
                Ok(Some(event)) if event.name.is_empty() || event.name == "message" => {
                    if event.data.trim().is_empty() {
                        continue;
                    }
                    match self.ears.hear(&event.data, Some(id)) {
                        Heard::Answer(answered) if answered == id => return Ok(()),
                        _ => continue,
                    }
                }
                Ok(Some(_)) => continue,
                Err(Broken::TooLong) => return Err(self.too_long()),
                Ok(None) | Err(Broken::Connection) => {}
            }
            // the newer era has none of this: what broke off is lost
            let Some(last) = events.last_id.clone().filter(|_| !self.is_modern()) else {
                return Err(self.broke_off());
            };
            loop {
                if resumes == RESUMES {
                    return Err(self.broke_off());
                }
                resumes += 1;
                tokio::time::sleep(events.retry.unwrap_or(RESUME).min(RESUME_MAX)).await;
                match self.get(&session, Some(&last)).await {
                    Ok(mut next) => {
                        next.last_id = Some(last);
                        next.retry = events.retry;
                        events = next;
                        break;
                    }
                    Err(Refused::Unreached(_) | Refused::Error(UpstreamError::Died { .. })) => {}
                    Err(_) => return Err(self.broke_off()),
                }
            }
        }
    }

    fn too_long(&self) -> Refused {
        protocol(format!("an answer of more than {} MiB", self.limit >> 20))
    }

    fn broke_off(&self) -> Refused {
        Refused::Error(UpstreamError::Died {
            reason: format!("{}: the answer broke off", self.place()),
            stderr_tail: String::new(),
        })
    }
}

fn protocol(reason: String) -> Refused {
    Refused::Error(UpstreamError::Protocol { reason })
}

/// The id of the session that an answer begins.
pub(super) fn session_of(response: &Response) -> Result<Option<String>, Refused> {
    let Some(id) = response.headers().get(&SESSION) else {
        return Ok(None);
    };
    match id.to_str() {
        // "visible ASCII characters" (2025-11-25, "Session Management")
        Ok(id) if id.len() <= LONGEST_SESSION && id.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(id.to_owned()).filter(|id| !id.is_empty()))
        }
        _ => Err(protocol("an id of a session that is none".to_owned())),
    }
}

fn is(response: &Response, kind: &str) -> bool {
    let value = response.headers().get(CONTENT_TYPE);
    let essence = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(kind))
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) if body.len() + piece.len() > limit => return Err(Broken::TooLong),
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return Ok(body),
            Err(_) => return Err(Broken::Connection),
        }
    }
}

/// What an answer without success to the request `id` means.
async fn refused(response: Response, in_session: bool, id: Option<i64>) -> Refused {
    let status = response.status();
    let challenge = challenge_of(response.headers());
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|it| seconds(it.to_str().ok()?));
    // RFC 6750 section 3.1: no other 403 is about the credential.
    let insufficient_scope = status == StatusCode::FORBIDDEN
        && challenge
            .as_deref()
            .is_some_and(|it| it.contains("insufficient_scope"));
    match status {
        _ if status == StatusCode::UNAUTHORIZED || insufficient_scope => {
            return Refused::Error(UpstreamError::Unauthorized {
                challenge,
                insufficient_scope,
            });
        }
        StatusCode::TOO_MANY_REQUESTS => {
            return Refused::Error(UpstreamError::RateLimited { retry_after });
        }
        StatusCode::NOT_FOUND if in_session => return Refused::Session,
        _ if status.is_redirection() => {
            return protocol(
                "it redirects elsewhere; give the address that it redirects to".to_owned(),
            );
        }
        _ => {}
    }
    let json = deputy_core::http::guarded::is_json(response.headers());
    let body = tokio::time::timeout(Duration::from_secs(5), read(response, COMPLAINT)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    // some servers know no 404
    let may_be_session = in_session && status == StatusCode::BAD_REQUEST;
    if json
        && let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(&body)
        && envelope.error.is_some()
        && let Reply::Error {
            code,
            message,
            data,
        } = reply_of(&envelope)
    {
        // What answers the request by its number was done about it, and may not be repeated. Nor is an error about a
        // method, its parameters or the inside of the server one about the session (JSON-RPC 2.0, section 5.1).
        let of_request = id.is_some() && envelope.id.and_then(numeric) == id;
        if may_be_session
            && !of_request
            && !matches!(code, -32603..=-32601)
            && names_session(&message)
        {
            return Refused::Session;
        }
        return Refused::Error(UpstreamError::Rpc {
            code,
            message,
            data,
        });
    }
    if may_be_session && names_session(&body) {
        return Refused::Session;
    }
    if status.is_server_error() {
        return Refused::Error(UpstreamError::Unavailable {
            status: status.as_u16(),
            sent: true,
            retry_after,
        });
    }
    Refused::Status(status)
}

fn names_session(text: &str) -> bool {
    text.to_ascii_lowercase().contains("session")
}

/// The challenges of an answer in one line, as RFC 9110 section 5.3 joins them; a line beyond [`CHALLENGE`] is left out.
fn challenge_of(headers: &HeaderMap) -> Option<String> {
    let mut all = String::new();
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    for line in lines.filter_map(|it| it.to_str().ok()) {
        if all.len() + line.len() + 2 <= CHALLENGE {
            if !all.is_empty() {
                all.push_str(", ");
            }
            all.push_str(line);
        }
    }
    Some(all).filter(|all| !all.is_empty())
}

/// `Retry-After` as seconds, at most a day; a date is not looked at.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(24 * 60 * 60)))
}
