//! A tool as its server describes it, read as data.
//!
//! What a server says of its tools goes before models and people, so it is cut to size and cleaned
//! of characters that nobody sees. The digest is taken of what the server sent, before that: a
//! change that nobody sees is a change too.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::mirrors;
use crate::catalog::{self, digest};

/// Longest name, in characters.
const MAX_NAME: usize = 255;
/// Longest title, in characters.
const MAX_TITLE: usize = 200;
/// Longest description, in characters; of a whole tool, and of each part of its schema.
const MAX_DESCRIPTION: usize = 10_000;
/// Largest schema, in bytes as JSON.
const MAX_SCHEMA: usize = 64 * 1024;
/// Deepest schema.
const MAX_DEPTH: usize = 32;

/// The name under which a server's instructions are kept among its tools. No tool can have it.
pub const INSTRUCTIONS: &str = "(instructions)";
/// Longest instructions, in characters.
const MAX_INSTRUCTIONS: usize = 16 * 1024;

/// The hints of MCP (2026-07-28, `ToolAnnotations`).
const HINTS: [&str; 4] = [
    "readOnlyHint",
    "destructiveHint",
    "idempotentHint",
    "openWorldHint",
];

/// A tool's definition, fit to be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The name as the server knows it.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For models.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the structured result.
    pub output_schema: Option<Value>,
    /// The hints that it declares, as on the wire.
    pub annotations: Value,
    /// Why it can't be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<String>,
    /// What was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Definition {
    /// Reads a tool as the server wrote it; with its digest. None when it has no name that could
    /// be shown: such a tool can't be called. `mirrored`: arguments go into headers where the schema
    /// says so.
    pub fn read(raw: &RawValue, mirrored: bool) -> Option<(Self, String)> {
        let wire: Wire = serde_json::from_str(raw.get()).ok()?;
        let mut digest = digest(&json!([
            wire.name,
            wire.title,
            wire.description,
            wire.input_schema,
            wire.output_schema,
            wire.annotations
        ]));
        let (name, hidden) = clean(&wire.name, MAX_NAME + 1);
        if hidden > 0 || name.is_empty() || name.chars().count() > MAX_NAME || name == INSTRUCTIONS
        {
            return None;
        }
        let mut notes = Vec::new();
        let mut text = |what: &str, value: Option<&Value>, most: usize| {
            let value = value.and_then(Value::as_str)?;
            let (text, hidden) = clean(value, most);
            if hidden > 0 {
                notes.push(format!("{what}: {hidden} hidden characters were left out"));
            }
            (!text.trim().is_empty()).then_some(text)
        };
        let hint_title = wire.annotations.as_ref().and_then(|a| a.get("title"));
        let title = text("title", wire.title.as_ref().or(hint_title), MAX_TITLE);
        let description = text("description", wire.description.as_ref(), MAX_DESCRIPTION);
        let mut unusable = None;
        let input_schema = schema("input", wire.input_schema, &mut notes).unwrap_or_else(|why| {
            unusable = Some(why);
            json!({ "type": "object" })
        });
        let output_schema = match wire.output_schema {
            None | Some(Value::Null) => None,
            // Without it the tool can be used all the same.
            given => match schema("output", given, &mut notes) {
                Ok(schema) => Some(schema),
                Err(why) => {
                    notes.push(format!("{why}, and was left out"));
                    None
                }
            },
        };
        if unusable.is_none() {
            unusable = compile(&input_schema).err();
        }
        if mirrored
            && unusable.is_none()
            && let Err(why) = mirrors::check(&input_schema)
        {
            // The same words of another server may be good: whether they are is a part of it.
            digest = catalog::digest(&json!([digest, why]));
            unusable = Some(why);
        }
        let definition = Self {
            name,
            title,
            description: description.unwrap_or_default(),
            input_schema,
            output_schema,
            annotations: hints(wire.annotations.as_ref()),
            unusable,
            notes,
        };
        Some((definition, digest))
    }

    /// A server's instructions to models in the form of a tool, so that they are agreed to, compared and shown as
    /// tools are; with their digest. None where it gives none.
    pub fn of_instructions(text: &str) -> Option<(Self, String)> {
        let digest = digest(&json!([INSTRUCTIONS, text]));
        let (description, hidden) = clean(text, MAX_INSTRUCTIONS);
        if description.trim().is_empty() {
            return None;
        }
        let note = (hidden > 0).then(|| format!("{hidden} hidden characters were left out"));
        let definition = Self {
            name: INSTRUCTIONS.to_owned(),
            title: None,
            description,
            input_schema: json!({ "type": "object" }),
            output_schema: None,
            annotations: json!({}),
            unusable: Some("these are the server's instructions, and no tool".to_owned()),
            notes: note.into_iter().collect(),
        };
        Some((definition, digest))
    }

    /// Whether it declares that it only reads.
    pub fn read_only(&self) -> bool {
        self.annotations.get("readOnlyHint") == Some(&Value::Bool(true))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    name: String,
    #[serde(default)]
    title: Option<Value>,
    #[serde(default)]
    description: Option<Value>,
    #[serde(default)]
    input_schema: Option<Value>,
    #[serde(default)]
    output_schema: Option<Value>,
    #[serde(default)]
    annotations: Option<Value>,
}

/// The checker of a tool's arguments. Nothing is fetched: a schema that refers to another document
/// has none, and the error says so.
pub fn compile(schema: &Value) -> Result<jsonschema::Validator, String> {
    jsonschema::validator_for(schema).map_err(|e| {
        let (why, _) = clean(&e.to_string(), 300);
        format!("its input schema can't be used: {why}")
    })
}

fn hints(annotations: Option<&Value>) -> Value {
    let kept: Map<String, Value> = HINTS
        .into_iter()
        .filter_map(|hint| {
            let value = annotations?.get(hint)?;
            value.is_boolean().then(|| (hint.to_owned(), value.clone()))
        })
        .collect();
    Value::Object(kept)
}

/// A schema that is small enough and says nothing hidden.
fn schema(which: &str, given: Option<Value>, notes: &mut Vec<String>) -> Result<Value, String> {
    let Some(mut schema) = given else {
        return Err(format!("it has no {which} schema"));
    };
    if which == "input" && schema.get("type") != Some(&json!("object")) {
        return Err("its input schema is not that of an object".to_owned());
    }
    if depth(&schema, 0) > MAX_DEPTH {
        return Err(format!("its {which} schema is nested too deeply"));
    }
    let mut hidden = 0;
    clean_texts(&mut schema, &mut hidden);
    if hidden > 0 {
        notes.push(format!(
            "{which} schema: {hidden} hidden characters were left out"
        ));
    }
    let text = schema.to_string();
    if text.len() > MAX_SCHEMA {
        return Err(format!(
            "its {which} schema is too large ({} KiB)",
            text.len() / 1024
        ));
    }
    if has_hidden(&schema) {
        return Err(format!("its {which} schema has hidden characters"));
    }
    Ok(schema)
}

/// How deep it is, counted no further than needed.
fn depth(value: &Value, at: usize) -> usize {
    if at > MAX_DEPTH {
        return at;
    }
    match value {
        Value::Array(items) => items.iter().map(|v| depth(v, at + 1)).max().unwrap_or(at),
        Value::Object(members) => members
            .values()
            .map(|v| depth(v, at + 1))
            .max()
            .unwrap_or(at),
        _ => at,
    }
}

/// Cleans the texts for readers; what decides (`enum`, `const`, names of properties) stays.
fn clean_texts(schema: &mut Value, hidden: &mut usize) {
    match schema {
        Value::Array(items) => {
            for item in items {
                clean_texts(item, hidden);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("const" | "enum" | "default" | "examples", _) => {}
                    ("description" | "title" | "$comment", Value::String(text)) => {
                        let (cleaned, count) = clean(text, MAX_DESCRIPTION);
                        *hidden += count;
                        *text = cleaned;
                    }
                    (_, member) => clean_texts(member, hidden),
                }
            }
        }
        _ => {}
    }
}

fn has_hidden(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(is_hidden),
        Value::Array(items) => items.iter().any(has_hidden),
        Value::Object(members) => members
            .iter()
            .any(|(key, member)| key.chars().any(is_hidden) || has_hidden(member)),
        _ => false,
    }
}

/// The text without hidden characters, at most `most` characters long (what was cut is said), and
/// how many hidden ones there were.
pub fn clean(text: &str, most: usize) -> (String, usize) {
    let mut hidden = 0;
    let mut out = String::new();
    let mut seen = text.chars().filter(|c| {
        let is = is_hidden(*c);
        hidden += usize::from(is);
        !is
    });
    out.extend(seen.by_ref().take(most));
    let left = seen.count();
    if left > 0 {
        // Writing to a string does not fail.
        let _ = write!(out, "… ({left} characters more)");
    }
    (out, hidden)
}

/// Controls (but line breaks and tabs) and what has no shape of its own but changes or hides what
/// is read: directions, joiners, fillers, tags, variation selectors (but the one of emoji).
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' | '\u{FE0F}' => false,
        '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{115F}'..='\u{1160}'
        | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0E}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests;
