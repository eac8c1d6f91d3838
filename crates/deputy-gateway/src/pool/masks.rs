//! The forms in which a secret shows up in what a server prints.
//!
//! A program rarely prints a secret as it got it: it prints the URL that it builds, the header that it sends, the JSON
//! that it writes. What is looked for is the secret, the part of it that is secret (a password within a URL, what comes
//! after `Bearer`), and both in the encodings of URLs, headers and JSON. A program that means to give a secret away is
//! not held up by this; it has the network for that.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use deputy_core::Secret;
use url::Url;

/// Shorter ones are words like any other.
const SHORTEST: usize = 6;
/// The same for passwords that are said to be such.
const SHORTEST_PASSWORD: usize = 4;
/// Longer ones are not looked for line by line.
const MAX_LINES: usize = 64;

/// What is cut out of a text, the longest first.
pub(super) struct Masks {
    of: Vec<Secret<String>>,
    forms: Vec<Secret<String>>,
}

impl Masks {
    pub(super) fn of(secrets: &[Secret<String>]) -> Self {
        let mut forms: Vec<String> = Vec::new();
        for secret in secrets {
            for part in parts(secret.expose()) {
                forms.extend(encoded(&part));
                forms.push(part);
            }
        }
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self {
            of: secrets.to_vec(),
            forms: forms.into_iter().map(Secret::new).collect(),
        }
    }

    /// Whether these are the forms of that secret alone.
    pub(super) fn is_of(&self, secret: &Secret<String>) -> bool {
        matches!(&self.of[..], [only] if only.expose() == secret.expose())
    }

    /// Cuts all of them out.
    pub(super) fn cut(&self, text: &mut String) {
        for form in &self.forms {
            if text.contains(form.expose()) {
                *text = text.replace(form.expose(), "***");
            }
        }
    }
}

/// The secret and those parts of it that are secrets too.
fn parts(secret: &str) -> Vec<String> {
    let mut parts = vec![secret.to_owned(), secret.trim().to_owned()];
    parts.extend(
        secret
            .lines()
            .take(MAX_LINES)
            .map(|line| line.trim().to_owned()),
    );
    if let Some((scheme, rest)) = secret.trim().split_once(' ')
        && scheme.chars().all(|c| c.is_ascii_alphabetic())
    {
        let rest = rest.trim();
        parts.push(rest.to_owned());
        if scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) = STANDARD
                .decode(rest)
                .ok()
                .and_then(|it| String::from_utf8(it).ok())
        {
            parts.extend(
                pair.split_once(':')
                    .map(|(_, password)| password.to_owned()),
            );
            parts.push(pair);
        }
    }
    parts.retain(|part| part.len() >= SHORTEST);
    parts.extend(
        passwords(secret)
            .into_iter()
            .filter(|it| it.len() >= SHORTEST_PASSWORD),
    );
    parts
}

/// Passwords within a URL or a list of settings (`password=…`).
fn passwords(secret: &str) -> Vec<String> {
    const SAY_SO: [&str; 6] = ["pass", "pwd", "secret", "token", "key", "sig"];
    let says_so = |name: &str| {
        let name = name.to_ascii_lowercase();
        SAY_SO.iter().any(|word| name.contains(word))
    };
    let mut found = Vec::new();
    if let Ok(url) = Url::parse(secret.trim()) {
        if let Some(password) = url.password() {
            found.push(password.to_owned());
            found.push(decoded(password));
        }
        let pairs = url.query_pairs().filter(|(name, _)| says_so(name));
        found.extend(pairs.map(|(_, value)| value.into_owned()));
        return found;
    }
    for word in secret.split([' ', ';', ',', '\n']) {
        if let Some((name, value)) = word.split_once('=')
            && says_so(name)
        {
            found.push(value.trim_matches(['\'', '"']).to_owned());
        }
    }
    found
}

fn decoded(text: &str) -> String {
    // A pair without a name: only what it encodes is of interest. A plus is a plus outside of forms.
    let plain = text.replace('+', "%2B");
    let mut pairs = url::form_urlencoded::parse(plain.as_bytes());
    pairs
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

/// What a text looks like in URLs, headers and JSON.
fn encoded(text: &str) -> Vec<String> {
    let percent = |lower: bool| {
        let mut out = String::new();
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else if lower {
                // Writing to a string does not fail.
                let _ = write!(out, "%{byte:02x}");
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    };
    let json = serde_json::Value::from(text).to_string();
    let mut forms = vec![
        percent(false),
        percent(true),
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        STANDARD.encode(text),
        STANDARD_NO_PAD.encode(text),
        URL_SAFE_NO_PAD.encode(text),
        json[1..json.len() - 1].to_owned(),
    ];
    forms.retain(|form| form != text);
    forms
}

#[cfg(test)]
mod tests;
