//! What a tool answered, as HTTP has it.

use axum::response::{IntoResponse as _, Response};
use deputy_gateway::CallResult;
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Route, Version};
use crate::api::Data;
use crate::error::ApiError;

/// The answer to a request of this route.
pub(super) fn of(
    route: &Route,
    result: &CallResult,
    by_header: bool,
) -> Result<Response, ApiError> {
    let text = result.structured.as_ref().map_or("null", |raw| raw.get());
    let mut structured: Value = serde_json::from_str(text)
        .map_err(|error| ApiError::internal(&error, "reading what a tool answered"))?;
    if result.is_error {
        return Err(refused(&structured["error"], by_header));
    }
    let place = route.place.and_then(|(path, pointer)| {
        let name = match structured.pointer(pointer)? {
            Value::String(name) => name.clone(),
            other => other.to_string(),
        };
        let name = utf8_percent_encode(&name, NAME);
        HeaderValue::from_str(&format!("{path}/{name}")).ok()
    });
    let tag = match route.version {
        Version::None => None,
        Version::Shown | Version::Needed => etag(&structured["requirement"]),
    };
    if let Some((name, pointer)) = route.part {
        let part = structured.pointer_mut(pointer).map(Value::take);
        structured = json!({ name: part });
    }
    let mut response = Data(structured).into_response();
    if route.makes {
        *response.status_mut() = StatusCode::CREATED;
    }
    let headers = response.headers_mut();
    headers.extend(place.map(|place| (header::LOCATION, place)));
    headers.extend(tag.map(|tag| (header::ETAG, tag)));
    Ok(response)
}

/// What stays as it is in a segment of a path (RFC 3986 section 2.3).
const NAME: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The tag of a requirement's version: strong, so that `If-Match` can name it. Of links and comments it says nothing.
fn etag(requirement: &Value) -> Option<HeaderValue> {
    let version = requirement["version"].as_i64()?;
    HeaderValue::from_str(&format!("\"{version}\"")).ok()
}

/// A tool's refusal.
fn refused(error: &Value, by_header: bool) -> ApiError {
    let code = error["code"].as_str().unwrap_or_default();
    let (status, code) = match code {
        "NOT_FOUND" => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        "FORBIDDEN" => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        "VALIDATION_ERROR" => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        "VERSION_CONFLICT" if by_header => (StatusCode::PRECONDITION_FAILED, "VERSION_CONFLICT"),
        "VERSION_CONFLICT" => (StatusCode::CONFLICT, "VERSION_CONFLICT"),
        "CONFLICT" => (StatusCode::CONFLICT, "CONFLICT"),
        "LIMIT_REACHED" => (StatusCode::CONFLICT, "LIMIT_REACHED"),
        other => {
            tracing::error!(
                code = other,
                "a built-in tool refused with a code that is not known here"
            );
            return ApiError::bare(StatusCode::INTERNAL_SERVER_ERROR);
        }
    };
    let message = error["message"].as_str().unwrap_or_default();
    let mut refused = ApiError::new(status, code, message);
    if let Some(pointer) = error["pointer"].as_str() {
        refused = refused.pointer(pointer.to_owned());
    }
    if let Some(current) = error.get("current") {
        refused = refused.current(current.clone(), etag(current));
    }
    refused
}

#[cfg(test)]
mod tests;
