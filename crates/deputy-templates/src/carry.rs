//! What is carried over from a stored configuration to a changed one.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::{Origin, Url};

use crate::pattern::Part;
use crate::template::{Template, Transport};

impl Template {
    /// Settles a change of a stored configuration before it is checked: `before` with `patch` in it is `config`, and
    /// `kept` are the stored secrets that the patch doesn't name.
    ///
    /// Stored values that have no meaning any more with what the patch chose go by themselves. And when a remote server
    /// moves to another origin, no stored secret moves with it: who may change a server may not read its secrets, and
    /// would by sending them to a machine of their own.
    pub fn settle(
        &self,
        before: &Map<String, Value>,
        patch: &Map<String, Value>,
        config: &mut Map<String, Value>,
        kept: &mut BTreeSet<String>,
    ) {
        for field in &self.fields {
            if !patch.contains_key(&field.name) && !field.applies(config) {
                config.remove(&field.name);
            }
        }
        if self.origin(before) != self.origin(config) {
            kept.clear();
        }
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
