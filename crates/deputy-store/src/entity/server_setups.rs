//! Table `server_setups`.

use sea_orm::entity::prelude::*;

/// A row of `server_setups`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server_setups")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub user_id: i64,
    pub server_type: String,
    /// Sealed answers.
    #[sea_orm(column_type = "Blob")]
    pub state: Vec<u8>,
    pub version: i64,
    pub created_at: i64,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
