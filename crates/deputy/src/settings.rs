//! Settings: defaults, then `deputy.toml`, then the environment, then flags. The only place that
//! reads any of them; every other crate gets its own `Config`.
//!
//! A setting has one name, that of its environment variable; [`keys::KEYS`] says where it stands in
//! the file. So a value is read, checked and complained about the same way wherever it came from.

mod confinement;
mod google;
mod key;
mod keys;
mod network;
mod oauth;
mod servers;
mod sources;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use deputy_core::Secret;
use deputy_core::http::PrivateHosts;
use ipnet::IpNet;
use url::Url;

pub(crate) use confinement::ConfinementSettings;
pub(crate) use google::GoogleSettings;
pub(crate) use oauth::OAuthSettings;
pub(crate) use servers::ServerSettings;

use key::{key_from_file, read_key};
use sources::{read_environment, read_file};
use values::Values;

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
    /// Who has to have a second factor.
    pub(crate) require_second_factor: deputy_identity::Required,
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
        let listen = network::listen(values)?;
        let data_dir = PathBuf::from(values.text("DEPUTY_DATA_DIR").unwrap_or("./data"));
        let database_url = database_url(values, &data_dir)?;
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
            google: GoogleSettings::check(values)?,
            login_per_5min: values.parse(
                "DEPUTY_LIMITS_LOGIN_PER_5MIN",
                "a number, 0 for no limit",
                10,
            )?,
            require_second_factor: require_second_factor(values)?,
            calls_per_min: values.parse(
                "DEPUTY_LIMITS_CALLS_PER_MIN",
                "a number, 0 for no limit",
                600,
            )?,
            public_url: network::public_url(values, listen)?,
            listen,
            trusted_proxies: network::trusted_proxies(values)?,
            private_hosts: network::private_hosts(values)?,
            client_metadata_url: network::client_metadata_url(values)?,
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

/// Who has to have a second factor.
fn require_second_factor(values: &Values) -> Result<deputy_identity::Required, SettingError> {
    match values.text("DEPUTY_REQUIRE_SECOND_FACTOR") {
        None | Some("off") => Ok(deputy_identity::Required::Off),
        Some("admins") => Ok(deputy_identity::Required::Admins),
        Some("all") => Ok(deputy_identity::Required::All),
        Some(other) => Err(wrong(format!(
            "DEPUTY_REQUIRE_SECOND_FACTOR is '{other}'; it can be off, admins or all"
        ))),
    }
}

/// The database's URL: by default an embedded one in the folder of the data.
fn database_url(values: &Values, data_dir: &Path) -> Result<String, SettingError> {
    match values.text("DATABASE_URL") {
        Some(url)
            if ["sqlite://", "postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.starts_with(scheme)) =>
        {
            Ok(url.to_owned())
        }
        Some(_) => Err(wrong(
            "DATABASE_URL must begin with sqlite:// or postgres://",
        )),
        None => Ok(format!("sqlite://{}", data_dir.join("deputy.db").display())),
    }
}

/// The file of an embedded database.
fn embedded_file(database_url: &str) -> Option<PathBuf> {
    let path = database_url.strip_prefix("sqlite://")?;
    Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
}

/// A variable that is no setting of the server: the agent's address and token, a server's token.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    std::env::var(name).ok().filter(|v| !v.trim().is_empty())
}
