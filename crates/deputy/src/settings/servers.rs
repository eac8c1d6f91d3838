//! People's own MCP servers: what may run, and how many.

use std::path::PathBuf;

use deputy_templates::Commands;

use super::{SettingError, Values, wrong};

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
    pub(super) fn check(values: &Values) -> Result<Self, SettingError> {
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
