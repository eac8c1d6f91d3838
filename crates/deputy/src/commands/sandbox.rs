//! `deputy sandbox`: everything on this machine. A server on an embedded database, the emulated
//! Google beside it, and the user `demo` whose account there is connected through the real consent.

mod consent;
mod state;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use deputy_core::{Lifecycle, Role, Secret, SystemRng, UserId};
use deputy_identity::{Identity, NewUser, PasswordPolicy, TokenRequest, UserError};
use deputy_sandbox::google;
use deputy_templates::Commands;
use serde_json::json;
use tokio::net::TcpListener;

use crate::cli::SandboxArgs;
use crate::commands::emulate::origin;
use crate::commands::say;
use crate::commands::serve::stop_signal;
use crate::compose::{Options, Server, private_folder};
use crate::settings::{Overrides, Settings, Sources};
use crate::telemetry;
use state::State;

/// The user that the sandbox makes, and their password.
const USER: &str = "demo";
/// That user's account at the emulated Google.
const ACCOUNT: &str = "demo@sandbox.test";

/// Runs it until it is told to stop.
pub(crate) async fn run(args: SandboxArgs) -> anyhow::Result<ExitCode> {
    telemetry::init_logs("warn");
    let json = args.json;
    let mut settings = settings(args)?;
    let (listener, address) = listen(&mut settings).await?;
    private_folder(&settings.data_dir)?;
    let mut state = State::load(&settings.data_dir)?;
    let key = state::root_key(&settings.sandbox_key_file())?;

    // The emulator has a life of its own: it must outlast the server's last calls.
    let world = Lifecycle::new();
    let config = google::Config {
        data: settings.data_dir.clone(),
        rng: Arc::new(SystemRng),
    };
    let emulated = google::start(google_listener(address, &state).await?, config, &world)
        .await
        .with_context(|| in_use(&settings.data_dir))?;
    state.google_port = emulated.url().port();
    point_at(&mut settings, emulated.url())?;

    let pages = deputy_web::Sandbox {
        user: USER.to_owned(),
        password: USER.to_owned(),
        google_url: Some(origin(emulated.url())),
    };
    let options = Options {
        key: Some(key),
        sandbox: Some(pages),
        metrics: telemetry::init_metrics()?,
    };
    let server = Server::build(&settings, options).await?;
    let user = demo_user(&server.identity).await?;
    if !state.is_connected {
        consent::connect(&server.connections, user, ACCOUNT)
            .await
            .context("connecting the emulated Google")?;
        state.is_connected = true;
    }
    let token = demo_token(&server.identity, user, &mut state).await?;
    state.save(&settings.data_dir)?;

    let url = origin(&settings.public_url);
    if json {
        let facts = json!({
            "url": url, "user": USER, "password": USER, "token": token.expose(),
            "google_url": origin(emulated.url()), "telegram_url": null, "model_url": null,
        });
        say(&facts.to_string());
    }
    welcome(&url, &origin(emulated.url()), &token, &settings);
    server.run(listener, stop_signal()).await?;
    world.stop(std::time::Duration::from_secs(2)).await;
    Ok(ExitCode::SUCCESS)
}

/// The settings of a sandbox, which is for this machine alone.
fn settings(args: SandboxArgs) -> anyhow::Result<Settings> {
    let overrides = Overrides {
        config: args.config,
        data: args.data,
        listen: args.listen,
    };
    let mut settings = Settings::load(Sources::Sandbox, &overrides)?;
    if !settings.listen.ip().is_loopback() {
        bail!(
            "the sandbox listens on loopback only, not on {}: everybody knows its password",
            settings.listen
        );
    }
    if settings.servers.commands == Commands::None {
        // Whoever can sign in here has this machine already.
        settings.servers.commands = Commands::Any;
    }
    Ok(settings)
}

/// Listens, and where the port was left open says in the settings which it is.
async fn listen(settings: &mut Settings) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!(
            "listening on {} (is a sandbox running already? choose another address with --listen)",
            settings.listen
        )
    })?;
    let address = listener.local_addr()?;
    if settings.listen.port() == 0 {
        settings
            .public_url
            .set_port(Some(address.port()))
            .map_err(|()| anyhow::anyhow!("the public URL takes no port"))?;
        settings.listen = address;
    }
    Ok((listener, address))
}

/// Where the emulated Google listens: as the last time, else on the port after the server's, else
/// on any.
async fn google_listener(server: SocketAddr, state: &State) -> anyhow::Result<TcpListener> {
    let next = server.port().checked_add(1);
    for port in [state.google_port, next, Some(0)].into_iter().flatten() {
        if let Ok(listener) = TcpListener::bind((server.ip(), port)).await {
            return Ok(listener);
        }
    }
    bail!("no port is free on {}", server.ip())
}

/// Why the emulated Google may not start.
pub(crate) fn in_use(folder: &std::path::Path) -> String {
    format!(
        "starting the emulated Google on {} (is another sandbox using that folder?)",
        folder.display()
    )
}

/// The settings of an installation whose Google is the emulated one.
fn point_at(settings: &mut Settings, google: &url::Url) -> anyhow::Result<()> {
    settings.google.client_id = Some(google::CLIENT_ID.to_owned());
    settings.google.client_secret = Some(Secret::from(google::CLIENT_SECRET));
    settings.google.callback_url = None;
    settings.google.auth_url = Some(google.join("o/oauth2/v2/auth")?);
    settings.google.token_url = Some(google.join("token")?);
    settings.google.revoke_url = Some(google.join("revoke")?);
    settings.google.api_url = Some(google.clone());
    Ok(())
}

async fn demo_user(identity: &Identity) -> anyhow::Result<UserId> {
    match identity.user_by_name(USER).await {
        Ok(user) => Ok(user.id),
        Err(UserError::NotFound) => {
            let mut new = NewUser::new(USER, Secret::from(USER));
            new.policy = PasswordPolicy::Sandbox;
            new.role = Role::Admin;
            Ok(identity.create_user(new).await?.id)
        }
        Err(error) => Err(error.into()),
    }
}

/// The token of the last run while it works, else a new one with every right.
async fn demo_token(
    identity: &Identity,
    user: UserId,
    state: &mut State,
) -> anyhow::Result<Secret<String>> {
    if let Some(token) = &state.token
        && identity
            .authenticate_token(token.expose())
            .await
            .is_ok_and(|principal| principal.user_id == user)
    {
        return Ok(token.clone());
    }
    let request = TokenRequest {
        name: "sandbox".to_owned(),
        scopes: Some(Identity::rights(Role::Admin)),
        days: None,
    };
    let (token, _) = identity.create_token(user, request).await?;
    state.token = Some(token.clone());
    Ok(token)
}

fn welcome(url: &str, google: &str, token: &Secret<String>, settings: &Settings) {
    eprintln!(
        "\n  Deputy's sandbox is ready.\n\n\
         \x20   Open        {url}   (sign in as {USER}, password {USER})\n\
         \x20   Google      {google}   the emulated one: watch {ACCOUNT}'s calendar, mail and files\n\
         \x20   MCP         {url}/mcp   with a login, or the token below\n\
         \x20   Token       {}\n\n\
         \x20   deputy login {url}\n\
         \x20   deputy tools\n\n\
         \x20 or, without a browser: export DEPUTY_URL={url} DEPUTY_TOKEN={}\n\n\
         \x20 Everything stays in {}. Ctrl-C stops it.\n",
        token.expose(),
        token.expose(),
        settings.data_dir.display(),
    );
}
