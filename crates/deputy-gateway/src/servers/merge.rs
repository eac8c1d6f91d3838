//! A change of a configuration: what is stored, with the change in it, checked.

use std::collections::BTreeSet;

use deputy_core::Principal;
use deputy_store::own_server::OwnServer;
use deputy_templates::{Checked, Fault, Template};
use serde_json::{Map, Value};

use super::{ServerError, Servers, is_in_person};

impl Servers {
    /// The stored configuration with a change in it. [`ServerError::Validation`] names what is wrong with it, and the
    /// stored secrets that can't stay with it: none goes without a word.
    pub(super) fn changed(
        &self,
        principal: &Principal,
        row: &OwnServer,
        template: &Template,
        patch: &Map<String, Value>,
    ) -> Result<Checked, ServerError> {
        let bad = |e: serde_json::Error| ServerError::internal(&e, "reading a server's row");
        let before: Map<String, Value> = serde_json::from_str(&row.config).map_err(bad)?;
        let stored: BTreeSet<String> = serde_json::from_str(&row.secrets_set).map_err(bad)?;
        let (config, kept) = merged(&before, stored, template, patch);
        let checked = self.check(principal, template, &Value::Object(config), &kept)?;
        let again = template.again(&before, &checked, is_in_person(principal));
        if again.is_empty() {
            Ok(checked)
        } else {
            Err(invalid(principal, again))
        }
    }

    pub(super) fn check(
        &self,
        principal: &Principal,
        template: &Template,
        config: &Value,
        kept: &BTreeSet<String>,
    ) -> Result<Checked, ServerError> {
        let rules = self.rules_of(principal.user_id, None);
        let checked = template.check(config, kept, &rules);
        checked.map_err(|faults| invalid(principal, faults))
    }
}

/// What is wrong with a configuration, to whom gave it.
fn invalid(principal: &Principal, faults: Vec<Fault>) -> ServerError {
    let mut faults = faults.into_iter().map(|fault| {
        (
            format!("/config{}", fault.field),
            fault.message(principal.language),
        )
    });
    let (field, message) = faults.next().unwrap_or_default();
    ServerError::Validation {
        field,
        message,
        more: faults.collect(),
    }
}

/// The stored configuration with a change in it, and which of the stored secrets stay: those that
/// the change does not name.
fn merged(
    before: &Map<String, Value>,
    mut kept: BTreeSet<String>,
    template: &Template,
    patch: &Map<String, Value>,
) -> (Map<String, Value>, BTreeSet<String>) {
    let mut config = before.clone();
    for (name, value) in patch {
        let of_map = format!("{name}/");
        let field = template.field(name);
        let map = field.is_some_and(|field| field.secret && field.kind.is_map());
        match value {
            Value::Null if field.is_some() || before.contains_key(name) => {
                config.remove(name);
                kept.retain(|key| key != name && !key.starts_with(&of_map));
            }
            Value::Object(members) if map => {
                // To the template `null` means: as it is stored.
                let mut all = Map::new();
                for key in kept.clone() {
                    let Some(member) = key.strip_prefix(&of_map) else {
                        continue;
                    };
                    match members.get(member) {
                        None => {
                            all.insert(member.to_owned(), Value::Null);
                        }
                        Some(_) => {
                            kept.remove(&key);
                        }
                    }
                }
                let given = members.iter().filter(|(_, value)| !value.is_null());
                all.extend(given.map(|(member, value)| (member.clone(), value.clone())));
                config.insert(name.clone(), Value::Object(all));
            }
            // What there is no such setting for is refused by its name, whatever is said of it.
            value => {
                config.insert(name.clone(), value.clone());
            }
        }
    }
    template.settle(patch, &mut config);
    (config, kept)
}
