//! Is what a person gave right, and which of it is secret?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use deputy_core::Secret;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};
use url::Url;

use crate::faults::{Fault, Problem};
use crate::field::{Field, Kind};
use crate::file::nearest;
use crate::postgres::check_postgres;
use crate::rules::Rules;
use crate::template::Template;
use crate::variables::variables;

/// Largest configuration in all, in bytes of JSON.
const MAX_CONFIG: usize = 64 * 1024;

/// Longest text where the template says nothing, in characters.
const MAX_TEXT: usize = 4096;

/// Most items of a list and most variables.
pub(crate) const MAX_ITEMS: usize = 100;

/// A configuration that was found right.
#[derive(Clone, Default)]
pub struct Checked {
    /// The values that aren't secret; those left out that have a default are filled in, folders are canonical.
    pub config: Map<String, Value>,
    /// The secrets that were given, by property; a member of variables is `PROPERTY/NAME`.
    pub secrets: BTreeMap<String, Secret<String>>,
    /// The stored secrets that stay as they are. Any other stored one goes.
    pub kept: BTreeSet<String>,
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checked")
            .field("config", &self.config)
            .field("secrets", &self.secrets.keys())
            .field("kept", &self.kept)
            .finish()
    }
}

/// A value that was found right.
#[derive(Clone)]
pub(crate) enum Accepted {
    Plain(Value),
    Secret(Secret<String>),
    /// Variables: given ones, and names of stored ones that stay.
    Variables(BTreeMap<String, Secret<String>>, BTreeSet<String>),
}

impl Template {
    /// Checks a configuration: an object with a value for each property. `null` and `""` stand for "not given".
    /// `kept_secrets` are the names of the secrets that are stored for this server already: one that isn't given
    /// again stays.
    ///
    /// All faults are found, at most one per property, in the order of the properties.
    pub fn check(
        &self,
        config: &Value,
        kept_secrets: &BTreeSet<String>,
        rules: &Rules,
    ) -> Result<Checked, Vec<Fault>> {
        let Some(given) = config.as_object() else {
            return Err(vec![Fault::new("", Problem::Type("object"))]);
        };
        if config.to_string().len() > MAX_CONFIG {
            return Err(vec![Fault::new("", Problem::Size(MAX_CONFIG))]);
        }
        let mut checked = Checked::default();
        let mut faults = Vec::new();
        for field in &self.fields {
            let value = given.get(&field.name).filter(|value| is_given(value));
            if !field.applies(&checked.config) {
                if value.is_some()
                    && let Some(when) = &field.when
                {
                    faults.push(fault_of(
                        field,
                        "",
                        Problem::NotApplicable(when.property.clone()),
                    ));
                }
                continue;
            }
            match value {
                Some(value) => match self.accept(field, value, kept_secrets, rules) {
                    Ok(Accepted::Plain(value)) => {
                        checked.config.insert(field.name.clone(), value);
                    }
                    Ok(Accepted::Secret(secret)) => {
                        checked.secrets.insert(field.name.clone(), secret);
                    }
                    Ok(Accepted::Variables(given, kept)) => {
                        let key = |name: String| format!("{}/{name}", field.name);
                        checked
                            .secrets
                            .extend(given.into_iter().map(|(name, secret)| (key(name), secret)));
                        checked.kept.extend(kept.into_iter().map(key));
                    }
                    Err(fault) => faults.push(fault),
                },
                None => self.left_out(field, kept_secrets, rules, &mut checked, &mut faults),
            }
        }
        for name in given.keys() {
            if self.field(name).is_none() {
                let near = nearest(name, self.fields.iter().map(|field| field.name.as_str()));
                faults.push(Fault::new(
                    pointer(name, ""),
                    Problem::Unknown(near.map(ToOwned::to_owned)),
                ));
            }
        }
        if faults.is_empty() {
            Ok(checked)
        } else {
            Err(faults)
        }
    }

    fn left_out(
        &self,
        field: &Field,
        kept_secrets: &BTreeSet<String>,
        rules: &Rules,
        checked: &mut Checked,
        faults: &mut Vec<Fault>,
    ) {
        if field.secret {
            let of_map = format!("{}/", field.name);
            let kept: Vec<String> = kept_secrets
                .iter()
                .filter(|key| {
                    **key == field.name || (field.kind.is_map() && key.starts_with(&of_map))
                })
                .cloned()
                .collect();
            if !kept.is_empty() {
                checked.kept.extend(kept);
                return;
            }
        }
        if let Some(default) = &field.default {
            match self.accept(field, default, kept_secrets, rules) {
                Ok(Accepted::Plain(value)) => {
                    checked.config.insert(field.name.clone(), value);
                }
                Ok(_) => {}
                Err(fault) => faults.push(fault),
            }
        } else if field.required {
            faults.push(fault_of(field, "", Problem::Missing));
        }
    }

    /// Checks one value of one property.
    pub(crate) fn accept(
        &self,
        field: &Field,
        value: &Value,
        kept_secrets: &BTreeSet<String>,
        rules: &Rules,
    ) -> Result<Accepted, Fault> {
        if field.kind == Kind::Variables {
            return variables(field, value, kept_secrets, rules);
        }
        let value = normal(field, value);
        if let Some(text) = value.as_str() {
            check_text(text).map_err(|problem| fault_of(field, "", problem))?;
        }
        if let Err(error) = field.validator.validate(&value) {
            return Err(fault_of(
                field,
                &error.instance_path().to_string(),
                problem_of(&error),
            ));
        }
        let value = match (&value, field.kind) {
            (Value::String(text), kind) => Value::String(
                text_of_kind(kind, text, rules).map_err(|problem| fault_of(field, "", problem))?,
            ),
            (Value::Array(items), _) => {
                if items.len() > MAX_ITEMS {
                    return Err(fault_of(field, "", Problem::TooMany(MAX_ITEMS as u64)));
                }
                for (at, item) in items.iter().enumerate() {
                    let Some(text) = item.as_str() else {
                        return Err(fault_of(field, &format!("/{at}"), Problem::Type("string")));
                    };
                    check_text(text)
                        .and_then(|()| dash(field, text))
                        .map_err(|problem| fault_of(field, &format!("/{at}"), problem))?;
                }
                value
            }
            _ => value,
        };
        if let Some(text) = value.as_str()
            && self.leads_an_argument(&field.name)
        {
            dash(field, text).map_err(|problem| fault_of(field, "", problem))?;
        }
        match value {
            Value::String(text) if field.secret => Ok(Accepted::Secret(Secret::new(text))),
            value => Ok(Accepted::Plain(value)),
        }
    }

    /// Whether an argument begins with the value of this property.
    fn leads_an_argument(&self, name: &str) -> bool {
        match &self.transport {
            crate::Transport::Stdio(stdio) => stdio.args.iter().flatten().any(
                |arg| matches!(arg.parts().first(), Some(crate::Part::Config(first)) if first == name),
            ),
            crate::Transport::Http(_) => false,
        }
    }
}

/// Whether a value says anything.
pub(crate) fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

/// A value as it is meant: without the spaces that come along when a token or a path is pasted, and with the type
/// that a form, which has only texts, can't give.
fn normal(field: &Field, value: &Value) -> Value {
    let Some(text) = value.as_str() else {
        return value.clone();
    };
    let text = text.trim();
    match field.kind {
        Kind::Number => text
            .parse::<serde_json::Number>()
            .map_or_else(|_| Value::String(text.to_owned()), Value::Number),
        Kind::Boolean => match text {
            "true" | "on" => Value::Bool(true),
            "false" | "off" => Value::Bool(false),
            _ => Value::String(text.to_owned()),
        },
        Kind::List => Value::Array(
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(|line| Value::String(line.to_owned()))
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    }
}

pub(crate) fn pointer(name: &str, inside: &str) -> String {
    format!("/{}{inside}", name.replace('~', "~0").replace('/', "~1"))
}

pub(crate) fn fault_of(field: &Field, inside: &str, problem: Problem) -> Fault {
    let hint = match problem {
        Problem::Missing
        | Problem::NotApplicable(_)
        | Problem::Folder(_)
        | Problem::Command
        | Problem::Character
        | Problem::VariableReserved => None,
        _ => field.hint.clone().map(Box::new),
    };
    Fault {
        field: pointer(&field.name, inside),
        problem,
        hint,
    }
}

pub(crate) fn check_text(text: &str) -> Result<(), Problem> {
    if text.chars().any(char::is_control) {
        Err(Problem::Character)
    } else if text.chars().count() > MAX_TEXT {
        Err(Problem::TooLong(MAX_TEXT as u64))
    } else {
        Ok(())
    }
}

fn dash(field: &Field, text: &str) -> Result<(), Problem> {
    if text.starts_with('-') && !field.flags {
        Err(Problem::LeadingDash)
    } else {
        Ok(())
    }
}

/// What a failed keyword of JSON Schema means to a person.
fn problem_of(error: &jsonschema::ValidationError<'_>) -> Problem {
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let named = |kind: jsonschema::JsonType| match kind {
                jsonschema::JsonType::Array => "array",
                jsonschema::JsonType::Object => "object",
                jsonschema::JsonType::Integer => "integer",
                jsonschema::JsonType::Number => "number",
                jsonschema::JsonType::Boolean => "boolean",
                _ => "string",
            };
            match kind {
                jsonschema::error::TypeKind::Single(kind) => Problem::Type(named(*kind)),
                jsonschema::error::TypeKind::Multiple(_) => Problem::Form,
            }
        }
        ValidationErrorKind::Enum { options } => Problem::NotOneOf(
            options
                .as_array()
                .into_iter()
                .flatten()
                .map(|option| {
                    option
                        .as_str()
                        .map_or_else(|| option.to_string(), ToOwned::to_owned)
                })
                .collect(),
        ),
        ValidationErrorKind::MinLength { limit } => Problem::TooShort(*limit),
        ValidationErrorKind::MaxLength { limit } => Problem::TooLong(*limit),
        ValidationErrorKind::MaxItems { limit } => Problem::TooMany(*limit),
        ValidationErrorKind::Minimum { limit } => Problem::TooSmall(limit.to_string()),
        ValidationErrorKind::Maximum { limit } => Problem::TooLarge(limit.to_string()),
        _ => Problem::Form,
    }
}

/// What JSON Schema can't say about a text of this kind; answers the text to store.
fn text_of_kind(kind: Kind, text: &str, rules: &Rules) -> Result<String, Problem> {
    match kind {
        Kind::Url => check_url(text, rules).map(|url| url.to_string()),
        Kind::PostgresUrl => check_postgres(text).map(|()| text.to_owned()),
        Kind::Folder => {
            let folder = folder(text, rules)?;
            folder.to_str().map(ToOwned::to_owned).ok_or(Problem::Form)
        }
        Kind::Command if !rules.commands.allow(text) || text.starts_with('-') => {
            Err(Problem::Command)
        }
        Kind::HeaderName if !is_header(text) => Err(Problem::HeaderName),
        _ => Ok(text.to_owned()),
    }
}

pub(crate) fn folder(text: &str, rules: &Rules) -> Result<PathBuf, Problem> {
    rules.folders.allowed(text).map_err(Problem::Folder)
}

/// A URL that a server may be reached at: https, or http where the rules say so; no user name, password or fragment.
pub(crate) fn check_url(text: &str, rules: &Rules) -> Result<Url, Problem> {
    let url = Url::parse(text).map_err(|_| Problem::NotAUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if rules.plain_http.allows(&url) => {}
        _ => return Err(Problem::NotHttps),
    }
    if url.host_str().is_none_or(str::is_empty) {
        Err(Problem::NotAUrl)
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(Problem::UserInfo)
    } else if url.fragment().is_some() {
        Err(Problem::Fragment)
    } else {
        Ok(url)
    }
}

/// RFC 9110 5.1: a token. Those that steer the connection or say who is asking through the gateway aren't for people.
fn is_header(name: &str) -> bool {
    const OURS: [&str; 14] = [
        "host",
        "content-length",
        "content-type",
        "connection",
        "transfer-encoding",
        "upgrade",
        "te",
        "trailer",
        "accept",
        "accept-encoding",
        "cookie",
        "expect",
        "forwarded",
        "last-event-id",
    ];
    let lower = name.to_ascii_lowercase();
    !name.is_empty()
        && name.len() <= 128
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        && !OURS.contains(&lower.as_str())
        && !lower.starts_with("mcp-")
        && !lower.starts_with("proxy-")
        && !lower.starts_with("x-forwarded-")
}
