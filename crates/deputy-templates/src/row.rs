//! A template as a row of `mcp_server_templates`, whose columns are older than the file format.
//!
//! The columns say less than a file does: one language, no kinds, `"required": true` inside a property, secrets marked
//! only by `${input:…}`. [`Template::from_row`] reads all of that as it was meant: a folder is known by its property's
//! name, and so is a connection string of PostgreSQL, which is a secret however it is written. [`Template::to_row`] writes columns
//! that read back to the same server; what they have no place for travels in `config_schema` under `x-template`.

use serde_json::{Map, Value, json};

use crate::file::{TemplateFault, from_value};
use crate::pattern::{Part, Pattern};
use crate::template::{Origin, Template, Transport};

/// The columns that the crate knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The type.
    pub server_type: String,
    /// What people see.
    pub display_name: String,
    /// One or two sentences.
    pub description: Option<String>,
    /// The program, or the URL of a remote server.
    pub command_template: String,
    /// Its arguments, a JSON list of texts.
    pub args_template: Option<String>,
    /// Its environment, a JSON object of texts; the headers of a remote server.
    pub env_template: Option<String>,
    /// JSON Schema of the configuration.
    pub config_schema: Option<String>,
    /// How a person gets what is asked for.
    pub setup_instructions: Option<String>,
    /// Whether people can pick it.
    pub is_active: bool,
}

impl Template {
    /// Reads a row. The program gets the network: a row has no column to say otherwise.
    pub fn from_row(row: &Row) -> Result<Self, TemplateFault> {
        let name = format!("mcp_server_templates/{}", row.server_type);
        tree(row)
            .and_then(|tree| from_value(&tree, Origin::Database))
            .map_err(|fault| TemplateFault {
                file: name,
                ..fault
            })
    }

    /// The row that reads back as this template.
    pub fn to_row(&self) -> Row {
        let mut schema = self.config_schema.clone();
        let (command, args, env) = match &self.transport {
            Transport::Stdio(stdio) => (
                stdio.program.to_string(),
                stdio
                    .args
                    .iter()
                    .flatten()
                    .map(ToString::to_string)
                    .collect(),
                stdio
                    .env
                    .iter()
                    .map(|(name, pattern)| (name.clone(), Value::String(pattern.to_string())))
                    .collect(),
            ),
            Transport::Http(http) => (
                http.url.to_string(),
                Vec::new(),
                http.headers
                    .iter()
                    .map(|header| {
                        (
                            header.name.to_string(),
                            Value::String(header.value.to_string()),
                        )
                    })
                    .collect::<Map<String, Value>>(),
            ),
        };
        if let Some(members) = schema.as_object_mut() {
            let mut rest = self.source.clone();
            rest.remove("config_schema");
            members.insert("x-template".to_owned(), Value::Object(rest));
        }
        Row {
            server_type: self.server_type.clone(),
            display_name: self.title.get(deputy_core::Language::En).to_owned(),
            description: Some(self.description.get(deputy_core::Language::En).to_owned()),
            command_template: command,
            args_template: Some(json!(args).to_string()),
            env_template: Some(Value::Object(env).to_string()),
            config_schema: Some(schema.to_string()),
            setup_instructions: Some(self.setup.get(deputy_core::Language::En).to_owned()),
            is_active: true,
        }
    }
}

fn column<T: serde::de::DeserializeOwned + Default>(
    name: &str,
    text: Option<&String>,
) -> Result<T, TemplateFault> {
    match text.map(|text| text.trim()).filter(|text| !text.is_empty()) {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(text).map_err(|e| TemplateFault {
            file: String::new(),
            key: name.to_owned(),
            message: format!("is not the JSON it should be: {e}"),
        }),
    }
}

/// The row as the tree of a file.
fn tree(row: &Row) -> Result<Value, TemplateFault> {
    let mut schema: Map<String, Value> = column("config_schema", row.config_schema.as_ref())?;
    if let Some(Value::Object(mut whole)) = schema.remove("x-template") {
        whole.insert("config_schema".to_owned(), Value::Object(schema));
        whole.insert("type".to_owned(), json!(row.server_type));
        return Ok(Value::Object(whole));
    }
    let mut args: Vec<String> = column("args_template", row.args_template.as_ref())?;
    let mut env: Map<String, Value> = column("env_template", row.env_template.as_ref())?;
    for name in infer_kinds(&mut schema, row) {
        let (plain, secret) = (format!("${{config:{name}}}"), format!("${{input:{name}}}"));
        for text in &mut args {
            *text = text.replace(&plain, &secret);
        }
        for text in env.values_mut() {
            if let Value::String(text) = text {
                *text = text.replace(&plain, &secret);
            }
        }
    }
    let texts = args
        .iter()
        .map(String::as_str)
        .chain(env.values().filter_map(Value::as_str))
        .chain(std::iter::once(row.command_template.as_str()));
    let secrets: Vec<String> = texts
        .filter_map(|text| Pattern::parse(text).ok())
        .flat_map(|pattern| pattern.parts().to_vec())
        .filter_map(|part| match part {
            Part::Input(name) => Some(name),
            _ => None,
        })
        .collect();
    modernise(&mut schema, &secrets);
    let description = row.description.clone().unwrap_or_default();
    let mut tree = json!({
        "type": row.server_type,
        "title": {"en": row.display_name},
        "description": {"en": description},
        "setup": {"en": row.setup_instructions.clone().unwrap_or_default()},
        "config_schema": schema,
        "needs": {"network": "open"},
    });
    if row.command_template.starts_with("https://") {
        let headers: Vec<Value> = env
            .into_iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        tree["http"] = json!({"url": row.command_template, "headers": headers});
    } else {
        tree["stdio"] = json!({"program": row.command_template, "args": args, "env": env});
    }
    Ok(tree)
}

/// Properties that are folders by their names.
const FOLDERS: [&str; 5] = [
    "allowed_path",
    "allowed_directory",
    "allowed_folder",
    "directory",
    "folder",
];
/// Properties that are connection strings by their names.
const CONNECTIONS: [&str; 5] = [
    "connection_string",
    "connection_url",
    "database_url",
    "postgres_url",
    "dsn",
];

/// Gives texts their kinds where the names of the properties say them and the row doesn't; answers those that are
/// secrets by it.
fn infer_kinds(schema: &mut Map<String, Value>, row: &Row) -> Vec<String> {
    let mut secrets = Vec::new();
    let columns = [
        Some(&row.server_type),
        Some(&row.command_template),
        row.args_template.as_ref(),
    ];
    let postgres = columns
        .into_iter()
        .flatten()
        .any(|text| text.contains("postgres"));
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return secrets;
    };
    for (name, property) in properties {
        let Value::Object(property) = property else {
            continue;
        };
        if property.contains_key("x-kind") || property.get("type") != Some(&json!("string")) {
            continue;
        }
        if FOLDERS.contains(&name.as_str()) {
            property.insert("x-kind".to_owned(), json!("folder"));
        } else if postgres && CONNECTIONS.contains(&name.as_str()) {
            property.insert("x-kind".to_owned(), json!("postgres_url"));
            secrets.push(name.clone());
        }
    }
    secrets
}

/// The schema in today's terms: `required` is a list, a secret is marked.
fn modernise(schema: &mut Map<String, Value>, secrets: &[String]) {
    schema.entry("type").or_insert_with(|| json!("object"));
    let mut required: Vec<Value> = match schema.remove("required") {
        Some(Value::Array(names)) => names,
        _ => Vec::new(),
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            let Value::Object(property) = property else {
                continue;
            };
            if property.remove("required") == Some(Value::Bool(true))
                && !required.iter().any(|listed| listed == name)
            {
                required.push(json!(name));
            }
            if secrets.contains(name) {
                property.insert("x-secret".to_owned(), Value::Bool(true));
            }
        }
    }
    schema.insert("required".to_owned(), Value::Array(required));
}
