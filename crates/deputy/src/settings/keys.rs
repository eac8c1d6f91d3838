//! Names of settings: in the environment and in the file.

use super::Sources;

/// The one list of paths.
const FILES_ROOTS: &str = "servers.files_roots";

/// Every setting: its environment variable and its key in `deputy.toml`.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("DEPUTY_LISTEN", "listen"),
    ("DEPUTY_PUBLIC_URL", "public_url"),
    ("DEPUTY_TRUSTED_PROXIES", "trusted_proxies"),
    ("DEPUTY_PRIVATE_HOSTS", "private_hosts"),
    ("DEPUTY_CLIENT_METADATA_URL", "client_metadata_url"),
    ("DEPUTY_DATA_DIR", "data_dir"),
    ("DATABASE_URL", "database_url"),
    ("TOKEN_ENCRYPTION_KEY_FILE", "encryption.key_file"),
    ("TOKEN_ENCRYPTION_KEY", "encryption.key"),
    ("TOKEN_ENCRYPTION_KEYS_OLD", "encryption.old_keys"),
    ("GOOGLE_CLIENT_ID", "google.client_id"),
    ("GOOGLE_CLIENT_SECRET", "google.client_secret"),
    ("GOOGLE_CALLBACK_URL", "google.callback_url"),
    ("GOOGLE_AUTH_URL", "google.auth_url"),
    ("GOOGLE_TOKEN_URL", "google.token_url"),
    ("GOOGLE_REVOKE_URL", "google.revoke_url"),
    ("GOOGLE_API_URL", "google.api_url"),
    ("GOOGLE_ISOLATION", "google.isolation"),
    ("DEPUTY_SANDBOX", "servers.sandbox"),
    ("DEPUTY_FILES_ROOTS", FILES_ROOTS),
    ("DEPUTY_LIMITS_SERVER_MEMORY_MB", "limits.server_memory_mb"),
    ("DEPUTY_LIMITS_SERVER_DISK_MB", "limits.server_disk_mb"),
    ("DEPUTY_LIMITS_SERVERS_PER_USER", "limits.servers_per_user"),
    ("DEPUTY_LIMITS_SERVERS_TOTAL", "limits.servers_total"),
    ("DEPUTY_LIMITS_REMOTE_PER_USER", "limits.remote_per_user"),
    ("DEPUTY_LIMITS_REMOTE_TOTAL", "limits.remote_total"),
    ("DEPUTY_ALERT_WEBHOOK", "alerts.webhook"),
    ("DEPUTY_KEEP_USAGE_DAYS", "keep.usage_days"),
    ("DEPUTY_CUSTOM_COMMANDS", "servers.custom_commands"),
    ("DEPUTY_SERVER_ENV", "servers.env"),
    ("DEPUTY_TEMPLATES_DIR", "servers.templates_dir"),
    ("DEPUTY_LIMITS_LOGIN_PER_5MIN", "limits.login_per_5min"),
    ("DEPUTY_REQUIRE_SECOND_FACTOR", "require_second_factor"),
    ("DEPUTY_LIMITS_CALLS_PER_MIN", "limits.calls_per_min"),
    ("DEPUTY_LIMITS_TOKEN_PER_MIN", "limits.token_per_min"),
    (
        "DEPUTY_LIMITS_REGISTER_PER_HOUR",
        "limits.register_per_hour",
    ),
    ("DEPUTY_OAUTH_REFRESH_GRACE_S", "oauth.refresh_grace_s"),
    ("DEPUTY_CLIENT_DOCUMENTS", "oauth.client_documents"),
];

/// The variable that stands for a key of the file.
pub(super) fn env_of(key: &str) -> Option<&'static str> {
    KEYS.iter().find(|(_, k)| *k == key).map(|(name, _)| *name)
}

/// The known key most like `key`, if any is like it at all.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|(_, known)| (strsim::jaro_winkler(known, key), *known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// Whether a setting may come from these sources.
pub(super) fn is_allowed(name: &str, sources: Sources) -> bool {
    sources == Sources::All || name.starts_with("DEPUTY_") || name == "GOOGLE_ISOLATION"
}

/// The file's values by dotted key, as text. Lists are joined as their variables are written: folders with colons, all
/// else with commas.
pub(super) fn flatten(table: &toml::Table) -> Vec<(String, String)> {
    let mut out = Vec::new();
    walk("", table, &mut out);
    out
}

fn walk(prefix: &str, table: &toml::Table, out: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(inner) => walk(&key, inner, out),
            toml::Value::Array(items) => {
                let mark = if key == FILES_ROOTS { ":" } else { "," };
                let joined = items.iter().map(text).collect::<Vec<_>>().join(mark);
                out.push((key, joined));
            }
            other => out.push((key, text(other))),
        }
    }
}

fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
