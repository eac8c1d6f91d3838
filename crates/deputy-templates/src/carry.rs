//! What is carried over from a stored configuration to a changed one.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::{Origin, Url};

use crate::pattern::Part;
use crate::template::{Stdio, Template, Transport};

impl Template {
    /// Settles a change of a stored configuration before it is checked: `before` with `patch` in it is `config`, and
    /// `kept` are the stored secrets that the patch doesn't name.
    ///
    /// Stored values that have no meaning any more with what the patch chose go by themselves. And when a remote server
    /// moves to another origin, or another program is run than before, no stored secret goes along: who may change a
    /// server may not read its secrets, and would by sending them to a machine or a program of their own.
    ///
    /// `in_person`: whose server it is changes it, and not somebody who was given the right to. Only then other
    /// secrets are kept beside a variable that is set: it may say where a program sends them.
    pub fn settle(
        &self,
        before: &Map<String, Value>,
        patch: &Map<String, Value>,
        config: &mut Map<String, Value>,
        kept: &mut BTreeSet<String>,
        in_person: bool,
    ) {
        for field in &self.fields {
            if !patch.contains_key(&field.name) && !field.applies(config) {
                config.remove(&field.name);
            }
        }
        let moves = self.origin(before) != self.origin(config)
            || self.free_command().is_some_and(|stdio| {
                let runs_another = program(stdio).any(|name| before.get(name) != config.get(name));
                runs_another || (!in_person && sets_variable(stdio, patch))
            });
        if moves {
            kept.clear();
            for field in self.fields.iter().filter(|field| field.kind.is_map()) {
                if let Some(Value::Object(members)) = config.get_mut(&field.name) {
                    // It stands for what is stored.
                    members.retain(|_, value| !value.is_null());
                }
            }
        }
    }

    /// The process of a kind whose program is what a person says.
    fn free_command(&self) -> Option<&Stdio> {
        let Transport::Stdio(stdio) = &self.transport else {
            return None;
        };
        let given = |part: &Part| matches!(part, Part::Config(_));
        stdio.program.parts().iter().any(given).then_some(stdio)
    }

    /// Where the requests of a remote server go; none for a process.
    fn origin(&self, config: &Map<String, Value>) -> Option<Origin> {
        let Transport::Http(http) = &self.transport else {
            return None;
        };
        let mut url = String::new();
        for part in http.url.parts() {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Config(name) => url.push_str(config.get(name)?.as_str()?.trim()),
                Part::Input(_) | Part::GoogleToken | Part::Data => return None,
            }
        }
        Url::parse(&url).ok().map(|url| url.origin())
    }
}

/// The properties that say what is run.
fn program(stdio: &Stdio) -> impl Iterator<Item = &str> {
    let patterns = std::iter::once(&stdio.program).chain(stdio.args.iter().flatten());
    patterns
        .flat_map(super::pattern::Pattern::parts)
        .filter_map(|part| match part {
            Part::Config(name) => Some(name.as_str()),
            _ => None,
        })
}

fn sets_variable(stdio: &Stdio, patch: &Map<String, Value>) -> bool {
    let variables = stdio.env_from.as_ref().and_then(|name| patch.get(name));
    match variables {
        Some(Value::Object(members)) => members.values().any(|value| !value.is_null()),
        Some(value) => !value.is_null(),
        None => false,
    }
}
