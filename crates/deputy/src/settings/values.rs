//! The settings' values as text, wherever they came from, and how each kind is read.

use std::collections::HashMap;
use std::str::FromStr;

use deputy_core::Secret;
use url::Url;

use super::{SettingError, wrong};

/// The values as text, by environment name.
#[derive(Default)]
pub(super) struct Values(pub(super) HashMap<&'static str, (String, &'static str)>);

impl Values {
    pub(super) fn text(&self, name: &'static str) -> Option<&str> {
        self.0
            .get(name)
            .map(|(value, _)| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn secret(&self, name: &'static str) -> Option<Secret<String>> {
        self.text(name).map(Secret::from)
    }

    pub(super) fn parse<T: FromStr>(
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
    pub(super) fn secret_url(
        &self,
        name: &'static str,
    ) -> Result<Option<Secret<String>>, SettingError> {
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
    pub(super) fn url(&self, name: &'static str) -> Result<Option<Url>, SettingError> {
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
