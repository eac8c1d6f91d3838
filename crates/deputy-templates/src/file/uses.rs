//! Whether a template hangs together: its placeholders and its properties.

use std::collections::BTreeSet;

use super::table::nearest;
use super::{Outcome, fault};
use crate::field::{Field, Kind};
use crate::pattern::{Part, Pattern};
use crate::template::{Template, Transport};

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

/// Why a template has no secret among its arguments. A connection string of PostgreSQL may be there: its password goes
/// into the environment.
pub(super) const SECRET_ARGUMENT: &str = "has a secret in it, and everybody on a machine can read the arguments of its processes; give it to the server in \
     [stdio.env]";

/// Every placeholder has its property, of the right kind in the right place, and every property is used.
pub(super) fn uses(template: &Template) -> Outcome<()> {
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
            let argument = key.starts_with("stdio.args");
            if secret && (argument || key == "stdio.program") && !is_connection(field, pattern) {
                return fault(key, SECRET_ARGUMENT);
            }
            let spread = argument && pattern.whole_config().is_some();
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

/// Whether this is a connection string of PostgreSQL and nothing beside it.
fn is_connection(field: &Field, pattern: &Pattern) -> bool {
    field.kind == Kind::PostgresUrl && pattern.parts().len() == 1
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
