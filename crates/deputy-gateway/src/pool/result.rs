//! The result of `tools/call`, taken apart no further than what decides something here.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::upstream::{ToolAnswer, ToolResult, UpstreamError};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult<'a> {
    #[serde(default)]
    result_type: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    structured_content: Option<&'a RawValue>,
    #[serde(default)]
    is_error: Option<bool>,
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

/// The result of `tools/call`, in its parts.
pub(super) fn tool_result(raw: Box<RawValue>) -> Result<ToolResult, UpstreamError> {
    let protocol = |reason: String| UpstreamError::Protocol { reason };
    // a struct would take an array for its members in order
    if !raw.get().starts_with('{') {
        return Err(protocol("a tool result that is no object".to_owned()));
    }
    let parts: WireResult<'_> = serde_json::from_str(raw.get())
        .map_err(|error| protocol(format!("a tool result that is none: {error}")))?;
    match parts.result_type.as_deref() {
        None | Some("complete") => {}
        Some("input_required") => return Ok(ToolResult::InputRequired(raw)),
        Some(other) => return Err(protocol(format!("a result of the unknown type {other:?}"))),
    }
    let content = match parts.content {
        Some(content) if content.get().starts_with('[') => content.to_owned(),
        None if parts.structured_content.is_some() => {
            RawValue::from_string("[]".to_owned()).unwrap_or_default()
        }
        _ => return Err(protocol("a tool result without content".to_owned())),
    };
    Ok(ToolResult::Complete(ToolAnswer {
        content,
        structured: parts.structured_content.map(ToOwned::to_owned),
        is_error: parts.is_error.unwrap_or(false),
        meta: parts.meta.map(ToOwned::to_owned),
    }))
}
