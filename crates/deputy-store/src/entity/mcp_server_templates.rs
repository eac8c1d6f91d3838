//! Table `mcp_server_templates`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mcp_server_templates")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub server_type: String,
    pub display_name: String,
    pub description: Option<String>,
    pub command_template: String,
    pub args_template: Option<String>,
    pub env_template: Option<String>,
    pub config_schema: Option<String>,
    pub setup_instructions: Option<String>,
    pub is_active: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
