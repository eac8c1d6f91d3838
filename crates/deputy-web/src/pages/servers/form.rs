//! The form of a kind of server, made from its schema, and what a person filled in, as the
//! configuration that the schema describes.
//!
//! A secret goes one way: it is never written into a form, also not into the form that comes back
//! because something else in it is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use deputy_core::Language;
use deputy_gateway::servers::{Server, ServerError};
use deputy_templates::{DefaultPolicy, Field, Kind, Template};
use serde_json::{Map, Value};

use crate::form::Fields;
use crate::text::Text;
use crate::view::visible;

/// How a field is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Line,
    Url,
    Secret,
    Number,
    Tick,
    Choice,
    /// One value a line.
    Lines,
    /// `NAME=value` a line.
    Variables,
}

/// A value to choose.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    /// For people.
    pub(crate) title: String,
    pub(crate) selected: bool,
}

/// A field of the form.
#[derive(Clone, Debug)]
pub(crate) struct FieldView {
    /// The property.
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) help: String,
    pub(crate) control: Control,
    /// What is in it; empty for a secret.
    pub(crate) value: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) required: bool,
    /// Whether it may be left empty, with nothing counting instead.
    pub(crate) optional: bool,
    /// Whether a secret is stored already; whether it stays is another thing where there is a problem.
    pub(crate) set: bool,
    /// Names of stored variables.
    pub(crate) members: Vec<String>,
    pub(crate) example: String,
    /// When it counts, in words.
    pub(crate) when: Option<String>,
    /// Whether it counts for what the form has in it.
    pub(crate) applies: bool,
    /// Folders inside which it must be.
    pub(crate) roots: Vec<String>,
    pub(crate) problem: Option<String>,
}

/// Fields that count under the same condition; folded away where it does not hold.
#[derive(Clone, Debug)]
pub(crate) struct FieldGroup {
    /// The condition, in words.
    pub(crate) when: Option<String>,
    pub(crate) open: bool,
    pub(crate) fields: Vec<FieldView>,
}

/// The fields in their order, those next to each other with the same condition together.
pub(crate) fn grouped(fields: Vec<FieldView>) -> Vec<FieldGroup> {
    let mut groups: Vec<FieldGroup> = Vec::new();
    for field in fields {
        let open = field.applies || field.problem.is_some();
        match groups.last_mut() {
            Some(group) if group.when == field.when => {
                group.open |= open;
                group.fields.push(field);
            }
            _ => groups.push(FieldGroup {
                when: field.when.clone(),
                open,
                fields: vec![field],
            }),
        }
    }
    groups
}

impl FieldView {
    /// Whether its lines are shown as somebody types them: a secret is not.
    pub(crate) fn is(&self, control: &str) -> bool {
        match self.control {
            Control::Line => control == "line",
            Control::Url => control == "url",
            Control::Secret => control == "secret",
            Control::Number => control == "number",
            Control::Tick => control == "tick",
            Control::Choice => control == "choice",
            Control::Lines => control == "lines",
            Control::Variables => control == "variables",
        }
    }

    /// The ids of what is said about it.
    pub(crate) fn described(&self) -> String {
        let wrong = self.problem.iter().map(|_| format!("w-{} ", self.key));
        wrong.chain([format!("h-{}", self.key)]).collect()
    }
}

/// A policy to choose for tools without one of their own.
#[derive(Clone, Debug)]
pub(crate) struct PolicyChoice {
    pub(crate) value: &'static str,
    pub(crate) key: &'static str,
    pub(crate) selected: bool,
}

/// The choices, with `chosen` selected.
pub(crate) fn policies(chosen: DefaultPolicy) -> Vec<PolicyChoice> {
    [
        (DefaultPolicy::AskWrites, "ask_writes", "policy-ask-writes"),
        (DefaultPolicy::Ask, "ask", "policy-ask-all"),
        (DefaultPolicy::Auto, "auto", "policy-auto-all"),
    ]
    .map(|(policy, value, key)| PolicyChoice {
        value,
        key,
        selected: policy == chosen,
    })
    .into()
}

/// What is wrong with which property; the empty name stands for the whole.
pub(crate) type Problems = BTreeMap<String, String>;

/// The problems of a refused configuration by property: `allowed_path` of `/config/allowed_path/0`. Of several
/// lines of a list the first, of variables each by its name.
pub(crate) fn problems(error: &ServerError) -> Option<Problems> {
    let ServerError::Validation {
        field,
        message,
        more,
    } = error
    else {
        return None;
    };
    let all = std::iter::once((field, message)).chain(more.iter().map(|(f, m)| (f, m)));
    let mut problems = Problems::new();
    for (pointer, message) in all {
        let Some(path) = pointer.strip_prefix("/config/") else {
            let name = pointer.trim_start_matches('/').to_owned();
            problems.entry(name).or_insert_with(|| message.clone());
            continue;
        };
        let (field, member) = path.split_once('/').unwrap_or((path, ""));
        let name = format!("c.{field}");
        if member.parse::<usize>().is_ok() || member.is_empty() {
            problems.entry(name).or_insert_with(|| message.clone());
        } else {
            let member = visible(&member.replace("~1", "/").replace("~0", "~"));
            let said: &mut String = problems.entry(name).or_default();
            if !said.is_empty() {
                said.push(' ');
            }
            said.extend([&*member, ": ", message]);
        }
    }
    Some(problems)
}

/// Says that what was typed in secret has to be typed again, where a form comes back.
pub(crate) fn note_secrets(
    problems: &mut Problems,
    template: &Template,
    typed: impl Fn(&str) -> bool,
    t: Text,
) {
    let mut secrets = template.fields.iter().filter(|field| field.secret);
    if secrets.any(|field| typed(&field.name)) {
        problems.insert("secrets".to_owned(), t.tr("form-secrets-again"));
    }
}

/// What is stored now, for each field that has something else in it.
pub(crate) fn differences(
    template: &Template,
    fields: &Fields,
    stored: &Server,
    t: Text,
) -> Problems {
    let given = config(template, fields, None);
    let shown = template.fields.iter().filter(|field| !field.secret);
    let different = shown.filter_map(|field| {
        let now = stored.config.get(&field.name);
        let said = given.get(&field.name);
        let same = now.or(field.default.as_ref()) == said.or(field.default.as_ref());
        (!same).then(|| {
            let now = now.map_or_else(|| "–".to_owned(), |value| field.said(value, t.language));
            let message = t.tr1("server-stored-now", "value", visible(&now));
            (format!("c.{}", field.name), message)
        })
    });
    different.collect()
}

/// What a form starts from.
pub(crate) enum From<'a> {
    /// Nothing: the defaults.
    Nothing,
    /// A configuration that is not stored.
    Given(&'a Map<String, Value>),
    /// A stored server.
    Stored(&'a Server),
    /// What a person sent, for a server that is stored or is not.
    Sent(&'a Fields, Option<&'a Server>),
}

impl From<'_> {
    fn stored(&self) -> Option<&Server> {
        match self {
            Self::Nothing | Self::Given(_) => None,
            Self::Stored(server) => Some(server),
            Self::Sent(_, server) => *server,
        }
    }
}

/// The fields of `template`'s form.
pub(crate) fn fields(
    template: &Template,
    from: &From<'_>,
    roots: &[PathBuf],
    problems: &Problems,
    t: Text,
) -> Vec<FieldView> {
    let set: BTreeSet<&str> = from
        .stored()
        .map(|server| server.secrets_set.iter().map(String::as_str).collect())
        .unwrap_or_default();
    let now = match from {
        From::Nothing => defaults(template),
        From::Given(config) => (*config).clone(),
        From::Stored(server) => server.config.clone(),
        From::Sent(fields, server) => config(template, fields, *server),
    };
    template
        .fields
        .iter()
        .map(|field| {
            let control = control(field);
            let value = value(field, control, from);
            let prefix = format!("{}/", field.name);
            FieldView {
                key: field.name.clone(),
                title: field.title.get(t.language).to_owned(),
                help: help(field, t.language),
                choices: field
                    .choices()
                    .into_iter()
                    .flatten()
                    .map(|choice| {
                        let text = plain(choice);
                        Choice {
                            selected: text == value,
                            title: field.said(choice, t.language),
                            value: text,
                        }
                    })
                    .collect(),
                required: field.required,
                optional: !field.required && field.default.is_none(),
                set: set.contains(field.name.as_str()),
                members: set
                    .iter()
                    .filter_map(|name| name.strip_prefix(&prefix).map(visible))
                    .collect(),
                example: match control {
                    Control::Secret | Control::Variables => String::new(),
                    _ => field.examples.first().map(plain).unwrap_or_default(),
                },
                applies: field.applies(&now),
                when: field.when.as_ref().map(|when| {
                    let other = template.field(&when.property);
                    let said =
                        |value| other.map_or_else(|| plain(value), |f| f.said(value, t.language));
                    let values: Vec<String> = when.values.iter().map(said).collect();
                    let other = other.map_or(when.property.as_str(), |f| f.title.get(t.language));
                    t.tr2("field-when", "field", other, "values", values.join(", "))
                }),
                roots: if field.kind == Kind::Folder {
                    roots
                        .iter()
                        .map(|root| root.display().to_string())
                        .collect()
                } else {
                    Vec::new()
                },
                problem: problems.get(&format!("c.{}", field.name)).cloned(),
                control,
                value,
            }
        })
        .collect()
}

/// What counts where nothing is said.
fn defaults(template: &Template) -> Map<String, Value> {
    let given = |field: &Field| Some((field.name.clone(), field.default.clone()?));
    template.fields.iter().filter_map(given).collect()
}

fn help(field: &Field, language: Language) -> String {
    let parts = [&field.description, &field.hint];
    parts
        .into_iter()
        .flatten()
        .map(|text| text.get(language))
        .collect::<Vec<_>>()
        .join(" ")
}

fn control(field: &Field) -> Control {
    if field.kind == Kind::Variables {
        return Control::Variables;
    }
    if field.secret {
        return Control::Secret;
    }
    if field.choices().is_some() {
        return Control::Choice;
    }
    match field.kind {
        Kind::Url => Control::Url,
        Kind::List => Control::Lines,
        Kind::Number => Control::Number,
        Kind::Boolean => Control::Tick,
        _ => Control::Line,
    }
}

fn value(field: &Field, control: Control, from: &From<'_>) -> String {
    let name = format!("c.{}", field.name);
    let stored = |server: &Server| server.config.get(&field.name).map(plain);
    match (control, from) {
        (Control::Secret | Control::Variables, _) => String::new(),
        (_, From::Sent(fields, _)) => fields.get(&name).to_owned(),
        (_, From::Stored(server)) => stored(server).unwrap_or_default(),
        (_, From::Given(config)) => config.get(&field.name).map(plain).unwrap_or_default(),
        (_, From::Nothing) => field.default.as_ref().map(plain).unwrap_or_default(),
    }
}

/// A value as the text of its field: lists a line each.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("\n"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The configuration that a form says, for [`deputy_templates::Template::check`] or as a change of
/// `stored`. Text stays as it was typed but for spaces around it.
pub(crate) fn config(
    template: &Template,
    fields: &Fields,
    stored: Option<&Server>,
) -> Map<String, Value> {
    let mut config = Map::new();
    for field in &template.fields {
        let text = fields.get(&format!("c.{}", field.name)).trim();
        let value = match control(field) {
            Control::Tick => {
                // What does not apply is not said; a tick box always says something.
                if !field.applies(&config) {
                    continue;
                }
                Value::Bool(text == "true")
            }
            Control::Variables => {
                let members = variables(text, field, fields);
                if !members.is_empty() {
                    config.insert(field.name.clone(), Value::Object(members));
                }
                continue;
            }
            Control::Secret => {
                if fields.has(&format!("unset.{}", field.name)) && text.is_empty() {
                    config.insert(field.name.clone(), Value::Null);
                } else if !text.is_empty() {
                    config.insert(field.name.clone(), text.into());
                }
                continue;
            }
            Control::Lines => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                let lines: Vec<Value> = lines.map(Value::from).collect();
                if lines.is_empty() {
                    Value::Null
                } else {
                    Value::Array(lines)
                }
            }
            Control::Number => number(text),
            // A choice that does not apply can't be left empty by its person.
            Control::Choice if text.is_empty() || !field.applies(&config) => Value::Null,
            Control::Choice => field
                .choices()
                .into_iter()
                .flatten()
                .find(|choice| plain(choice) == text)
                .cloned()
                .unwrap_or_else(|| text.into()),
            Control::Line | Control::Url => {
                if text.is_empty() {
                    Value::Null
                } else {
                    text.into()
                }
            }
        };
        // A null takes away what is stored; where nothing is, nothing is said. What another answer
        // took out of use still stands in its field: it goes, unless somebody wrote it anew.
        let was = stored.and_then(|server| server.config.get(&field.name));
        let unused = was == Some(&value) && !field.applies(&config);
        if unused || (value.is_null() && was.is_some()) {
            config.insert(field.name.clone(), Value::Null);
        } else if !value.is_null() {
            config.insert(field.name.clone(), value);
        }
    }
    config
}

fn number(text: &str) -> Value {
    match text.parse::<i64>() {
        _ if text.is_empty() => Value::Null,
        Ok(number) => number.into(),
        Err(_) => text
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or_else(|| text.into(), Value::Number),
    }
}

/// `NAME=value` lines, and the stored names that are ticked to go.
fn variables(text: &str, field: &Field, fields: &Fields) -> Map<String, Value> {
    let mut members = Map::new();
    for gone in fields.all(&format!("unset.{}", field.name)) {
        members.insert(gone.to_owned(), Value::Null);
    }
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        members.insert(name.trim().to_owned(), value.trim().into());
    }
    members
}

#[cfg(test)]
mod tests;
