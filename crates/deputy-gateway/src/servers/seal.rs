//! A server's secrets at rest: sealed for its person and its number, opened to be used.

use std::collections::BTreeMap;
use std::sync::Arc;

use deputy_core::{Secret, UserId};
use deputy_store::own_server::{OwnServer, OwnServerSetup};
use deputy_templates::{Checked, Template};
use deputy_vault::Place;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Secrets, ServerError, Servers};

impl Servers {
    /// What is stored of a checked configuration: secrets sealed, those that stay taken over.
    pub(super) async fn seal(
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
}

fn place(user: UserId, uid: &str) -> Place<'_> {
    Place::of_user(user, "user_mcp_servers", uid, "secrets", "server")
}
