//! Rules about tools, as an administrator or a person makes them. How they count is
//! [`crate::policy`]'s.

use deputy_core::Principal;
use deputy_store::tool_policy::ToolPolicyRow;
use deputy_templates::Policy;
use serde_json::json;

use super::{ServerError, Servers, ToolRule, may_administer, may_loosen, may_manage, may_read};
use crate::policy::rules::{MAX_RULES, word};

impl Servers {
    /// The administrators' rules, by server and tool.
    pub async fn administrators_rules(
        &self,
        principal: &Principal,
    ) -> Result<Vec<ToolRule>, ServerError> {
        may_administer(principal)?;
        let rows = self.with().store.tool_policies(MAX_RULES).await?;
        Ok(rows
            .into_iter()
            .map(|row| ToolRule {
                policy: word(&row.policy),
                server: row.server,
                tool: row.tool,
            })
            .collect())
    }

    /// Sets the administrators' rule about a tool, which the caller has found to exist, or removes it.
    pub(crate) async fn set_administrators_rule(
        &self,
        principal: &Principal,
        server: &str,
        tool: &str,
        policy: Option<Policy>,
    ) -> Result<(), ServerError> {
        may_administer(principal)?;
        let detail = json!({ "tool": tool, "policy": policy });
        self.record(principal, "policies.set", server, detail)
            .await?;
        let with = self.with();
        let tx = with.store.begin().await?;
        match policy {
            None => {
                tx.tool_policy_remove(server, tool).await?;
            }
            Some(policy) => {
                tx.tool_policy_set(ToolPolicyRow {
                    server: server.to_owned(),
                    tool: tool.to_owned(),
                    policy: policy.to_string(),
                    updated_by: principal.user_id,
                    updated_at: with.clock.now(),
                })
                .await?;
            }
        }
        tx.commit().await?;
        self.inner.policies.changed();
        Ok(())
    }

    /// This person's rules about first-party tools: tool and policy.
    pub async fn own_rules(
        &self,
        principal: &Principal,
    ) -> Result<Vec<(String, Policy)>, ServerError> {
        may_read(principal)?;
        let rows = self
            .with()
            .store
            .user(principal.user_id)
            .tool_policies()
            .await?;
        Ok(rows
            .into_iter()
            .map(|(tool, policy)| (tool, word(&policy)))
            .collect())
    }

    /// Sets or removes this person's rule about a first-party tool, which the caller has found to
    /// exist. It makes the tool stricter, never laxer.
    pub(crate) async fn set_own_rule(
        &self,
        principal: &Principal,
        tool: &str,
        policy: Option<Policy>,
    ) -> Result<(), ServerError> {
        may_manage(principal)?;
        let stored = self.own_rules(principal).await?;
        let before = stored.into_iter().find(|(name, _)| name == tool);
        let before = before.map(|(_, policy)| policy);
        if before > Some(Policy::Auto) && policy < before {
            may_loosen(principal)?;
        }
        let detail = json!({ "policy": policy });
        self.record(principal, "tools.policy", tool, detail).await?;
        let with = self.with();
        let tx = with.store.begin().await?;
        let word = policy.map(|p| p.to_string());
        tx.user(principal.user_id)
            .tool_policy_set(tool, word.as_deref(), with.clock.now())
            .await?;
        tx.commit().await?;
        self.inner.policies.changed();
        self.tools_changed(principal.user_id);
        Ok(())
    }
}
