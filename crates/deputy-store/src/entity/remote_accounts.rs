//! Table `remote_accounts`.

use sea_orm::entity::prelude::*;

/// A row of `remote_accounts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "remote_accounts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub server_id: i64,
    pub server_url: String,
    pub issuer: Option<String>,
    /// Sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub client: Option<Vec<u8>>,
    /// Sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub access_token: Option<Vec<u8>>,
    /// Sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub refresh_token: Option<Vec<u8>>,
    pub expires_at: Option<i64>,
    /// Blank separated.
    pub scopes: String,
    /// Blank separated.
    pub wanted_scopes: String,
    pub metadata_url: Option<String>,
    pub step_ups: i32,
    pub generation: i64,
    pub connected_at: Option<i64>,
    pub refreshed_at: i64,
    pub last_used_at: i64,
    pub failures: i32,
    pub retry_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub refusal: Option<String>,
    pub asked_again: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
