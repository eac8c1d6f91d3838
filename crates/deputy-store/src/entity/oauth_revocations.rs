//! Table `oauth_revocations`.

use sea_orm::entity::prelude::*;

/// A row of `oauth_revocations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_revocations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub provider: String,
    /// Sealed for the column of `oauth_tokens` that it was taken from.
    #[sea_orm(column_type = "Blob")]
    pub token: Vec<u8>,
    pub token_column: String,
    pub attempts: i32,
    pub next_at: i64,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
