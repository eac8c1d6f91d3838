//! Table `requirement_comments`.

use sea_orm::entity::prelude::*;

/// A row of `requirement_comments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "requirement_comments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub requirement_id: i64,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    pub created_at: i64,
    pub by_user: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub by_name: String,
    #[sea_orm(column_type = "Text")]
    pub by_caller: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
