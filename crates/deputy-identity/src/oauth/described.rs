//! What a client says about itself, in a registration or in its document (RFC 7591 section 2).
//!
//! All of it is a stranger's word. What this server can't do is narrowed rather than refused, as
//! section 3.2.1 lets it: clients ask for whatever some server somewhere gives, and look at the
//! answer. Refused is what could not work at all, and what would be unsafe to keep. Members that
//! mean nothing here (logos, contacts, keys, localized names, …) are not read, so they never reach
//! a page.

use deputy_core::Scope;
use serde_json::{Map, Value, json};
use url::Url;

use super::redirect::{self, RedirectError};

/// Most redirect URIs of one client.
pub(super) const MAX_REDIRECTS: usize = 20;
/// Longest name, in characters.
pub(super) const MAX_NAME: usize = 200;
/// Longest address of a home page, in bytes.
const MAX_URI: usize = 2048;
/// Means nothing here, since a refresh token is always given; clients register it all the same.
const OFFLINE_ACCESS: &str = "offline_access";

/// Why what a client says about itself can't be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It has no redirect URIs, or too many, or they are no list of texts.
    #[error("redirect_uris must be a list of 1 to {MAX_REDIRECTS} texts")]
    Redirects,
    /// None of them may be registered (this is what is wrong with the first), or one has a scheme that
    /// no honest client lists.
    #[error("redirect_uris: {0}")]
    Redirect(#[from] RedirectError),
    /// A member has a value of another type.
    #[error("{0} must be {1}")]
    Type(&'static str, &'static str),
    /// It can't do the one flow there is.
    #[error("{0} must contain {1}, which is all that is supported here")]
    Unsupported(&'static str, &'static str),
}

/// What is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// Its name, cleaned; empty where it gave none that can be shown.
    pub(super) name: String,
    pub(super) redirect_uris: Vec<String>,
    /// Its home page; `http` or `https`.
    pub(super) client_uri: Option<String>,
    pub(super) application_type: Option<&'static str>,
    /// Scopes that exist here, in the order in which they were asked for.
    pub(super) scope: Option<String>,
}

impl Described {
    /// Reads what is of use. A member that is `null` counts as left out.
    pub(super) fn read(said: &Map<String, Value>) -> Result<Self, Fault> {
        supports(said, "grant_types", "authorization_code")?;
        supports(said, "response_types", "code")?;
        let application_type = match text(said, "application_type")? {
            Some("native") => Some("native"),
            Some("web") => Some("web"),
            _ => None,
        };
        Ok(Self {
            name: cleaned_name(text(said, "client_name")?.unwrap_or_default()),
            redirect_uris: redirect_uris(said)?,
            client_uri: text(said, "client_uri")?
                .filter(|uri| is_page(uri))
                .map(str::to_owned),
            application_type,
            scope: text(said, "scope")?.and_then(known_scopes),
        })
    }

    /// What is stored beside name and redirect URIs.
    pub(super) fn metadata(&self) -> Value {
        let mut kept = json!({});
        for (member, value) in self.extras() {
            kept[member] = value.into();
        }
        kept
    }

    /// Members that are there only where they have a value.
    pub(super) fn extras(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("client_uri", self.client_uri.as_deref()),
            ("application_type", self.application_type),
            ("scope", self.scope.as_deref()),
        ]
        .into_iter()
        .filter_map(|(member, value)| Some((member, value?)))
    }
}

/// The text of a member; `None` where it is left out.
pub(super) fn text<'a>(
    said: &'a Map<String, Value>,
    member: &'static str,
) -> Result<Option<&'a str>, Fault> {
    match said.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::Type(member, "a text")),
    }
}

/// The texts of a member; `None` where it is left out.
pub(super) fn texts<'a>(
    said: &'a Map<String, Value>,
    member: &'static str,
) -> Result<Option<Vec<&'a str>>, Fault> {
    let wrong = Fault::Type(member, "a list of texts");
    match said.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => items
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or(wrong),
        Some(_) => Err(wrong),
    }
}

/// Refuses a client that lists what it can do and can't do the one thing that is done here.
fn supports(
    said: &Map<String, Value>,
    member: &'static str,
    needed: &'static str,
) -> Result<(), Fault> {
    match texts(said, member)? {
        Some(listed) if !listed.is_empty() && !listed.contains(&needed) => {
            Err(Fault::Unsupported(member, needed))
        }
        _ => Ok(()),
    }
}

/// Those of the client's redirect URIs that can be kept; what is answered lists them. Clients list
/// all that some server somewhere takes, and one that can't be used here is no reason to do without
/// the others. Refused is a list of which nothing is left, and one with a scheme that no honest
/// client has.
fn redirect_uris(said: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let listed = texts(said, "redirect_uris")
        .map_err(|_| Fault::Redirects)?
        .unwrap_or_default();
    if listed.is_empty() || listed.len() > MAX_REDIRECTS {
        return Err(Fault::Redirects);
    }
    let mut kept: Vec<String> = Vec::with_capacity(listed.len());
    let mut wrong = None;
    for uri in listed {
        if let Some(scheme) = redirect::hostile_scheme(uri) {
            return Err(RedirectError::Scheme(scheme.to_owned()).into());
        }
        match redirect::check_registered(uri) {
            Ok(()) if kept.iter().any(|known| known == uri) => {}
            Ok(()) => kept.push(uri.to_owned()),
            Err(why) => wrong = wrong.or(Some(why)),
        }
    }
    match wrong {
        Some(why) if kept.is_empty() => Err(why.into()),
        _ => Ok(kept),
    }
}

/// Whether this is the address of a page that could be linked to.
fn is_page(uri: &str) -> bool {
    uri.len() <= MAX_URI
        && !uri.chars().any(|c| c.is_control() || c.is_whitespace())
        && Url::parse(uri).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
        })
}

/// Those words of `scope` that are scopes here; `None` where there are none.
fn known_scopes(scope: &str) -> Option<String> {
    let mut known: Vec<&str> = Vec::new();
    for word in scope.split_ascii_whitespace() {
        let exists = word == OFFLINE_ACCESS || word.parse::<Scope>().is_ok();
        if exists && !known.contains(&word) {
            known.push(word);
        }
    }
    (!known.is_empty()).then(|| known.join(" "))
}

/// A name as it can be shown inside a sentence: without what is invisible, turns the direction of
/// writing or piles up on one letter; white space is one blank; at most [`MAX_NAME`] characters.
pub(super) fn cleaned_name(text: &str) -> String {
    let mut name = String::new();
    let mut marks = 0;
    let mut length = 0;
    for c in text.chars() {
        if length == MAX_NAME {
            break;
        }
        let c = if c.is_whitespace() { ' ' } else { c };
        if is_hidden(c) || (c == ' ' && (name.is_empty() || name.ends_with(' '))) {
            continue;
        }
        if unicode_normalization::char::is_combining_mark(c) {
            marks += 1;
            if marks > 3 || name.is_empty() {
                continue;
            }
        } else {
            marks = 0;
        }
        name.push(c);
        length += 1;
    }
    name.truncate(name.trim_end().len());
    name
}

/// Characters without a shape of their own: controls, formats (among them what turns the direction
/// of writing), fillers, variation selectors, tags, private use, noncharacters.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffd}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..)
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests;
