//! `deputy tools`, `deputy call`, `deputy whoami`: acts on a server as the person whose token it is.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use deputy_core::http;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::cli::{CallArgs, ServerArgs};
use crate::commands::say;
use crate::settings::SettingError;

/// Longer than a server lets a call take.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Lists the tools.
pub(crate) async fn tools(server: &ServerArgs, json: bool) -> anyhow::Result<ExitCode> {
    let answer = request(server, Method::GET, "api/v1/tools", None, None).await?;
    let tools = answer.data()?;
    if json {
        say(&serde_json::to_string_pretty(&tools)?);
        return Ok(ExitCode::SUCCESS);
    }
    let tools = tools.as_array().cloned().unwrap_or_default();
    if tools.is_empty() {
        eprintln!("no tools yet: connect an account on the server's page /connect");
    }
    let width = tools
        .iter()
        .filter_map(|t| t["name"].as_str())
        .map(str::len)
        .max()
        .unwrap_or(0);
    for tool in &tools {
        let text = |key: &str| tool[key].as_str().unwrap_or_default().to_owned();
        say(&format!(
            "{:width$}  {:8}  {:4}  {}",
            text("name"),
            text("server"),
            text("policy"),
            text("title")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Calls one.
pub(crate) async fn call(args: CallArgs) -> anyhow::Result<ExitCode> {
    let text = if args.arguments == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading the arguments from standard input")?;
        text
    } else {
        args.arguments
    };
    let arguments: Value = serde_json::from_str(&text).context("the arguments are no JSON")?;
    let path = format!("api/v1/tools/{}/call", urlencode(&args.tool));
    let answer = request(
        &args.server,
        Method::POST,
        &path,
        Some(&arguments),
        args.idempotency_key.as_deref(),
    )
    .await?;
    let status = answer.status;
    let data = answer.data()?;
    if args.json {
        say(&serde_json::to_string_pretty(&data)?);
    }
    if status == StatusCode::ACCEPTED {
        let approval = &data["approval"];
        if !args.json {
            say(approval["id"].as_str().unwrap_or_default());
        }
        let at = server_url(&args.server.url)?.join("approvals")?;
        eprintln!(
            "waits for your approval: {}\n  {at}",
            approval["summary"].as_str().unwrap_or_default()
        );
        return Ok(ExitCode::SUCCESS);
    }
    if !args.json {
        let shown = if data["structured"].is_null() {
            &data["content"]
        } else {
            &data["structured"]
        };
        say(&serde_json::to_string_pretty(shown)?);
    }
    Ok(if data["is_error"] == Value::Bool(true) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Says as whom.
pub(crate) async fn whoami(server: &ServerArgs) -> anyhow::Result<ExitCode> {
    let me = request(server, Method::GET, "api/v1/me", None, None)
        .await?
        .data()?;
    say(me["username"].as_str().unwrap_or_default());
    eprintln!(
        "{} on {}",
        me["role"].as_str().unwrap_or_default(),
        server.url
    );
    Ok(ExitCode::SUCCESS)
}

struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn data(self) -> anyhow::Result<Value> {
        if self.body["success"] == Value::Bool(true) {
            return Ok(self.body["data"].clone());
        }
        let error = &self.body["error"];
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                bail!("the server does not know this token; make one on its page /settings")
            }
            _ if error.is_object() => bail!("{}: {}", text("code"), text("message")),
            status => bail!("the server answered {status}"),
        }
    }
}

async fn request(
    server: &ServerArgs,
    method: Method,
    path: &str,
    body: Option<&Value>,
    key: Option<&str>,
) -> anyhow::Result<Answer> {
    let url = server_url(&server.url)?.join(path)?;
    let Some(token) = &server.token else {
        return Err(SettingError(
            "no token: put one into DEPUTY_TOKEN (the server's page /settings makes them, or `deputy token create`)".to_owned(),
        )
        .into());
    };
    let client = http::trusted(http::Limits {
        total: TIMEOUT,
        ..http::Limits::default()
    })?;
    let mut request = client.request(method, url.clone()).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(body);
    }
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let response = request
        .send()
        .await
        .with_context(|| format!("{} does not answer", server.url))?;
    let status = response.status();
    let body = response
        .json()
        .await
        .with_context(|| format!("{url} answered {status} with something that is no JSON"))?;
    Ok(Answer { status, body })
}

fn server_url(text: &str) -> anyhow::Result<Url> {
    let mut url = Url::parse(text)
        .map_err(|e| SettingError(format!("DEPUTY_URL is no URL ({e}): '{text}'")))?;
    if url.scheme() != "https" && !(url.scheme() == "http" && http::is_loopback(&url)) {
        return Err(SettingError(
            "DEPUTY_URL must begin with https:// (http:// is accepted for this machine only)"
                .to_owned(),
        )
        .into());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn urlencode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
