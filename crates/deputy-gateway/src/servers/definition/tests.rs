use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::{Definition, MAX_DESCRIPTION, clean};

fn read(tool: &Value) -> Option<(Definition, String)> {
    Definition::read(&to_raw_value(tool).unwrap(), false)
}

fn plain() -> Value {
    json!({
        "name": "read",
        "description": "Reads.",
        "inputSchema": { "type": "object", "properties": { "path": { "type": "string" } } },
        "annotations": { "readOnlyHint": true, "title": "Read", "other": "x" },
    })
}

#[test]
fn a_plain_tool() {
    let (tool, _) = read(&plain()).unwrap();
    assert_eq!(tool.title.as_deref(), Some("Read"));
    assert_eq!(tool.annotations, json!({ "readOnlyHint": true }));
    assert!(tool.read_only());
    assert_eq!((tool.unusable, tool.notes.len()), (None, 0));
}

#[test]
fn the_digest_sees_every_change_and_no_other() {
    let (_, digest) = read(&plain()).unwrap();
    let mut other = plain();
    other["icons"] = json!([]);
    assert_eq!(read(&other).unwrap().1, digest);
    for (member, value) in [
        ("name", json!("rea")),
        ("title", json!("Read it")),
        ("description", json!("Reads.\u{200B}")),
        ("inputSchema", json!({ "type": "object" })),
        ("outputSchema", json!({ "type": "object" })),
        ("annotations", json!({ "readOnlyHint": true })),
    ] {
        let mut other = plain();
        other[member] = value;
        assert_ne!(read(&other).unwrap().1, digest, "{member}");
    }
}

#[test]
fn an_output_schema_that_is_left_out_is_said_to_be() {
    let mut deep = json!({ "type": "object" });
    for _ in 0..40 {
        deep = json!({ "type": "object", "properties": { "a": deep } });
    }
    let large = json!({ "type": "object", "description": "", "enum": ["x".repeat(70_000)] });
    for schema in [deep, large] {
        let mut tool = plain();
        tool["outputSchema"] = schema;
        let (tool, _) = read(&tool).unwrap();
        assert_eq!((tool.output_schema, tool.unusable), (None, None));
        let [note] = &tool.notes[..] else {
            panic!("{:?}", tool.notes);
        };
        assert!(note.contains("output schema") && note.ends_with("was left out"));
    }
}

#[test]
fn hidden_characters_are_left_out_and_counted() {
    let mut tool = plain();
    tool["description"] = json!("Re\u{202E}ads\u{E0041}\u{E0042}\u{7}.");
    tool["inputSchema"]["properties"]["path"]["description"] = json!("a\u{200B}b");
    let (tool, _) = read(&tool).unwrap();
    assert_eq!(tool.description, "Reads.");
    assert_eq!(tool.input_schema["properties"]["path"]["description"], "ab");
    assert_eq!(tool.notes.len(), 2, "{:?}", tool.notes);
    assert!(tool.notes[0].contains("4 hidden"), "{:?}", tool.notes);
    assert_eq!(tool.unusable, None);
}

#[test]
fn what_cannot_be_cleaned_cannot_be_used() {
    let mut tool = plain();
    tool["inputSchema"]["properties"]["pa\u{200B}th"] = json!({});
    assert!(read(&tool).unwrap().0.unusable.unwrap().contains("hidden"));
    tool["name"] = json!("re\u{200B}ad");
    assert!(read(&tool).is_none());
    assert!(read(&json!({ "name": "" })).is_none());
    assert!(read(&json!({ "name": "n".repeat(256) })).is_none());
    assert!(read(&json!({ "description": "no name" })).is_none());
}

#[test]
fn long_texts_are_cut_and_say_so() {
    let mut tool = plain();
    tool["description"] = json!("ä".repeat(MAX_DESCRIPTION + 5));
    let text = read(&tool).unwrap().0.description;
    assert!(
        text.ends_with("ä… (5 characters more)"),
        "{}",
        &text[text.len() - 40..]
    );
    assert_eq!(clean("abc", 3), ("abc".to_owned(), 0));
}

#[test]
fn schemas_that_cannot_be_used_say_why() {
    let deep = (0..200).fold(
        json!({}),
        |inner, _| json!({ "properties": { "a": inner } }),
    );
    let mut nested = deep;
    nested["type"] = json!("object");
    let wide: Vec<String> = (0..9000).map(|i| format!("value {i}")).collect();
    for (schema, reason) in [
        (Value::Null, "no input schema"),
        (json!({ "type": "string" }), "not that of an object"),
        (
            json!({ "type": "object", "properties": { "a": { "type": 7 } } }),
            "can't be used",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "$ref": "http://127.0.0.1:9/x.json" } } }),
            "can't be used",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "$ref": "file:///etc/passwd" } } }),
            "can't be used",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "enum": wide } } }),
            "too large",
        ),
    ] {
        let mut tool = plain();
        tool["inputSchema"] = schema.clone();
        if schema.is_null() {
            tool.as_object_mut().unwrap().remove("inputSchema");
        }
        let unusable = read(&tool).unwrap().0.unusable.expect(reason);
        assert!(unusable.contains(reason), "{unusable}");
    }
    let mut levels = json!({ "type": "object" });
    for _ in 0..20 {
        levels = json!({ "type": "object", "properties": { "a": levels } });
    }
    let mut tool = plain();
    tool["inputSchema"] = levels;
    assert!(read(&tool).unwrap().0.unusable.unwrap().contains("deeply"));
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let mut tool = plain();
    tool["inputSchema"] = json!({
        "type": "object",
        "$defs": { "node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/node" } } } },
        "properties": { "list": { "$ref": "#/$defs/node" } },
    });
    let (tool, _) = read(&tool).unwrap();
    assert_eq!(tool.unusable, None);
    let validator = super::compile(&tool.input_schema).unwrap();
    assert!(validator.is_valid(&json!({ "list": { "next": { "next": {} } } })));
    assert!(!validator.is_valid(&json!({ "list": { "next": 5 } })));
}

#[test]
fn wrong_headers_count_only_where_there_are_headers() {
    let mut tool = plain();
    tool["inputSchema"]["properties"]["path"]["x-mcp-header"] = json!("a b");
    let raw = to_raw_value(&tool).unwrap();
    let (on_a_pipe, digest) = Definition::read(&raw, false).unwrap();
    assert_eq!(on_a_pipe.unusable, None);
    let (in_the_network, other) = Definition::read(&raw, true).unwrap();
    assert!(in_the_network.unusable.unwrap().contains("header"));
    assert_ne!(digest, other);
    let raw = to_raw_value(&plain()).unwrap();
    assert_eq!(Definition::read(&raw, true), Definition::read(&raw, false));
}
