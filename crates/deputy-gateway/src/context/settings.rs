//! What a context's settings say about asking. Anything else in them is the caller's own.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ContextError, invalid};
use crate::catalog::Tool;

/// The argument that takes the question where none is named.
const QUERY: &str = "query";

/// How a question becomes a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `tool`: the tool that answers, by the name under which it is called or the server knows it.
    pub tool: Option<String>,
    /// `arguments`: what every call gets.
    pub arguments: Map<String, Value>,
    /// `query_argument`: the argument that takes the question. Default `query`.
    pub query_argument: String,
    /// `directory_argument`: the argument that takes the working directory.
    pub directory_argument: Option<String>,
}

impl Settings {
    /// Reads them; [`ContextError::Validation`] names what is of another type than it has to be.
    pub fn of(settings: &Value) -> Result<Self, ContextError> {
        let text = |name: &str| match settings.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(invalid(
                &format!("/settings/{name}"),
                format!("settings.{name} is a text that is not empty"),
            )),
        };
        let arguments = match settings.get("arguments") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(arguments)) => arguments.clone(),
            Some(_) => {
                return Err(invalid(
                    "/settings/arguments",
                    "settings.arguments is a JSON object",
                ));
            }
        };
        Ok(Self {
            tool: text("tool")?,
            arguments,
            query_argument: text("query_argument")?.unwrap_or_else(|| QUERY.to_owned()),
            directory_argument: text("directory_argument")?,
        })
    }

    /// Holds them against the tools of the server. A server whose tools are not known yet (it was
    /// never tested) is not held to anything: the call will be.
    pub(super) fn check(&self, server: &str, tools: &[Arc<Tool>]) -> Result<(), ContextError> {
        let Some(wanted) = self.tool.as_deref().filter(|_| !tools.is_empty()) else {
            return Ok(());
        };
        let Some(tool) = find(server, wanted, tools) else {
            return Err(invalid(
                "/settings/tool",
                format!("{server} has no tool named '{wanted}' that you can call"),
            ));
        };
        let schema = &tool.input_schema;
        let takes = |name: &str| {
            schema.get("additionalProperties") != Some(&Value::Bool(false))
                || schema
                    .get("properties")
                    .is_some_and(|known| known.get(name).is_some())
        };
        let named = [
            ("query_argument", Some(&self.query_argument)),
            ("directory_argument", self.directory_argument.as_ref()),
        ];
        for (setting, argument) in named {
            if let Some(argument) = argument.filter(|argument| !takes(argument)) {
                return Err(invalid(
                    &format!("/settings/{setting}"),
                    format!(
                        "{wanted} has no argument '{argument}'; settings.{setting} says which one it is"
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// The tool that is meant by `wanted`, which may be its own name or the one under which it is called.
pub(super) fn find<'t>(
    server: &str,
    wanted: &str,
    tools: &'t [Arc<Tool>],
) -> Option<&'t Arc<Tool>> {
    tools.iter().find(|tool| tool.name == wanted).or_else(|| {
        let called = format!("{server}__{wanted}");
        let known_as = |tool: &Tool| tool.own_server().is_some_and(|own| own.tool == wanted);
        let published = tools.iter().find(|tool| tool.name == called);
        // The name as the server knows it, where that was too odd to be published.
        published.or_else(|| tools.iter().find(|tool| known_as(tool)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_or_named() {
        assert_eq!(
            Settings::of(&json!({ "theme": 7 })).unwrap(),
            Settings {
                query_argument: "query".to_owned(),
                ..Settings::default()
            }
        );
        let all = json!({
            "tool": "read_file", "arguments": { "head": 5 }, "query_argument": "path",
            "directory_argument": "root",
        });
        let read = Settings::of(&all).unwrap();
        assert_eq!(read.tool.as_deref(), Some("read_file"));
        assert_eq!(read.query_argument, "path");
        assert_eq!(read.directory_argument.as_deref(), Some("root"));
        assert_eq!(read.arguments["head"], 5);
        for (settings, wrong) in [
            (json!({ "tool": 7 }), "/settings/tool"),
            (json!({ "tool": "" }), "/settings/tool"),
            (json!({ "arguments": [] }), "/settings/arguments"),
            (json!({ "query_argument": {} }), "/settings/query_argument"),
        ] {
            let Err(ContextError::Validation { pointer, .. }) = Settings::of(&settings) else {
                panic!("{settings} was taken");
            };
            assert_eq!(pointer, wrong);
        }
    }
}
