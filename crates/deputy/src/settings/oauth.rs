//! How programs log in as people.

use deputy_identity::oauth::Documents;
use jiff::SignedDuration;

use super::{SettingError, Values, wrong};

/// The OAuth part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OAuthSettings {
    /// How long a rotated refresh token still answers with its successor.
    pub(crate) grace: SignedDuration,
    /// Requests to the token endpoint per address and minute; 0: no limit.
    pub(crate) token_per_min: u32,
    /// Clients that one address may register in an hour; 0: no limit.
    pub(crate) register_per_hour: u32,
    /// Whether clients may name themselves by the URL of a document.
    pub(crate) documents: Documents,
}

impl OAuthSettings {
    pub(super) fn check(values: &Values) -> Result<Self, SettingError> {
        const GRACE: &str = "DEPUTY_OAUTH_REFRESH_GRACE_S";
        let what = "0 to 1800 seconds";
        let grace: i64 = values.parse(GRACE, what, 30)?;
        if !(0..=1800).contains(&grace) {
            return Err(wrong(format!("{GRACE} must be {what}, not '{grace}'")));
        }
        let documents = match values.text("DEPUTY_CLIENT_DOCUMENTS").unwrap_or("auto") {
            "auto" => Documents::Auto,
            "on" => Documents::On,
            "off" => Documents::Off,
            other => {
                return Err(wrong(format!(
                    "DEPUTY_CLIENT_DOCUMENTS must be auto, on or off, not '{other}'"
                )));
            }
        };
        Ok(Self {
            grace: SignedDuration::from_secs(grace),
            token_per_min: values.parse(
                "DEPUTY_LIMITS_TOKEN_PER_MIN",
                "a number, 0 for no limit",
                60,
            )?,
            register_per_hour: values.parse(
                "DEPUTY_LIMITS_REGISTER_PER_HOUR",
                "a number, 0 for no limit",
                60,
            )?,
            documents,
        })
    }
}
