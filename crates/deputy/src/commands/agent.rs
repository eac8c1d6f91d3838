//! `deputy login`, `logout`, `whoami`, `tools`, `call`, `bridge`: acts on a server as the person who logged in, or whose
//! token it is.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use deputy_core::{Lifecycle, Scope, SystemClock, SystemRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::agent::api::{Api, Identity, server_of};
use crate::agent::consent::{self, Way, Wish};
use crate::agent::server::ServerUrl;
use crate::agent::session::revoke;
use crate::agent::store::{Login, Logins};
use crate::agent::terminal::{plain, strong, waiting};
use crate::agent::{SCOPES, bridge};
use crate::cli::{BridgeArgs, CallArgs, LoginArgs, LogoutArgs, ServerArgs};
use crate::commands::{UsageError, say};
use crate::settings::variable;
use crate::telemetry;

/// Logs in.
pub(crate) async fn login(args: LoginArgs) -> anyhow::Result<ExitCode> {
    let server = server_of(args.url.as_deref())?;
    let scopes = if args.scopes.is_empty() {
        SCOPES.to_vec()
    } else {
        let mut scopes = args
            .scopes
            .iter()
            .map(|scope| scope.parse())
            .collect::<Result<Vec<Scope>, _>>()?;
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    };
    let mut servers = args.servers;
    servers.sort_unstable();
    servers.dedup();
    let way = match (args.paste, args.no_browser) {
        (true, _) => Way::Paste,
        (false, true) => Way::Link,
        (false, false) => Way::Browser,
    };
    let wish = Wish {
        scopes,
        servers,
        way,
        place: args.store,
    };
    let login = Box::pin(consent::login(&server, &wish, &SystemClock, &SystemRng)).await?;
    if args.json {
        say(&serde_json::to_string_pretty(&described(&server, &login)?)?);
    }
    match login.username.as_str() {
        "" => eprintln!("You are logged in to {server}."),
        name => eprintln!("You are logged in to {server} as {}.", strong(name)),
    }
    let refused: Vec<&str> = wish
        .scopes
        .iter()
        .map(|scope| scope.as_str())
        .filter(|scope| !login.scopes.split_ascii_whitespace().any(|s| s == *scope))
        .collect();
    if !refused.is_empty() {
        eprintln!("Not granted: {}", refused.join(" "));
    }
    if variable("DEPUTY_TOKEN").is_some() {
        eprintln!("DEPUTY_TOKEN is set: commands use that token, and not this login.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A login as JSON. No token.
fn described(server: &ServerUrl, login: &Login) -> anyhow::Result<Value> {
    let slot = Logins::find()?.of(server);
    let scopes: Vec<&str> = login.scopes.split_ascii_whitespace().collect();
    Ok(json!({
        "server": login.server,
        "username": login.username,
        "scopes": scopes,
        "resources": login.resources,
        "store": login.kept,
        "kept_in": slot.describe(login.kept),
        "since": login.since,
    }))
}

/// Logs out.
pub(crate) async fn logout(args: &LogoutArgs) -> anyhow::Result<ExitCode> {
    let server = server_of(args.url.as_deref())?;
    let logins = Logins::find()?;
    let slot = logins.of(&server);
    let lock = slot.lock().await?;
    let Some(login) = slot.login()? else {
        eprintln!("You are not logged in to {server}.");
        return Ok(ExitCode::SUCCESS);
    };
    let token = slot.token(login.kept).await;
    let told = match &token {
        Ok(Some(token)) => revoke(&login, token).await,
        Ok(None) => Ok(()),
        Err(error) => Err(plain(&error.to_string())),
    };
    slot.forget(login.kept).await?;
    if logins.current().as_ref() == Some(&server) {
        logins.set_current(None)?;
    }
    drop(lock);
    if let Err(why) = told {
        eprintln!(
            "This machine has forgotten the login, but {server} could not be told ({why}): end it on {server}/settings"
        );
        return Ok(ExitCode::FAILURE);
    }
    eprintln!("You are logged out of {server}.");
    Ok(ExitCode::SUCCESS)
}

/// Lists the tools.
pub(crate) async fn tools(server: &ServerArgs, json: bool) -> anyhow::Result<ExitCode> {
    let api = Api::open(server)?;
    let tools = waiting("asking for the tools", api.get("api/v1/tools")).await?;
    if json {
        say(&serde_json::to_string_pretty(&tools)?);
        return Ok(ExitCode::SUCCESS);
    }
    let tools = tools.as_array().cloned().unwrap_or_default();
    if tools.is_empty() {
        eprintln!("no tools yet: connect an account on the server's page /connect");
    }
    let text = |tool: &Value, key: &str| plain(tool[key].as_str().unwrap_or_default());
    let width = |key: &str| {
        let widths = tools.iter().map(|tool| text(tool, key).chars().count());
        widths.max().unwrap_or(0)
    };
    let (names, servers) = (width("name"), width("server"));
    for tool in &tools {
        say(&format!(
            "{:names$}  {:servers$}  {:4}  {}",
            text(tool, "name"),
            text(tool, "server"),
            text(tool, "policy"),
            text(tool, "title")
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
    let arguments: Value = serde_json::from_str(&text).map_err(|error| {
        UsageError(format!(
            "the arguments are no JSON ({error}); give an object such as '{{\"name\": \"value\"}}'"
        ))
    })?;
    if !arguments.is_object() {
        let why = "the arguments must be a JSON object such as '{\"name\": \"value\"}'";
        return Err(UsageError(why.to_owned()).into());
    }
    let path = format!("api/v1/tools/{}/call", urlencode(&args.tool));
    let api = Api::open(&args.server)?;
    let asking = api.request(
        Method::POST,
        &path,
        Some(&arguments),
        args.idempotency_key.as_deref(),
    );
    let answer = waiting(&format!("calling {}", plain(&args.tool)), asking).await?;
    let data = answer.data;
    if args.json {
        say(&serde_json::to_string_pretty(&data)?);
    }
    if answer.status == StatusCode::ACCEPTED {
        let approval = &data["approval"];
        if !args.json {
            say(approval["id"].as_str().unwrap_or_default());
        }
        eprintln!(
            "waits for your approval: {}\n  {}/approvals",
            plain(approval["summary"].as_str().unwrap_or_default()),
            api.server
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
pub(crate) async fn whoami(server: &ServerArgs, json: bool) -> anyhow::Result<ExitCode> {
    let api = Api::open(server)?;
    let me = waiting("asking who you are", api.get("api/v1/me")).await?;
    let text = |key: &str| plain(me[key].as_str().unwrap_or_default());
    let (scopes, kept_in) = match &api.identity {
        Identity::Login(session) => (Some(&session.login().scopes), session.kept_in()),
        Identity::Token(_) => (None, "DEPUTY_TOKEN or --token".to_owned()),
    };
    if json {
        let scopes = scopes.map(|text| text.split_ascii_whitespace().collect::<Vec<_>>());
        say(&serde_json::to_string_pretty(&json!({
            "username": text("username"),
            "role": text("role"),
            "server": api.server.issuer(),
            "scopes": scopes,
            "kept_in": kept_in,
        }))?);
        return Ok(ExitCode::SUCCESS);
    }
    say(&text("username"));
    eprintln!("{} on {}", text("role"), api.server);
    match scopes {
        Some(scopes) => eprintln!("scopes: {scopes}\nthe login is kept in {kept_in}"),
        None => eprintln!("with a personal token, from {kept_in}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Forwards MCP between standard input and output and a server.
pub(crate) async fn bridge(args: &BridgeArgs) -> anyhow::Result<ExitCode> {
    telemetry::init_logs(telemetry::COMMAND_LOGS);
    let server = server_of(args.server.url.as_deref())?;
    let resource = server.mcp(args.name.as_deref());
    let lifecycle = Lifecycle::new();
    let identity = Identity::of(&args.server, &server, resource.clone(), &lifecycle)?;
    let endpoint = resource.parse().context("the server's address")?;
    let stop = super::serve::stop_signal();
    bridge::run(server, endpoint, identity, lifecycle, stop).await?;
    Ok(ExitCode::SUCCESS)
}

fn urlencode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
