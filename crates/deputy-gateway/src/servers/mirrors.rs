//! Arguments that a server in the network wants to see in headers too: `x-mcp-header` in a tool's input schema
//! (MCP 2026-07-28, "Custom Headers from Tool Parameters").
//!
//! What stands between us and the server acts on those headers, so a tool whose schema asks for them in a way that is
//! not allowed must not be used at all. Servers of the older era and on pipes have no such headers; what their schemas
//! say about them means nothing.

use serde_json::Value;

const KEY: &str = "x-mcp-header";
/// Longer values are not put into headers; the server says then that one is missing.
const LONGEST: usize = 8 * 1024;

/// A property whose value is wanted in a header.
#[derive(Debug, PartialEq, Eq)]
struct Mirror<'a> {
    /// Where it is among the arguments.
    path: Vec<&'a str>,
    /// The header, after `Mcp-Param-`.
    name: &'a str,
}

/// Whether the schema asks for headers as it may, or what is wrong.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    declared(schema).map(drop)
}

/// The headers for a call with these arguments. What is null or not there has none.
pub(crate) fn of(schema: &Value, arguments: &Value) -> Result<Vec<(String, String)>, String> {
    let mirrors = declared(schema)?;
    Ok(mirrors
        .into_iter()
        .filter_map(|mirror| {
            let at = |value: &'_ Value, name: &&str| value.get(name).cloned();
            let value = mirror
                .path
                .iter()
                .try_fold(arguments.clone(), |value, name| at(&value, name))?;
            let text = match value {
                Value::String(text) => text,
                Value::Bool(value) => value.to_string(),
                Value::Number(number) => match number.as_f64() {
                    // 42.0 is an integer too, and is 42 as one
                    Some(float) if number.is_f64() => format!("{float:.0}"),
                    _ => number.to_string(),
                },
                _ => return None,
            };
            (text.len() <= LONGEST).then(|| (format!("Mcp-Param-{}", mirror.name), text))
        })
        .collect())
}

fn declared(schema: &Value) -> Result<Vec<Mirror<'_>>, String> {
    let mut found: Vec<Mirror<'_>> = Vec::new();
    walk(schema, Some(&[]), &mut found)?;
    for (at, mirror) in found.iter().enumerate() {
        if found[..at]
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(mirror.name))
        {
            return Err(format!(
                "two of its properties ask for the header {:?}",
                mirror.name
            ));
        }
    }
    Ok(found)
}

/// `path`: how the arguments get here; nothing where that depends on what they are.
fn walk<'a>(
    schema: &'a Value,
    path: Option<&[&'a str]>,
    found: &mut Vec<Mirror<'a>>,
) -> Result<(), String> {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(items) => {
            return items.iter().try_for_each(|item| walk(item, None, found));
        }
        _ => return Ok(()),
    };
    if let Some(name) = members.get(KEY) {
        let path = path.filter(|path| !path.is_empty()).map(<[_]>::to_vec);
        found.push(mirror(name, members.get("type"), path)?);
    }
    for (key, member) in members {
        match (key.as_str(), member) {
            (KEY | "const" | "enum" | "default" | "examples", _) => {}
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    let below = path.map(|path| [path, &[name.as_str()]].concat());
                    walk(property, below.as_deref(), found)?;
                }
            }
            (
                "$defs" | "definitions" | "patternProperties" | "dependentSchemas",
                Value::Object(named),
            ) => {
                for inner in named.values() {
                    walk(inner, None, found)?;
                }
            }
            (_, member) => walk(member, None, found)?,
        }
    }
    Ok(())
}

fn mirror<'a>(
    name: &'a Value,
    kind: Option<&Value>,
    path: Option<Vec<&'a str>>,
) -> Result<Mirror<'a>, String> {
    let wrong = |why: &str| Err(format!("it asks for a header {why}"));
    let Some(name) = name.as_str().filter(|name| is_token(name)) else {
        return wrong("whose name is none");
    };
    let Some(path) = path else {
        return wrong("with what is not plainly one of its arguments");
    };
    let simple = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "boolean"));
    let fits = match kind {
        Some(Value::Array(kinds)) => {
            kinds.iter().any(simple) && kinds.iter().all(|kind| simple(kind) || kind == "null")
        }
        Some(kind) => simple(kind),
        None => false,
    };
    if !fits {
        return wrong("with what is neither a text, an integer nor a boolean");
    }
    Ok(Mirror { path, name })
}

/// A token (RFC 9110, section 5.6.2), not longer than names of headers are.
fn is_token(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests;
