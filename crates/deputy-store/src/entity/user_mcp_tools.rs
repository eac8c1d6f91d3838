//! Table `user_mcp_tools`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_mcp_tools")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub server_id: i64,
    pub tool: String,
    pub alias: String,
    pub position: i32,
    pub state: String,
    pub accepted: Option<String>,
    pub accepted_digest: Option<String>,
    pub offered: Option<String>,
    pub offered_digest: Option<String>,
    pub policy: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user_mcp_servers::Entity",
        from = "Column::ServerId",
        to = "super::user_mcp_servers::Column::Id"
    )]
    Server,
}

impl Related<super::user_mcp_servers::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Server.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
