//! `server.json`, which says to the public registry of MCP servers what Deputy is: it has the registry's form, and
//! leads to what there is.

use std::collections::BTreeSet;

use jsonschema::validator_for;
use serde_json::{Value, json};

/// What the registry asks of a server that is reached over HTTP and has no package: its schema of 2025-12-11
/// (`ServerDetail`, `RemoteTransport`, `Input`), as far as it is about that, and without room for anything else.
fn form() -> Value {
    let text = |most: u32| json!({ "type": "string", "minLength": 1, "maxLength": most });
    let input = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["description"],
        "properties": {
            "description": text(200), "placeholder": text(200), "default": text(200),
            "isRequired": { "type": "boolean" }, "isSecret": { "type": "boolean" },
            "format": { "enum": ["string", "number", "boolean", "filepath"] },
        },
    });
    let remote = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["type", "url"],
        "properties": {
            "type": { "const": "streamable-http" },
            "url": { "type": "string", "pattern": "^https://[^ ]+$" },
            "variables": { "type": "object", "additionalProperties": input },
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["$schema", "name", "description", "version", "remotes"],
        "properties": {
            "$schema": { "const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json" },
            "name": { "type": "string", "minLength": 3, "maxLength": 200, "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$" },
            "title": text(100),
            "description": text(100),
            // A version, and no range of versions.
            "version": { "type": "string", "pattern": "^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$" },
            "remotes": { "type": "array", "minItems": 1, "items": remote },
        },
    })
}

/// The names between braces.
fn variables(template: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for piece in template.split('{').skip(1) {
        let (name, _) = piece.split_once('}').expect("a closing brace");
        names.insert(name.to_owned());
    }
    names
}

#[test]
fn the_entry_of_the_registry_has_its_form_and_leads_here() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../server.json");
    let entry: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let form = validator_for(&form()).unwrap();
    let wrong: Vec<String> = form
        .iter_errors(&entry)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(entry["version"], env!("CARGO_PKG_VERSION"));
    let paths: Vec<&str> = entry["remotes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|remote| {
            let url = remote["url"].as_str().unwrap();
            let given: BTreeSet<String> = remote["variables"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect();
            assert_eq!(variables(url), given, "{url}");
            url.strip_prefix("https://{host}").unwrap()
        })
        .collect();
    assert_eq!(paths, ["/mcp", "/mcp/{server}"]);
}
