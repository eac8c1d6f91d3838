//! The active context: the one server that a person has selected to ask.
//!
//! A context is a server, settings and a session. The session ends an hour after it was last used; then,
//! and when the server is removed, switched off or no longer connected, nothing is selected. A server
//! that gets the name of a removed one is another server: contexts hold on to the row, not the name.
//!
//! [`suggest`] says which of a person's servers fits a question; [`ask`] asks the one that is selected.

pub mod ask;
mod settings;
pub mod suggest;

use std::time::Duration;

use deputy_core::{Principal, Scope, UserId};
use deputy_store::active_context::ActiveContext;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::Entry;
use crate::error::{CallError, MissingScope};
use crate::{Gateway, signed};

pub use settings::Settings;

/// A session ends this long after its last use.
pub const SESSION: Duration = Duration::from_hours(1);
/// Largest settings, in bytes of JSON.
pub const MAX_SETTINGS: usize = 16 * 1024;

/// A selected server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Context {
    /// Its name.
    pub server_name: String,
    /// What was set for it: a JSON object.
    pub settings: Value,
    /// When it was selected.
    pub selected_at: Timestamp,
    /// Names the session.
    pub session_id: String,
    /// When the session ends if it is not used.
    pub expires_at: Timestamp,
}

/// How the session goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The selected server.
    pub server_name: String,
    /// How it is: `connected`, or its status as its own page shows it.
    pub server_status: String,
    /// Tools of it that can be called now.
    pub tool_count: usize,
    /// Names the session.
    pub session_id: String,
    /// When it began.
    pub selected_at: Timestamp,
    /// How long ago that is, in seconds.
    pub session_age_seconds: u64,
    /// Questions asked in it.
    pub queries: u64,
    /// Of these, answered well.
    pub successful: u64,
    /// When it was last used.
    pub last_used: Timestamp,
}

/// Why something with a context can't be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// Nothing is selected, or no longer.
    #[error("no server is selected; select one with PUT /api/v1/context {{\"server_name\":…}}")]
    NotSelected,
    /// The settings name no tool.
    #[error(
        "the context does not say which tool answers; select the server again with \
         \"settings\":{{\"tool\":\"NAME\"}} (and \"query_argument\" if the argument is not \"query\")"
    )]
    NoTool,
    /// This person has no such server that can be used.
    #[error("{0}")]
    NoServer(String),
    /// What was sent is not valid.
    #[error("{message}")]
    Validation {
        /// JSON pointer (RFC 6901) into what was sent.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// The call was refused or failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<deputy_store::Error> for ContextError {
    fn from(error: deputy_store::Error) -> Self {
        Self::Call(error.into())
    }
}

fn invalid(pointer: &str, message: impl Into<String>) -> ContextError {
    ContextError::Validation {
        pointer: pointer.to_owned(),
        message: message.into(),
    }
}

impl Gateway {
    /// What this person has selected. Looking does not keep the session alive.
    pub async fn context(&self, principal: &Principal) -> Result<Context, ContextError> {
        may(principal)?;
        self.selected(principal.user_id).await.map(shown)
    }

    /// Selects a server and begins a session.
    ///
    /// [`ContextError::NoServer`] when the person has no such server, or it is switched off or not
    /// connected; [`ContextError::Validation`] when the settings are no object, too large, or name a
    /// tool that the server does not have. Then what was selected stays.
    pub async fn select_context(
        &self,
        principal: &Principal,
        server: &str,
        settings: Value,
    ) -> Result<Context, ContextError> {
        may(principal)?;
        let text = settings.to_string();
        if !settings.is_object() {
            return Err(invalid("/settings", "settings is a JSON object"));
        }
        if text.len() > MAX_SETTINGS {
            return Err(invalid("/settings", "settings has at most 16 KiB as JSON"));
        }
        let server_id = self.usable(principal.user_id, server).await?;
        let tools = self.tools_of(principal, server).await?;
        Settings::of(&settings)?.check(server, &tools)?;
        let parts = &self.inner.parts;
        // The row keeps milliseconds: what is answered now is what is read later.
        let now = deputy_store::from_millis(parts.clock.now().as_millisecond());
        let context = ActiveContext {
            server: server.to_owned(),
            server_id,
            settings: text,
            session: Uuid::from_u128(u128::from_be_bytes(deputy_core::random::bytes(&*parts.rng)))
                .to_string(),
            selected_at: now,
            last_used_at: now,
        };
        let tx = parts.store.begin().await?;
        tx.user(principal.user_id)
            .active_context_set(context.clone())
            .await?;
        tx.commit().await?;
        self.note_context(principal, "context.select", server).await;
        Ok(shown(context))
    }

    /// Selects nothing; false when nothing was selected.
    pub async fn clear_context(&self, principal: &Principal) -> Result<bool, ContextError> {
        may(principal)?;
        let store = &self.inner.parts.store;
        let Some(context) = store.user(principal.user_id).active_context().await? else {
            return Ok(false);
        };
        let tx = store.begin().await?;
        let cleared = tx
            .user(principal.user_id)
            .active_context_clear(None)
            .await?;
        tx.commit().await?;
        self.note_context(principal, "context.clear", &context.server)
            .await;
        Ok(cleared)
    }

    /// How the session of this person goes.
    pub async fn context_summary(&self, principal: &Principal) -> Result<Summary, ContextError> {
        may(principal)?;
        let context = self.selected(principal.user_id).await?;
        let parts = &self.inner.parts;
        let scope = parts.store.user(principal.user_id);
        let server_status = match context.server_id {
            Some(id) => match scope.own_server_by_id(id).await? {
                Some(row) => self.servers().status_of(&row).as_str().to_owned(),
                None => return Err(ContextError::NotSelected),
            },
            None => "connected".to_owned(),
        };
        let asked = scope
            .usage_of_sessions(&context.server, context.selected_at)
            .await?;
        let age = parts.clock.now().duration_since(context.selected_at);
        Ok(Summary {
            server_status,
            tool_count: self.tools_of(principal, &context.server).await?.len(),
            session_id: context.session,
            selected_at: context.selected_at,
            session_age_seconds: u64::try_from(age.as_secs()).unwrap_or(0),
            queries: asked.calls,
            successful: asked.successful,
            last_used: context.last_used_at,
            server_name: context.server,
        })
    }

    /// What is selected and can be used; what no longer can is cleared.
    async fn selected(&self, user: UserId) -> Result<ActiveContext, ContextError> {
        let parts = &self.inner.parts;
        let context = parts.store.user(user).active_context().await?;
        let context = context.ok_or(ContextError::NotSelected)?;
        let ended = parts.clock.now().duration_since(context.last_used_at) >= signed(SESSION);
        let usable = match self.usable(user, &context.server).await {
            _ if ended => false,
            Ok(id) => id == context.server_id,
            Err(ContextError::NoServer(_)) => false,
            Err(error) => return Err(error),
        };
        if usable {
            return Ok(context);
        }
        let tx = parts.store.begin().await?;
        tx.user(user)
            .active_context_clear(Some(&context.session))
            .await?;
        tx.commit().await?;
        Err(ContextError::NotSelected)
    }

    /// Whether this person can use the server of this name; the row of an own one.
    async fn usable(&self, user: UserId, server: &str) -> Result<Option<i64>, ContextError> {
        if let Some(row) = self.inner.parts.store.user(user).own_server(server).await? {
            if row.is_enabled {
                return Ok(Some(row.id));
            }
            return Err(ContextError::NoServer(format!(
                "your server '{server}' is switched off"
            )));
        }
        let catalog = &self.inner.parts.catalog;
        if !catalog.has_server(server) {
            return Err(ContextError::NoServer(format!(
                "you have no server named '{server}'"
            )));
        }
        if catalog.built_in().iter().any(|ours| ours.name == server) {
            return Ok(None);
        }
        if self
            .connected(user)
            .await?
            .services
            .iter()
            .any(|s| s == server)
        {
            return Ok(None);
        }
        Err(ContextError::NoServer(format!(
            "{server} is not connected; connect it at {}",
            self.connect_url(server)
        )))
    }

    async fn note_context(&self, principal: &Principal, action: &'static str, server: &str) {
        let entry = Entry {
            user: Some(principal.user_id),
            caller: principal.caller.label(),
            action,
            target: server.to_owned(),
            call_id: None,
            outcome: "ok".to_owned(),
            detail: json!({}),
        };
        self.inner.parts.audit.note(entry, None).await;
    }
}

fn shown(context: ActiveContext) -> Context {
    Context {
        server_name: context.server,
        settings: serde_json::from_str(&context.settings).unwrap_or_else(|_| json!({})),
        selected_at: context.selected_at,
        session_id: context.session,
        expires_at: context.last_used_at + signed(SESSION),
    }
}

fn may(principal: &Principal) -> Result<(), ContextError> {
    let checked = MissingScope::unless(principal, Scope::Chat, "this");
    checked.map_err(|missing| ContextError::Call(missing.into()))
}
