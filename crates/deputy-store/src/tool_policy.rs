//! Rules about tools: an administrator's for everybody (`tool_policies`) and a person's about the
//! first-party tools (`user_tool_policies`). A person's rules about tools of their own servers lie
//! beside those ([`crate::own_tool`]).

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::entity::{tool_policies, user_tool_policies};
use crate::{Result, Store, Tx, UserScope, from_ms, to_ms};

/// An administrator's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPolicyRow {
    /// A server type, or a first-party server.
    pub server: String,
    /// A tool as its server names it, or `*` for all.
    pub tool: String,
    /// `auto`, `ask` or `deny`.
    pub policy: String,
    /// Who made it.
    pub updated_by: UserId,
    /// When.
    pub updated_at: Timestamp,
}

impl Store {
    /// The administrators' rules, by server and tool; at most `limit`.
    pub async fn tool_policies(&self, limit: u64) -> Result<Vec<ToolPolicyRow>> {
        let rows = tool_policies::Entity::find()
            .order_by_asc(tool_policies::Column::Server)
            .order_by_asc(tool_policies::Column::Tool)
            .limit(limit)
            .all(self.read())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| ToolPolicyRow {
                server: row.server,
                tool: row.tool,
                policy: row.policy,
                updated_by: UserId(row.updated_by),
                updated_at: from_ms(row.updated_at),
            })
            .collect())
    }
}

impl Tx {
    /// Sets a rule of the administrators, in the place of an earlier one.
    pub async fn tool_policy_set(&self, row: ToolPolicyRow) -> Result<()> {
        self.tool_policy_remove(&row.server, &row.tool).await?;
        tool_policies::Entity::insert(tool_policies::ActiveModel {
            id: NotSet,
            server: Set(row.server),
            tool: Set(row.tool),
            policy: Set(row.policy),
            updated_by: Set(row.updated_by.0),
            updated_at: Set(to_ms(row.updated_at)),
        })
        .exec(self.conn())
        .await?;
        Ok(())
    }

    /// Removes a rule of the administrators. False when there was none.
    pub async fn tool_policy_remove(&self, server: &str, tool: &str) -> Result<bool> {
        let done = tool_policies::Entity::delete_many()
            .filter(tool_policies::Column::Server.eq(server))
            .filter(tool_policies::Column::Tool.eq(tool))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected > 0)
    }
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// This person's rules about first-party tools: tool and policy.
    pub async fn tool_policies(&self) -> Result<Vec<(String, String)>> {
        let rows = user_tool_policies::Entity::find()
            .filter(user_tool_policies::Column::UserId.eq(self.user.0))
            .order_by_asc(user_tool_policies::Column::Tool)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(|row| (row.tool, row.policy)).collect())
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Sets or (with `None`) removes this person's rule about a first-party tool.
    pub async fn tool_policy_set(
        &self,
        tool: &str,
        policy: Option<&str>,
        at: Timestamp,
    ) -> Result<()> {
        user_tool_policies::Entity::delete_many()
            .filter(user_tool_policies::Column::UserId.eq(self.user.0))
            .filter(user_tool_policies::Column::Tool.eq(tool))
            .exec(self.conn)
            .await?;
        if let Some(policy) = policy {
            user_tool_policies::Entity::insert(user_tool_policies::ActiveModel {
                id: NotSet,
                user_id: Set(self.user.0),
                tool: Set(tool.to_owned()),
                policy: Set(policy.to_owned()),
                updated_at: Set(to_ms(at)),
            })
            .exec(self.conn)
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
