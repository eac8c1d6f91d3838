//! The cheapest MCP server there can be: one tool that gives back its text, over standard input and
//! output. What a call through a gateway costs beyond it is the gateway.

use std::io::{BufRead as _, Write as _};

use serde_json::{Value, json};

/// Serves until standard input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let Ok(request) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let (Some(id), Some(method)) = (request.get("id"), request["method"].as_str()) else {
            continue;
        };
        let answer = match method {
            "initialize" => json!({ "result": {
                "protocolVersion": request["params"]["protocolVersion"],
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "echo", "version": "1" },
            }}),
            "ping" => json!({ "result": {} }),
            "tools/list" => json!({ "result": { "tools": [{
                "name": "echo", "description": "Gives back its text", "inputSchema": schema(),
                "annotations": { "readOnlyHint": true },
            }]}}),
            "tools/call" => json!({ "result": {
                "content": [{ "type": "text", "text": request["params"]["arguments"]["text"] }],
            }}),
            _ => json!({ "error": { "code": -32601, "message": "no such method" } }),
        };
        let mut message = json!({ "jsonrpc": "2.0", "id": id });
        if let (Some(message), Value::Object(answer)) = (message.as_object_mut(), answer) {
            message.extend(answer);
        }
        serde_json::to_writer(&mut out, &message)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

/// The input schema of `echo`.
pub(crate) fn schema() -> Value {
    json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] })
}
