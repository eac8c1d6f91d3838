//! Each crate's own configuration, from the settings of the whole; and what else is made of
//! settings alone.

use std::time::Duration;

use anyhow::Context as _;
use deputy_connections::remote;
use deputy_core::{Secret, http};
use deputy_gateway::catalog::{FirstPartyLaunch, Isolation};
use deputy_gateway::pool::{self, EnvValue};
use deputy_gateway::{mcp, servers};
use deputy_store::server_template::ServerTemplateRow;
use deputy_templates::{PlainHttp, Registry};
use url::Url;

use crate::commands::mcp::{API_URL, TOKEN};
use crate::settings::{GoogleSettings, SettingError, Settings};

/// The keys that people's secrets are sealed with.
pub(super) fn vault(
    settings: &Settings,
    key: Option<&Secret<String>>,
) -> anyhow::Result<deputy_vault::Config> {
    let key = key.ok_or_else(|| {
        SettingError(
            "TOKEN_ENCRYPTION_KEY_FILE (or TOKEN_ENCRYPTION_KEY) is not set: the key that protects people's tokens. Make one \
             with: deputy key generate > deputy.key && chmod 600 deputy.key"
                .to_owned(),
        )
    })?;
    let wrong = |e: deputy_vault::KeyError| SettingError(e.to_string());
    Ok(deputy_vault::Config {
        current: deputy_vault::parse_key(key.expose()).map_err(wrong)?,
        old: match &settings.old_keys {
            Some(old) => deputy_vault::parse_old_keys(old.expose()).map_err(wrong)?,
            None => Vec::new(),
        },
    })
}

/// How servers are run.
pub(crate) fn pool(settings: &Settings) -> pool::Config {
    let confinement = &settings.confinement;
    if confinement.level == deputy_jail::Level::Off {
        tracing::warn!(
            "DEPUTY_SANDBOX=off: people's own MCP servers can read and change whatever Deputy can, its keys and \
             everybody's files among them"
        );
    } else if let Some(missing) = deputy_jail::abilities().missing(confinement.level) {
        tracing::warn!(level = %confinement.level, %missing, "people's own MCP servers will not be started");
    }
    let mut config = pool::Config {
        memory: confinement.memory,
        per_person: settings.servers.per_user,
        total: settings.servers.total,
        disk: settings.servers.disk,
        http_per_person: settings.servers.remote_per_user,
        http_total: settings.servers.remote_total,
        private_hosts: settings.private_hosts.clone(),
        ..pool::Config::default()
    };
    if !cfg!(target_os = "linux")
        && let Ok(program) = std::env::current_exe()
    {
        config.helper = program;
    }
    config.search = search_path();
    config
}

/// Where the programs of people's own servers are looked for: where Deputy's own are.
pub(crate) fn search_path() -> String {
    crate::settings::variable("PATH").unwrap_or_else(|| deputy_jail::DEFAULT_PATH.to_owned())
}

/// The OAuth client at Google, where one is configured.
pub(super) fn connections(
    settings: &Settings,
) -> anyhow::Result<Option<deputy_connections::Config>> {
    let google = &settings.google;
    let (id, secret) = match (&google.client_id, &google.client_secret) {
        (Some(id), Some(secret)) => (id.clone(), secret.clone()),
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(SettingError(
                "GOOGLE_CLIENT_SECRET is missing beside GOOGLE_CLIENT_ID".to_owned(),
            )
            .into());
        }
        (None, Some(_)) => {
            return Err(SettingError(
                "GOOGLE_CLIENT_ID is missing beside GOOGLE_CLIENT_SECRET".to_owned(),
            )
            .into());
        }
    };
    let callback = match &google.callback_url {
        Some(url) => url.clone(),
        None => settings
            .public_url
            .join("api/v1/integrations/google/callback")?,
    };
    let mut config = deputy_connections::Config::google(id, secret, callback);
    for (setting, target) in [
        (&google.auth_url, &mut config.auth_url),
        (&google.token_url, &mut config.token_url),
        (&google.revoke_url, &mut config.revoke_url),
    ] {
        if let Some(url) = setting {
            *target = url.clone();
        }
    }
    Ok(Some(config))
}

/// First-party servers are this program again, as `deputy mcp …`.
fn first_party(google: &GoogleSettings) -> anyhow::Result<FirstPartyLaunch> {
    let mut env = Vec::new();
    if let Some(root) = &google.api_url {
        env.push((API_URL.to_owned(), EnvValue::Plain(root.to_string())));
    }
    for name in [
        "RUST_LOG",
        "RUST_BACKTRACE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ] {
        if let Some(value) = crate::settings::variable(name) {
            env.push((name.to_owned(), EnvValue::Plain(value)));
        }
    }
    Ok(FirstPartyLaunch {
        program: std::env::current_exe().context("finding this program's own file")?,
        args: vec!["mcp".to_owned()],
        env,
        per_request_args: vec!["--credentials-per-request".to_owned()],
        token_variable: TOKEN,
        isolation: if google.process_isolation {
            Isolation::Process
        } else {
            Isolation::Shared
        },
    })
}

/// How people's own servers are run.
fn own_servers(settings: &Settings) -> anyhow::Result<servers::Config> {
    let given = &settings.servers;
    // Servers get it as their home, and run elsewhere.
    let folder = std::path::absolute(settings.data_dir.join("servers"))?;
    let mut config = servers::Config::new(folder);
    config.level = settings.confinement.level;
    config
        .files_roots
        .clone_from(&settings.confinement.files_roots);
    config.closed.clone_from(&settings.confinement.closed);
    config.files.clone_from(&settings.confinement.files);
    config.commands = given.commands.clone();
    config.env = given
        .env
        .iter()
        .filter_map(|name| Some((name.clone(), crate::settings::variable(name)?)))
        .collect();
    config.plain_http = PlainHttp::Allowed(settings.private_hosts.clone());
    Ok(config)
}

/// How tools are called.
pub(super) fn gateway(settings: &Settings) -> anyhow::Result<deputy_gateway::Config> {
    let mut config = deputy_gateway::Config::new(
        settings.public_url.clone(),
        first_party(&settings.google)?,
        own_servers(settings)?,
    );
    config.alerts.webhook.clone_from(&settings.alert_webhook);
    config.keep_usage = Duration::from_hours(24 * u64::from(settings.keep_usage_days));
    Ok(config)
}

/// How people are known.
pub(super) fn identity(settings: &Settings) -> deputy_identity::Config {
    deputy_identity::Config {
        login_per_5min: settings.login_per_5min,
        second_factor: settings.require_second_factor,
        public_url: Some(settings.public_url.clone()),
        ..Default::default()
    }
}

/// How programs log in as people.
pub(super) fn oauth(settings: &Settings, is_sandbox: bool) -> deputy_identity::oauth::Config {
    let mut config = deputy_identity::oauth::Config::new(settings.public_url.as_str());
    config.grace = settings.oauth.grace;
    config.token_per_min = settings.oauth.token_per_min;
    config.register_per_hour = settings.oauth.register_per_hour;
    config.documents = settings.oauth.documents;
    if is_sandbox {
        // What runs on one machine asks nobody outside unless somebody has it to.
        config.documents_probe = None;
    }
    config
}

/// The front door.
pub(super) fn web(settings: &Settings, sandbox: Option<deputy_web::Sandbox>) -> deputy_web::Config {
    let mut config = deputy_web::Config::new(settings.public_url.clone());
    config.sandbox = sandbox;
    config.trusted_proxies.clone_from(&settings.trusted_proxies);
    config
}

/// Under which names `/mcp` answers.
pub(super) fn endpoint(settings: &Settings) -> mcp::Endpoint {
    let public = &settings.public_url;
    let mut hosts = vec![authority(public)];
    let mut origins = vec![with_port(public)];
    if settings.listen.ip().is_loopback() {
        for name in ["localhost", "127.0.0.1", "[::1]"] {
            hosts.push(format!("{name}:{}", settings.listen.port()));
            origins.push(format!("http://{name}:{}", settings.listen.port()));
        }
    }
    mcp::Endpoint {
        allowed_hosts: hosts,
        allowed_origins: origins,
    }
}

/// `host` or `host:port` as a request's `Host` has it.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The origin with its port even where that is the scheme's own: without one, any would match.
fn with_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!(
        "{}://{host}:{}",
        url.scheme(),
        url.port_or_known_default().unwrap_or(443)
    )
}

/// This installation as a client of people's remote servers.
pub(super) fn remote(settings: &Settings) -> remote::Config {
    let mut config = remote::Config::new(&settings.public_url);
    if let Some(url) = &settings.client_metadata_url {
        config.metadata_url = Some(url.clone());
    }
    config
}

/// The client for what people's servers and their authorization servers name.
pub(super) fn guarded(settings: &Settings) -> anyhow::Result<http::Guarded> {
    guarded_within(settings, http::GuardLimits::default())
}

/// The client for the documents in which OAuth clients say who they are.
pub(crate) fn documents(settings: &Settings) -> anyhow::Result<http::Guarded> {
    guarded_within(settings, deputy_identity::oauth::document_limits())
}

fn guarded_within(settings: &Settings, limits: http::GuardLimits) -> anyhow::Result<http::Guarded> {
    let private_hosts = settings.private_hosts.clone();
    Ok(http::guarded(http::GuardConfig {
        private_hosts,
        limits,
    })?)
}

/// The kinds of servers that people may add: those built in, those of these rows, those of the
/// administrator's folder.
pub(crate) fn registry(settings: &Settings, rows: Vec<ServerTemplateRow>) -> Registry {
    let rows = rows.into_iter().map(|row| deputy_templates::Row {
        server_type: row.server_type,
        display_name: row.display_name,
        description: row.description,
        command_template: row.command_template,
        args_template: row.args_template,
        env_template: row.env_template,
        config_schema: row.config_schema,
        setup_instructions: row.setup_instructions,
        is_active: row.is_active,
    });
    let mut registry = Registry::builtin().with_rows(rows);
    if let Some(folder) = &settings.servers.templates_dir {
        registry = registry.with_folder(folder);
    }
    registry
}
