//! From a published name to a tool that can be called.

use std::collections::HashMap;
use std::sync::Arc;

use deputy_core::UserId;
use deputy_store::own_server::OwnServer;
use deputy_store::own_tool::{AcceptedTool, OwnToolState};
use deputy_templates::{DefaultPolicy, Policy};
use serde_json::Value;
use tokio::time::Instant;

use super::{Definition, Servers, names};
use crate::catalog::{Arguments, OwnTool, Tool};
use crate::error::CallError;
use crate::policy;
use crate::policy::rules::{Administrators, word};

/// A definition that was agreed to, ready to be used.
pub(crate) struct Known {
    pub(crate) definition: Definition,
    pub(crate) arguments: Arc<Arguments>,
    pub(crate) output_schema: Option<Arc<Value>>,
}

impl Known {
    pub(super) fn of(text: &str) -> Option<Arc<Self>> {
        let definition: Definition = serde_json::from_str(text).ok()?;
        Some(Arc::new(Self {
            arguments: Arc::new(Arguments::of(Arc::new(definition.input_schema.clone()))),
            output_schema: definition.output_schema.clone().map(Arc::new),
            definition,
        }))
    }
}

impl Servers {
    /// The tool of this person that is published under this name, as it was agreed to.
    ///
    /// [`CallError::UnknownTool`] when the person has none; [`CallError::Forbidden`] when it waits
    /// for the person's agreement or can't be used.
    pub(crate) async fn find(&self, user: UserId, published: &str) -> Result<Arc<Tool>, CallError> {
        let unknown = || CallError::UnknownTool(published.to_owned());
        let (server, alias) = names::split(published).ok_or_else(unknown)?;
        let looked_up = Instant::now();
        let found = self.with().store.user(user).own_tool(server, alias).await?;
        let (row, tool) = found.ok_or_else(unknown)?;
        if !row.is_enabled || tool.state == OwnToolState::Gone {
            return Err(unknown());
        }
        let page = self.page(&row.name);
        match tool.state {
            OwnToolState::Accepted | OwnToolState::Gone => {}
            OwnToolState::Changed => {
                return Err(CallError::Forbidden(format!(
                    "{published} was changed by its server since you allowed it; see what changed \
                     and allow it again at {page}"
                )));
            }
            OwnToolState::New => {
                return Err(CallError::Forbidden(format!(
                    "{published} was added by its server since you set it up; look at it and allow \
                     it at {page}"
                )));
            }
        }
        let (text, digest) = tool.accepted.as_ref().ok_or_else(unknown)?;
        let known = self.known(digest, text).ok_or_else(unknown)?;
        if let Some(why) = &known.definition.unusable {
            return Err(CallError::Forbidden(format!(
                "{published} can't be used: {why}"
            )));
        }
        let administrators = self.policies().administrators().await?;
        let said = tool.policy.as_deref().map(word);
        let policy = self.effective(&row, &tool.tool, said, &known.definition, &administrators);
        let own = OwnTool {
            tool: tool.tool.clone(),
            accepted: digest.clone(),
            server: row,
            looked_up,
        };
        Ok(Arc::new(Tool::own(
            published.to_owned(),
            own,
            &known,
            policy,
            tool.policy.as_deref().map(word),
        )))
    }

    /// The tools of this person's servers that can be called now, by server and in its order.
    pub(crate) async fn callable(&self, user: UserId) -> Result<Vec<Arc<Tool>>, CallError> {
        let looked_up = Instant::now();
        let scope = self.with().store.user(user);
        let tools = scope.own_tools_accepted().await?;
        if tools.is_empty() {
            return Ok(Vec::new());
        }
        let mut ready = self.ready(&tools);
        // Definitions are large, and most lists are of what was listed before.
        let missing = tools
            .iter()
            .filter(|tool| !ready.contains_key(&tool.digest));
        let missing: Vec<i64> = missing.map(|tool| tool.row).collect();
        for (digest, text) in scope.own_tool_texts(&missing).await? {
            if let Some(known) = self.known(&digest, &text) {
                ready.insert(digest, known);
            }
        }
        let servers = scope.own_servers().await?;
        let administrators = self.policies().administrators().await?;
        let mut out = Vec::new();
        for tool in tools {
            let Some(row) = servers.iter().find(|row| row.id == tool.server) else {
                continue;
            };
            let Some(known) = ready.get(&tool.digest) else {
                continue;
            };
            let said = tool.policy.as_deref().map(word);
            let policy = self.effective(row, &tool.tool, said, &known.definition, &administrators);
            if known.definition.unusable.is_some() || policy == Policy::Deny {
                continue;
            }
            let own = OwnTool {
                tool: tool.tool.clone(),
                accepted: tool.digest.clone(),
                server: row.clone(),
                looked_up,
            };
            let name = names::publish(&row.name, &tool.alias);
            out.push(Arc::new(Tool::own(name, own, known, policy, said)));
        }
        Ok(out)
    }

    /// Whether a tool that was looked up is still what its person agrees to, and the server what it
    /// was.
    pub(crate) async fn is_current(&self, own: &OwnTool, name: &str) -> Result<(), CallError> {
        let again = self.find(own.server.user, name).await?;
        let same = again.own_server().is_some_and(|now| {
            now.server.id == own.server.id
                && now.server.generation == own.server.generation
                && now.accepted == own.accepted
        });
        if same {
            return Ok(());
        }
        Err(CallError::Conflict(format!(
            "{name} was changed while it was called; nothing was done"
        )))
    }

    /// What happens to calls of a tool, everybody's word considered.
    pub(super) fn effective(
        &self,
        row: &OwnServer,
        tool: &str,
        person: Option<Policy>,
        definition: &Definition,
        administrators: &Administrators,
    ) -> Policy {
        let template = self
            .with()
            .templates
            .get(&row.server_type)
            .and_then(|template| template.policies.get(tool).copied());
        policy::of_own(
            administrators.about(&row.server_type, tool),
            person,
            template,
            default_of(row),
            definition.read_only(),
        )
    }

    fn known(&self, digest: &str, text: &str) -> Option<Arc<Known>> {
        let key = digest.to_owned();
        if let Some(known) = self.inner.known.lock().get(&key) {
            return Some(known);
        }
        let known = Known::of(text)?;
        let kept = Arc::clone(&known);
        self.inner.known.lock().put(key, kept, text.len());
        Some(known)
    }

    /// Those of these definitions that are at hand, by digest.
    fn ready(&self, tools: &[AcceptedTool]) -> HashMap<String, Arc<Known>> {
        let known = self.inner.known.lock();
        tools
            .iter()
            .filter_map(|tool| Some((tool.digest.clone(), known.get(&tool.digest)?)))
            .collect()
    }
}

/// What a server's tools do without a word of their own. A stored word that a newer version wrote is taken for the
/// strictest.
pub(super) fn default_of(row: &OwnServer) -> DefaultPolicy {
    row.default_policy.parse().unwrap_or(DefaultPolicy::Ask)
}
