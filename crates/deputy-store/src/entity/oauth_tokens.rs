//! Table `oauth_tokens`.

use sea_orm::entity::prelude::*;

/// A row of `oauth_tokens`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_tokens")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub provider: String,
    /// Sealed.
    #[sea_orm(column_type = "Blob")]
    pub access_token: Vec<u8>,
    /// Sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub refresh_token: Option<Vec<u8>>,
    pub expires_at: i64,
    /// What the third party granted, blank separated.
    pub scopes: String,
    /// What the person asked for and has not dropped, blank separated.
    pub services: String,
    pub generation: i64,
    pub account: Option<String>,
    pub connected_at: i64,
    pub granted_at: i64,
    pub refreshed_at: i64,
    pub refresh_expires_at: Option<i64>,
    pub last_used_at: i64,
    pub failures: i32,
    pub retry_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
