//! Rows of `user_mcp_tools`: the tools of a person's servers, as the person agreed to them and as
//! the server says now.
//!
//! They are what is listed while a server sleeps, and what a server that started again is held
//! against.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::entity::{user_mcp_servers, user_mcp_tools};
use crate::own_server::{OwnServer, from_row as server_of};
use crate::{Error, Result, UserScope, to_ms};
use user_mcp_tools::{ActiveModel, Column, Entity, Model};

/// Where a tool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnToolState {
    /// It is what its person agreed to.
    Accepted,
    /// The server describes it in another way than its person agreed to.
    Changed,
    /// Its person has not agreed to it yet.
    New,
    /// The server no longer has it.
    Gone,
}

impl OwnToolState {
    /// The word in the row and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Changed => "changed",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Changed, Self::New, Self::Gone]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// A tool of a person's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnToolRow {
    /// The name as the server knows it.
    pub tool: String,
    /// The name under which it is published after `NAME__`; unique for the server.
    pub alias: String,
    /// Its place in the server's list.
    pub position: i32,
    /// Where it stands.
    pub state: OwnToolState,
    /// JSON: the definition that its person agreed to, and that one's digest.
    pub accepted: Option<(String, String)>,
    /// JSON: what the server says now where that differs, and that one's digest.
    pub offered: Option<(String, String)>,
    /// The person's word: `auto`, `ask` or `deny`.
    pub policy: Option<String>,
}

/// A tool that its person agreed to, without its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedTool {
    /// The number of its row, until the server's tools are replaced.
    pub row: i64,
    /// The number of its server.
    pub server: i64,
    /// The name as the server knows it.
    pub tool: String,
    /// The name under which it is published after `NAME__`.
    pub alias: String,
    /// Of the definition that its person agreed to.
    pub digest: String,
    /// The person's word: `auto`, `ask` or `deny`.
    pub policy: Option<String>,
}

fn from_row(row: Model) -> Result<OwnToolRow> {
    let state = OwnToolState::parse(&row.state).ok_or_else(|| Error::Inconsistent {
        table: "user_mcp_tools",
        column: "state",
        row: row.id.to_string(),
    })?;
    Ok(OwnToolRow {
        tool: row.tool,
        alias: row.alias,
        position: row.position,
        state,
        accepted: row.accepted.zip(row.accepted_digest),
        offered: row.offered.zip(row.offered_digest),
        policy: row.policy,
    })
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// The tools of one server of this person, in the server's order.
    pub async fn own_tools(&self, server: i64) -> Result<Vec<OwnToolRow>> {
        Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .order_by_asc(Column::Position)
            .order_by_asc(Column::Id)
            .all(self.conn)
            .await?
            .into_iter()
            .map(from_row)
            .collect()
    }

    /// How many tools of each server of this person wait for the person's word: changed or new ones. Servers without
    /// any are left out.
    pub async fn own_tools_held(&self) -> Result<HashMap<i64, i64>> {
        let waiting = [OwnToolState::Changed, OwnToolState::New].map(OwnToolState::as_str);
        let counts: Vec<(i64, i64)> = Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::State.is_in(waiting))
            .select_only()
            .column(Column::ServerId)
            .column_as(Column::Id.count(), "tools")
            .group_by(Column::ServerId)
            .into_tuple()
            .all(self.conn)
            .await?;
        Ok(counts.into_iter().collect())
    }

    /// One tool by the names under which it is published, with its server.
    pub async fn own_tool(
        &self,
        server_name: &str,
        alias: &str,
    ) -> Result<Option<(OwnServer, OwnToolRow)>> {
        if !crate::is_storable(server_name) || !crate::is_storable(alias) {
            return Ok(None);
        }
        let found = Entity::find()
            .find_also_related(user_mcp_servers::Entity)
            .filter(user_mcp_servers::Column::UserId.eq(self.user.0))
            .filter(user_mcp_servers::Column::ServerName.eq(server_name))
            .filter(Column::Alias.eq(alias))
            .one(self.conn)
            .await?;
        let Some((tool, Some(server))) = found else {
            return Ok(None);
        };
        Ok(Some((server_of(server)?, from_row(tool)?)))
    }

    /// One tool of a server of this person, by the name that the server has for it.
    pub async fn own_tool_named(&self, server: i64, tool: &str) -> Result<Option<OwnToolRow>> {
        if !crate::is_storable(tool) {
            return Ok(None);
        }
        Entity::find()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .filter(Column::Tool.eq(tool))
            .one(self.conn)
            .await?
            .map(from_row)
            .transpose()
    }

    /// The tools that this person agreed to, of servers that are switched on, by server and in its order; without
    /// their definitions ([`Self::own_tool_texts`]).
    pub async fn own_tools_accepted(&self) -> Result<Vec<AcceptedTool>> {
        type Row = (i64, i64, String, String, Option<String>, Option<String>);
        let rows: Vec<Row> = Entity::find()
            .inner_join(user_mcp_servers::Entity)
            .filter(user_mcp_servers::Column::UserId.eq(self.user.0))
            .filter(user_mcp_servers::Column::IsEnabled.eq(true))
            .filter(Column::State.eq(OwnToolState::Accepted.as_str()))
            .order_by_asc(user_mcp_servers::Column::ServerName)
            .order_by_asc(Column::Position)
            .order_by_asc(Column::Id)
            .select_only()
            .columns([
                Column::Id,
                Column::ServerId,
                Column::Tool,
                Column::Alias,
                Column::AcceptedDigest,
                Column::Policy,
            ])
            .into_tuple()
            .all(self.conn)
            .await?;
        let tools = rows.into_iter();
        Ok(tools
            .filter_map(|(row, server, tool, alias, digest, policy)| {
                Some(AcceptedTool {
                    row,
                    server,
                    tool,
                    alias,
                    digest: digest?,
                    policy,
                })
            })
            .collect())
    }

    /// The definitions that were agreed to in these rows of this person, as digest and JSON.
    pub async fn own_tool_texts(&self, rows: &[i64]) -> Result<Vec<(String, String)>> {
        let mut texts = Vec::with_capacity(rows.len());
        // Below both engines' limits of parameters.
        for some in rows.chunks(500) {
            let found: Vec<(Option<String>, Option<String>)> = Entity::find()
                .filter(Column::UserId.eq(self.user.0))
                .filter(Column::Id.is_in(some.iter().copied()))
                .select_only()
                .columns([Column::AcceptedDigest, Column::Accepted])
                .into_tuple()
                .all(self.conn)
                .await?;
            let found = found.into_iter();
            texts.extend(found.filter_map(|(digest, text)| Some((digest?, text?))));
        }
        Ok(texts)
    }
}

impl UserScope<'_, DatabaseTransaction> {
    /// Replaces all tools of a server, read at `read_at` of this generation. False, with nothing
    /// changed, when there is no such server or it has another generation now.
    pub async fn own_tools_replace(
        &self,
        server: i64,
        generation: i64,
        tools: Vec<OwnToolRow>,
        read_at: Timestamp,
    ) -> Result<bool> {
        if !self.own_tools_read(server, generation, read_at).await? {
            return Ok(false);
        }
        Entity::delete_many()
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .exec(self.conn)
            .await?;
        let mut tools = tools.into_iter().peekable();
        while tools.peek().is_some() {
            // Below both engines' limits of parameters.
            let rows = tools.by_ref().take(100).map(|tool| {
                let (accepted, accepted_digest) = tool.accepted.unzip();
                let (offered, offered_digest) = tool.offered.unzip();
                ActiveModel {
                    id: NotSet,
                    user_id: Set(self.user.0),
                    server_id: Set(server),
                    tool: Set(tool.tool),
                    alias: Set(tool.alias),
                    position: Set(tool.position),
                    state: Set(tool.state.as_str().to_owned()),
                    accepted: Set(accepted),
                    accepted_digest: Set(accepted_digest),
                    offered: Set(offered),
                    offered_digest: Set(offered_digest),
                    policy: Set(tool.policy),
                }
            });
            Entity::insert_many(rows).exec(self.conn).await?;
        }
        Ok(true)
    }

    /// Notes that a server's tools were read at `at` and are what is stored. False when there is no
    /// such server or it has another generation now.
    pub async fn own_tools_read(
        &self,
        server: i64,
        generation: i64,
        at: Timestamp,
    ) -> Result<bool> {
        use user_mcp_servers::Column as Server;
        let done = user_mcp_servers::Entity::update_many()
            .col_expr(Server::ToolsReadAt, Expr::value(to_ms(at)))
            .filter(Server::Id.eq(server))
            .filter(Server::UserId.eq(self.user.0))
            .filter(Server::Generation.eq(generation))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Sets or (with `None`) removes the person's word about a tool. False when there is none.
    pub async fn own_tool_policy(
        &self,
        server: i64,
        tool: &str,
        policy: Option<&str>,
    ) -> Result<bool> {
        if !crate::is_storable(tool) {
            return Ok(false);
        }
        let done = Entity::update_many()
            .col_expr(Column::Policy, Expr::value(policy.map(str::to_owned)))
            .filter(Column::UserId.eq(self.user.0))
            .filter(Column::ServerId.eq(server))
            .filter(Column::Tool.eq(tool))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[cfg(test)]
mod tests;
