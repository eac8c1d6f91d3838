use serde_json::json;

use super::*;

#[test]
fn a_result_and_a_refusal_fit_the_published_schema_and_nothing_else_does() {
    let note = json!({ "type": "object", "properties": { "id": { "type": "integer" } }, "required": ["id"] });
    let plain = json!({
        "type": "object", "properties": { "note": { "$ref": "#/$defs/Note" } }, "required": ["note"],
        "additionalProperties": false, "$defs": { "Note": note },
    });
    let mut choice = plain.clone();
    choice["anyOf"] = json!([{ "minProperties": 1 }]);
    let mut all = choice.clone();
    all["allOf"] = json!([{ "maxProperties": 1 }]);
    for schema in [plain, choice, all] {
        let published = or_error(schema.clone());
        let fits = |value: Value| jsonschema::is_valid(&published, &value);
        let refusal =
            json!({ "error": { "code": "NOT_FOUND", "message": "no such note", "id": 7 } });
        assert!(
            fits(json!({ "note": { "id": 7 } })) && fits(refusal),
            "{published}"
        );
        assert!(!fits(json!({})), "{published}");
        assert!(!fits(json!({ "note": {} })), "{published}");
        assert!(!fits(json!({ "error": {} })), "{published}");
        assert!(!fits(json!({ "other": 1 })), "{published}");
    }
    // Where anything fits, a refusal does.
    let open = or_error(json!({ "type": "object" }));
    assert!(jsonschema::is_valid(&open, &json!({})));
    assert!(!jsonschema::is_valid(&open, &json!({ "error": 1 })));
}
