//! Requests to a server's REST API, as whom a token or a login says.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use deputy_core::{Lifecycle, Secret, http};
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, StatusCode};
use rmcp::transport::auth::WWWAuthenticateParams;
use serde_json::Value;
use url::Url;

use super::server::{DEFAULT, ServerUrl};
use super::session::{Session, SessionError, login_command};
use super::store::Logins;
use super::terminal::plain;
use crate::cli::ServerArgs;

/// Longer than a server lets a call take.
const TIMEOUT: Duration = Duration::from_secs(90);

/// As whom requests are made.
#[derive(Clone)]
pub(crate) enum Identity {
    /// A personal access token that was given.
    Token(Secret<String>),
    /// A login.
    Login(Session),
}

impl Identity {
    /// What the arguments and the kept logins say: a token wins.
    pub(crate) fn of(
        args: &ServerArgs,
        server: &ServerUrl,
        resource: String,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        match args.token.as_deref().map(str::trim) {
            Some(token) if !token.is_empty() => Ok(Self::Token(Secret::from(token))),
            _ => {
                let logins = Logins::find()?;
                Ok(Self::Login(Session::open(
                    &logins, server, resource, lifecycle,
                )?))
            }
        }
    }

    /// What goes into `Authorization`.
    pub(crate) async fn bearer(&self) -> Result<Secret<String>, SessionError> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::Login(session) => session.access().await,
        }
    }

    /// Something else to try where the server refused this; nothing for a token that was given.
    pub(crate) async fn instead_of(
        &self,
        refused: &Secret<String>,
    ) -> Result<Option<Secret<String>>, SessionError> {
        match self {
            Self::Token(_) => Ok(None),
            Self::Login(session) => session.renew(refused).await.map(Some),
        }
    }

    /// What to do about a refusal (401 or 403) that carried this challenge.
    pub(crate) fn explain(
        &self,
        server: &ServerUrl,
        status: StatusCode,
        challenge: &WWWAuthenticateParams,
    ) -> Option<String> {
        if status == StatusCode::FORBIDDEN && challenge.is_insufficient_scope() {
            return Some(self.explain_scope(server, challenge));
        }
        if status != StatusCode::UNAUTHORIZED {
            return None;
        }
        let why = challenge.error_description.as_deref().map(plain);
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        Some(match self {
            Self::Token(_) => format!(
                "{server} does not accept this token{why}; make one on its page /settings, or log in with `deputy login {server}`"
            ),
            Self::Login(_) => format!(
                "{server} does not accept your login{why}; log in again with `deputy login {server}`"
            ),
        })
    }

    fn explain_scope(&self, server: &ServerUrl, challenge: &WWWAuthenticateParams) -> String {
        let asked = challenge.scope.as_deref().map(plain).unwrap_or_default();
        let asked: Vec<&str> = asked.split_ascii_whitespace().collect();
        match self {
            Self::Token(_) => {
                let why = challenge.error_description.as_deref().map(plain);
                let why = why.unwrap_or_else(|| format!("it takes {}", asked.join(" ")));
                format!("this token may not do that: {why}; make another one on {server}/settings")
            }
            Self::Login(session) => {
                let login = session.login();
                let granted: Vec<&str> = login.scopes.split_ascii_whitespace().collect();
                let missing: Vec<&str> = asked
                    .iter()
                    .copied()
                    .filter(|scope| !granted.contains(scope))
                    .collect();
                let mut all = granted;
                all.extend(&missing);
                let command = login_command(server, login, &all, None);
                format!(
                    "your login lacks the scope {}; ask for it with `{command}`",
                    missing.join(" ")
                )
            }
        }
    }
}

/// The server that the arguments mean: named, or that of the last login.
pub(crate) fn server_of(url: Option<&str>) -> anyhow::Result<ServerUrl> {
    if let Some(url) = url.filter(|url| !url.trim().is_empty()) {
        return Ok(ServerUrl::parse(url)?);
    }
    match Logins::find().ok().and_then(|logins| logins.current()) {
        Some(server) => Ok(server),
        None => Ok(ServerUrl::parse(DEFAULT)?),
    }
}

/// The REST API of a server, as somebody.
pub(crate) struct Api {
    pub(crate) server: ServerUrl,
    pub(crate) identity: Identity,
    http: reqwest::Client,
}

/// What it said.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) data: Value,
}

impl Api {
    pub(crate) fn open(args: &ServerArgs) -> anyhow::Result<Self> {
        let server = server_of(args.url.as_deref())?;
        let identity = Identity::of(args, &server, server.api(), &Lifecycle::new())?;
        Self::of(server, identity)
    }

    pub(crate) fn of(server: ServerUrl, identity: Identity) -> anyhow::Result<Self> {
        let http = http::trusted(http::Limits {
            total: TIMEOUT,
            ..http::Limits::default()
        })?;
        Ok(Self {
            server,
            identity,
            http,
        })
    }

    /// Gets something.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.request(Method::GET, path, None, None).await?.data)
    }

    /// Makes a request; a success has its data, anything else is an error in the server's words.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let url = self.server.join(path)?;
        let bearer = self.identity.bearer().await?;
        let mut response = self.send(&method, &url, body, key, &bearer).await?;
        // Refused with nothing done: as it was.
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(other) = self.identity.instead_of(&bearer).await?
        {
            response = self.send(&method, &url, body, key, &other).await?;
        }
        let status = response.status();
        let challenge = challenge_of(&response);
        if let Some(explained) = challenge
            .or_else(|| (status == StatusCode::UNAUTHORIZED).then(Default::default))
            .and_then(|challenge| self.identity.explain(&self.server, status, &challenge))
        {
            bail!(explained);
        }
        let mut body: Value = response
            .json()
            .await
            .with_context(|| format!("{url} answered {status} with something that is no JSON"))?;
        if body["success"] == Value::Bool(true) {
            let data = body["data"].take();
            return Ok(Answer { status, data });
        }
        let error = &body["error"];
        let text = |key: &str| plain(error[key].as_str().unwrap_or_default());
        Err(if error.is_object() {
            anyhow!("{}: {}", text("code"), text("message"))
        } else {
            anyhow!("{} answered {status}", self.server)
        })
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&Value>,
        key: Option<&str>,
        bearer: &Secret<String>,
    ) -> anyhow::Result<reqwest::Response> {
        let mut request = self.http.request(method.clone(), url.clone());
        request = request.bearer_auth(bearer.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let sent = request.send().await;
        sent.with_context(|| format!("{} does not answer", self.server))
    }
}

/// The challenge of a refusal.
pub(crate) fn challenge_of(response: &reqwest::Response) -> Option<WWWAuthenticateParams> {
    let header = response.headers().get(WWW_AUTHENTICATE)?.to_str().ok()?;
    Some(WWWAuthenticateParams::parse(header, response.url()))
}
