use rmcp::model::{ClientCapabilities, InitializeRequestParams};
use serde_json::json;

use super::*;

fn client(capabilities: Value) -> Client {
    Client {
        modern: true,
        capabilities,
        log_level: None,
    }
}

#[test]
fn nothing_is_asked_that_a_client_did_not_offer() {
    let form = json!({ "message": "?", "requestedSchema": { "type": "object" } });
    let url = json!({ "mode": "url", "message": "?", "url": "https://a.example" });
    let tools = json!({ "messages": [], "maxTokens": 1, "tools": [{ "name": "t" }] });
    let plain = json!({ "messages": [], "maxTokens": 1 });
    let nothing = client(Value::Null);
    for (method, params) in [
        ("elicitation/create", &form),
        ("sampling/createMessage", &plain),
        ("roots/list", &json!({})),
    ] {
        assert!(!nothing.can(method, params), "{method}");
    }
    assert!(!nothing.answers() && !nothing.opens_links());
    // Forms were all there was when the capability was new.
    let older = client(json!({ "elicitation": {} }));
    assert!(older.can("elicitation/create", &form) && !older.can("elicitation/create", &url));
    let links = client(json!({ "elicitation": { "url": {} } }));
    assert!(!links.can("elicitation/create", &form) && links.can("elicitation/create", &url));
    let samples = client(json!({ "sampling": {} }));
    assert!(
        samples.can("sampling/createMessage", &plain)
            && !samples.can("sampling/createMessage", &tools)
    );
    let with_tools = client(json!({ "sampling": { "tools": {} } }));
    assert!(with_tools.can("sampling/createMessage", &tools));
    assert!(client(json!({ "roots": {} })).can("roots/list", &Value::Null));
    assert!(
        !with_tools.can("tools/call", &Value::Null),
        "nothing else is ever asked"
    );
}

#[test]
fn a_server_is_told_what_the_client_answers_and_no_more() {
    let given = json!({ "elicitation": { "form": {} }, "extensions": { "x/y": {} }, "experimental": { "z": {} } });
    let told = client(given).told(Some("debug"));
    assert_eq!(told[CAPABILITIES], json!({ "elicitation": { "form": {} } }));
    assert_eq!(told[LOG_LEVEL], "debug");
}

#[test]
fn capabilities_read_by_the_sdk_are_read_the_same_here() {
    let typed: ClientCapabilities = serde_json::from_value(
        json!({ "elicitation": {}, "sampling": {}, "roots": { "listChanged": true } }),
    )
    .unwrap();
    let params = InitializeRequestParams::new(typed, rmcp::model::Implementation::new("c", "1"));
    let client = client(serde_json::to_value(params.capabilities).unwrap());
    assert!(
        client.answers()
            && client.can("elicitation/create", &json!({}))
            && client.can("roots/list", &json!({}))
    );
}
