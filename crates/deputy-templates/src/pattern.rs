//! Texts with placeholders: `${config:name}`, `${input:name}`, `${token:google.access_token}`, `${data:path}`.
//!
//! A pattern is parsed once, into parts. What is put in is never parsed again, so a value that looks like a
//! placeholder is a value, and there is no shell to which it could mean anything.

use std::fmt;

/// A piece of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text that stands as it is.
    Text(String),
    /// `${config:name}`: a value of the configuration that isn't secret.
    Config(String),
    /// `${input:name}`: a secret.
    Input(String),
    /// `${token:google.access_token}`: the person's access token at Google.
    GoogleToken,
    /// `${data:path}`: the folder that this server has for itself.
    Data,
}

/// A text with placeholders. `$${` stands for `${`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Parses a text; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                plain.push_str(&rest[..at - 1]);
                plain.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            plain.push_str(&rest[..at]);
            let Some(end) = rest[at..].find('}') else {
                return Err(format!(
                    "\"{text}\" has a ${{ without its }}; write $${{ for the characters themselves"
                ));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(placeholder(&rest[at + 2..at + end])?);
            rest = &rest[at + end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// Its parts, in order; at least one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The name of the property, if the pattern is one `${config:name}` and nothing beside it.
    pub fn whole_config(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Config(name)] => Some(name),
            _ => None,
        }
    }

    /// The text, if there is no placeholder in it.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether a secret or a token goes into it.
    pub fn is_secret(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Input(_) | Part::GoogleToken))
    }

    /// The properties that it names.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Config(name) | Part::Input(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

fn placeholder(inside: &str) -> Result<Part, String> {
    let known = "${config:NAME}, ${input:NAME}, ${token:google.access_token} or ${data:path}";
    match inside.split_once(':') {
        Some(("config", name)) if is_name(name) => Ok(Part::Config(name.to_owned())),
        Some(("input", name)) if is_name(name) => Ok(Part::Input(name.to_owned())),
        Some(("token", "google.access_token")) => Ok(Part::GoogleToken),
        Some(("data", "path")) => Ok(Part::Data),
        _ => Err(format!("${{{inside}}} is no placeholder; use {known}")),
    }
}

/// Whether a property can be called that: `[a-z][a-z0-9_]*`, up to 64 characters.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// As it is written in a template.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&text.replace("${", "$${"))?,
                Part::Config(name) => write!(f, "${{config:{name}}}")?,
                Part::Input(name) => write!(f, "${{input:{name}}}")?,
                Part::GoogleToken => f.write_str("${token:google.access_token}")?,
                Part::Data => f.write_str("${data:path}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
