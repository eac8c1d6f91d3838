//! Adding, changing, switching off and removing a person's server.
//!
//! Checking and sealing come before the transaction, what must not be passed by two at once (the
//! number of servers, the name, the generation that was read, whether less is asked than before) is
//! looked at inside it. From there on it is a task of its own: a browser that leaves does not keep a
//! process running that was switched off, or an act from the record.

use std::collections::BTreeSet;
use std::sync::Arc;

use deputy_core::Principal;
use deputy_store::own_server::{NewOwnServer, OwnServer, OwnServerChange, OwnServerSetup};
use deputy_store::own_tool::OwnToolRow;
use deputy_templates::{Checked, DefaultPolicy, Policy, Template};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::draft::Drafted;
use super::health::Health;
use super::resolve::default_of;
use super::{
    Change, NewServer, Server, ServerError, Servers, Shown, Status, is_in_person, launch,
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
        let with = self.with();
        let uid = deputy_core::id::uuid_v7(&*with.clock, &*with.rng);
        self.create_as(principal, new, uid).await
    }

    /// [`Self::create`] of what was shown before. Once: who sends it again gets the server that it
    /// became.
    pub async fn create_drafted(
        &self,
        principal: &Principal,
        drafted: Drafted,
    ) -> Result<Server, ServerError> {
        self.create_as(principal, drafted.new, drafted.uid).await
    }

    async fn create_as(
        &self,
        principal: &Principal,
        new: NewServer,
        uid: Uuid,
    ) -> Result<Server, ServerError> {
        may_manage(principal)?;
        let template = self.template(&new.server_type)?;
        let checked = self.checked(principal, &template, &new)?;
        let with = self.with();
        let given = names_of(&checked);
        let setup = self.seal(principal.user_id, uid, &template, checked, None);
        let policy = new.default_policy.unwrap_or(template.default_policy);
        if policy < template.default_policy {
            may_loosen(principal)?;
        }
        let new = NewOwnServer {
            uid,
            name: new.name,
            server_type: template.server_type.clone(),
            setup: setup.await?,
            default_policy: policy.to_string(),
            at: with.clock.now(),
        };
        let (servers, principal) = (self.clone(), principal.clone());
        self.to_the_end(async move { servers.add(&principal, new, &given).await })
            .await
    }

    /// Whether a server to be has a good name and a good configuration: a form says all that is wrong with it.
    pub(super) fn checked(
        &self,
        principal: &Principal,
        template: &Template,
        new: &NewServer,
    ) -> Result<Checked, ServerError> {
        let checked = self.check(principal, template, &new.config, &BTreeSet::new());
        match (names::check_server(&new.name), checked) {
            (Ok(()), checked) => checked,
            (Err(why), Ok(_)) => Err(ServerError::invalid("/name", why)),
            (Err(why), Err(error)) => Err(with_name(why, error)),
        }
    }

    async fn add(
        &self,
        principal: &Principal,
        new: NewOwnServer,
        given: &[String],
    ) -> Result<Server, ServerError> {
        self.recordable().await?;
        let name = new.name.clone();
        let row = {
            let tx = self.with().store.begin().await?;
            let scope = tx.user(principal.user_id);
            if !scope.lock_own_servers().await? {
                return Err(ServerError::NotFound("there is no such person".to_owned()));
            }
            match scope.own_server(&name).await? {
                Some(row) if row.uid == new.uid => return self.view(&row),
                Some(_) => return Err(taken(&name)),
                None => {}
            }
            if scope.count_own_servers().await? >= self.inner.config.most {
                return Err(ServerError::LimitReached(self.inner.config.most));
            }
            let row = match scope.own_server_add(new).await {
                Err(deputy_store::Error::Conflict(_)) => return Err(taken(&name)),
                added => added?,
            };
            tx.commit().await?;
            row
        };
        let detail = json!({
            "server": row.id,
            "server_type": row.server_type,
            "config": given,
            "default_policy": row.default_policy,
        });
        self.done(principal, "servers.create", &row.name, detail)
            .await;
        metrics::counter!("deputy_own_servers_total", "event" => "created").increment(1);
        self.tools_changed(principal.user_id);
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
        if !is_as_shown(change.shown, change.default_policy, &row) {
            return Err(changed_meanwhile(name));
        }
        let mut detail = json!({ "server": row.id });
        let setup = match change.config.filter(|patch| !patch.is_empty()) {
            None => None,
            Some(patch) => {
                let template = self.template(&row.server_type)?;
                let checked = self.changed(principal, &row, &template, &patch)?;
                let changed: Vec<&String> = patch.keys().collect();
                detail["config"] = json!(changed);
                let stored = self.opened(&row).await?;
                let setup = self.seal(user, row.uid, &template, checked, Some(&stored));
                Some((setup.await?, template.default_policy))
            }
        };
        if let Some(policy) = change.default_policy {
            detail["default_policy"] = json!(policy);
        }
        if let Some(enabled) = change.is_enabled {
            detail["is_enabled"] = json!(enabled);
        }
        let (servers, principal) = (self.clone(), principal.clone());
        let (policy, enabled, shown) = (change.default_policy, change.is_enabled, change.shown);
        self.to_the_end(async move {
            let put = servers.put(&principal, &row, setup, policy, enabled, shown);
            let row = put.await?;
            servers
                .done(&principal, "servers.change", &row.name, detail)
                .await;
            servers.tools_changed(user);
            servers.look_soon(&row);
            servers.view(&row)
        })
        .await
    }

    /// Stores a change (of what it reaches, with the policy that its kind has by itself) and sees to it that nothing
    /// runs any more as it was before; answers the row as it is then.
    async fn put(
        &self,
        principal: &Principal,
        read: &OwnServer,
        setup: Option<(OwnServerSetup, DefaultPolicy)>,
        policy: Option<DefaultPolicy>,
        enabled: Option<bool>,
        shown: Option<Shown>,
    ) -> Result<OwnServer, ServerError> {
        let account_at = match &setup {
            Some(_) => self.oauth_url(read).await.ok().flatten(),
            None => None,
        };
        self.recordable().await?;
        let stops = setup.is_some() || enabled == Some(false);
        let with = self.with();
        let tx = with.store.begin().await?;
        let scope = tx.user(read.user);
        scope.lock_own_servers().await?;
        let now = scope.own_server_by_id(read.id).await?;
        let now = now.ok_or_else(|| ServerError::no_server(&read.name))?;
        let outdated = setup.is_some() && now.generation != read.generation;
        if outdated || !is_as_shown(shown, policy, &now) {
            return Err(changed_meanwhile(&read.name));
        }
        if policy.is_some_and(|policy| policy < default_of(&now)) {
            may_loosen(principal)?;
        }
        if let Some((_, usual)) = setup {
            may_reach_else(principal, &now, usual, &scope.own_tools(now.id).await?)?;
        }
        let switched_on = enabled == Some(true) && !now.is_enabled;
        let change = OwnServerChange {
            setup: setup.map(|(setup, _)| setup),
            default_policy: policy.map(|policy| policy.to_string()),
            is_enabled: enabled,
            anew: switched_on,
        };
        scope
            .own_server_change(read.id, change, with.clock.now())
            .await?;
        let row = scope.own_server_by_id(read.id).await?;
        let row = row.ok_or_else(|| ServerError::no_server(&read.name))?;
        tx.commit().await?;
        let generation = if row.is_enabled {
            launch::generation(row.generation, 0)
        } else {
            u64::MAX
        };
        with.pool.bar(&PoolKey::own(row.user, row.id), generation);
        if stops {
            self.stop(&row).await;
        }
        // An account is for the URL that it was got for. Who gave it is told now or later.
        if account_at.is_some()
            && matches!(self.oauth_url(&row).await, Ok(now) if now != account_at)
            && let Err(error) = with.remote.forget(row.user, row.id).await
        {
            tracing::warn!(user = %row.user, server = row.id, %error, "the account of a server that was moved stays");
        }
        if switched_on {
            self.forget_health(&row);
        }
        Ok(row)
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
        let (servers, principal) = (self.clone(), principal.clone());
        self.to_the_end(async move { servers.remove(&principal, &row).await })
            .await
    }

    async fn remove(&self, principal: &Principal, row: &OwnServer) -> Result<(), ServerError> {
        // The account goes with the row; who gave it is told first, or later by the note of it.
        let forgotten = self.with().remote.forget(row.user, row.id).await;
        forgotten
            .map_err(|error| ServerError::internal(&error, "forgetting a server's account"))?;
        let tx = self.with().store.begin().await?;
        let deleted = tx.user(row.user).own_server_delete(row.id).await?;
        tx.commit().await?;
        if !deleted {
            return Err(ServerError::no_server(&row.name));
        }
        // Nobody who read the row before starts it again.
        self.with()
            .pool
            .bar(&PoolKey::own(row.user, row.id), u64::MAX);
        self.stop(row).await;
        self.remove_folder(row.user, row.id).await;
        let detail = json!({ "server": row.id, "server_type": row.server_type });
        self.done(principal, "servers.delete", &row.name, detail)
            .await;
        metrics::counter!("deputy_own_servers_total", "event" => "deleted").increment(1);
        self.tools_changed(row.user);
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

/// Whether a change is about what its person saw, if anything was shown.
fn is_as_shown(shown: Option<Shown>, policy: Option<DefaultPolicy>, row: &OwnServer) -> bool {
    shown.is_none_or(|shown| {
        let same_policy = policy.is_none() || shown.default_policy == default_of(row);
        shown.generation == row.generation && same_policy
    })
}

fn changed_meanwhile(name: &str) -> ServerError {
    ServerError::Conflict(format!(
        "'{name}' was changed by somebody else at the same time; look at it again"
    ))
}

fn taken(name: &str) -> ServerError {
    ServerError::Conflict(format!("you already have a server named '{name}'"))
}

/// The names of what was given: what may be put on record.
fn names_of(checked: &Checked) -> Vec<String> {
    let secrets = checked.secrets.keys();
    checked.config.keys().chain(secrets).cloned().collect()
}

/// What its person lets run unasked was allowed of what the server reaches now: another folder,
/// address or program is not given to it by who may not decide in the person's place.
fn may_reach_else(
    principal: &Principal,
    row: &OwnServer,
    usual: DefaultPolicy,
    tools: &[OwnToolRow],
) -> Result<(), ServerError> {
    let auto = Policy::Auto.to_string();
    let is_loosened =
        default_of(row) < usual || tools.iter().any(|tool| tool.policy.as_ref() == Some(&auto));
    if is_in_person(principal) || !is_loosened {
        return Ok(());
    }
    Err(ServerError::Forbidden(
        "its person lets tools of this server run unasked: changing what it reaches needs the scope \
         approvals:decide as well, or the web pages"
            .to_owned(),
    ))
}

/// A name that can't be, before all else that is wrong.
fn with_name(why: String, error: ServerError) -> ServerError {
    match error {
        ServerError::Validation {
            field,
            message,
            more,
        } => ServerError::Validation {
            field: "/name".to_owned(),
            message: why,
            more: std::iter::once((field, message)).chain(more).collect(),
        },
        other => other,
    }
}
