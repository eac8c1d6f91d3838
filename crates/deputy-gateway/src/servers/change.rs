//! Adding, changing, switching off and removing a person's server.
//!
//! Checking and sealing come before the transaction, what must not be passed by two at once (the
//! number of servers, the name, the generation that was read) is looked at inside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deputy_core::{Principal, Secret, UserId};
use deputy_store::own_server::{NewOwnServer, OwnServer, OwnServerChange, OwnServerSetup};
use deputy_templates::{Checked, Template};
use deputy_vault::Place;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::health::Health;
use super::resolve::default_of;
use super::{
    Change, NewServer, Secrets, Server, ServerError, Servers, Status, is_in_person, launch,
    may_loosen, may_manage, names,
};
use crate::pool::PoolKey;

impl Servers {
    /// Adds a server, switched on. Its tools are accepted as they are when they are first read, by a
    /// test or soon after this by itself.
    pub async fn create(
        &self,
        principal: &Principal,
        new: NewServer,
    ) -> Result<Server, ServerError> {
        may_manage(principal)?;
        let user = principal.user_id;
        names::check_server(&new.name).map_err(|why| ServerError::invalid("/name", why))?;
        let template = self.template(&new.server_type)?;
        let checked = self.check(principal, &template, &new.config, &BTreeSet::new())?;
        let with = self.with();
        let uid = deputy_core::id::uuid_v7(&*with.clock, &*with.rng);
        let given = names_of(&checked);
        let setup = self.seal(user, uid, &template, checked, None).await?;
        self.recordable().await?;
        let policy = new.default_policy.unwrap_or(template.default_policy);
        let row = {
            let tx = with.store.begin().await?;
            let scope = tx.user(user);
            if !scope.lock_own_servers().await? {
                return Err(ServerError::NotFound("there is no such person".to_owned()));
            }
            if scope.own_server(&new.name).await?.is_some() {
                return Err(taken(&new.name));
            }
            if scope.count_own_servers().await? >= self.inner.config.most {
                return Err(ServerError::LimitReached(self.inner.config.most));
            }
            let added = scope
                .own_server_add(NewOwnServer {
                    uid,
                    name: new.name.clone(),
                    server_type: template.server_type.clone(),
                    setup,
                    default_policy: policy.to_string(),
                    at: with.clock.now(),
                })
                .await;
            let row = match added {
                Err(deputy_store::Error::Conflict(_)) => return Err(taken(&new.name)),
                added => added?,
            };
            tx.commit().await?;
            row
        };
        let detail = json!({
            "server": row.id,
            "server_type": row.server_type,
            "config": given,
            "default_policy": policy,
        });
        self.done(principal, "servers.create", &row.name, detail)
            .await;
        metrics::counter!("deputy_own_servers_total", "event" => "created").increment(1);
        self.tools_changed(user);
        self.look_soon(&row);
        self.view(&row)
    }

    /// Changes a server. With another configuration it is started anew by the next call.
    pub async fn change(
        &self,
        principal: &Principal,
        name: &str,
        change: Change,
    ) -> Result<Server, ServerError> {
        may_manage(principal)?;
        let user = principal.user_id;
        let row = self.row(user, name).await?;
        let mut detail = json!({ "server": row.id });
        let setup = match change.config {
            None => None,
            Some(patch) => {
                let template = self.template(&row.server_type)?;
                let changed: Vec<&String> = patch.keys().collect();
                detail["config"] = json!(changed);
                let in_person = is_in_person(principal);
                let (config, kept) = merged(&row, &template, &patch, in_person)?;
                let checked = self.check(principal, &template, &Value::Object(config), &kept)?;
                let stored = self.opened(&row).await?;
                Some(
                    self.seal(user, row.uid, &template, checked, Some(&stored))
                        .await?,
                )
            }
        };
        if let Some(policy) = change.default_policy {
            if policy < default_of(&row) {
                may_loosen(principal)?;
            }
            detail["default_policy"] = json!(policy);
        }
        if let Some(enabled) = change.is_enabled {
            detail["is_enabled"] = json!(enabled);
        }
        let stops = setup.is_some() || change.is_enabled == Some(false);
        self.recordable().await?;
        let with = self.with();
        let tx = with.store.begin().await?;
        let scope = tx.user(user);
        scope.lock_own_servers().await?;
        let switched_on = match scope.own_server_by_id(row.id).await? {
            None => return Err(ServerError::no_server(name)),
            Some(now) if setup.is_some() && now.generation != row.generation => {
                return Err(ServerError::Conflict(format!(
                    "'{name}' was changed by somebody else at the same time; look at it again"
                )));
            }
            Some(now) => change.is_enabled == Some(true) && !now.is_enabled,
        };
        let change = OwnServerChange {
            setup,
            default_policy: change.default_policy.map(|p| p.to_string()),
            is_enabled: change.is_enabled,
            anew: switched_on,
        };
        scope
            .own_server_change(row.id, change, with.clock.now())
            .await?;
        let row = scope.own_server_by_id(row.id).await?;
        let row = row.ok_or_else(|| ServerError::no_server(name))?;
        tx.commit().await?;
        let key = PoolKey::own(row.user, row.id);
        let pool = &self.with().pool;
        pool.bar(
            &key,
            if row.is_enabled {
                launch::generation(row.generation, 0)
            } else {
                u64::MAX
            },
        );
        if stops {
            self.stop(&row).await;
        }
        if switched_on {
            self.forget_health(&row);
        }
        self.done(principal, "servers.change", name, detail).await;
        self.tools_changed(user);
        self.look_soon(&row);
        self.view(&row)
    }

    /// Switches a server on or off. Off: its process ends, its tools are gone from the list, what
    /// was agreed to stays.
    pub async fn set_enabled(
        &self,
        principal: &Principal,
        name: &str,
        enabled: bool,
    ) -> Result<Server, ServerError> {
        let change = Change {
            is_enabled: Some(enabled),
            ..Change::default()
        };
        self.change(principal, name, change).await
    }

    /// Removes a server with all that was kept for it.
    pub async fn delete(&self, principal: &Principal, name: &str) -> Result<(), ServerError> {
        may_manage(principal)?;
        let row = self.row(principal.user_id, name).await?;
        self.recordable().await?;
        // The account goes with the row; who gave it is told first, or later by the note of it.
        let forgotten = self.with().remote.forget(row.user, row.id).await;
        forgotten
            .map_err(|error| ServerError::internal(&error, "forgetting a server's account"))?;
        let tx = self.with().store.begin().await?;
        let deleted = tx.user(principal.user_id).own_server_delete(row.id).await?;
        tx.commit().await?;
        if !deleted {
            return Err(ServerError::no_server(name));
        }
        // Nobody who read the row before starts it again.
        self.with()
            .pool
            .bar(&PoolKey::own(row.user, row.id), u64::MAX);
        self.stop(&row).await;
        self.remove_folder(row.user, row.id).await;
        let detail = json!({ "server": row.id, "server_type": row.server_type });
        self.done(principal, "servers.delete", name, detail).await;
        metrics::counter!("deputy_own_servers_total", "event" => "deleted").increment(1);
        self.tools_changed(principal.user_id);
        Ok(())
    }

    /// Ends a server's process and forgets what was known of it here.
    async fn stop(&self, row: &OwnServer) {
        self.with()
            .pool
            .stop_server(&PoolKey::own(row.user, row.id))
            .await;
        // What failed so far says nothing of what it is now.
        self.rest_ends(row);
        self.inner.opened.lock().forget(|(id, _)| *id == row.id);
        self.inner.infos.lock().forget(|(id, _)| *id == row.id);
        self.inner.looked.lock().remove(&row.id);
    }

    /// Calls go to it again, whatever failed before.
    pub(super) fn rest_ends(&self, row: &OwnServer) {
        let key = PoolKey::own(row.user, row.id);
        self.with().breakers.forget(row.user, &key.server);
    }

    /// Until when calls are refused because those before failed.
    fn rests_until(&self, row: &OwnServer) -> Option<Timestamp> {
        let key = PoolKey::own(row.user, row.id);
        let view = self.with().breakers.view(row.user, &key.server)?;
        Some(self.with().clock.now() + crate::signed(view.retry_after?))
    }

    pub(super) fn template(&self, server_type: &str) -> Result<Arc<Template>, ServerError> {
        self.template_named(server_type, "/server_type")
    }

    /// The kind of servers that this field of what was given names.
    pub(crate) fn template_named(
        &self,
        server_type: &str,
        field: &str,
    ) -> Result<Arc<Template>, ServerError> {
        let templates = &self.with().templates;
        templates.get(server_type).cloned().ok_or_else(|| {
            let near = templates
                .nearest(server_type)
                .map(|near| format!("; did you mean '{near}'?"))
                .unwrap_or_default();
            ServerError::invalid(
                field,
                format!("there is no kind of server '{server_type}'{near}"),
            )
        })
    }

    pub(super) fn check(
        &self,
        principal: &Principal,
        template: &Template,
        config: &Value,
        kept: &BTreeSet<String>,
    ) -> Result<Checked, ServerError> {
        let rules = self.rules_of(principal.user_id, None);
        template.check(config, kept, &rules).map_err(|faults| {
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
        })
    }

    /// What is stored of a checked configuration: secrets sealed, those that stay taken over.
    async fn seal(
        &self,
        user: UserId,
        uid: Uuid,
        template: &Template,
        checked: Checked,
        stored: Option<&Secrets>,
    ) -> Result<OwnServerSetup, ServerError> {
        let mut secrets = checked.secrets;
        for (name, secret) in stored.into_iter().flat_map(|stored| stored.iter()) {
            if checked.kept.contains(name) && !secrets.contains_key(name) {
                secrets.insert(name.clone(), secret.clone());
            }
        }
        let set: Vec<&String> = secrets.keys().collect();
        let secrets_set = json!(set).to_string();
        let sealed = if secrets.is_empty() {
            None
        } else {
            let plain: BTreeMap<&str, &str> = secrets
                .iter()
                .map(|(name, secret)| (name.as_str(), secret.expose().as_str()))
                .collect();
            let plain = serde_json::to_vec(&plain)
                .map(Secret::new)
                .map_err(|e| ServerError::internal(&e, "writing secrets"))?;
            let row = uid.to_string();
            let place = place(user, &row);
            Some(
                self.with()
                    .vault
                    .seal(&place, plain.expose())
                    .await
                    .map_err(|e| ServerError::internal(&e, "sealing secrets"))?,
            )
        };
        let row = template.to_row();
        let env = row
            .env_template
            .as_deref()
            .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok())
            .map(|members| json!(members.keys().collect::<Vec<_>>()).to_string());
        Ok(OwnServerSetup {
            command: row.command_template,
            args: row.args_template,
            env,
            config: Value::Object(checked.config).to_string(),
            secrets: sealed,
            secrets_set,
        })
    }

    /// A server's secrets.
    pub(super) async fn opened(&self, row: &OwnServer) -> Result<Secrets, ServerError> {
        let Some(sealed) = &row.secrets else {
            return Ok(Secrets::default());
        };
        let key = (row.id, row.generation);
        if let Some(secrets) = self.inner.opened.lock().get(&key) {
            return Ok(secrets);
        }
        let uid = row.uid.to_string();
        let place = place(row.user, &uid);
        let plain = self
            .with()
            .vault
            .open(&place, sealed)
            .await
            .map_err(|e| ServerError::internal(&e, "opening secrets"))?;
        let secrets: BTreeMap<String, Secret<String>> = serde_json::from_slice(plain.expose())
            .map_err(|e| ServerError::internal(&e, "reading secrets"))?;
        let secrets = Arc::new(secrets);
        self.inner.opened.lock().put(key, Arc::clone(&secrets), 0);
        Ok(secrets)
    }

    /// How a server is, as its own page shows it.
    pub(crate) fn status_of(&self, row: &OwnServer) -> Status {
        shown(row, &self.health_of(row))
    }

    /// A row as its person sees it.
    pub(super) fn view(&self, row: &OwnServer) -> Result<Server, ServerError> {
        let bad = |e: serde_json::Error| ServerError::internal(&e, "reading a server's row");
        let health = self.health_of(row);
        Ok(Server {
            id: row.id,
            server_name: row.name.clone(),
            server_type: row.server_type.clone(),
            config: serde_json::from_str(&row.config).map_err(bad)?,
            secrets_set: serde_json::from_str(&row.secrets_set).map_err(bad)?,
            default_policy: default_of(row),
            is_enabled: row.is_enabled,
            status: shown(row, &health),
            last_used: health.last_used,
            last_activity: health.last_activity,
            last_status_check: health.checked_at,
            error_count: health.error_count,
            retry_after: self.rests_until(row).or(health.retry_after),
            error_message: health.error_message,
            generation: row.generation,
            tools_read_at: row.tools_read_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What its person sees of how it is.
fn shown(row: &OwnServer, health: &Health) -> Status {
    if row.is_enabled {
        health.status
    } else {
        Status::Disabled
    }
}

fn place(user: UserId, uid: &str) -> Place<'_> {
    Place::of_user(user, "user_mcp_servers", uid, "secrets", "server")
}

fn taken(name: &str) -> ServerError {
    ServerError::Conflict(format!("you already have a server named '{name}'"))
}

/// The names of what was given: what may be put on record.
fn names_of(checked: &Checked) -> Vec<String> {
    let secrets = checked.secrets.keys();
    checked.config.keys().chain(secrets).cloned().collect()
}

/// The stored configuration with a change in it, and which of the stored secrets stay: those that
/// the change does not name.
fn merged(
    row: &OwnServer,
    template: &Template,
    patch: &Map<String, Value>,
    in_person: bool,
) -> Result<(Map<String, Value>, BTreeSet<String>), ServerError> {
    let bad = |e: serde_json::Error| ServerError::internal(&e, "reading a server's row");
    let mut config: Map<String, Value> = serde_json::from_str(&row.config).map_err(bad)?;
    let mut kept: BTreeSet<String> = serde_json::from_str(&row.secrets_set).map_err(bad)?;
    let before = config.clone();
    for (name, value) in patch {
        let of_map = format!("{name}/");
        let map = template
            .field(name)
            .is_some_and(|field| field.secret && field.kind.is_map());
        match value {
            Value::Null => {
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
            value => {
                config.insert(name.clone(), value.clone());
            }
        }
    }
    template.settle(&before, patch, &mut config, &mut kept, in_person);
    Ok((config, kept))
}
