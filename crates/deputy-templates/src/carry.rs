//! What is carried over from a stored configuration to a changed one.
//!
//! Who may change a server may not read its secrets, and would by having them sent to a machine or a program of their
//! own. So a stored secret stays only while what gets it stays: that is judged on what was checked, since a value is
//! often written in more than one way.

use serde_json::{Map, Value};
use url::{Origin, Url};

use crate::check::{Checked, pointer};
use crate::faults::{Fault, Problem};
use crate::field::{Field, Kind};
use crate::pattern::{Part, Pattern};
use crate::template::{Http, Stdio, Template, Transport};

impl Template {
    /// Settles a change of a stored configuration before it is checked: `config` is what was stored with `patch` in it.
    /// Stored values that have no meaning any more, with what the patch chose or because the template no longer asks
    /// for them, go by themselves.
    pub fn settle(&self, patch: &Map<String, Value>, config: &mut Map<String, Value>) {
        config.retain(|name, _| patch.contains_key(name) || self.field(name).is_some());
        for field in &self.fields {
            if !patch.contains_key(&field.name) && !field.applies(config) {
                config.remove(&field.name);
            }
        }
    }

    /// The stored secrets that a checked change of the configuration `before` would keep and may not: each must be
    /// given again, or removed.
    ///
    /// That is all of them when a remote server moves to another origin, or when a kind whose program is what a person
    /// says runs another program or gets other arguments. `in_person`: whose server it is changes it, and not somebody
    /// who was given the right to. Only then they stay with any other change of where a server is and of what is run,
    /// its environment included: an address of the template's, a variable may say where a program sends them.
    pub fn again(
        &self,
        before: &Map<String, Value>,
        checked: &Checked,
        in_person: bool,
    ) -> Vec<Fault> {
        let moves = match &self.transport {
            Transport::Http(http) => {
                let (was, is) = (self.url(http, before), self.url(http, &checked.config));
                origin(was.as_ref()) != origin(is.as_ref()) || (!in_person && was != is)
            }
            Transport::Stdio(stdio) => {
                self.runs_another(stdio, before, &checked.config)
                    || (!in_person && self.differs(before, checked))
            }
        };
        if !moves {
            return Vec::new();
        }
        let of = |key: &String| Fault::new(self.pointer_of(key), Problem::Again);
        checked.kept.iter().map(of).collect()
    }

    /// Whether the program of a kind whose program is what a person says is another, or gets other arguments.
    fn runs_another(
        &self,
        stdio: &Stdio,
        before: &Map<String, Value>,
        now: &Map<String, Value>,
    ) -> bool {
        let patterns = std::iter::once(&stdio.program).chain(stdio.args.iter().flatten());
        stdio.program.plain().is_none()
            && patterns
                .flat_map(Pattern::parts)
                .filter_map(|part| match part {
                    Part::Config(name) => self.field(name),
                    _ => None,
                })
                .any(|field| value(field, before) != value(field, now))
    }

    /// Whether anything that a process gets is another, but for tokens and the like.
    fn differs(&self, before: &Map<String, Value>, checked: &Checked) -> bool {
        let leads = |field: &Field| {
            let of_map = format!("{}/", field.name);
            checked.secrets.keys().any(|key| match field.kind {
                Kind::Variables => key.starts_with(&of_map),
                Kind::Url | Kind::PostgresUrl | Kind::Command => *key == field.name,
                _ => false,
            })
        };
        self.fields.iter().any(|field| {
            if field.secret {
                leads(field)
            } else {
                value(field, before) != value(field, &checked.config)
            }
        })
    }

    /// The URL of a remote server, if it is one.
    fn url(&self, http: &Http, config: &Map<String, Value>) -> Option<Url> {
        let mut url = String::new();
        for part in http.url.parts() {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Config(name) => url.push_str(value(self.field(name)?, config)?.as_str()?),
                Part::Input(_) | Part::GoogleToken | Part::Data => return None,
            }
        }
        Url::parse(&url).ok()
    }

    /// The place in a configuration of a secret, by its key among the stored ones.
    fn pointer_of(&self, key: &str) -> String {
        let mut maps = self.fields.iter().filter(|field| field.kind.is_map());
        let of_map = |field: &Field| {
            let member = key.strip_prefix(&field.name)?.strip_prefix('/')?;
            Some(pointer(&field.name, &pointer(member, "")))
        };
        maps.find_map(of_map).unwrap_or_else(|| pointer(key, ""))
    }
}

/// The value that counts for a property.
fn value<'a>(field: &'a Field, config: &'a Map<String, Value>) -> Option<&'a Value> {
    let default = || field.default.as_ref().filter(|_| field.applies(config));
    config.get(&field.name).or_else(default)
}

fn origin(url: Option<&Url>) -> Option<Origin> {
    url.map(Url::origin)
}
