//! Which language a browser is answered in before anybody is known: the one chosen by hand (a
//! cookie), else the one that the browser asks for. A signed-in person has a setting instead.

use deputy_core::Language;
use http::{HeaderMap, HeaderValue, header};

use crate::cookie;
use crate::text;

const COOKIE: &str = "deputy_language";

/// The language for this browser.
pub(crate) fn of_browser(headers: &HeaderMap) -> Language {
    cookie::find(headers, COOKIE)
        .and_then(Language::from_tag)
        .or_else(|| {
            headers
                .get(header::ACCEPT_LANGUAGE)
                .and_then(|v| v.to_str().ok())
                .and_then(text::negotiate)
        })
        .unwrap_or_default()
}

/// Keeps the choice for a year. No secret, so a plain cookie.
pub(crate) fn remember(language: Language, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let value = format!(
        "{COOKIE}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}",
        language.as_str()
    );
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""))
}
