//! Partial responses: the `fields` parameter (Google's "Partial response" pages).
//!
//! The grammar: fields separated by commas; `a/b` for a field of a field; `a(b,c)` for several of
//! them; `*` for every field at its place. A field that the answer's schema doesn't have is refused.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::methods::{METHODS, Method, Refers, Schema};

/// A selection: fields and what is selected below them. Empty below a field means all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask(BTreeMap<String, Mask>);

impl Mask {
    /// Reads `fields`; 400 `invalidParameter` where it makes no sense.
    pub(crate) fn parse(fields: &str) -> Result<Self, Failure> {
        let mut parser = Parser { rest: fields };
        let mask = parser.list().ok_or_else(|| invalid(fields))?;
        if parser.rest.is_empty() {
            Ok(mask)
        } else {
            Err(invalid(parser.rest))
        }
    }

    /// Refuses fields that `method`'s answer can't have.
    pub(crate) fn check(&self, method: &Method) -> Result<(), Failure> {
        match method
            .response
            .as_deref()
            .and_then(|name| METHODS.schema(&method.api, name))
        {
            Some(schema) => self.check_schema(&method.api, schema),
            None => Ok(()),
        }
    }

    fn check_schema(&self, api: &str, schema: &Schema) -> Result<(), Failure> {
        for (field, below) in self.0.iter().filter(|(field, _)| *field != "*") {
            match schema.get(field) {
                None => return Err(invalid(field)),
                Some(_) if below.0.is_empty() => {}
                Some(Refers::Inline(inner)) => below.check_schema(api, inner)?,
                Some(Refers::Name(name)) if name == "*" => {}
                Some(Refers::Name(name)) => match METHODS.schema(api, name) {
                    Some(inner) => below.check_schema(api, inner)?,
                    None => return Err(invalid(below.0.keys().next().map_or("", String::as_str))),
                },
            }
        }
        Ok(())
    }

    /// What is selected of `value`.
    pub(crate) fn apply(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.apply(item)).collect())
            }
            Value::Object(object) => {
                let mut out = Map::new();
                for (name, value) in object {
                    match (self.0.get(&name), self.0.get("*")) {
                        (Some(below), None) | (None, Some(below)) => {
                            out.insert(name, below.apply(value));
                        }
                        (Some(named), Some(any)) => {
                            let both = named.clone().union(any.clone());
                            out.insert(name, both.apply(value));
                        }
                        (None, None) => {}
                    }
                }
                Value::Object(out)
            }
            other => other,
        }
    }

    fn union(mut self, other: Self) -> Self {
        if self.0.is_empty() || other.0.is_empty() {
            return Self::default();
        }
        for (name, below) in other.0 {
            self.insert(name, below);
        }
        self
    }

    fn insert(&mut self, name: String, below: Self) {
        let below = match self.0.remove(&name) {
            Some(before) => before.union(below),
            None => below,
        };
        self.0.insert(name, below);
    }
}

fn invalid(what: &str) -> Failure {
    Failure::new(
        StatusCode::BAD_REQUEST,
        "invalidParameter",
        format!("Invalid field selection {what}"),
    )
    .at_parameter("fields")
}

struct Parser<'f> {
    rest: &'f str,
}

impl Parser<'_> {
    fn list(&mut self) -> Option<Mask> {
        let mut mask = Mask::default();
        loop {
            let (name, below) = self.field()?;
            mask.insert(name, below);
            if !self.eat(',') {
                return Some(mask);
            }
        }
    }

    fn field(&mut self) -> Option<(String, Mask)> {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find([',', '/', '(', ')'])
            .unwrap_or(self.rest.len());
        let name = self.rest[..end].trim();
        if name.is_empty() {
            return None;
        }
        let name = name.to_owned();
        self.rest = &self.rest[end..];
        let below = if self.eat('/') {
            let (inner, below) = self.field()?;
            Mask(BTreeMap::from([(inner, below)]))
        } else if self.eat('(') {
            let list = self.list()?;
            if !self.eat(')') {
                return None;
            }
            list
        } else {
            Mask::default()
        };
        Some((name, below))
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
