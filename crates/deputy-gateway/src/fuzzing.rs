//! What fuzzing tries of this crate: see docs/testing.md, "Fuzzing". Built for that and for tests alone.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::pool;
use crate::servers::definition::{Definition, is_hidden};
use crate::servers::{mirrors, names};

/// A parser, and what must hold of it for any input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name. `fuzz/corpus/NAME` has what each begins with.
pub const TARGETS: &[Target] = &[
    ("header-mirrored", pool::fuzzing::header_mirrored),
    ("request-passed-on", pool::fuzzing::request_passed_on),
    ("server-events", pool::fuzzing::server_events),
    ("server-lines", pool::fuzzing::server_lines),
    ("tool-definition", tool_definition),
];

/// A tool as a server describes it: what is kept can be shown, and says the same when it is read again.
fn tool_definition(data: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<Box<RawValue>>(data) else {
        return;
    };
    let Some((tool, digest)) = Definition::read(&raw, true) else {
        return;
    };
    assert_eq!(digest.len(), 64);
    let title = tool.title.as_deref().unwrap_or_default();
    for text in [&tool.name, title, &tool.description] {
        assert!(!text.contains(is_hidden), "hidden: {text:?}");
        assert!(text.chars().count() < 10_100);
    }
    assert!(tool.input_schema.to_string().len() <= 64 * 1024);
    check_name(&tool.name);
    if tool.unusable.is_some() || !tool.notes.is_empty() {
        return;
    }
    // A checker takes whatever comes, and so does what goes into headers.
    let arguments = json!({ "a": 1, "b": "x", "c": { "d": null } });
    let _ = mirrors::of(&tool.input_schema, &arguments).expect("it was checked");
    let again = json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": tool.annotations,
    });
    let again = serde_json::value::to_raw_value(&again).expect("it is JSON");
    let (read, _) = Definition::read(&again, true).expect("it was good before");
    // Of a text that was cut, the end says how much.
    if !tool.description.ends_with("more)") && !title.ends_with("more)") {
        assert_eq!(read, tool);
    }
}

/// Every tool has a name that all models take, and that leads back to its server.
fn check_name(tool: &str) {
    for server in ["a", "a-server-with-the-longest-name-0"] {
        assert_eq!(names::check_server(server), Ok(()));
        let alias = names::alias(server, tool);
        let published = names::publish(server, &alias);
        assert_eq!(names::split(&published), Some((server, alias.as_str())));
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        assert!(
            published.len() <= 64 && published.bytes().all(is_plain),
            "{published}"
        );
    }
}

/// Whether both are the same JSON, whatever the order of members.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && (one.iter()).all(|(k, v)| other.get(k).is_some_and(|other| same(v, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests;
