//! Where Google is, and who we are to it.

use deputy_core::Secret;
use url::Url;

use super::{SettingError, Values, wrong};

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

impl GoogleSettings {
    pub(super) fn check(values: &Values) -> Result<Self, SettingError> {
        let process_isolation = match values.text("GOOGLE_ISOLATION").unwrap_or("shared") {
            "shared" => false,
            "process" => true,
            other => {
                return Err(wrong(format!(
                    "GOOGLE_ISOLATION must be shared or process, not '{other}'"
                )));
            }
        };
        Ok(Self {
            client_id: values.text("GOOGLE_CLIENT_ID").map(str::to_owned),
            client_secret: values.secret("GOOGLE_CLIENT_SECRET"),
            callback_url: values.url("GOOGLE_CALLBACK_URL")?,
            auth_url: values.url("GOOGLE_AUTH_URL")?,
            token_url: values.url("GOOGLE_TOKEN_URL")?,
            revoke_url: values.url("GOOGLE_REVOKE_URL")?,
            api_url: values.url("GOOGLE_API_URL")?,
            process_isolation,
        })
    }
}
