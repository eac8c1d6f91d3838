//! A property of a configuration: what a form shows, what is asked, what is accepted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use deputy_core::Language;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::localized::Localized;

/// What a value is, and so how a form asks for it (`x-kind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A line of text.
    Text,
    /// A token, key or password.
    Token,
    /// A URL of a web server.
    Url,
    /// A connection string of PostgreSQL.
    PostgresUrl,
    /// A folder on the server's machine.
    Folder,
    /// A command of `DEPUTY_CUSTOM_COMMANDS`.
    Command,
    /// The name of an HTTP header.
    HeaderName,
    /// A list of texts.
    List,
    /// Names of environment variables with their values.
    Variables,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
}

impl Kind {
    /// Whether its values are objects, each member of which is a value of its own.
    pub fn is_map(self) -> bool {
        self == Self::Variables
    }

    /// The `type` that its subschema must have.
    pub(crate) fn schema_types(self) -> &'static [&'static str] {
        match self {
            Self::List => &["array"],
            Self::Variables => &["object"],
            Self::Number => &["integer", "number"],
            Self::Boolean => &["boolean"],
            _ => &["string"],
        }
    }

    /// Every kind, as written in `x-kind`.
    pub(crate) const NAMES: [&str; 11] = [
        "text",
        "token",
        "url",
        "postgres_url",
        "folder",
        "command",
        "header_name",
        "list",
        "variables",
        "number",
        "boolean",
    ];
}

/// Another property has a certain value (`x-when`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// That property.
    pub property: String,
    /// One of these.
    pub values: Vec<Value>,
}

impl Condition {
    /// Whether it holds for what was filled in so far.
    pub fn holds(&self, config: &Map<String, Value>) -> bool {
        config
            .get(&self.property)
            .is_some_and(|value| self.values.contains(value))
    }
}

/// A property.
#[derive(Clone)]
pub struct Field {
    /// Its name in the configuration.
    pub name: String,
    /// What people see it called (`x-title`).
    pub title: Localized,
    /// What it is (`x-description`).
    pub description: Option<Localized>,
    /// What a right value looks like (`x-hint`); part of the message about a wrong one.
    pub hint: Option<Localized>,
    /// What it is.
    pub kind: Kind,
    /// Whether its value is stored sealed and never shown again (`x-secret`).
    pub secret: bool,
    /// Whether it must be given, where it applies.
    pub required: bool,
    /// Only then is it asked for and accepted (`x-when`).
    pub when: Option<Condition>,
    /// What counts when nothing is given.
    pub default: Option<Value>,
    /// Values that show what is meant.
    pub examples: Vec<Value>,
    /// What the values to choose from are called (`x-titles`), by the value as text.
    pub titles: BTreeMap<String, Localized>,
    /// Whether a value may begin with `-` where it is an argument (`x-flags`): arguments of a custom command.
    pub flags: bool,
    /// Its subschema, as published.
    pub schema: Value,
    pub(crate) validator: Arc<jsonschema::Validator>,
}

impl Field {
    /// The values that can be chosen from, if it is a choice.
    pub fn choices(&self) -> Option<&Vec<Value>> {
        self.schema.get("enum").and_then(Value::as_array)
    }

    /// Whether it applies to what was filled in so far.
    pub fn applies(&self, config: &Map<String, Value>) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(config))
    }

    /// A value of it for people: what it is called, or itself as text; the members of a list with spaces between.
    pub fn said(&self, value: &Value, language: Language) -> String {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.said(item, language));
                items.collect::<Vec<_>>().join(" ")
            }
            value => {
                let text = text(value);
                let title = self.titles.get(&text);
                title.map_or(text, |title| title.get(language).to_owned())
            }
        }
    }
}

/// A value as text, without the marks of JSON around a string.
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("secret", &self.secret)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}
