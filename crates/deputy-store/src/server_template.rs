//! Rows of `mcp_server_templates`: kinds of servers that an administrator added to those that are
//! built in.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};

use crate::entity::mcp_server_templates::{ActiveModel, Column, Entity};
use crate::{Result, Store, Tx, to_ms};

/// A template as it is stored. Texts are JSON where the seed's columns say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTemplateRow {
    /// The kind; unique.
    pub server_type: String,
    /// Name for people.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The program or URL.
    pub command_template: String,
    /// JSON array of arguments.
    pub args_template: Option<String>,
    /// JSON object of variables (of headers, for a URL).
    pub env_template: Option<String>,
    /// JSON Schema of the configuration.
    pub config_schema: Option<String>,
    /// How a person gets what the schema asks for.
    pub setup_instructions: Option<String>,
    /// Whether it is offered.
    pub is_active: bool,
}

impl Store {
    /// All templates of the table, by type.
    pub async fn server_templates(&self) -> Result<Vec<ServerTemplateRow>> {
        let rows = Entity::find()
            .order_by_asc(Column::ServerType)
            .all(self.read())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| ServerTemplateRow {
                server_type: row.server_type,
                display_name: row.display_name,
                description: row.description,
                command_template: row.command_template,
                args_template: row.args_template,
                env_template: row.env_template,
                config_schema: row.config_schema,
                setup_instructions: row.setup_instructions,
                is_active: row.is_active,
            })
            .collect())
    }
}

impl Tx {
    /// Adds a template, in the place of an earlier one of its type.
    pub async fn server_template_set(&self, row: ServerTemplateRow, at: Timestamp) -> Result<()> {
        self.server_template_remove(&row.server_type).await?;
        Entity::insert(ActiveModel {
            id: NotSet,
            server_type: Set(row.server_type),
            display_name: Set(row.display_name),
            description: Set(row.description),
            command_template: Set(row.command_template),
            args_template: Set(row.args_template),
            env_template: Set(row.env_template),
            config_schema: Set(row.config_schema),
            setup_instructions: Set(row.setup_instructions),
            is_active: Set(row.is_active),
            created_at: Set(to_ms(at)),
            updated_at: Set(to_ms(at)),
        })
        .exec(self.conn())
        .await?;
        Ok(())
    }

    /// Removes a template. False when there is none.
    pub async fn server_template_remove(&self, server_type: &str) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::ServerType.eq(server_type))
            .exec(self.conn())
            .await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests;
