//! The part of the OpenAPI document that tools tell of themselves.
//!
//! OpenAPI 3.1 takes JSON Schema as it is (its section 4.8.24), so that a tool's schemas go in unchanged.

use serde_json::{Map, Value, json};

use super::{ROUTES, Route, Verb, Version};

const FAILURE: &str = "#/components/schemas/Failure";

/// Adds the routes to the document of all others.
pub(in crate::api) fn add(document: &mut Value) {
    for route in ROUTES {
        document["paths"][route.path][route.verb.as_str()] = operation(route);
    }
}

fn operation(route: &Route) -> Value {
    let spec = route.spec();
    let mut description = spec.description.clone();
    if route.version == Version::Needed {
        description.push_str(
            " Says which version it is made for: in `If-Match`, or as `version`. Where somebody was faster nothing is \
             changed.",
        );
    }
    let mut operation = json!({
        "tags": [route.path.split('/').nth(3)],
        "summary": spec.title,
        "description": description,
        "parameters": parameters(route, &spec.input_schema),
        "responses": responses(route),
    });
    if !route.verb.asks_in_query() {
        operation["requestBody"] = body(route, plain(&spec.input_schema));
    }
    operation
}

/// A tool's schema as a part of a document, which says itself what it is written in.
fn plain(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(root) = schema.as_object_mut() {
        root.remove("$schema");
    }
    schema
}

/// What a successful answer holds.
fn data(route: &Route) -> Value {
    let schema = plain(&route.spec().output_schema);
    let Some((name, pointer)) = route.part else {
        return schema;
    };
    let pointer = pointer.replace('/', "/properties/");
    json!({
        "type": "object",
        "properties": { name: schema.pointer(&pointer) },
        "required": [name],
    })
}

fn parameters(route: &Route, input: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let required = |name: &str| {
        let required = input["required"].as_array();
        required.is_some_and(|required| required.iter().any(|r| r == name))
    };
    let parameter = |name: &str, place: &str, argument: &str, needed: bool| {
        let mut schema = input["properties"][argument].clone();
        let description = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"));
        json!({
            "name": name, "in": place, "required": needed, "schema": schema,
            "description": description.unwrap_or_else(|| argument.into()),
        })
    };
    for (part, argument) in route.by {
        all.push(parameter(part, "path", argument, true));
    }
    if route.verb.asks_in_query() {
        for name in input["properties"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
        {
            if route.by.iter().any(|(_, argument)| argument == name) {
                continue;
            }
            // The version may come with the header instead.
            let needed = required(name) && !(route.version == Version::Needed && name == "version");
            all.push(parameter(name, "query", name, needed));
        }
    }
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": false, "schema": { "type": "string" },
            "description": description,
        })
    };
    if route.version == Version::Needed {
        all.push(header(
            "If-Match",
            "The `ETag` that reading gave: the version that this is made for. One, and no `*`",
        ));
    }
    if route.verb != Verb::Get {
        all.push(header(
            "Idempotency-Key",
            "A repeat with the same key gives the first answer; up to 255 characters",
        ));
    }
    all
}

/// The input schema without what the path gives.
fn body(route: &Route, mut input: Value) -> Value {
    let elsewhere = |name: &str| route.by.iter().any(|(_, argument)| *argument == name);
    if let Some(properties) = input["properties"].as_object_mut() {
        properties.retain(|name, _| !elsewhere(name));
    }
    let mut needed = Vec::new();
    if let Some(Value::Array(required)) = input.as_object_mut().and_then(|i| i.remove("required")) {
        needed = required;
        needed.retain(|name| {
            let name = name.as_str().unwrap_or_default();
            !(elsewhere(name) || route.version == Version::Needed && name == "version")
        });
    }
    let is_needed = !needed.is_empty();
    if is_needed {
        input["required"] = needed.into();
    }
    json!({ "required": is_needed, "content": { "application/json": { "schema": input } } })
}

fn responses(route: &Route) -> Value {
    let reads = route.verb == Verb::Get;
    let done = json!({
        "type": "object",
        "properties": { "success": { "type": "boolean", "const": true }, "data": data(route) },
        "required": ["success", "data"],
    });
    let mut headers = Map::new();
    let text = json!({ "type": "string" });
    if route.place.is_some() {
        let location = json!({ "schema": text, "description": "Where it is" });
        headers.insert("Location".to_owned(), location);
    }
    if route.version != Version::None {
        let tag =
            json!({ "schema": text, "description": "The requirement's version, for `If-Match`" });
        headers.insert("ETag".to_owned(), tag);
    }
    let mut success =
        json!({ "description": "", "content": { "application/json": { "schema": done } } });
    if !headers.is_empty() {
        success["headers"] = headers.into();
    }
    let asked = json!({ "$ref": "#/components/schemas/Success_AskedBody" });
    let mut all = json!({
        "202": {
            "description": "The tool's policy is to ask: the same request again, once the approval was given, gives the result",
            "content": { "application/json": { "schema": asked } },
        },
    });
    all[if route.makes { "201" } else { "200" }] = success;
    let mut fails = vec![
        (
            "400",
            "`VALIDATION_ERROR`: what does not fit, with its JSON pointer",
        ),
        ("401", ""),
        (
            "403",
            "`FORBIDDEN`: the token lacks a scope, a rule switches it off, or the caller's role in the project is not enough",
        ),
        ("404", "`NOT_FOUND`: the caller has no such thing"),
        ("429", "`RATE_LIMITED`"),
        (
            "503",
            "`UNAVAILABLE`: it can't be done now, and nothing was",
        ),
        ("504", "`TIMEOUT`"),
    ];
    if !reads {
        fails.push((
            "409",
            match route.version {
                Version::Needed => "`VERSION_CONFLICT`: there is a later version than `version` says, which is in `current`; `CONFLICT`; `LIMIT_REACHED`",
                _ => "`CONFLICT`: it can't be as things stand, or the key belongs to another call; `LIMIT_REACHED`",
            },
        ));
        fails.push(("502", "`UPSTREAM_ERROR`: the database broke off; look whether it was done before you repeat it, or repeat it under the same `Idempotency-Key`"));
    }
    if route.version == Version::Needed {
        fails.push(("412", "`VERSION_CONFLICT`: there is a later version than `If-Match` says, which is in `current`"));
        fails.push(("428", "`PRECONDITION_REQUIRED`: neither `If-Match` nor `version` says which version it is made for"));
    }
    for (status, why) in fails {
        let schema = json!({ "$ref": FAILURE });
        all[status] = json!({
            "description": why, "content": { "application/json": { "schema": schema } },
        });
    }
    all
}
