use serde_json::{Value, json};

use super::{Era, MAX_CAPABILITIES, MAX_INSTRUCTIONS, ServerInfo, UpstreamError, cut_introduction};

fn large() -> Value {
    json!({
        "tools": { "listChanged": true, "junk": "x".repeat(10) },
        "resources": { "subscribe": true, "listChanged": false },
        "experimental": { "junk": "x".repeat(MAX_CAPABILITIES) },
    })
}

#[test]
fn what_a_server_says_of_itself_is_cut() {
    let info = ServerInfo {
        era: Era::Legacy,
        protocol_version: "2025-11-25".to_owned(),
        name: "n".repeat(1000),
        version: "1".to_owned(),
        instructions: Some("ü".repeat(MAX_INSTRUCTIONS)),
        capabilities: large(),
    };
    let info = info.bounded();
    assert_eq!(info.instructions.as_ref().unwrap().len(), MAX_INSTRUCTIONS);
    assert_eq!(info.name.len(), 256);
    let known = json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } });
    assert_eq!(info.capabilities, known);
    assert!(info.bytes() < 2 * MAX_INSTRUCTIONS);
    assert_eq!(info.clone().bounded(), info);
}

/// What stands before a server says 503 also when the server has the call.
#[test]
fn a_503_says_nothing_about_what_was_done() {
    let said = UpstreamError::Unavailable {
        status: 503,
        sent: true,
        retry_after: None,
    };
    assert!(!said.is_unsent());
    assert!(said.before_the_call().is_unsent());
}

#[test]
fn so_is_the_answer_that_the_sdk_keeps() {
    let mut answer = json!({
        "protocolVersion": "2025-11-25",
        "serverInfo": { "name": "a", "version": "1" },
        "capabilities": large(),
        "instructions": "i".repeat(1 << 20),
        "_meta": { "junk": "x".repeat(1 << 20) },
    });
    cut_introduction(answer.as_object_mut().unwrap());
    assert!(answer.to_string().len() < MAX_INSTRUCTIONS + 1000);
    assert_eq!(answer["serverInfo"]["name"], "a");
    assert_eq!(
        answer["capabilities"]["tools"],
        json!({ "listChanged": true })
    );
}
