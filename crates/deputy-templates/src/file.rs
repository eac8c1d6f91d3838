//! The format of a template: a TOML file, the JSON of the same shape, or what [`crate::Row`] makes of a database row.
//!
//! Everything is refused that would do nothing (a key nobody reads, a property nobody uses) or do the wrong thing (a
//! secret among the arguments): a template is written once and then trusted by everybody who picks it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::field::{Condition, Field, Kind};
use crate::localized::Localized;
use crate::pattern::{Part, Pattern, is_name};
use crate::policy::{DefaultPolicy, Policy};
use crate::template::{
    Check, HeaderTemplate, Http, Needs, Network, OAuthTemplate, Origin, Prepare, Stdio, Template,
    Transport,
};

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
    let is_json = std::path::Path::new(file)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let value: Result<Value, String> = if is_json {
        serde_json::from_str(text).map_err(|e| e.to_string())
    } else {
        toml::from_str(text).map_err(|e| e.to_string())
    };
    match value {
        Ok(value) => from_value(&value, origin).map_err(named),
        Err(message) => fault("", format!("can't be read: {message}")).map_err(named),
    }
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

/// A table of the file and the way to it.
struct Table<'a>(&'a Map<String, Value>, String);

impl<'a> Table<'a> {
    fn new(key: impl Into<String>, value: &'a Value) -> Outcome<Self> {
        let key = key.into();
        match value.as_object() {
            Some(table) => Ok(Self(table, key)),
            None => fault(key, "must be a table"),
        }
    }

    fn path(&self, key: &str) -> String {
        if self.1.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.1)
        }
    }

    /// Refuses keys that nobody reads, and names the nearest that somebody does.
    fn only(&self, known: &[&str]) -> Outcome<()> {
        for key in self.0.keys() {
            if !known.contains(&key.as_str()) {
                let near = nearest(key, known.iter().copied())
                    .map(|near| format!("; did you mean \"{near}\"?"))
                    .unwrap_or_default();
                return fault(
                    self.path(key),
                    format!("is not known{near} (known here: {})", known.join(", ")),
                );
            }
        }
        Ok(())
    }

    fn optional<T: DeserializeOwned>(&self, key: &str) -> Outcome<Option<T>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match serde_json::from_value(value.clone()) {
                Ok(value) => Ok(Some(value)),
                Err(e) => fault(self.path(key), e.to_string()),
            },
        }
    }

    fn required<T: DeserializeOwned>(&self, key: &str) -> Outcome<T> {
        match self.optional(key)? {
            Some(value) => Ok(value),
            None => fault(self.path(key), "is missing"),
        }
    }

    fn pattern(&self, key: &str) -> Outcome<Option<Pattern>> {
        match self.optional::<String>(key)? {
            None => Ok(None),
            Some(text) => Pattern::parse(&text)
                .map(Some)
                .or_else(|message| fault(self.path(key), message)),
        }
    }

    fn required_pattern(&self, key: &str) -> Outcome<Pattern> {
        match self.pattern(key)? {
            Some(pattern) => Ok(pattern),
            None => fault(self.path(key), "is missing"),
        }
    }

    fn condition(&self, key: &str) -> Outcome<Option<Condition>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(value) => condition(&self.path(key), value).map(Some),
        }
    }
}

/// The known name that is most like `name`, if one is.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `{ property = value }` or `{ property = [value, value] }`.
fn condition(key: &str, value: &Value) -> Outcome<Condition> {
    let mut members = value.as_object().into_iter().flatten();
    let (Some((property, wanted)), None) = (members.next(), members.next()) else {
        return fault(
            key,
            "must name one property and its value: { auth = \"bearer\" }",
        );
    };
    Ok(Condition {
        property: property.clone(),
        values: match wanted {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        },
    })
}

fn read_stdio(table: &Table<'_>) -> Outcome<Stdio> {
    table.only(&["program", "args", "env", "env_from", "prepare"])?;
    let mut args = Vec::new();
    for (at, value) in table
        .optional::<Vec<Value>>("args")?
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let key = format!("{}[{at}]", table.path("args"));
        let texts: Vec<&Value> = match value {
            Value::Array(group) => group.iter().collect(),
            value => vec![value],
        };
        let mut group = Vec::new();
        for text in texts {
            let Some(text) = text.as_str() else {
                return fault(
                    key,
                    "must be a text, or a list of texts that stand or fall together",
                );
            };
            match Pattern::parse(text) {
                Ok(pattern) if pattern.is_secret() => {
                    return fault(
                        key,
                        "has a secret in it, and everybody on a machine can read the arguments of its processes; \
                         give it to the server in [stdio.env]",
                    );
                }
                Ok(pattern) => group.push(pattern),
                Err(message) => return fault(key, message),
            }
        }
        args.push(group);
    }
    let mut env = Vec::new();
    for (name, text) in table
        .optional::<Map<String, Value>>("env")?
        .unwrap_or_default()
    {
        let key = table.path(&format!("env.{name}"));
        if !crate::check::is_variable(&name) {
            return fault(key, "is not the name of an environment variable");
        }
        let Some(text) = text.as_str() else {
            return fault(key, "must be a text");
        };
        match Pattern::parse(text) {
            Ok(pattern) => env.push((name, pattern)),
            Err(message) => return fault(key, message),
        }
    }
    if let Some(prepare) = table.0.get("prepare") {
        Table::new(table.path("prepare"), prepare)?.only(&["program", "args"])?;
    }
    let program = table.required_pattern("program")?;
    if program.plain().is_none() && program.whole_config().is_none() {
        return fault(
            table.path("program"),
            "must be a program's name, or one ${config:…} and nothing beside it",
        );
    }
    Ok(Stdio {
        program,
        args,
        env,
        env_from: table.optional("env_from")?,
        prepare: table.optional::<Prepare>("prepare")?,
    })
}

fn read_http(table: &Table<'_>) -> Outcome<Http> {
    table.only(&["url", "headers", "oauth"])?;
    let url = table.required_pattern("url")?;
    if url.is_secret() {
        return fault(
            table.path("url"),
            "has a secret in it; URLs are logged on their way: give it in a header",
        );
    }
    if let Some(text) = url.plain()
        && !text.starts_with("https://")
    {
        return fault(table.path("url"), "must begin with https://");
    }
    let mut headers = Vec::new();
    for (at, value) in table
        .optional::<Vec<Value>>("headers")?
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let header = Table::new(format!("{}[{at}]", table.path("headers")), value)?;
        header.only(&["name", "value", "when"])?;
        let name = header.required_pattern("name")?;
        if name.is_secret() {
            return fault(header.path("name"), "can't be secret");
        }
        headers.push(HeaderTemplate {
            name,
            value: header.required_pattern("value")?,
            when: header.condition("when")?,
        });
    }
    let oauth = match table.0.get("oauth") {
        None => None,
        Some(value) => {
            let oauth = Table::new(table.path("oauth"), value)?;
            oauth.only(&["when", "scopes", "client_id", "client_secret"])?;
            Some(OAuthTemplate {
                when: oauth.condition("when")?,
                scopes: oauth.pattern("scopes")?,
                client_id: oauth.pattern("client_id")?,
                client_secret: oauth.pattern("client_secret")?,
            })
        }
    };
    Ok(Http {
        url,
        headers,
        oauth,
    })
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
fn fields(schema: &Value) -> Outcome<Vec<Field>> {
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

/// Every pattern of a transport, with the key where it stands.
pub(crate) fn patterns(transport: &Transport) -> Vec<(String, &Pattern)> {
    let mut all = Vec::new();
    match transport {
        Transport::Stdio(stdio) => {
            all.push(("stdio.program".to_owned(), &stdio.program));
            for (at, group) in stdio.args.iter().enumerate() {
                all.extend(
                    group
                        .iter()
                        .map(|pattern| (format!("stdio.args[{at}]"), pattern)),
                );
            }
            for (name, pattern) in &stdio.env {
                all.push((format!("stdio.env.{name}"), pattern));
            }
        }
        Transport::Http(http) => {
            all.push(("http.url".to_owned(), &http.url));
            for (at, header) in http.headers.iter().enumerate() {
                all.push((format!("http.headers[{at}].name"), &header.name));
                all.push((format!("http.headers[{at}].value"), &header.value));
            }
            if let Some(oauth) = &http.oauth {
                let of_oauth = [
                    ("scopes", &oauth.scopes),
                    ("client_id", &oauth.client_id),
                    ("client_secret", &oauth.client_secret),
                ];
                for (key, pattern) in of_oauth {
                    all.extend(
                        pattern
                            .iter()
                            .map(|pattern| (format!("http.oauth.{key}"), pattern)),
                    );
                }
            }
        }
    }
    all
}

/// Every placeholder has its property, of the right kind in the right place, and every property is used.
fn uses(template: &Template) -> Outcome<()> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let patterns = patterns(&template.transport);
    for (key, pattern) in &patterns {
        for part in pattern.parts() {
            let (name, secret) = match part {
                Part::Config(name) => (name, false),
                Part::Input(name) => (name, true),
                Part::Data if key == "stdio.program" || key.starts_with("http.") => {
                    return fault(
                        key,
                        "${data:path} is for arguments and environment of a process",
                    );
                }
                Part::Text(_) | Part::GoogleToken | Part::Data => continue,
            };
            used.insert(name);
            let Some(field) = template.field(name) else {
                let near = nearest(
                    name,
                    template.fields.iter().map(|field| field.name.as_str()),
                )
                .map(|near| format!("; did you mean \"{near}\"?"))
                .unwrap_or_default();
                return fault(
                    key,
                    format!("\"{name}\" is not a property of config_schema{near}"),
                );
            };
            if field.secret != secret {
                return fault(
                    key,
                    if secret {
                        format!(
                            "\"{name}\" is not secret: write ${{config:{name}}}, or x-secret = true in the schema"
                        )
                    } else {
                        format!("\"{name}\" is secret: write ${{input:{name}}}")
                    },
                );
            }
            let spread = key.starts_with("stdio.args") && pattern.whole_config().is_some();
            if field.kind == Kind::Variables || (field.kind == Kind::List && !spread) {
                return fault(
                    key,
                    format!(
                        "\"{name}\" has many values: a list can be an argument of its own, variables are for env_from"
                    ),
                );
            }
        }
    }
    conditions(template, &mut used)?;
    for field in &template.fields {
        if let Some(when) = &field.when {
            used.insert(&when.property);
        }
    }
    match template
        .fields
        .iter()
        .find(|field| !used.contains(field.name.as_str()))
    {
        Some(field) => fault(
            format!("config_schema.properties.{}", field.name),
            "is asked for and never used",
        ),
        None => Ok(()),
    }
}

/// The properties named elsewhere than in patterns.
fn conditions<'a>(template: &'a Template, used: &mut BTreeSet<&'a str>) -> Outcome<()> {
    match &template.transport {
        Transport::Stdio(stdio) => {
            if let Some(name) = &stdio.env_from {
                if template
                    .field(name)
                    .is_none_or(|field| field.kind != Kind::Variables)
                {
                    return fault(
                        "stdio.env_from",
                        "must name a property of the kind \"variables\"",
                    );
                }
                used.insert(name);
            }
            if stdio.program.plain().is_none() {
                let command = stdio
                    .program
                    .whole_config()
                    .and_then(|name| template.field(name));
                if command.is_none_or(|field| field.kind != Kind::Command || !field.required) {
                    return fault(
                        "stdio.program",
                        "must name a required property of the kind \"command\"",
                    );
                }
            }
        }
        Transport::Http(http) => {
            let whens = http
                .headers
                .iter()
                .map(|header| &header.when)
                .chain(http.oauth.iter().map(|oauth| &oauth.when));
            for when in whens.flatten() {
                if template
                    .field(&when.property)
                    .is_none_or(|field| field.secret)
                {
                    return fault(
                        "http.headers.when",
                        format!(
                            "\"{}\" is not a property that can be compared",
                            when.property
                        ),
                    );
                }
                used.insert(&when.property);
            }
        }
    }
    Ok(())
}
