//! JSON Schemas of a tool's arguments and results, from the types that hold them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of arguments that are read into `A`.
pub fn arguments<A: JsonSchema>() -> Value {
    of::<A>(SchemaSettings::draft2020_12())
}

/// The schema of results that `R` is written as.
pub fn result<R: JsonSchema>() -> Value {
    of::<R>(SchemaSettings::draft2020_12().for_serialize())
}

/// JSON Schema 2020-12 without references, as the simplest clients want it.
fn of<T: JsonSchema>(mut settings: SchemaSettings) -> Value {
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.remove("description");
    let mut schema = schema.to_value();
    simplify(&mut schema);
    schema
}

/// "default": null says nothing that "not required" does not, and models pay for every word. Widths of
/// integers as a "format" are Rust's: JSON Schema has none, and clients warn of formats they don't know.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| match name.as_str() {
                "default" => !value.is_null(),
                "format" => !value
                    .as_str()
                    .is_some_and(|form| form.starts_with("uint") || form.starts_with("int")),
                _ => true,
            });
            members.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}
