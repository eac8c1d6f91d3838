//! How a server is started or reached, as a template says it.

use serde_json::{Map, Value};

use super::table::Table;
use super::{Outcome, fault, uses};
use crate::pattern::{Part, Pattern};
use crate::template::{HeaderTemplate, Http, OAuthTemplate, Prepare, Stdio};

pub(super) fn read_stdio(table: &Table<'_>) -> Outcome<Stdio> {
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
                Ok(pattern) if pattern.parts().contains(&Part::GoogleToken) => {
                    return fault(key, uses::SECRET_ARGUMENT);
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
        if !crate::variables::is_variable(&name) {
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

pub(super) fn read_http(table: &Table<'_>) -> Outcome<Http> {
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
