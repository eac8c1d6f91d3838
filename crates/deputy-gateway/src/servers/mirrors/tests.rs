use serde_json::{Value, json};

use super::{check, of};

fn schema(properties: &Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

fn text(header: &str) -> Value {
    json!({ "type": "string", "x-mcp-header": header })
}

#[test]
fn arguments_go_into_the_headers_that_the_schema_names() {
    let schema = schema(&json!({
        "region": text("Region"),
        "count": { "type": "integer", "x-mcp-header": "Count" },
        "dry": { "type": ["boolean", "null"], "x-mcp-header": "Dry" },
        "where": { "type": "object", "properties": { "zone": text("Zone") } },
        "query": { "type": "string" },
        "none": text("None"),
        "absent": text("Absent"),
    }));
    let arguments = json!({
        "region": "süd", "count": 42.0, "dry": false, "where": { "zone": "" }, "query": "q", "none": null,
    });
    let named = |name: &str, value: &str| (format!("Mcp-Param-{name}"), value.to_owned());
    assert_eq!(
        of(&schema, &arguments).unwrap(),
        [
            named("Region", "süd"),
            named("Count", "42"),
            named("Dry", "false"),
            named("Zone", ""),
        ]
    );
    let long = json!({ "region": "x".repeat(10_000), "count": u64::MAX });
    assert_eq!(
        of(&schema, &long).unwrap(),
        [named("Count", "18446744073709551615")]
    );
}

#[test]
fn a_schema_that_asks_wrongly_is_refused() {
    for (properties, why) in [
        (json!({ "a": text("") }), "name"),
        (json!({ "a": text("My Region") }), "name"),
        (json!({ "a": text("Region:Primary") }), "name"),
        (json!({ "a": text("Région") }), "name"),
        (json!({ "a": text("Region\t1") }), "name"),
        (
            json!({ "a": { "type": "string", "x-mcp-header": 1 } }),
            "name",
        ),
        (json!({ "a": text("Same"), "b": text("sAME") }), "two"),
        (
            json!({ "a": { "type": "object", "x-mcp-header": "A" } }),
            "neither",
        ),
        (
            json!({ "a": { "type": "number", "x-mcp-header": "A" } }),
            "neither",
        ),
        (
            json!({ "a": { "type": "null", "x-mcp-header": "A" } }),
            "neither",
        ),
        (json!({ "a": { "x-mcp-header": "A" } }), "neither"),
        (
            json!({ "a": { "type": "array", "items": text("A") } }),
            "plainly",
        ),
        (
            json!({ "a": { "anyOf": [text("A"), { "type": "null" }] } }),
            "plainly",
        ),
        (
            json!({ "a": { "items": { "properties": { "b": text("B") } } } }),
            "plainly",
        ),
    ] {
        let error = check(&schema(&properties)).unwrap_err();
        assert!(error.contains(why), "{properties}: {error}");
    }
    let mut elsewhere = schema(&json!({ "a": { "$ref": "#/$defs/a" } }));
    elsewhere["$defs"] = json!({ "a": text("A") });
    assert!(check(&elsewhere).unwrap_err().contains("plainly"));
    assert!(check(&text("A")).is_err());
}

#[test]
fn what_only_looks_like_it_is_none() {
    let innocent = schema(&json!({
        "x-mcp-header": { "type": "string", "default": { "x-mcp-header": "" } },
        "a": { "const": { "x-mcp-header": "" }, "description": "x-mcp-header" },
    }));
    check(&innocent).unwrap();
    let arguments = json!({ "x-mcp-header": "v", "a": 1 });
    assert_eq!(of(&innocent, &arguments).unwrap(), []);
}
