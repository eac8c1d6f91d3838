//! Table `requirement_links`.

use sea_orm::entity::prelude::*;

/// A row of `requirement_links`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "requirement_links")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub project_id: i64,
    pub from_id: i64,
    pub to_id: i64,
    pub kind: String,
    pub created_at: i64,
    pub ended_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ended_by_name: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ended_by_caller: Option<String>,
    pub by_user: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub by_name: String,
    #[sea_orm(column_type = "Text")]
    pub by_caller: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
