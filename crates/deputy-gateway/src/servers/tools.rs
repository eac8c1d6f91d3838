//! A server's tools as their person sees them, agrees to them and rules about them.

use std::collections::HashMap;

use deputy_core::Principal;
use deputy_store::own_server::OwnServer;
use deputy_store::own_tool::{OwnToolRow, OwnToolState};
use deputy_templates::Policy;
use serde_json::json;

use super::definition::INSTRUCTIONS;
use super::resolve::Known;
use super::{
    Seen, ServerError, ServerTool, Servers, ToolChange, ToolKind, ToolState, is_in_person,
    may_loosen, may_manage, may_read, names, pins,
};
use crate::error::CallError;
use crate::policy::Said;
use crate::policy::rules::{Administrators, word};
use crate::pool::PoolKey;

impl From<OwnToolState> for ToolState {
    fn from(state: OwnToolState) -> Self {
        match state {
            OwnToolState::Accepted => Self::Accepted,
            OwnToolState::Changed => Self::Changed,
            OwnToolState::New => Self::New,
            OwnToolState::Gone => Self::Gone,
        }
    }
}

impl Servers {
    /// The tools of a server, in its order, those that are gone last. Known once it was started.
    pub async fn tools(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<Vec<ServerTool>, ServerError> {
        may_read(principal)?;
        let row = self.row(principal.user_id, name).await?;
        let rows = self
            .with()
            .store
            .user(principal.user_id)
            .own_tools(row.id)
            .await?;
        let administrators = self.policies().administrators().await?;
        Ok(rows
            .iter()
            .filter_map(|tool| self.shown(&row, tool, &administrators))
            .collect())
    }

    /// How many tools of each server wait for the person's word, by [`Server::id`]; servers without any are left out.
    ///
    /// [`Server::id`]: super::Server::id
    pub async fn held(&self, principal: &Principal) -> Result<HashMap<i64, i64>, ServerError> {
        may_read(principal)?;
        let scope = self.with().store.user(principal.user_id);
        Ok(scope.own_tools_held().await?)
    }

    /// Sets the person's word about a tool, or takes it back. [`ServerError::Forbidden`] for a token that may not decide
    /// in its person's place, where less would be asked than before.
    pub async fn set_policy(
        &self,
        principal: &Principal,
        name: &str,
        tool: &str,
        policy: Option<Policy>,
    ) -> Result<ServerTool, ServerError> {
        may_manage(principal)?;
        let row = self.row(principal.user_id, name).await?;
        let no_tool = || ServerError::NotFound(format!("'{name}' has no tool named '{tool}'"));
        if tool == INSTRUCTIONS {
            return Err(no_tool());
        }
        let scope = self.with().store.user(principal.user_id);
        let stored = scope.own_tool_named(row.id, tool).await?;
        if !is_in_person(principal) {
            let administrators = self.policies().administrators().await?;
            let shown = stored
                .as_ref()
                .and_then(|tool| self.shown(&row, tool, &administrators));
            let before = shown.ok_or_else(no_tool)?.effective;
            let said = stored.map(|tool| OwnToolRow {
                policy: policy.map(|policy| policy.to_string()),
                ..tool
            });
            let shown = said.and_then(|tool| self.shown(&row, &tool, &administrators));
            if shown.is_none_or(|now| now.effective < before) {
                may_loosen(principal)?;
            }
        }
        self.recordable().await?;
        let tx = self.with().store.begin().await?;
        let word = policy.map(|p| p.to_string());
        let set = tx
            .user(principal.user_id)
            .own_tool_policy(row.id, tool, word.as_deref())
            .await?;
        tx.commit().await?;
        if !set {
            return Err(no_tool());
        }
        let detail = json!({ "server": row.id, "tool": tool, "policy": policy });
        self.done(principal, "servers.tool_policy", name, detail)
            .await;
        self.tools_changed(principal.user_id);
        let tools = self.tools(principal, name).await?;
        tools
            .into_iter()
            .find(|shown| shown.name == tool)
            .ok_or_else(no_tool)
    }

    /// [`Self::set_policy`] by the name under which the tool is published.
    pub(crate) async fn set_own_policy(
        &self,
        principal: &Principal,
        published: &str,
        policy: Option<Policy>,
    ) -> Result<Said, ServerError> {
        may_manage(principal)?;
        let unknown =
            || ServerError::NotFound(CallError::UnknownTool(published.to_owned()).to_string());
        let (server, alias) = names::split(published).ok_or_else(unknown)?;
        let scope = self.with().store.user(principal.user_id);
        let (row, tool) = scope.own_tool(server, alias).await?.ok_or_else(unknown)?;
        let set = self
            .set_policy(principal, &row.name, &tool.tool, policy)
            .await?;
        Ok(Said {
            tool: set.published,
            server: row.name,
            own: set.policy,
            effective: set.effective,
        })
    }

    /// Agrees to what the person saw of these tools. [`ServerError::Conflict`], with nothing
    /// changed, when one of them is something else by now; [`ServerError::Forbidden`] for a token that may not decide
    /// in its person's place.
    pub async fn accept(
        &self,
        principal: &Principal,
        name: &str,
        seen: &[Seen],
    ) -> Result<Vec<ServerTool>, ServerError> {
        may_manage(principal)?;
        may_loosen(principal)?;
        let row = self.row(principal.user_id, name).await?;
        let pairs: Vec<(String, String)> = seen
            .iter()
            .map(|seen| (seen.name.clone(), seen.digest.clone()))
            .collect();
        self.recordable().await?;
        let (servers, by) = (self.clone(), principal.clone());
        self.to_the_end(async move {
            servers.agree(&row, &pairs).await?;
            let detail = json!({ "server": row.id, "tools": pairs });
            servers.done(&by, "servers.accept", &row.name, detail).await;
            servers.tools_changed(row.user);
            Ok(())
        })
        .await?;
        self.tools(principal, name).await
    }

    /// Stores that these tools are agreed to as they were seen, all of them or none.
    async fn agree(&self, row: &OwnServer, seen: &[(String, String)]) -> Result<(), ServerError> {
        let with = self.with();
        let tx = with.store.begin().await?;
        let scope = tx.user(row.user);
        scope.lock_own_servers().await?;
        let mut rows = scope.own_tools(row.id).await?;
        let otherwise = pins::accept(&mut rows, seen);
        if !otherwise.is_empty() {
            return Err(ServerError::Conflict(format!(
                "not what was shown any more: {}; look again",
                otherwise.join(", ")
            )));
        }
        let kept = scope
            .own_tools_replace(row.id, row.generation, rows, with.clock.now())
            .await?;
        if !kept {
            return Err(ServerError::Conflict(format!(
                "'{}' was changed at the same time; look again",
                row.name
            )));
        }
        tx.commit().await?;
        Ok(())
    }

    /// The last that a server printed, secrets cut out; empty when it neither runs nor failed
    /// lately.
    pub async fn log(&self, principal: &Principal, name: &str) -> Result<String, ServerError> {
        may_manage(principal)?;
        let row = self.row(principal.user_id, name).await?;
        let state = self.with().pool.state(&PoolKey::own(row.user, row.id));
        Ok(state.map(|state| state.stderr_tail).unwrap_or_default())
    }

    fn shown(
        &self,
        row: &OwnServer,
        tool: &OwnToolRow,
        administrators: &Administrators,
    ) -> Option<ServerTool> {
        let accepted = tool.accepted.as_ref().and_then(|(text, _)| Known::of(text));
        let offered = tool.offered.as_ref().and_then(|(text, _)| Known::of(text));
        let now = offered.as_ref().or(accepted.as_ref())?;
        let shown = &now.definition;
        let said = tool.policy.as_deref().map(word);
        let change = accepted
            .as_ref()
            .zip(offered.as_ref())
            .map(|(before, now)| ToolChange {
                before: before.definition.clone(),
                now: now.definition.clone(),
            });
        let kind = if tool.tool == INSTRUCTIONS {
            ToolKind::Instructions
        } else {
            ToolKind::Tool
        };
        Some(ServerTool {
            kind,
            name: tool.tool.clone(),
            published: names::publish(&row.name, &tool.alias),
            title: shown.title.clone(),
            description: shown.description.clone(),
            annotations: shown.annotations.clone(),
            input_schema: shown.input_schema.clone(),
            output_schema: shown.output_schema.clone(),
            policy: said,
            effective: self.effective(row, &tool.tool, said, shown, administrators),
            administrator: administrators.about(&row.server_type, &tool.tool),
            state: tool.state.into(),
            digest: tool.offered.as_ref().map(|(_, digest)| digest.clone()),
            change,
            unusable: shown.unusable.clone().filter(|_| kind == ToolKind::Tool),
            notes: shown.notes.clone(),
        })
    }
}
