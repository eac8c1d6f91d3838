//! Results and errors in the SDK's types.

use std::fmt::Write as _;

use rmcp::model::{CallToolResult, ContentBlock, ErrorCode, ErrorData, Tool};
use serde_json::{Value, json};

use crate::call::CallResult;
use crate::catalog;
use crate::error::CallError;

/// A tool under the name by which this address has it. Among the tools of all servers nobody looks at the headers that
/// arguments may be too, so that the marks of those are left out there.
pub(super) fn tool(tool: &catalog::Tool, name: &str, headers: bool) -> Result<Tool, ErrorData> {
    let input_schema = if headers {
        Value::clone(&tool.input_schema)
    } else {
        catalog::republished(&tool.input_schema)
    };
    let mut wire = json!({
        "name": name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": input_schema,
        "annotations": &*tool.annotations,
    });
    if let Some(schema) = &tool.output_schema {
        wire["outputSchema"] = Value::clone(schema);
    }
    serde_json::from_value(wire).map_err(|e| internal(&e))
}

/// The answer of a tool.
pub(super) fn result(result: &CallResult) -> Result<CallToolResult, ErrorData> {
    let content = blocks(result.content.get())?;
    let mut wire = if result.is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    };
    if let Some(structured) = &result.structured {
        wire.structured_content =
            Some(serde_json::from_str(structured.get()).map_err(|e| internal(&e))?);
    }
    Ok(wire)
}

/// Content blocks; one of a kind that is not known here goes as the text that it is.
fn blocks(content: &str) -> Result<Vec<ContentBlock>, ErrorData> {
    let blocks: Vec<Value> = serde_json::from_str(content).map_err(|e| internal(&e))?;
    Ok(blocks
        .into_iter()
        .map(|block| {
            let text = block.to_string();
            serde_json::from_value(block).unwrap_or_else(|_| ContentBlock::text(text))
        })
        .collect())
}

/// A refused or failed call. An unknown tool is a fault of the request; everything else is a result that the model can
/// read and act on (MCP 2026-07-28, "Tools: error handling").
pub(super) fn failed(error: &CallError) -> Result<CallToolResult, ErrorData> {
    if matches!(error, CallError::UnknownTool(_)) {
        return Err(rpc_error(error));
    }
    let mut text = format!("{}: {error}", error.code());
    if let Some(wait) = error.retry_after() {
        let _ = write!(text, " (try again in {} s)", wait.as_secs().max(1));
    }
    Ok(CallToolResult::error(vec![ContentBlock::text(text)]))
}

/// The same as an error of JSON-RPC; a server's own goes on as it is.
pub(super) fn rpc_error(error: &CallError) -> ErrorData {
    match error {
        CallError::Refused {
            code,
            message,
            data,
        } => {
            let code = i32::try_from(*code).unwrap_or(ErrorCode::INTERNAL_ERROR.0);
            ErrorData::new(ErrorCode(code), message.clone(), data.clone())
        }
        CallError::UnknownTool(_) | CallError::Validation { .. } => {
            ErrorData::invalid_params(error.to_string(), None)
        }
        CallError::Internal => ErrorData::internal_error(error.to_string(), None),
        CallError::NotConnected { connect_url, .. } => ErrorData::invalid_request(
            format!("{}: {error}", error.code()),
            Some(json!({ "connectUrl": connect_url })),
        ),
        other => ErrorData::invalid_request(format!("{}: {other}", other.code()), None),
    }
}

pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> ErrorData {
    tracing::error!(error, "an MCP message could not be built");
    ErrorData::internal_error("an internal error; the server's log has the details", None)
}
