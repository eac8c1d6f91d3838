//! A table of a template's file, and the way to it: what is read from it names its key when it is wrong.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Outcome, fault};
use crate::field::Condition;
use crate::pattern::Pattern;

/// A table of the file and the way to it.
pub(super) struct Table<'a>(pub(super) &'a Map<String, Value>, pub(super) String);

impl<'a> Table<'a> {
    pub(super) fn new(key: impl Into<String>, value: &'a Value) -> Outcome<Self> {
        let key = key.into();
        match value.as_object() {
            Some(table) => Ok(Self(table, key)),
            None => fault(key, "must be a table"),
        }
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.1.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.1)
        }
    }

    /// Refuses keys that nobody reads, and names the nearest that somebody does.
    pub(super) fn only(&self, known: &[&str]) -> Outcome<()> {
        for key in self.0.keys() {
            if !known.contains(&key.as_str()) {
                let near = nearest(key, known.iter().copied())
                    .map(|near| format!("; did you mean \"{near}\"?"))
                    .unwrap_or_default();
                return fault(
                    self.path(key),
                    format!("is not known{near} (known here: {})", known.join(", ")),
                );
            }
        }
        Ok(())
    }

    pub(super) fn optional<T: DeserializeOwned>(&self, key: &str) -> Outcome<Option<T>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match serde_json::from_value(value.clone()) {
                Ok(value) => Ok(Some(value)),
                Err(e) => fault(self.path(key), e.to_string()),
            },
        }
    }

    pub(super) fn required<T: DeserializeOwned>(&self, key: &str) -> Outcome<T> {
        match self.optional(key)? {
            Some(value) => Ok(value),
            None => fault(self.path(key), "is missing"),
        }
    }

    pub(super) fn pattern(&self, key: &str) -> Outcome<Option<Pattern>> {
        match self.optional::<String>(key)? {
            None => Ok(None),
            Some(text) => Pattern::parse(&text)
                .map(Some)
                .or_else(|message| fault(self.path(key), message)),
        }
    }

    pub(super) fn required_pattern(&self, key: &str) -> Outcome<Pattern> {
        match self.pattern(key)? {
            Some(pattern) => Ok(pattern),
            None => fault(self.path(key), "is missing"),
        }
    }

    pub(super) fn condition(&self, key: &str) -> Outcome<Option<Condition>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(value) => condition(&self.path(key), value).map(Some),
        }
    }
}

/// The known name that is most like `name`, if one is.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .filter(|candidate| strsim::osa_distance(name, candidate) <= 1 + candidate.len() / 6)
        .min_by_key(|candidate| strsim::osa_distance(name, candidate))
}

/// `{ property = value }` or `{ property = [value, value] }`.
fn condition(key: &str, value: &Value) -> Outcome<Condition> {
    let mut members = value.as_object().into_iter().flatten();
    let (Some((property, wanted)), None) = (members.next(), members.next()) else {
        return fault(
            key,
            "must name one property and its value: { auth = \"bearer\" }",
        );
    };
    Ok(Condition {
        property: property.clone(),
        values: match wanted {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        },
    })
}
