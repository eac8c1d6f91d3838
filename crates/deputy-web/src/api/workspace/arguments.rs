//! What a request gives a tool: from its path, its query or its body, and `If-Match`.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::{Route, Version};
use crate::error::ApiError;

/// The argument that names a version.
const VERSION: &str = "version";

/// What was given.
#[derive(Debug, PartialEq)]
pub(super) struct Given {
    /// The tool's arguments.
    pub(super) arguments: Value,
    /// Whether the version came with `If-Match`.
    pub(super) by_header: bool,
}

impl Given {
    /// Reads a request.
    ///
    /// What a path names that can be nothing of the kind is not found. Else only what is sent in the wrong place is
    /// refused here: whether it fits is for the tool's input schema to say.
    pub(super) fn of(
        route: &Route,
        path: &[(&str, &str)],
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, ApiError> {
        let known = &route.spec().input_schema;
        let in_path = of_path(route, known, path)?;
        let has_body = !body.iter().all(u8::is_ascii_whitespace);
        let mut arguments = if route.verb.asks_in_query() {
            if has_body {
                return Err(ApiError::validation(
                    "this request takes no body; send the arguments in the query",
                ));
            }
            of_query(known, query.unwrap_or_default())?
        } else {
            if query.is_some_and(|query| !query.is_empty()) {
                return Err(ApiError::validation(
                    "this request takes no query; send the arguments in the body",
                ));
            }
            of_body(body)?
        };
        for (name, value) in in_path {
            if arguments.insert(name.to_owned(), value).is_some() {
                return Err(at(
                    name,
                    format!("{name} is what the path says; leave it out"),
                ));
            }
        }
        let by_header = match route.version {
            Version::Needed => versioned(&mut arguments, headers)?,
            Version::None | Version::Shown => false,
        };
        Ok(Self {
            arguments: Value::Object(arguments),
            by_header,
        })
    }
}

fn at(name: &str, message: impl Into<String>) -> ApiError {
    ApiError::validation(message).pointer(format!("/{name}"))
}

fn of_path(
    route: &Route,
    known: &Value,
    path: &[(&str, &str)],
) -> Result<Vec<(&'static str, Value)>, ApiError> {
    let mut given = Vec::new();
    for (part, argument) in route.by {
        let text = path.iter().find(|(name, _)| name == part);
        let text = text.map(|(_, text)| *text).unwrap_or_default();
        let value = typed(known, argument, text);
        if takes(known, argument, "integer") && value.is_string() {
            return Err(ApiError::not_found(format!("there is no {part} '{text}'")));
        }
        given.push((*argument, value));
    }
    Ok(given)
}

fn of_body(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let value = super::super::tools_call::arguments(body)?;
    match value {
        Value::Object(arguments) => Ok(arguments),
        _ => Err(ApiError::validation("the body is a JSON object").pointer(String::new())),
    }
}

fn of_query(known: &Value, query: &str) -> Result<Map<String, Value>, ApiError> {
    let mut arguments = Map::new();
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = typed(known, &name, &text);
        if takes(known, &name, "array") {
            let all = arguments
                .entry(name)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(all) = all {
                all.push(value);
            }
        } else if arguments.insert(name.clone().into_owned(), value).is_some() {
            return Err(at(&name, format!("{name} is given more than once")));
        }
    }
    Ok(arguments)
}

/// The version that a change is made for; true: from the header.
fn versioned(arguments: &mut Map<String, Value>, headers: &HeaderMap) -> Result<bool, ApiError> {
    let mut tags = headers.get_all(header::IF_MATCH).iter();
    let (Some(tag), more) = (tags.next(), tags.next()) else {
        return if arguments.contains_key(VERSION) {
            Ok(false)
        } else {
            Err(ApiError::precondition_required(
                "say which version this is made for: its ETag as If-Match, or 'version'",
            ))
        };
    };
    let tag = tag.to_str().unwrap_or_default().trim();
    if tag == "*" || tag.contains(',') || more.is_some() {
        return Err(ApiError::validation(
            "If-Match has to name one version, the one that you read: a change of whatever is there would undo \
             somebody else's",
        ));
    }
    // A weak tag or another's is none of a version of ours, so that the condition is false.
    let version = tag
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .and_then(|tag| tag.parse::<i64>().ok())
        .ok_or_else(|| {
            let why = format!(
                "If-Match is the ETag that reading gave, such as \"3\"; {tag} never was one"
            );
            ApiError::new(StatusCode::PRECONDITION_FAILED, "VERSION_CONFLICT", why)
        })?;
    let given = Value::from(version);
    match arguments.insert(VERSION.to_owned(), given.clone()) {
        Some(other) if other != given => Err(at(
            VERSION,
            "If-Match and 'version' name different versions",
        )),
        _ => Ok(true),
    }
}

/// A text as the kind of value that the tool takes there. What is no such value stays a text, of which the tool's
/// schema says what is wrong.
fn typed(known: &Value, name: &str, text: &str) -> Value {
    let number = || text.parse::<i64>().ok().map(Value::from);
    let truth = || text.parse::<bool>().ok().map(Value::from);
    let mut value = None;
    if takes(known, name, "integer") {
        value = number();
    }
    if takes(known, name, "boolean") {
        value = truth();
    }
    value.unwrap_or_else(|| Value::from(text))
}

/// Whether an argument may be of this type, by the tool's input schema.
fn takes(known: &Value, name: &str, kind: &str) -> bool {
    let types = &known["properties"][name]["type"];
    types == kind
        || types
            .as_array()
            .is_some_and(|types| types.iter().any(|t| t == kind))
}

#[cfg(test)]
mod tests;
