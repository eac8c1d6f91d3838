//! Mail addresses: from arguments (`a@b`, `Name <a@b>`, several with commas, or a list of those) and
//! from the headers of received messages.
//!
//! Arguments are checked before anything is sent, so that a slip is an error that names the field
//! instead of a bounce an hour later. Headers of received mail are never refused: what does not
//! parse is left out.

use std::borrow::Cow;
use std::fmt;

use mail_builder::headers::address::Address as BuilderAddress;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::error::ToolError;

/// Addresses as an argument: one string (which may hold several, separated by commas) or a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum AddressList {
    /// `a@example.org` or `Ann <a@example.org>, b@example.org`
    One(String),
    /// One address per item.
    Many(Vec<String>),
}

/// Written by hand: what is derived nests three alternatives where two types say the same.
impl JsonSchema for AddressList {
    fn schema_name() -> Cow<'static, str> {
        "AddressList".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "array"], "items": {"type": "string"}})
    }
}

/// One mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// The display name, decoded.
    pub(crate) name: Option<String>,
    /// `local@domain`; the domain in its ASCII form where it came as an argument.
    pub(crate) address: String,
}

/// An argument that is no address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// The text is not `local@domain`.
    #[error(
        "'{value}' is not an e-mail address ({reason}); write name@example.org or Name <name@example.org>"
    )]
    NotAnAddress {
        /// The argument's name.
        field: &'static str,
        /// The part that is wrong.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing was given.
    #[error("no e-mail address given")]
    Empty {
        /// The argument's name.
        field: &'static str,
    },
}

impl From<AddressError> for ToolError {
    fn from(error: AddressError) -> Self {
        let (AddressError::NotAnAddress { field, .. } | AddressError::Empty { field }) = &error;
        Self::argument(field, error.to_string())
    }
}

impl AddressList {
    /// The mailboxes of the argument called `field`; at least one.
    pub(crate) fn parse(&self, field: &'static str) -> Result<Vec<Mailbox>, AddressError> {
        let texts: &[String] = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        };
        let mut all: Vec<Mailbox> = Vec::new();
        for text in texts {
            for mailbox in parse_argument(text, field)? {
                if !all.iter().any(|known| known.same_address(&mailbox.address)) {
                    all.push(mailbox);
                }
            }
        }
        if all.is_empty() {
            Err(AddressError::Empty { field })
        } else {
            Ok(all)
        }
    }
}

impl Mailbox {
    /// Whether this is `address`, letter case aside.
    pub(crate) fn same_address(&self, address: &str) -> bool {
        self.address.to_lowercase() == address.to_lowercase()
    }

    /// The form that the message builder takes; it encodes the name.
    pub(crate) fn to_builder(&self) -> BuilderAddress<'_> {
        BuilderAddress::new_address(self.name.as_deref(), self.address.as_str())
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_deref() {
            Some(name) if name.contains(|c: char| r#"()<>[]:;@\,.""#.contains(c)) => {
                let quoted = name.replace('\\', r"\\").replace('"', "\\\"");
                write!(f, "\"{quoted}\" <{}>", self.address)
            }
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}

/// `a@b, Name <c@d>`: mailboxes as people read them.
pub(crate) fn join(mailboxes: &[Mailbox]) -> String {
    mailboxes
        .iter()
        .map(Mailbox::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The mailboxes of a received header; what is no mailbox is left out.
pub(crate) fn parse_header(value: &str) -> Vec<Mailbox> {
    parse(value)
        .into_iter()
        .filter_map(|(name, address)| {
            let address = address.filter(|a| a.contains('@'))?;
            Some(Mailbox { name, address })
        })
        .collect()
}

fn parse_argument(text: &str, field: &'static str) -> Result<Vec<Mailbox>, AddressError> {
    // People who come from Outlook separate with semicolons; in RFC 5322 those end a group.
    let text = if text.contains(':') {
        text.to_owned()
    } else {
        text.replace(';', ",")
    };
    let wrong = |value: &str, reason| AddressError::NotAnAddress {
        field,
        value: value.to_owned(),
        reason,
    };
    parse(&text)
        .into_iter()
        .map(|(name, address)| match address {
            Some(address) => {
                let address = check(&address).map_err(|reason| wrong(&address, reason))?;
                Ok(Mailbox { name, address })
            }
            None => Err(wrong(name.as_deref().unwrap_or(&text), "it has no @")),
        })
        .collect()
}

fn parse(text: &str) -> Vec<(Option<String>, Option<String>)> {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.trim().is_empty() {
        return Vec::new();
    }
    let line = format!("{line}\r\n");
    let HeaderValue::Address(addresses) = MessageStream::new(line.as_bytes()).parse_address()
    else {
        return vec![(Some(text.trim().to_owned()), None)];
    };
    addresses
        .into_list()
        .into_iter()
        .map(|a| {
            let name = a
                .name
                .map(|n| n.trim().to_owned())
                .filter(|n| !n.is_empty());
            let address = a
                .address
                .map(|a| a.trim().to_owned())
                .filter(|a| !a.is_empty());
            (name, address)
        })
        .collect()
}

/// The address with its domain in ASCII form, or what is wrong with it (RFC 5321, 4.1.2 and 4.5.3.1).
fn check(address: &str) -> Result<String, &'static str> {
    let (local, domain) = address.rsplit_once('@').ok_or("it has no @")?;
    if local.is_empty() {
        return Err("nothing before the @");
    }
    if local.len() > 64 {
        return Err("more than 64 bytes before the @");
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err("a dot in the wrong place before the @");
    }
    if local
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || r#"()<>[]:;@\,""#.contains(c))
    {
        return Err("a character that may not stand before the @");
    }
    if !domain.contains('.') || domain.len() > 253 {
        return Err("the part after the @ is no domain name");
    }
    match url::Host::parse(domain) {
        Ok(url::Host::Domain(ascii)) if is_host_name(&ascii) => Ok(format!("{local}@{ascii}")),
        _ => Err("the part after the @ is no domain name"),
    }
}

fn is_host_name(domain: &str) -> bool {
    domain.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

#[cfg(test)]
mod tests;
