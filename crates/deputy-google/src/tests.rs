use serde_json::Value;

#[test]
fn every_tool_is_described_and_closed() {
    for server in crate::servers() {
        for tool in server.tools {
            let name = tool.name;
            assert_eq!(tool.input_schema["type"], "object", "{name}");
            assert_eq!(
                tool.input_schema["additionalProperties"], false,
                "{name} takes unknown arguments"
            );
            assert_eq!(tool.output_schema["type"], "object", "{name}");
            assert!(!tool.scopes.is_empty(), "{name} names no scope");
            for schema in [&tool.input_schema, &tool.output_schema] {
                described(name, schema);
                assert!(
                    !schema.to_string().contains("$ref"),
                    "{name} has references"
                );
            }
        }
    }
}

fn described(name: &str, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (property, schema) in properties {
        assert!(
            schema.get("description").is_some_and(Value::is_string),
            "{name}: {property} is not described"
        );
        described(name, schema);
        if let Some(items) = schema.get("items") {
            described(name, items);
        }
    }
}

#[test]
fn tool_definitions() {
    for server in crate::servers() {
        for tool in server.tools {
            let shown = serde_json::json!({
                "title": tool.title,
                "description": tool.description,
                "annotations": tool.annotations,
                "scopes": tool.scopes,
                "input": tool.input_schema,
                "output": tool.output_schema,
            });
            insta::assert_json_snapshot!(tool.name, shown);
        }
    }
}
