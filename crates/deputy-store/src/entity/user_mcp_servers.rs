//! Table `user_mcp_servers`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_mcp_servers")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub uid: String,
    pub server_name: String,
    pub server_type: String,
    pub server_command: String,
    pub server_args: Option<String>,
    pub server_env: Option<String>,
    pub config: String,
    pub secrets: Option<Vec<u8>>,
    pub secrets_set: String,
    pub default_policy: String,
    /// Always true; `is_enabled` and `status` say what this one might be taken for.
    pub is_active: bool,
    pub is_enabled: bool,
    pub status: String,
    pub last_used: Option<i64>,
    pub last_activity: Option<i64>,
    pub last_status_check: Option<i64>,
    pub error_count: i32,
    pub retry_after: Option<i64>,
    pub error_message: Option<String>,
    pub generation: i64,
    pub tools_read_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
