//! The format of a template: a TOML file, the JSON of the same shape, or what [`crate::Row`] makes of a database row.
//!
//! Everything is refused that would do nothing (a key nobody reads, a property nobody uses) or do the wrong thing (a
//! secret among the arguments): a template is written once and then trusted by everybody who picks it.

mod schema;
mod table;
mod transport;
mod uses;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::{Field, Kind};
use crate::pattern::Part;
use crate::policy::{DefaultPolicy, Policy};
use crate::template::{Check, Needs, Network, Origin, Template, Transport};

pub(crate) use table::nearest;
pub(crate) use uses::patterns;

use schema::fields;
use table::Table;
use transport::{read_http, read_stdio};
use uses::uses;

/// Largest template that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// Why a template is not used. For the administrator who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server template {file}: {}{message}", key_prefix(key))]
pub struct TemplateFault {
    /// The file or the row.
    pub file: String,
    /// The key in it, dotted; empty if it is about the whole.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

fn key_prefix(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

type Outcome<T> = Result<T, TemplateFault>;

/// A fault of a key; the file's name is filled in by who knows it.
fn fault<T>(key: impl Into<String>, message: impl Into<String>) -> Outcome<T> {
    Err(TemplateFault {
        file: String::new(),
        key: key.into(),
        message: message.into(),
    })
}

/// Reads a template from the text of a file; JSON if its name says so, else TOML.
pub(crate) fn parse(file: &str, text: &str, origin: Origin) -> Outcome<Template> {
    let named = |fault: TemplateFault| TemplateFault {
        file: file.to_owned(),
        ..fault
    };
    if text.len() > MAX_BYTES {
        return fault("", format!("is larger than {MAX_BYTES} bytes")).map_err(named);
    }
    match tree(file, text) {
        Ok(value) => from_value(&value, origin).map_err(named),
        Err(message) => fault("", format!("can't be read: {message}")).map_err(named),
    }
}

fn tree(file: &str, text: &str) -> Result<Value, String> {
    let is_json = std::path::Path::new(file)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json {
        serde_json::from_str(text).map_err(|e| e.to_string())
    } else {
        toml::from_str(text).map_err(|e| e.to_string())
    }
}

/// The type that a file names which is no template; also one that can't be read as a whole.
pub(crate) fn type_of(file: &str, text: &str) -> Option<String> {
    if let Ok(tree) = tree(file, text) {
        return Some(tree.get("type")?.as_str()?.to_owned());
    }
    let said = text.lines().find_map(|line| {
        let line = line.trim().trim_start_matches(['{', '"', ' ']);
        let value = line
            .strip_prefix("type")?
            .trim_start_matches('"')
            .trim_start();
        value.strip_prefix(['=', ':'])
    })?;
    let mut quoted = said.split(['"', '\'']);
    quoted.nth(1).map(ToOwned::to_owned)
}

const KEYS: &[&str] = &[
    "type",
    "title",
    "description",
    "setup",
    "package",
    "stdio",
    "http",
    "config_schema",
    "check",
    "needs",
    "default_policy",
    "policies",
];

/// Reads a template from its tree.
pub(crate) fn from_value(value: &Value, origin: Origin) -> Outcome<Template> {
    let root = Table::new("", value)?;
    root.only(KEYS)?;
    let server_type: String = root.required("type")?;
    if !is_type(&server_type) {
        return fault(
            "type",
            "must be 1 to 32 of a-z, 0-9 and \"-\", beginning with a letter",
        );
    }
    let config_schema = root
        .0
        .get("config_schema")
        .cloned()
        .unwrap_or_else(|| serde_json::json!({"type": "object", "properties": {}}));
    let fields = fields(&config_schema)?;
    let transport = match (root.0.get("stdio"), root.0.get("http")) {
        (Some(stdio), None) => Transport::Stdio(read_stdio(&Table::new("stdio", stdio)?)?),
        (None, Some(http)) => Transport::Http(read_http(&Table::new("http", http)?)?),
        _ => {
            return fault(
                "",
                "needs either a table [stdio] or a table [http], and not both",
            );
        }
    };
    let template = Template {
        origin,
        title: root.required("title")?,
        description: root.required("description")?,
        setup: root.required("setup")?,
        package: root.optional("package")?,
        check: root.optional::<Check>("check")?,
        needs: needs(&root, &fields, &transport)?,
        default_policy: policy(&root)?,
        policies: root
            .optional::<BTreeMap<String, Policy>>("policies")?
            .unwrap_or_default(),
        server_type,
        transport,
        config_schema,
        fields,
        source: root.0.clone(),
    };
    uses(&template)?;
    Ok(template)
}

fn is_type(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn policy(root: &Table<'_>) -> Outcome<DefaultPolicy> {
    Ok(root
        .optional::<DefaultPolicy>("default_policy")?
        .unwrap_or_default())
}

fn needs(root: &Table<'_>, fields: &[Field], transport: &Transport) -> Outcome<Needs> {
    let folders = fields
        .iter()
        .filter(|field| field.kind == Kind::Folder)
        .map(|field| field.name.clone())
        .collect();
    let mut needs = Needs {
        folders,
        data: patterns(transport)
            .iter()
            .any(|(_, pattern)| pattern.parts().contains(&Part::Data)),
        ..Needs::default()
    };
    if let Some(value) = root.0.get("needs") {
        let table = Table::new("needs", value)?;
        table.only(&["network", "programs"])?;
        needs.network = table.optional::<Network>("network")?.unwrap_or_default();
        needs.programs = table.optional("programs")?;
    }
    if matches!(transport, Transport::Http(_)) {
        needs.network = Network::Open;
    }
    Ok(needs)
}
