//! Table `user_keys`.

use sea_orm::entity::prelude::*;

/// A row of `user_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_keys")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// NULL for the installation's own keys.
    pub user_id: Option<i64>,
    pub key_id: String,
    pub root_id: String,
    pub wrapped: Vec<u8>,
    /// At most one per owner, by a unique index.
    pub is_active: bool,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
