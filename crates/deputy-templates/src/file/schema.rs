//! The properties of a configuration, as a template's JSON Schema says them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::table::Table;
use super::{Outcome, fault};
use crate::field::{Field, Kind, text};
use crate::localized::Localized;
use crate::pattern::is_name;

const SCHEMA_KEYS: &[&str] = &[
    "$schema",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "title",
    "description",
];

const PROPERTY_KEYS: &[&str] = &[
    "type",
    "title",
    "description",
    "default",
    "examples",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "x-title",
    "x-titles",
    "x-description",
    "x-hint",
    "x-kind",
    "x-secret",
    "x-order",
    "x-when",
    "x-required",
    "x-flags",
];

/// The properties of a schema, in the order in which they are asked for.
pub(super) fn fields(schema: &Value) -> Outcome<Vec<Field>> {
    let table = Table::new("config_schema", schema)?;
    table.only(SCHEMA_KEYS)?;
    if table.0.get("type").and_then(Value::as_str) != Some("object") {
        return fault("config_schema.type", "must be \"object\"");
    }
    let properties = table
        .optional::<Map<String, Value>>("properties")?
        .unwrap_or_default();
    let required = table
        .optional::<BTreeSet<String>>("required")?
        .unwrap_or_default();
    if let Some(name) = required.iter().find(|name| !properties.contains_key(*name)) {
        return fault(
            "config_schema.required",
            format!("\"{name}\" is not among the properties"),
        );
    }
    let mut fields = Vec::new();
    for (name, property) in &properties {
        let table = Table::new(format!("config_schema.properties.{name}"), property)?;
        let order = table.optional::<i64>("x-order")?.unwrap_or(0);
        fields.push((order, field(name, &table, required.contains(name))?));
    }
    fields.sort_by_key(|(order, _)| *order);
    let fields: Vec<Field> = fields.into_iter().map(|(_, field)| field).collect();
    for (at, field) in fields.iter().enumerate() {
        if let Some(when) = &field.when
            && !fields[..at].iter().any(|other| other.name == when.property)
        {
            return fault(
                format!("config_schema.properties.{}.x-when", field.name),
                format!(
                    "\"{}\" must be a property that is asked for before this one",
                    when.property
                ),
            );
        }
    }
    Ok(fields)
}

fn field(name: &str, table: &Table<'_>, required: bool) -> Outcome<Field> {
    table.only(PROPERTY_KEYS)?;
    if !is_name(name) {
        return fault(
            table.1.as_str(),
            "must be called with a-z, 0-9 and \"_\", beginning with a letter",
        );
    }
    let schema_type: String = table.required("type")?;
    let kind = kind(table, &schema_type)?;
    let when = table.condition("x-when")?;
    if required && when.is_some() {
        return fault(
            table.path("x-when"),
            "and being in `required` exclude each other; use x-required = true",
        );
    }
    let schema = Value::Object(table.0.clone());
    let validator = match jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
    {
        Ok(validator) => Arc::new(validator),
        Err(e) => return fault(table.1.as_str(), e.to_string()),
    };
    let default: Option<Value> = table.optional("default")?;
    let examples = table
        .optional::<Vec<Value>>("examples")?
        .unwrap_or_default();
    for (key, value) in default
        .iter()
        .map(|value| ("default", value))
        .chain(examples.iter().map(|value| ("examples", value)))
    {
        if let Err(e) = validator.validate(value) {
            return fault(
                table.path(key),
                format!("doesn't pass the property's own checks: {e}"),
            );
        }
    }
    let secret = table
        .optional("x-secret")?
        .unwrap_or(kind == Kind::Variables);
    if kind == Kind::Variables && !secret {
        return fault(table.path("x-secret"), "variables are secret");
    }
    if secret && default.is_some() {
        return fault(table.path("default"), "a secret has no default");
    }
    let titles = table
        .optional::<BTreeMap<String, Localized>>("x-titles")?
        .unwrap_or_default();
    let choices = schema.get("enum").and_then(Value::as_array);
    let is_choice = |title: &str| {
        choices
            .into_iter()
            .flatten()
            .any(|choice| text(choice) == title)
    };
    if let Some(unknown) = titles.keys().find(|title| !is_choice(title)) {
        return fault(
            table.path("x-titles"),
            format!("\"{unknown}\" is none of the values in `enum`"),
        );
    }
    Ok(Field {
        name: name.to_owned(),
        title: table
            .optional("x-title")?
            .or(table.optional::<String>("title")?.map(Localized::same))
            .unwrap_or_else(|| Localized::same(name)),
        description: table.optional("x-description")?.or(table
            .optional::<String>("description")?
            .map(Localized::same)),
        hint: table.optional("x-hint")?,
        titles,
        kind,
        secret,
        required: required || table.optional("x-required")?.unwrap_or(false),
        when,
        default,
        examples,
        flags: table.optional("x-flags")?.unwrap_or(false),
        schema,
        validator,
    })
}

fn kind(table: &Table<'_>, schema_type: &str) -> Outcome<Kind> {
    let kind = match table.optional::<String>("x-kind")? {
        Some(name) => match serde_json::from_value(Value::String(name.clone())) {
            Ok(kind) => kind,
            Err(_) => {
                return fault(
                    table.path("x-kind"),
                    format!(
                        "\"{name}\" is not known; use one of {}",
                        Kind::NAMES.join(", ")
                    ),
                );
            }
        },
        None => match schema_type {
            "array" => Kind::List,
            "object" => Kind::Variables,
            "integer" | "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ if table.0.get("x-secret") == Some(&Value::Bool(true)) => Kind::Token,
            _ => Kind::Text,
        },
    };
    if !kind.schema_types().contains(&schema_type) {
        return fault(
            table.path("type"),
            format!(
                "must be \"{}\" for this kind",
                kind.schema_types().join("\" or \"")
            ),
        );
    }
    Ok(kind)
}
