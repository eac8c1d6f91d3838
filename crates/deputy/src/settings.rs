//! Settings: defaults, then `deputy.toml`, then the environment, then flags. The only place that
//! reads any of them; every other crate gets its own `Config`.
//!
//! A setting has one name, that of its environment variable; [`keys::KEYS`] says where it stands in
//! the file. So a value is read, checked and complained about the same way wherever it came from.

mod confinement;
mod keys;
mod oauth;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use deputy_core::Secret;
use deputy_core::http::PrivateHosts;
use deputy_templates::Commands;
use ipnet::IpNet;
use url::Url;

pub(crate) use confinement::ConfinementSettings;
pub(crate) use oauth::OAuthSettings;

/// A setting that can't be used: what is wrong with which one, and how to get a right value. Ends
/// the program with code 78 (`EX_CONFIG` of sysexits).
#[derive(Debug, thiserror::Error)]
pub(crate) struct SettingError(pub(crate) String);

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn wrong(message: impl Into<String>) -> SettingError {
    SettingError(message.into())
}

/// The file, in a sandbox's folder, with its key.
const SANDBOX_KEY: &str = "sandbox.key";

/// From where settings are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// The file, `.env` and the environment.
    All,
    /// The sandbox: only the file that was named and the `DEPUTY_*` variables (and
    /// `GOOGLE_ISOLATION`), no credentials.
    Sandbox,
}

/// The flags that are settings too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// `--config FILE`
    pub(crate) config: Option<PathBuf>,
    /// `--data DIR`
    pub(crate) data: Option<PathBuf>,
    /// `--listen ADDR`
    pub(crate) listen: Option<String>,
}

/// The values as text, by environment name.
#[derive(Default)]
struct Values(HashMap<&'static str, (String, &'static str)>);

impl Values {
    fn text(&self, name: &'static str) -> Option<&str> {
        self.0
            .get(name)
            .map(|(value, _)| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn secret(&self, name: &'static str) -> Option<Secret<String>> {
        self.text(name).map(Secret::from)
    }

    fn parse<T: FromStr>(
        &self,
        name: &'static str,
        what: &str,
        default: T,
    ) -> Result<T, SettingError> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| wrong(format!("{name} must be {what}, not '{text}'"))),
        }
    }

    /// A URL that may itself be a secret: it is checked as any other, and never shown.
    fn secret_url(&self, name: &'static str) -> Result<Option<Secret<String>>, SettingError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let usable = Url::parse(text).is_ok_and(|url| match url.scheme() {
            "https" => url.host().is_some(),
            "http" => deputy_core::http::is_loopback(&url),
            _ => false,
        });
        if usable {
            return Ok(Some(Secret::from(text)));
        }
        Err(wrong(format!(
            "{name} must be a URL that begins with https:// (http:// is accepted for this machine only)"
        )))
    }

    /// An absolute `https` URL, or `http` towards this machine.
    fn url(&self, name: &'static str) -> Result<Option<Url>, SettingError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let url =
            Url::parse(text).map_err(|e| wrong(format!("{name} is no URL ({e}): '{text}'")))?;
        match url.scheme() {
            "https" => {}
            "http" if deputy_core::http::is_loopback(&url) => {}
            "http" => {
                return Err(wrong(format!(
                    "{name} must begin with https:// (http:// is accepted for this machine only)"
                )));
            }
            _ => return Err(wrong(format!("{name} must begin with https://"))),
        }
        if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(format!(
                "{name} must be a plain URL with a host and without a user name"
            )));
        }
        Ok(Some(url))
    }
}

/// The Google part.
#[derive(Clone)]
pub(crate) struct GoogleSettings {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret<String>>,
    pub(crate) callback_url: Option<Url>,
    pub(crate) auth_url: Option<Url>,
    pub(crate) token_url: Option<Url>,
    pub(crate) revoke_url: Option<Url>,
    /// One root for all APIs, instead of Google's own hosts.
    pub(crate) api_url: Option<Url>,
    /// One process per person and server instead of one per server.
    pub(crate) process_isolation: bool,
}

/// People's own MCP servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerSettings {
    /// Which commands people may run as servers.
    pub(crate) commands: Commands,
    /// The variables of this process that servers get.
    pub(crate) env: Vec<String>,
    /// The administrator's own templates.
    pub(crate) templates_dir: Option<PathBuf>,
    /// Most processes of one person at a time.
    pub(crate) per_user: usize,
    /// Most processes in all at a time.
    pub(crate) total: usize,
    /// Most servers in the network that one person is connected to at a time, and all are.
    pub(crate) remote_per_user: usize,
    pub(crate) remote_total: usize,
    /// The files that a server may keep, in bytes; 0: no limit.
    pub(crate) disk: u64,
}

/// What package runners and TLS libraries need to know of the machine.
const SERVER_ENV: &str = "PATH,LANG,TZ,SSL_CERT_FILE,NODE_EXTRA_CA_CERTS,npm_config_registry,\
npm_config_cafile,UV_INDEX_URL,UV_DEFAULT_INDEX,PIP_INDEX_URL";

impl ServerSettings {
    fn check(values: &Values) -> Result<Self, SettingError> {
        let defaults = deputy_gateway::pool::Config::default();
        let (per_user, total) = caps(
            values,
            "DEPUTY_LIMITS_SERVERS_PER_USER",
            "DEPUTY_LIMITS_SERVERS_TOTAL",
            (defaults.per_person, defaults.total),
        )?;
        let (remote_per_user, remote_total) = caps(
            values,
            "DEPUTY_LIMITS_REMOTE_PER_USER",
            "DEPUTY_LIMITS_REMOTE_TOTAL",
            (defaults.http_per_person, defaults.http_total),
        )?;
        let disk: u64 = values.parse(
            "DEPUTY_LIMITS_SERVER_DISK_MB",
            "a number of MiB, 0 for no limit",
            defaults.disk >> 20,
        )?;
        let env = values.text("DEPUTY_SERVER_ENV").unwrap_or(SERVER_ENV);
        Ok(Self {
            commands: Commands::from_setting(
                values.text("DEPUTY_CUSTOM_COMMANDS").unwrap_or_default(),
            ),
            env: env
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            templates_dir: values.text("DEPUTY_TEMPLATES_DIR").map(PathBuf::from),
            per_user,
            total,
            remote_per_user,
            remote_total,
            disk: disk.saturating_mul(1 << 20),
        })
    }
}

/// How many servers there may be at a time: of one person, and in all.
fn caps(
    values: &Values,
    per_user_name: &'static str,
    total_name: &'static str,
    (per_user, total): (usize, usize),
) -> Result<(usize, usize), SettingError> {
    let number = |name, default| {
        let most = 10_000;
        let what = format!("a number from 1 to {most}");
        let number: usize = values.parse(name, &what, default)?;
        if (1..=most).contains(&number) {
            return Ok(number);
        }
        Err(wrong(format!("{name} must be {what}, not '{number}'")))
    };
    let total = number(total_name, total)?;
    let per_user = number(per_user_name, per_user.min(total))?;
    if per_user > total {
        return Err(wrong(format!(
            "{per_user_name} ({per_user}) must not be more than {total_name} ({total})"
        )));
    }
    Ok((per_user, total))
}

/// What the program runs with.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Url,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// What people's servers may be reached at although it is private.
    pub(crate) private_hosts: PrivateHosts,
    /// Where authorization servers of people's servers read who we are, if not here.
    pub(crate) client_metadata_url: Option<Url>,
    /// How people's own servers are held.
    pub(crate) confinement: ConfinementSettings,
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: String,
    /// The text of the root key, if one was given.
    pub(crate) key: Option<Secret<String>>,
    pub(crate) old_keys: Option<Secret<String>>,
    pub(crate) google: GoogleSettings,
    pub(crate) servers: ServerSettings,
    pub(crate) oauth: OAuthSettings,
    pub login_per_5min: u32,
    pub(crate) calls_per_min: u32,
    /// Where alerts are posted.
    pub(crate) alert_webhook: Option<Secret<String>>,
    /// How long statistics of calls are kept.
    pub(crate) keep_usage_days: u16,
}

impl Settings {
    /// Reads and checks everything.
    pub(crate) fn load(sources: Sources, overrides: &Overrides) -> Result<Self, SettingError> {
        let mut values = Values::default();
        read_file(sources, overrides.config.as_deref(), &mut values)?;
        read_environment(sources, &mut values)?;
        if let Some(listen) = &overrides.listen {
            values
                .0
                .insert("DEPUTY_LISTEN", (listen.clone(), "--listen"));
        }
        if let Some(data) = &overrides.data {
            values
                .0
                .insert("DEPUTY_DATA_DIR", (data.display().to_string(), "--data"));
            let embedded = |url: &str| url.starts_with("sqlite:");
            let elsewhere = values.text("DATABASE_URL").is_some_and(embedded);
            if data.join(SANDBOX_KEY).exists() {
                // A sandbox's folder: its database and its key, whatever else is configured.
                for name in [
                    "DATABASE_URL",
                    "TOKEN_ENCRYPTION_KEY",
                    "TOKEN_ENCRYPTION_KEY_FILE",
                ] {
                    values.0.remove(name);
                }
            } else if overrides.config.is_none() && elsewhere {
                // The flag names the folder: the embedded database is the one in it.
                values.0.remove("DATABASE_URL");
            }
        }
        let mut settings = Self::check(&values)?;
        if let Some(config) = &overrides.config
            && let Ok(path) = std::path::absolute(config)
        {
            settings.confinement.closed.push(path);
        }
        Ok(settings)
    }

    fn check(values: &Values) -> Result<Self, SettingError> {
        let listen: SocketAddr = values.parse(
            "DEPUTY_LISTEN",
            "an address and a port such as 127.0.0.1:8484",
            ([127, 0, 0, 1], 8484).into(),
        )?;
        let public_url = match values.url("DEPUTY_PUBLIC_URL")? {
            Some(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
                return Err(wrong(
                    "DEPUTY_PUBLIC_URL must be an origin such as https://deputy.example.org, without a path",
                ));
            }
            Some(url) => url,
            None => Url::parse(&format!("http://{listen}"))
                .map_err(|e| wrong(format!("DEPUTY_LISTEN: {e}")))?,
        };
        let trusted_proxies = networks(values.text("DEPUTY_TRUSTED_PROXIES").unwrap_or_default())?;
        let private_hosts = values.parse(
            "DEPUTY_PRIVATE_HOSTS",
            "hosts with their ports such as localhost:9000,10.0.0.7:8443",
            PrivateHosts::default(),
        )?;
        let client_metadata_url = values.url("DEPUTY_CLIENT_METADATA_URL")?;
        if let Some(url) = &client_metadata_url
            && (url.scheme() != "https"
                || url.path() == "/"
                || url.query().is_some()
                || url.fragment().is_some())
        {
            return Err(wrong(
                "DEPUTY_CLIENT_METADATA_URL must begin with https:// and have a path, such as https://example.org/deputy.json",
            ));
        }
        let data_dir = PathBuf::from(values.text("DEPUTY_DATA_DIR").unwrap_or("./data"));
        let database_url = match values.text("DATABASE_URL") {
            Some(url)
                if url.starts_with("sqlite://")
                    || url.starts_with("postgres://")
                    || url.starts_with("postgresql://") =>
            {
                url.to_owned()
            }
            Some(_) => {
                return Err(wrong(
                    "DATABASE_URL must begin with sqlite:// or postgres://",
                ));
            }
            None => format!("sqlite://{}", data_dir.join("deputy.db").display()),
        };
        let isolation = values.text("GOOGLE_ISOLATION").unwrap_or("shared");
        let process_isolation = match isolation {
            "shared" => false,
            "process" => true,
            other => {
                return Err(wrong(format!(
                    "GOOGLE_ISOLATION must be shared or process, not '{other}'"
                )));
            }
        };
        let keep_usage_days = values.parse("DEPUTY_KEEP_USAGE_DAYS", "1 to 3650 days", 90)?;
        if !(1..=3650).contains(&keep_usage_days) {
            return Err(wrong("DEPUTY_KEEP_USAGE_DAYS must be 1 to 3650 days"));
        }
        Ok(Self {
            alert_webhook: values.secret_url("DEPUTY_ALERT_WEBHOOK")?,
            keep_usage_days,
            servers: ServerSettings::check(values)?,
            oauth: OAuthSettings::check(values)?,
            key: read_key(values)?,
            old_keys: values.secret("TOKEN_ENCRYPTION_KEYS_OLD"),
            google: GoogleSettings {
                client_id: values.text("GOOGLE_CLIENT_ID").map(str::to_owned),
                client_secret: values.secret("GOOGLE_CLIENT_SECRET"),
                callback_url: values.url("GOOGLE_CALLBACK_URL")?,
                auth_url: values.url("GOOGLE_AUTH_URL")?,
                token_url: values.url("GOOGLE_TOKEN_URL")?,
                revoke_url: values.url("GOOGLE_REVOKE_URL")?,
                api_url: values.url("GOOGLE_API_URL")?,
                process_isolation,
            },
            login_per_5min: values.parse(
                "DEPUTY_LIMITS_LOGIN_PER_5MIN",
                "a number, 0 for no limit",
                10,
            )?,
            calls_per_min: values.parse(
                "DEPUTY_LIMITS_CALLS_PER_MIN",
                "a number, 0 for no limit",
                600,
            )?,
            listen,
            public_url,
            trusted_proxies,
            private_hosts,
            client_metadata_url,
            confinement: ConfinementSettings::check(values, &data_dir, &database_url)?,
            data_dir,
            database_url,
        })
    }

    /// The file of an embedded database.
    pub(crate) fn embedded_file(&self) -> Option<PathBuf> {
        embedded_file(&self.database_url)
    }

    /// The file in which the sandbox keeps its key.
    pub(crate) fn sandbox_key_file(&self) -> PathBuf {
        self.data_dir.join(SANDBOX_KEY)
    }

    /// The root key's text, from the settings or, in a sandbox's folder, from there.
    pub(crate) fn key_or_sandbox(&self) -> Result<Option<Secret<String>>, SettingError> {
        let file = self.sandbox_key_file();
        if self.key.is_none() && file.exists() {
            return key_from_file("the sandbox's key", &file).map(Some);
        }
        Ok(self.key.clone())
    }
}

/// The file of an embedded database.
fn embedded_file(database_url: &str) -> Option<PathBuf> {
    let path = database_url.strip_prefix("sqlite://")?;
    Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
}

/// Addresses and networks, comma separated.
fn networks(text: &str) -> Result<Vec<IpNet>, SettingError> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            let single = item.parse::<IpAddr>().map(IpNet::from);
            single.or_else(|_| item.parse::<IpNet>()).map_err(|_| {
                wrong(format!(
                    "DEPUTY_TRUSTED_PROXIES must be addresses or networks such as 10.0.0.2 or \
                     10.0.0.0/8, not '{item}'"
                ))
            })
        })
        .collect()
}

fn read_key(values: &Values) -> Result<Option<Secret<String>>, SettingError> {
    match (
        values.text("TOKEN_ENCRYPTION_KEY_FILE"),
        values.secret("TOKEN_ENCRYPTION_KEY"),
    ) {
        (Some(file), None) => key_from_file("TOKEN_ENCRYPTION_KEY_FILE", Path::new(file)).map(Some),
        (None, key) => Ok(key),
        (Some(_), Some(_)) => Err(wrong(
            "TOKEN_ENCRYPTION_KEY and TOKEN_ENCRYPTION_KEY_FILE are both set; keep one, the file being the better place",
        )),
    }
}

fn key_from_file(setting: &str, file: &Path) -> Result<Secret<String>, SettingError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file)
            .map_err(|e| wrong(format!("{setting}: {} can't be read: {e}", file.display())))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(wrong(format!(
                "{setting}: others can read {} (mode {:03o}); run: chmod 600 {}",
                file.display(),
                mode & 0o777,
                file.display()
            )));
        }
    }
    let text = std::fs::read_to_string(file)
        .map_err(|e| wrong(format!("{setting}: {} can't be read: {e}", file.display())))?;
    Ok(Secret::from(text.trim()))
}

fn read_file(
    sources: Sources,
    named: Option<&Path>,
    values: &mut Values,
) -> Result<(), SettingError> {
    let path = match (named, sources) {
        (Some(path), _) => path.to_owned(),
        (None, Sources::All) if Path::new("deputy.toml").exists() => PathBuf::from("deputy.toml"),
        (None, _) => return Ok(()),
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|e| wrong(format!("{} can't be read: {e}", path.display())))?;
    let table: toml::Table = text
        .parse()
        .map_err(|e| wrong(format!("{}: {e}", path.display())))?;
    for (key, value) in keys::flatten(&table) {
        let Some(name) = keys::env_of(&key) else {
            let hint = keys::nearest(&key)
                .map(|near| format!("; did you mean '{near}'?"))
                .unwrap_or_default();
            return Err(wrong(format!(
                "{}: unknown key '{key}'{hint}",
                path.display()
            )));
        };
        if keys::is_allowed(name, sources) {
            values.0.insert(name, (value, "file"));
        }
    }
    Ok(())
}

fn read_environment(sources: Sources, values: &mut Values) -> Result<(), SettingError> {
    let mut dotenv = HashMap::new();
    if sources == Sources::All && Path::new(".env").exists() {
        for pair in dotenvy::from_path_iter(".env")
            .map_err(|e| wrong(format!(".env can't be read: {e}")))?
        {
            let (name, value) = pair.map_err(|e| wrong(format!(".env: {e}")))?;
            dotenv.insert(name, value);
        }
    }
    for (name, _) in keys::KEYS {
        if !keys::is_allowed(name, sources) {
            continue;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        let value = std::env::var(name).ok().or_else(|| dotenv.remove(*name));
        // An empty variable counts as unset: compose files pass those on.
        if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
            values.0.insert(name, (value, "environment"));
        }
    }
    Ok(())
}

/// A variable that is no setting of the server: the agent's address and token, a server's token.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    std::env::var(name).ok().filter(|v| !v.trim().is_empty())
}
